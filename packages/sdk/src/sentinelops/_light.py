"""A model call's span where nobody but us looks at it: ids and clocks on the caller's thread, the rest when exported.

A model call is never the current span, so without other processors no one can get hold of its span before it is
exported. Making OpenTelemetry's own would be the larger part of what watching a call costs.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, DEFAULT_ON
from opentelemetry.trace import INVALID_SPAN, SpanContext, SpanKind, Status, TraceFlags, get_current_span

from . import _ambient

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_SAMPLED, _RANDOM = 1, 2
_UNSET = Status()


class Light(ReadableSpan):
    """What OpenTelemetry's tracer would have made under the default sampler, as far as an exporter can tell."""

    _links = _events = ()
    _status = _UNSET
    _kind = SpanKind.CLIENT
    _instrumentation_info = None

    def __init__(self, name: str, parent: SpanContext | None, maker: Maker) -> None:  # not the base's: it does more
        self._name = name
        self._parent = parent
        self._maker = maker
        generator = maker.ids
        self._trace_id = generator.generate_trace_id() if parent is None else parent.trace_id
        self._span_id = generator.generate_span_id()
        self._attributes = _ambient.attributes()
        self._end_time: int | None = None
        self._start_time = time_ns()

    @property
    def context(self) -> SpanContext:
        """Made when asked for."""
        parent = self._parent
        if parent is None:
            return SpanContext(self._trace_id, self._span_id, False, TraceFlags(self._maker.root_flags))
        flags = TraceFlags(_SAMPLED | parent.trace_flags & _RANDOM)
        return SpanContext(self._trace_id, self._span_id, False, flags, parent.trace_state)

    def get_span_context(self) -> SpanContext:
        """As context."""
        return self.context

    @property
    def resource(self) -> Any:
        """The provider's."""
        return self._maker.resource

    @property
    def instrumentation_scope(self) -> Any:
        """Ours."""
        return self._maker.scope

    def finish(self, end_time: int | None) -> None:
        """The end, in nanoseconds since 1970; None: now."""
        self._end_time = time_ns() if end_time is None else end_time


class Maker:
    """Makes light spans for one provider. usable: its sampler is the default, which keeps whatever the parent keeps."""

    def __init__(self, provider: TracerProvider, tracer: Tracer) -> None:
        self.usable = getattr(provider, "sampler", None) in (ALWAYS_ON, DEFAULT_ON)
        self._parent_decides = getattr(provider, "sampler", None) is DEFAULT_ON
        self.ids: Any = getattr(provider, "id_generator", None)
        self.resource: Any = provider.resource
        self.scope: Any = getattr(tracer, "_instrumentation_scope", None)
        self._enabled: Callable[[], bool] | None = getattr(tracer, "_is_enabled", None)
        random = getattr(self.ids, "is_trace_id_random", None)
        self.root_flags = _SAMPLED | (_RANDOM if random is not None and random() else 0)
        self.usable = self.usable and self.ids is not None and self.scope is not None

    def make(self, name: str, context: Context | None) -> Light | None:
        """None: the tracer has to be asked."""
        if self._enabled is not None and not self._enabled():
            return None
        current = get_current_span(context)
        if current is INVALID_SPAN:
            return Light(name, None, self)
        parent = current.get_span_context()
        if not parent.is_valid:
            return Light(name, None, self)
        if self._parent_decides and not parent.trace_flags & _SAMPLED:
            return None
        return Light(name, parent, self)
