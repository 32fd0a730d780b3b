"""One span of Haystack's as one of ours: begun and ended with it, handed to the application's own tracer unchanged."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from ... import semconv as s
from ..._guard import swallow
from ..._layer import Layer, start_layer
from ..._span import ActiveSpan, StepRecord
from . import _describe, _kinds

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ..._content import ContentPolicy
    from ..._runtime import Resolved

_KEY = "sentinelops-haystack-span"
_PIPELINES = ("haystack.pipeline.run", "haystack.async_pipeline.run")
_TOOL_ERROR = "haystack.tool.error"
_LLM = ("haystack.agent.step.llm", "haystack.chat_generator.run")


class Facts:
    """What Haystack said of one operation. content: by the last word of its tag, as it was when it was said."""

    __slots__ = ("class_name", "content", "failure", "instance", "kind", "name", "operation", "started", "tags")

    def __init__(self, operation: str, tags: Mapping[str, Any], instance: Any) -> None:
        self.operation = operation
        self.tags = dict(tags)
        self.instance = instance
        self.content: dict[str, Any] = {}
        self.failure: BaseException | None = None  # of a tool whose agent goes on
        self.class_name: str = str(
            tags.get("haystack.component.type") or (type(instance).__name__ if instance is not None else "")
        )
        self.name: str = str(tags.get("haystack.component.name") or self.class_name)
        self.kind = _kinds.STEP
        self.started = time.time()


class Step(StepRecord):
    """A step that `describe` says more about, in the export thread."""

    __slots__ = ("describe", "facts")

    def __init__(self, kind: str, facts: Any, describe: Any) -> None:
        super().__init__(kind)
        self.facts = facts
        self.describe = describe

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status of the span."""
        try:
            self.attributes = dict(self.describe(self))
        except Exception as failure:
            swallow("haystack.describe", failure)
            self.attributes = {}
        return super().resolve(policy)


def tool_step(name: str, arguments: Any) -> ActiveSpan:
    """One call of a tool, not begun yet; `record.attributes["result"]` is what it gave."""
    step = ActiveSpan(f"execute_tool {name}", "tool")
    step.record = Step("tool", {"name": name, "arguments": arguments}, _describe.tool)
    return step


class HaystackSpan:
    """What Haystack holds while an operation runs: its own tracer's span (`host`), and ours beside it."""

    def __init__(self, host: Any) -> None:
        self.host = host
        self.agent: Any = None  # the innermost Agent at work
        self.facts: Facts | None = None
        self.span: ActiveSpan | Layer | None = None
        self.context: Context | None = None
        self._token: Any = None

    # what Haystack calls

    def set_tag(self, key: str, value: Any) -> None:
        """Note it, and hand it on."""
        if self.facts is not None:
            self.facts.tags[key] = value
            if key == _TOOL_ERROR:  # said while the exception is handled
                self.facts.failure = _cause(sys.exc_info()[1])
        self.host.set_tag(key, value)

    def set_tags(self, tags: dict[str, Any]) -> None:
        """Note them, and hand them on."""
        if self.facts is not None:
            self.facts.tags.update(tags)
        self.host.set_tags(tags)

    def set_content_tag(self, key: str, value: Any) -> None:
        """Note it, by our own policy of content; the application's tracer asks Haystack's switch as ever."""
        try:
            if self.facts is not None:
                self.facts.content[key.rpartition(".")[2]] = _describe.held(value)
        except Exception as failure:
            swallow("haystack.content", failure)
        self.host.set_content_tag(key, value)

    def raw_span(self) -> Any:
        """Give the application's tracer's."""
        return self.host.raw_span()

    def get_correlation_data_for_logs(self) -> dict[str, Any]:
        """Give the application's tracer's."""
        found: dict[str, Any] = self.host.get_correlation_data_for_logs()
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.host, name)

    # what Traced calls

    def begin(self, facts: Facts, parent: HaystackSpan | None, context: Context) -> None:
        """Start ours, and make it current; an asynchronous pipeline is not: it is a generator, its steps name it."""
        self.facts = facts
        self.agent = facts.instance if facts.operation == "haystack.agent.run" else getattr(parent, "agent", None)
        self.span = _start(self, facts, context)
        if self.span is None or self.span.context is None:
            return
        self.context = otel_context.set_value(_KEY, self, self.span.context)
        asynchronous = facts.operation == "haystack.async_pipeline.run" or (
            facts.tags.get("haystack.pipeline.execution_mode") == "async"
        )
        if not asynchronous:
            self._token = otel_context.attach(self.context)

    def finish(self, error: BaseException | None) -> None:
        """End ours."""
        token, self._token = self._token, None
        if token is not None:
            with suppress(ValueError):  # ended in another context than it was begun in: that one is gone
                otel_context._RUNTIME_CONTEXT.detach(token)  # noqa: SLF001 - the public one logs a traceback
        span = self.span
        if isinstance(span, Layer):
            stopped = isinstance(error, asyncio.CancelledError | GeneratorExit)
            span.end(self.facts, error=None if stopped else _cause(error), cancelled=stopped)
        elif span is not None:
            span.end(_cause(error))


