"""One call to a model, from the caller's thread to the queue: what every instrument module uses.

On the caller's thread a Call takes references and clocks, nothing else. What the span says about the call is worked out
by the instrument module's `describe` function, which runs in the export thread (or at end(), when the application's own
TracerProvider has other processors that must see the attributes).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind

from . import _memory, _runtime
from ._guard import swallow
from ._resolve import resolve_call

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan

    from ._content import ContentPolicy

# Set by other instrumentations, and by ours around a call they already describe: the inner model call stays silent.
SUPPRESS_KEY = "suppress_language_model_instrumentation"
_SUPPRESS_ALL_KEY = "suppress_instrumentation"
# In a context: the framework's view of the call under way (_layer.Cover); it gives way to a call that starts below it.
LAYER_KEY = "sentinelops-layer"
# Set (to anything but None) while a client library that we watch sends a request: an HTTP hook below stays silent.
inner: ContextVar[Any] = ContextVar("sentinelops.inner", default=None)


class CallRecord:
    """What is known of one model call; the argument of `describe`.

    operation: "chat", "text_completion", "embeddings", "generate_content" ...; provider, model: as given to start_call.
    request: the caller's arguments, shallow copy; its lists are copies too, their items are the caller's own objects:
    read, never change. response, error, headers: as given to end(). streaming, cancelled: bool.
    duration_seconds, time_to_first_token_seconds (None when first_token() was never called), memory_used_bytes (None
    where unknown).
    """

    __slots__ = (
        "cancelled", "describe", "duration_seconds", "error", "headers", "memory_used_bytes", "model", "operation",
        "provider", "request", "response", "server_address", "server_port", "streaming", "time_to_first_token_seconds",
    )  # fmt: skip

    def __init__(
        self,
        operation: str,
        provider: str,
        model: str | None,
        request: Mapping[str, Any],
        describe: Describe,
    ) -> None:
        self.operation = operation
        self.provider = provider
        self.model = model
        self.request = request
        self.describe = describe
        self.response: Any = None
        self.error: BaseException | None = None
        self.headers: Mapping[str, str] | None = None
        self.server_address: str | None = None
        self.server_port: int | None = None
        self.streaming = False
        self.cancelled = False
        self.duration_seconds = 0.0
        self.time_to_first_token_seconds: float | None = None
        self.memory_used_bytes: int | None = None

    def resolve(self, policy: ContentPolicy) -> _runtime.Resolved:
        """The attributes and the status of the span."""
        return resolve_call(self, policy)


# Returns attributes by semconv name; None values are left out. Values: str, bool, int, float, lists of these. For the
# content attributes (semconv INPUT_MESSAGES, OUTPUT_MESSAGES, SYSTEM_INSTRUCTIONS, TOOL_DEFINITIONS, TOOL_CALL_*,
# INPUT, OUTPUT, RETRIEVAL_DOCUMENTS) return plain Python structures (lists of {"role", "parts": [...]}), not JSON:
# the core leaves them out, redacts, truncates, replaces images and audio by hash and size, and serialises.
# The core itself sets operation, provider, request model (describe may override all three), stream flag, server
# address, time to first chunk, error.type and status, outcome and memory.
Describe = Callable[[CallRecord], Mapping[str, Any]]


class Call:
    """A running model call. Every method is safe to call from any thread, at any time, and never raises."""

    __slots__ = ("_ended", "_first_ns", "_memory", "_record", "_runtime", "_start_ns", "span")

    def __init__(self, runtime: _runtime.Runtime, span: ReadableSpan, record: CallRecord) -> None:
        self._runtime = runtime
        self.span = span
        self._record = record
        self._ended = False
        self._first_ns = 0
        self._memory = _memory.rss_bytes() if runtime.config.capture_memory else None
        self._start_ns = perf_counter_ns()

    def first_token(self) -> None:
        """The first chunk with content arrived; later calls change nothing."""
        if not self._first_ns:
            self._first_ns = perf_counter_ns()

    @property
    def ended(self) -> bool:
        """Whether end() was called."""
        return self._ended

    def set_model(self, model: str | None, *, provider: str | None = None) -> None:
        """Correct what was not known at the start (a default model, the provider behind a router)."""
        record = self._record
        record.model = model or record.model
        record.provider = provider or record.provider

    def end(
        self,
        response: Any = None,
        *,
        error: BaseException | None = None,
        cancelled: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """End the span, once; later calls change nothing.

        response: whatever `describe` wants to read, kept by reference until it ran. error: what the host saw raised
        (GeneratorExit and CancelledError: pass cancelled=True instead). headers: of the HTTP answer, by reference.
        """
        if self._ended:
            return
        self._ended = True
        try:
            now = perf_counter_ns()
            record = self._record
            record.duration_seconds = (now - self._start_ns) / 1e9
            if self._first_ns:
                record.time_to_first_token_seconds = (self._first_ns - self._start_ns) / 1e9
            if self._memory is not None:
                after = _memory.rss_bytes()
                record.memory_used_bytes = None if after is None else after - self._memory
            record.response = response
            record.error = error
            record.cancelled = cancelled
            record.headers = headers
            self._runtime.end_call(self.span, record)
        except Exception as failure:
            swallow("call.end", failure)


def gone(error: BaseException | None) -> bool:
    """Whether it only says that nobody waits any more: GeneratorExit, KeyboardInterrupt, any loop's cancellation."""
    return error is not None and not isinstance(error, Exception)


def copied(request: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as they are now: a shallow copy, lists copied too."""
    kept = dict(request)
    for key, value in kept.items():
        if type(value) is list:
            kept[key] = value.copy()
    return kept


def start_call(  # noqa: PLR0913 - the facts of a call, all but three by name
    operation: str,
    provider: str,
    model: str | None,
    *,
    request: Mapping[str, Any],
    describe: Describe,
    server_address: str | None = None,
    server_port: int | None = None,
    streaming: bool = False,
    context: Context | None = None,
) -> Call | None:
    """Begin a model call under `context` (None: the current one); None when the SDK is off or the call suppressed.

    Never raises.
    """
    runtime = _runtime.current
    if runtime is None:
        return None
    try:
        if context is None:
            context = otel_context.get_current()
        if context.get(SUPPRESS_KEY) or context.get(_SUPPRESS_ALL_KEY):
            return None
        layer: Any = context.get(LAYER_KEY)
        if layer is not None:
            layer.covered = True
        record = CallRecord(operation, provider, model, copied(request), describe)
        record.streaming = streaming
        record.server_address = server_address
        record.server_port = server_port
        span = runtime.start_span(f"{operation} {model}" if model else operation, SpanKind.CLIENT, context, record)
        return None if span is None else Call(runtime, span, record)
    except Exception as failure:
        swallow("call.start", failure)
        return None
