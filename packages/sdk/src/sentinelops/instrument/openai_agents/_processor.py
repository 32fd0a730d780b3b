"""From the spans of the Agents SDK to ours: they are current while theirs are, so that calls below find their place."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import context as otel_context

from ... import _ambient
from ... import semconv as s
from ..._call import CallRecord
from ..._guard import swallow
from ..._layer import Layer, start_layer
from ..._span import ActiveSpan, Deferred, StepRecord
from .._wire import openai, parts
from .._wire.answer import Answer
from .._wire.openai_usage import usage_attributes
from .._wire.streams import loads_or_none
from ._calls import Calls

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from ..._content import ContentPolicy
    from ..._runtime import Resolved

_TYPES = {"agent": "agent", "function": "tool", "handoff": "handoff", "guardrail": "guardrail", "mcp_tools": "tool"}
_OPERATIONS = {"agent": ("invoke_agent", s.AGENT_NAME), "function": ("execute_tool", s.TOOL_NAME)}
_MODEL = ("generation", "response")
_REDACTED = "Error details are redacted."  # the SDK's own words
_CHAIN = 20  # exceptions that were raised from each other
_INNERMOST = otel_context.create_key("sentinelops-openai-agents")  # id of the innermost span of theirs in a context


class AgentFailure(Exception):
    """What the Agents SDK says of a span that failed; never raised, only described."""


class ToolRecord(StepRecord):
    """A tool's step: what it was given and what it answered become JSON in the export thread."""

    __slots__ = ()

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status of the span."""
        try:
            self._settle()
        except Exception as error:  # of an object of the host's that cannot even be printed
            self.attributes.pop(s.TOOL_CALL_RESULT, None)
            swallow("openai_agents.tool", error)
        return super().resolve(policy)

    def _settle(self) -> None:
        given, made = self.attributes.get(s.TOOL_CALL_ARGUMENTS), self.attributes.get(s.TOOL_CALL_RESULT)
        if isinstance(given, str):
            parsed = loads_or_none(given)
            self.attributes[s.TOOL_CALL_ARGUMENTS] = given if parsed is None else parsed
        made = parts.plain(made)
        if made is not None:
            known = isinstance(made, str | int | float | bool | list | tuple | Mapping)
            self.attributes[s.TOOL_CALL_RESULT] = made if known else str(made)


class _Held(NamedTuple):
    """An open span of theirs: ours for it, the exception that was being handled already when it began, its session."""

    span: ActiveSpan | Layer
    outer: BaseException | None
    session: Token[Any] | None


class Processor:
    """A TracingProcessor. Every method is guarded, and does nothing unless `active`."""

    def __init__(self) -> None:
        self.active = False
        self._open: dict[str, _Held] = {}
        self._groups: dict[str, str] = {}
        self._hidden: dict[str, BaseException] = {}  # by trace: what the SDK told of without its text
        self._calls = Calls()

    def on_trace_start(self, trace: Any) -> None:
        """A run begins: one step around it."""
        if not self.active:
            return
        try:
            group = getattr(trace, "group_id", None)
            if isinstance(group, str):
                self._groups[trace.trace_id] = group
            self._step(ActiveSpan(str(trace.name), "chain"), trace.trace_id, trace.trace_id, None)
        except Exception as error:
            swallow("openai_agents.trace", error)

    def on_trace_end(self, trace: Any) -> None:
        """The run is over."""
        try:
            self._groups.pop(trace.trace_id, None)
            self._calls.forget(trace.trace_id)
            self._end(trace.trace_id, None)
            self._hidden.pop(trace.trace_id, None)
        except Exception as error:
            swallow("openai_agents.trace_end", error)

    def on_span_start(self, span: Any) -> None:
        """Something begins."""
        if not self.active:
            return
        try:
            above = span.parent_id or span.trace_id
            if span.span_data.type in _MODEL:
                self._layer(span, above)
            else:
                self._step(_made(span.span_data), span.span_id, span.trace_id, above)
        except Exception as error:
            swallow("openai_agents.start", error)

    def on_span_end(self, span: Any) -> None:
        """It is over; what it was stands in its data only now."""
        try:
            held = self._open.get(span.span_id)
            if held is not None:
                self._note(held.span, span)
        except Exception as error:
            swallow("openai_agents.note", error)
        try:
            self._end(span.span_id, span)
        except Exception as error:
            swallow("openai_agents.end", error)

    def shutdown(self, timeout: float | None = None) -> None:
        """Nothing waits here."""

    def force_flush(self) -> None:
        """Nothing waits here."""

    def _under(self, key: str, above: str | None) -> Context:
        """Where `key` begins: in the current context when `above` is innermost there, else under `above` itself."""
        current = otel_context.get_current()
        if above is not None and current.get(_INNERMOST) != above:
            held = self._open.get(above)
            if held is not None and held.span.context is not None:
                current = held.span.context
        return otel_context.set_value(_INNERMOST, key, current)

    def _step(self, step: ActiveSpan, key: str, trace: str, above: str | None) -> None:
        session = self._session(trace)
        step.start(self._under(key, above))
        step.attach()
        self._open[key] = _Held(step, sys.exc_info()[1], session)

    def _layer(self, span: Any, above: str) -> None:
        session = self._session(span.trace_id)
        data, context = span.span_data, self._under(span.span_id, above)
        layer = start_layer(
            "chat", "openai", getattr(data, "model", None),
            request={}, describe=_described, context=context, step=data.type,
        )  # fmt: skip
        if layer is not None:
            layer.attach()
            self._open[span.span_id] = _Held(layer, sys.exc_info()[1], session)
        else:
            _forget(session)

    def _session(self, trace: str) -> Token[Any] | None:
        """Have the calls below know their session too, unless the application named one; undone by _forget()."""
        group = self._groups.get(trace)
        known = _ambient.attributes() or {}
        if group is None or s.SESSION_ID in known:
            return None
        return _ambient.put({**known, s.SESSION_ID: group})

    def _note(self, ours: ActiveSpan | Layer, span: Any) -> None:
        data, above = span.span_data, span.parent_id or span.trace_id
        self._calls.forget(span.span_id)
        if isinstance(ours, Layer):
            self._calls.asked(above, data)
            ours.set_model(getattr(data, "model", None) or getattr(getattr(data, "response", None), "model", None))
            return
        _describe(ours, data)
        if data.type == "function":
            call = self._calls.taken(above, data.name, data.input)
            if call is not None:
                ours.record.attributes[s.TOOL_CALL_ID] = call

    def _end(self, key: str, span: Any) -> None:
        held = self._open.pop(key, None)
        if held is None:
            return
        held.span.detach()
        _forget(held.session)
        failure = self._failure(key if span is None else span.trace_id, span, held.outer)
        if isinstance(held.span, ActiveSpan):
            held.span.end(failure)
        elif failure is None or isinstance(failure, Exception):
            held.span.end(span.span_data, error=failure)
        else:
            held.span.end(span.span_data, cancelled=True)

    def _failure(self, trace: str, span: Any, outer: BaseException | None) -> BaseException | None:
        """What goes through the span as it ends, else what the SDK says of it; `outer` was there before: not its.

        Where the SDK keeps a text out of traces, the type is said and the SDK's words, in the spans above too.
        """
        passing, error = sys.exc_info()[1], getattr(span, "error", None)
        said = None if not error else str(error.get("message"))
        detail = (error.get("data") or {}).get("error") if error else None
        if isinstance(detail, str):
            said = f"{said}: {detail}"
        if passing is None or passing is outer:
            return None if said is None else AgentFailure(said)
        if not isinstance(passing, Exception):
            return passing
        if said is not None and said.endswith(_REDACTED):
            self._hidden.setdefault(trace, passing)
        if _stems(passing, self._hidden.get(trace)):
            silent: BaseException = type(type(passing).__qualname__, (AgentFailure,), {})(said or _REDACTED)
            return silent
        return passing


def _forget(session: Token[Any] | None) -> None:
    if session is not None:
        _ambient.undo(session)


def _stems(error: BaseException, source: BaseException | None) -> bool:
    """Whether `error` is `source` or was raised while it was handled."""
    seen: BaseException | None = error
    for _ in range(_CHAIN):
        if seen is None or source is None:
            return False
        if seen is source:
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _made(data: Any) -> ActiveSpan:
    name = str(getattr(data, "name", None) or data.type)
    operation, named = _OPERATIONS.get(data.type, (None, ""))
    step = ActiveSpan(f"{operation} {name}" if operation else name, _TYPES.get(data.type, "chain"))
    if data.type == "function":
        step.record = ToolRecord("tool")
    if operation:
        step.record.attributes.update({s.OPERATION: operation, named: name})
    return step


def _describe(step: ActiveSpan, data: Any) -> None:
    """References only; what they hold is written down in the export thread."""
    for name in ("handoffs", "tools", "output_type", "from_agent", "to_agent", "triggered", "server", "turn"):
        value = getattr(data, name, None)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value is not None and isinstance(value, str | int | bool):
            step.set(**{name: value})
    if data.type == "function":
        step.record.attributes.update({s.TOOL_CALL_ARGUMENTS: data.input, s.TOOL_CALL_RESULT: data.output})
    elif data.type in ("mcp_tools", "custom"):
        step.output(Deferred(lambda: getattr(data, "result", None) or getattr(data, "data", None)))


def _response(data: Any) -> dict[str, Any]:
    dump = getattr(getattr(data, "response", None), "model_dump", None)
    found = dump(mode="json") if callable(dump) else None
    return found if isinstance(found, dict) else {}


def _described(record: CallRecord) -> dict[str, Any]:
    """Attributes of a model call as the SDK saw it; only said when no watched client saw it below."""
    data = record.response
    if data is None:
        return {}
    if data.type == "response":
        record.request = {"input": data.input}
        return dict(openai.RESPONSES.describe(record, Answer(openai.RESPONSES), _response(data)))
    messages = {"messages": list(data.input or ())}
    record.request = messages
    choices = [{"message": dict(message)} for message in data.output or () if isinstance(message, dict)]
    out = dict(openai.CHAT.describe(record, Answer(openai.CHAT), {"choices": choices}))
    return {**out, **usage_attributes({"usage": data.usage})}
