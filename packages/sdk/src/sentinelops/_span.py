"""span(): a step of the application as a span that model calls stand under; what observe() is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, cast

from . import _runtime, semconv
from ._guard import swallow
from ._resolve import CANCELLED, failed, prepared

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span
    from opentelemetry.trace import SpanKind

    from ._content import ContentPolicy

_NOTHING: Any = object()


class Deferred:
    """A value that is worked out in the export thread."""

    __slots__ = ("_arguments", "_work")

    def __init__(self, work: Callable[..., Any], *arguments: Any) -> None:
        self._work = work
        self._arguments = arguments

    def __call__(self) -> Any:
        return self._work(*self._arguments)


class StepRecord:
    """What is known of one step; input and output by reference until the span is resolved."""

    __slots__ = ("attributes", "cancelled", "error", "input", "output", "type")

    def __init__(self, kind: str) -> None:
        self.type = kind
        self.input: Any = _NOTHING
        self.output: Any = _NOTHING
        self.attributes: dict[str, Any] = {}
        self.error: BaseException | None = None
        self.cancelled = False

    def resolve(self, policy: ContentPolicy) -> _runtime.Resolved:
        """The attributes and the status of the span."""
        attributes: dict[str, Any] = {semconv.SPAN_TYPE: self.type, **self.attributes}
        if self.input is not _NOTHING:
            attributes[semconv.INPUT] = self.input() if isinstance(self.input, Deferred) else self.input
        if self.output is not _NOTHING:
            attributes[semconv.OUTPUT] = self.output() if isinstance(self.output, Deferred) else self.output
        if self.cancelled:
            attributes[semconv.OUTCOME] = CANCELLED
        if self.error is None:
            return _runtime.Resolved(prepared(attributes, policy))
        attributes[semconv.ERROR_TYPE] = type(self.error).__qualname__
        return failed(prepared(attributes, policy), self.error, policy)


class ActiveSpan:
    """A step under way; what `with span(...) as step` gives. Methods never raise, also when the SDK is off."""

    __slots__ = ("_context", "_ended", "_name", "_runtime", "_span", "_token", "record")

    def __init__(self, name: str, kind: str) -> None:
        self._name = name
        self.record = StepRecord(kind)
        self._ended = False
        self._runtime: _runtime.Runtime | None = None
        self._span: Span | None = None
        self._context: Context | None = None
        self._token: Token[Context] | None = None

    @property
    def trace_id(self) -> str | None:
        """32 hexadecimal digits; None when nothing is recorded."""
        return None if self._span is None else f"{self._span.context.trace_id:032x}"

    @property
    def span_id(self) -> str | None:
        """16 hexadecimal digits; None when nothing is recorded."""
        return None if self._span is None else f"{self._span.context.span_id:016x}"

    def input(self, value: Any) -> None:
        """What the step works on; kept by reference until the step is exported, so do not change it afterwards."""
        self.record.input = value

    def output(self, value: Any) -> None:
        """What the step made of it."""
        self.record.output = value

    def set(self, **attributes: str | float | bool) -> None:
        """Facts about the step, kept as its metadata."""
        for key, value in attributes.items():
            self.record.attributes[semconv.METADATA_PREFIX + key] = value

    @property
    def context(self) -> Context | None:
        """The context in which this is the current span, for what starts below it elsewhere; None: not recorded."""
        return self._context

    def start(self, parent: Context | None = None, kind: SpanKind | None = None) -> None:
        """Start the span under `parent` (None: the current context), without making it current.

        kind: None is INTERNAL.
        """
        runtime = _runtime.current
        if runtime is None:
            return
        try:
            from opentelemetry.trace import SpanKind, set_span_in_context

            self._span = cast("Span | None", runtime.start_span(self._name, kind or SpanKind.INTERNAL, parent))
            if self._span is not None:
                self._runtime = runtime
                self._context = set_span_in_context(self._span, parent)
        except Exception as failure:
            swallow("span.start", failure)

    def attach(self) -> None:
        """Make this the current span; undone by detach on the same thread and in the same task."""
        if self._context is not None:
            try:
                self._token = _attach(self._context)
            except Exception as failure:
                swallow("span.attach", failure)

    def detach(self) -> None:
        """Give the current span back. A generator keeps what its body made current, for its next step."""
        token, self._token = self._token, None
        if token is not None:
            try:
                self._context = _current()
                _detach(token)
            except Exception as failure:
                swallow("span.detach", failure)

    def end(self, error: BaseException | None = None) -> None:
        """End once. GeneratorExit and a task's cancellation are the caller's choice, not a failure."""
        span, runtime = self._span, self._runtime
        if self._ended or span is None or runtime is None:
            return
        self._ended = True
        try:
            record = self.record
            record.cancelled = _is_cancellation(error)
            record.error = None if record.cancelled else error
            runtime.end_call(span, record)
        except Exception as failure:
            swallow("span.end", failure)

    def __enter__(self) -> ActiveSpan:
        self.start()
        self.attach()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.detach()
        self.end(error)

    async def __aenter__(self) -> ActiveSpan:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


def span(name: str, *, type: str = "chain", input: Any = None, metadata: Mapping[str, Any] | None = None) -> ActiveSpan:  # noqa: A002
    """`with span("search", type="retrieval") as step: ...` (or `async with`): a step of the application as a span.

    type: agent, tool, chain, retrieval, or any word of yours. The exception that leaves the block is recorded and goes
    on.
    """
    step = ActiveSpan(name, type)
    if input is not None:
        step.input(input)
    if metadata:
        step.set(**{str(key): value for key, value in metadata.items()})
    return step


def _current() -> Context:
    from opentelemetry import context as otel_context

    return otel_context.get_current()


def _attach(context: Context) -> Token[Context]:
    from opentelemetry import context as otel_context

    return otel_context.attach(context)


def _detach(token: Token[Context]) -> None:
    """As OpenTelemetry's detach, but silent when the token is of another context: a generator closed elsewhere."""
    from opentelemetry import context as otel_context

    try:
        otel_context._RUNTIME_CONTEXT.detach(token)  # noqa: SLF001 - the public one logs a traceback
    except ValueError:
        return


def _is_cancellation(error: BaseException | None) -> bool:
    if error is None or isinstance(error, Exception):
        return False
    if isinstance(error, GeneratorExit):
        return True
    import asyncio

    return isinstance(error, asyncio.CancelledError)
