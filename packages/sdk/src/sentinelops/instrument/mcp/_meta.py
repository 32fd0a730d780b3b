"""The context of a trace in `_meta`: traceparent, tracestate and baggage by their W3C names, beside the host's keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from opentelemetry.context import Context

_TRACE = TraceContextTextMapPropagator()
_BAGGAGE = W3CBaggagePropagator()


def carrying(request: Any, context: Context) -> Any:
    """A copy of the request that carries the context; the request itself when it has no place for it.

    What the host put under these names stays.
    """
    inner = getattr(request, "root", None)
    message = request if inner is None else inner
    params = getattr(message, "params", None)
    if params is None or not hasattr(params, "model_copy"):
        return request
    carrier: dict[str, str] = {}
    _TRACE.inject(carrier, context)
    _BAGGAGE.inject(carrier, context)
    meta = params.meta
    present = as_mapping(meta)
    carrier = {key: value for key, value in carrier.items() if key not in present}
    if meta is None:
        kind = getattr(type(params), "Meta", None)  # a class in the first major, a dict in the second
        fresh: Any = carrier if kind is None else kind(**carrier)
    elif isinstance(meta, Mapping):
        fresh = {**meta, **carrier}
    else:
        fresh = meta.model_copy(update=carrier)
    copied = message.model_copy(update={"params": params.model_copy(update={"meta": fresh})})
    return copied if inner is None else type(request)(copied)


def carried(meta: Any, context: Context) -> Context | None:
    """`context` under the span that `_meta` names; None when it names none."""
    present = {key: value for key, value in as_mapping(meta).items() if isinstance(value, str)}
    if "traceparent" not in present:
        return None
    found = _TRACE.extract(present, context)
    if get_current_span(found) is get_current_span(context):
        return None
    return _BAGGAGE.extract(present, found)


def as_mapping(meta: Any) -> Mapping[str, Any]:
    """`_meta` as a mapping, of either major."""
    if isinstance(meta, Mapping):
        return meta
    extra = getattr(meta, "model_extra", None)
    return extra if isinstance(extra, Mapping) else {}
