"""Part of decoding: the walk over ExportTraceServiceRequest."""

from __future__ import annotations

from typing import Any

from ..model import Span, SpanEvent, SpanLink
from .decoded import Decoded, Limits
from .otlp_values import application_of, attributes_of, clean, environment_of

__all__ = ["MAX_NS", "NO_SPAN", "invalid", "walk"]

NO_TRACE = bytes(16)
NO_SPAN = bytes(8)
MAX_NS = 2**63 - 1


def walk(message: Any, decoded: Decoded, limits: Limits) -> None:
    """Put every valid span of the message into `decoded.spans`, and refuse the others by name."""
    spans = decoded.spans
    for resource_spans in message.resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        application, environment = application_of(resource), environment_of(resource)
        for scope_spans in resource_spans.scope_spans:
            scope = (clean(scope_spans.scope.name), clean(scope_spans.scope.version))
            for record in scope_spans.spans:
                decoded.received += 1
                span = _span(record, scope, limits)
                if type(span) is Span:
                    span.resource = resource
                    span.application = application
                    span.environment = environment
                    spans.append(span)
                else:
                    decoded.refuse(application, *span)  # type: ignore[misc]


def _span(record: Any, scope: tuple[str, str], limits: Limits) -> Span | tuple[str, str]:
    trace_id: bytes = record.trace_id
    span_id: bytes = record.span_id
    start: int = record.start_time_unix_nano
    end: int = record.end_time_unix_nano
    wrong = invalid(trace_id, span_id, start, end, limits)
    if wrong is not None:
        return wrong
    if why := limits.oversize(record):
        return "too_large", why
    if (wrong := limits.too_many(len(record.events), len(record.links))) is not None:
        return wrong
    parent: bytes = record.parent_span_id
    status = record.status
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent if len(parent) == 8 and parent != NO_SPAN else None,
        name=clean(record.name),
        kind=record.kind if 0 <= record.kind <= 5 else 0,
        start_ns=start,
        end_ns=end,
        status=status.code if 0 <= status.code <= 2 else 0,
        status_message=clean(status.message) or None,
        attributes=attributes_of(record.attributes),
        scope_name=scope[0],
        scope_version=scope[1],
        dropped_attributes_count=record.dropped_attributes_count,
        trace_state=clean(record.trace_state),
    )
    if record.events:
        span.events = [
            SpanEvent(clean(event.name), min(event.time_unix_nano, MAX_NS), attributes_of(event.attributes))
            for event in record.events
        ]
    if record.links:
        span.links = [
            SpanLink(link.trace_id, link.span_id, attributes_of(link.attributes))
            for link in record.links
            if len(link.trace_id) == 16 and len(link.span_id) == 8
        ]
    return span


def invalid(trace_id: bytes, span_id: bytes, start: int, end: int, limits: Limits) -> tuple[str, str] | None:
    """Return by which name a span is refused and why, or None."""
    if len(trace_id) != 16 or trace_id == NO_TRACE:
        return "invalid_trace_id", "a trace id is 16 bytes and not all zero"
    if len(span_id) != 8 or span_id == NO_SPAN:
        return "invalid_span_id", "a span id is 8 bytes and not all zero"
    if not 0 < start <= end <= MAX_NS:
        return "invalid_time", f"a span must start after 1970 and end no earlier than it starts, not {start} to {end}"
    if (why := limits.bounds(start)) or (why := limits.bounds(end)):
        return "time_out_of_range", why
    return None
