"""What configure() built: the one place that the public functions and the instruments look for the SDK at run time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

from opentelemetry.trace import SpanKind

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span, TracerProvider
    from opentelemetry.trace import Tracer

    from ._config import Config
    from ._content import ContentPolicy
    from ._export import Exporter
    from ._processor import Collector


_CLIENT = SpanKind.CLIENT


class Pending(Protocol):
    """What a span still has to say: worked out by the export thread, or at its end in eager mode."""

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status; called once."""


class Resolved:
    """Attributes ready for OTLP, and the status: error_message None means the span is not an error.

    exception: the attributes of an `exception` event at the span's end, or None.
    """

    __slots__ = ("attributes", "error_message", "exception")

    def __init__(
        self, attributes: dict[str, Any], error_message: str | None = None, exception: dict[str, Any] | None = None
    ) -> None:
        self.attributes = attributes
        self.error_message = error_message
        self.exception = exception


class Runtime:
    """A configured SDK."""

    def __init__(
        self,
        config: Config,
        provider: TracerProvider,
        tracer: Tracer,
        collector: Collector,
        exporter: Exporter | None,
    ) -> None:
        self.config = config
        self.provider = provider
        self.tracer = tracer
        self.collector = collector
        self.exporter = exporter
        self.policy = config.content_policy()
        from ._light import Light, Maker

        self._light = Light
        self._maker = Maker(provider, tracer)

    @property
    def eager(self) -> bool:
        """Whether other processors look at our spans, which then must be complete when they end."""
        try:
            return len(self.provider._active_span_processor._span_processors) > 1  # noqa: SLF001
        except AttributeError:
            return True

    def start_span(
        self,
        name: str,
        kind: SpanKind,
        context: Context | None = None,
        pending: Pending | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> ReadableSpan | None:
        """A recording span, or None when the sampler left it out.

        pending: what will be given to end_call; said already here, the span is one that is never made current.
        """
        if pending is not None and self._maker.usable and kind is _CLIENT and not attributes and not self.eager:
            light = self._maker.make(name, context)
            if light is not None:
                return light
        span = self.tracer.start_span(name, context, kind, attributes)
        return cast("Span", span) if span.is_recording() else None

    def end_call(self, given: ReadableSpan, pending: Pending, end_time: int | None = None) -> None:
        """End the span; what `pending` knows is added now or by the export thread."""
        if type(given) is self._light:
            given.finish(end_time)
            self.collector.take(given, pending)
            return
        span = cast("Span", given)
        if self.eager:
            from ._processor import apply

            apply(span, pending, self.policy)
        else:
            self.collector.pending[span.context.span_id] = pending
        span.end(end_time)


current: Runtime | None = None