class Traced:
    """The context manager that `tracer.trace()` gives while we watch. instance: the component or agent, when known."""

    __slots__ = ("_operation", "_parent", "_span", "_tags", "_theirs", "instance")

    def __init__(self, theirs: Any, operation: str, tags: Any, parent: HaystackSpan | None) -> None:
        self._theirs = theirs
        self._operation = operation
        self._tags = tags
        self._parent = parent
        self._span: HaystackSpan | None = None
        self.instance: Any = None

    def __enter__(self) -> HaystackSpan:
        before = otel_context.get_current()  # the application's tracer may make its own span current
        span = self._span = HaystackSpan(self._theirs.__enter__())
        try:
            known = before.get(_KEY)
            parent = self._parent if self._parent is not None else known
            context = before if self._parent is None or known is self._parent else self._parent.context or before
            span.begin(Facts(self._operation, self._tags or {}, self.instance), parent, context)  # type: ignore[arg-type]
        except Exception as failure:
            swallow("haystack.begin", failure)
        return span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: Any) -> Any:
        span, self._span = self._span, None
        if span is not None:
            try:
                span.finish(error)
            except Exception as failure:
                swallow("haystack.finish", failure)
        return self._theirs.__exit__(kind, error, tb)


def current() -> HaystackSpan | None:
    """What is current here, of those that we hold."""
    return otel_context.get_current().get(_KEY)  # type: ignore[return-value]


def _cause(error: BaseException | None) -> BaseException | None:
    """Look behind Haystack's own wrapping of what a component raised."""
    while error is not None and error.__cause__ is not None and type(error).__module__.startswith("haystack."):
        error = error.__cause__
    return error


def _start(span: HaystackSpan, facts: Facts, context: Context) -> ActiveSpan | Layer | None:
    operation = facts.operation
    if operation in _LLM:
        if facts.instance is None and operation == _LLM[0]:
            facts.instance = getattr(span.agent, "chat_generator", None)
            facts.class_name = type(facts.instance).__name__ if facts.instance is not None else ""
        return _layer(facts, _kinds.GENERATOR, context)
    if operation == "haystack.component.run":
        qualified = facts.tags.get("haystack.component.fully_qualified_type")
        if qualified is None and facts.instance is not None:
            qualified = _kinds.qualified_name(type(facts.instance))
        facts.kind = _kinds.kind_of(facts.class_name, qualified) or _kinds.STEP
        if facts.kind == _kinds.STEP and _kinds.generates(qualified, facts.tags, facts.instance):
            facts.kind = _kinds.GENERATOR
        if facts.kind in _kinds.MODEL_CALLS:
            return _layer(facts, facts.kind, context)
        return _step(facts.name, _kinds.TYPES[facts.kind], facts, _describe.component, context)
    return _other(facts, operation, context)


def _other(facts: Facts, operation: str, context: Context) -> ActiveSpan:
    if operation in _PIPELINES:
        name = (facts.tags.get("haystack.pipeline.metadata") or {}).get("name")
        return _step(f"pipeline {name}" if name else "pipeline", "chain", facts, _describe.pipeline, context)
    if operation == "haystack.agent.run":
        return _step("invoke_agent", "agent", facts, _describe.agent, context)
    if operation == "haystack.agent.step.tool":
        name = str(facts.tags.get("haystack.tool.name"))
        return _step(f"execute_tool {name}", "tool", facts, _describe.agent_tool, context)
    name = operation.removeprefix("haystack.")
    number = facts.tags.get(operation)
    return _step(f"{name} {number}" if isinstance(number, int) else name, "chain", facts, _describe.other, context)


def _step(name: str, kind: str, facts: Facts, describe: Any, context: Context) -> ActiveSpan:
    step = ActiveSpan(name, kind)
    step.record = Step(kind, facts, describe)
    step.start(context)
    return step


def _layer(facts: Facts, kind: str, context: Context) -> Layer | None:
    facts.kind = kind
    model = _kinds.model_name(facts.instance)
    provider = _kinds.provider_name(facts.class_name, facts.instance)
    return start_layer(
        _kinds.MODEL_CALLS[kind], provider, model, request={s.INPUT: facts}, describe=_describe.model_call,
        context=context, step=facts.name or facts.class_name,
    )  # fmt: skip
