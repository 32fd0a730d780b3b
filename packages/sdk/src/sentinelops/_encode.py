"""Spans to OTLP protobuf, straight into upb messages: half the time of the generic encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

from ._guard import swallow

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    from ._runtime import Resolved

_ERROR = 2
# OTLP flags: bits 8 and 9 say whether the parent is remote.
_PARENT_KNOWN, _PARENT_REMOTE = 0x100, 0x200


def set_value(into: AnyValue, value: Any, depth: int = 0) -> None:
    """Write a Python value; what OTLP cannot say becomes text, and text that is not valid Unicode is repaired."""
    kind = type(value)
    if kind is str:
        try:
            into.string_value = value
        except (UnicodeEncodeError, ValueError):
            into.string_value = value.encode("utf-8", "replace").decode()
    elif kind is bool:
        into.bool_value = value
    elif kind is int:
        if -(2**63) <= value < 2**63:
            into.int_value = value
        else:
            into.string_value = str(value)
    elif kind is float:
        into.double_value = value
    elif depth < 16:
        _set_nested(into, value, depth)


def _set_nested(into: AnyValue, value: Any, depth: int) -> None:
    if isinstance(value, bytes):
        into.bytes_value = value
    elif isinstance(value, Mapping):
        into.kvlist_value.SetInParent()
        set_attributes(into.kvlist_value.values, value, depth + 1)
    elif isinstance(value, list | tuple):
        into.array_value.SetInParent()
        add = into.array_value.values.add
        for item in value:
            set_value(add(), item, depth + 1)
    elif isinstance(value, bool | int | float | str):  # subclasses, such as enums
        base = next(base for base in (bool, int, float, str) if isinstance(value, base))
        set_value(into, base(value), depth + 1)
    elif value is not None:
        set_value(into, str(value), depth + 1)


def set_attributes(into: Any, attributes: Mapping[str, Any], depth: int = 0) -> None:
    """Append key-values to a repeated KeyValue field; None is left out."""
    add = into.add
    for key, value in attributes.items():
        if value is None:
            continue
        pair = add()
        pair.key = key
        set_value(pair.value, value, depth)


class SpanEncoder:
    """Turns ended spans into requests; groups them by resource and scope.

    defaults, overrides: resource attributes that yield to those of the provider's resource, and that win over them.
    """

    def __init__(self, defaults: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        self._defaults = dict(defaults)
        self._overrides = dict(overrides)
        self._resources: dict[int, tuple[Resource, bytes]] = {}

    def encode(self, spans: Sequence[tuple[ReadableSpan, Resolved | None]]) -> tuple[bytes, int, int]:
        """The request's bytes, how many spans are in it, and how many could not be encoded."""
        request = ExportTraceServiceRequest()
        scopes: dict[tuple[int, Any], ScopeSpans] = {}
        encoded = failed = 0
        for span, resolved in spans:
            key = (id(span.resource), span.instrumentation_scope)
            scope = scopes.get(key)
            if scope is None:
                scope = scopes[key] = self._scope(request, span)
            try:
                _set_span(scope.spans.add(), span, resolved)
                encoded += 1
            except Exception as failure:
                del scope.spans[-1]
                failed += 1
                swallow("encode", failure)
        return request.SerializeToString(), encoded, failed

    def _scope(self, request: Any, span: ReadableSpan) -> ScopeSpans:
        container: ResourceSpans = request.resource_spans.add()
        container.ParseFromString(self.resource(span.resource))
        scope_spans = container.scope_spans.add()
        scope = span.instrumentation_scope
        if scope is not None:
            scope_spans.scope.name = scope.name
            scope_spans.scope.version = scope.version or ""
            scope_spans.schema_url = scope.schema_url or ""
            set_attributes(scope_spans.scope.attributes, scope.attributes or {})
        return scope_spans

    def resource(self, resource: Resource) -> bytes:
        """An encoded ResourceSpans that holds the resource only; each is encoded once."""
        known = self._resources.get(id(resource))
        if known is not None and known[0] is resource:
            return known[1]
        container = ResourceSpans(schema_url=resource.schema_url or "")
        set_attributes(container.resource.attributes, {**self._defaults, **resource.attributes, **self._overrides})
        if len(self._resources) > 16:
            self._resources.clear()
        encoded = container.SerializeToString()
        self._resources[id(resource)] = (resource, encoded)
        return encoded


def _set_span(into: Any, span: ReadableSpan, resolved: Resolved | None) -> None:
    context = span.context
    into.trace_id = context.trace_id.to_bytes(16, "big")
    into.span_id = context.span_id.to_bytes(8, "big")
    into.name = span.name
    into.kind = span.kind.value + 1
    into.start_time_unix_nano = span.start_time or 0
    into.end_time_unix_nano = span.end_time or 0
    parent = span.parent
    flags = context.trace_flags & 0xFF | _PARENT_KNOWN
    if parent is not None:
        into.parent_span_id = parent.span_id.to_bytes(8, "big")
        flags |= _PARENT_REMOTE if parent.is_remote else 0
    into.flags = flags
    if context.trace_state:
        into.trace_state = context.trace_state.to_header()
    attributes = span.attributes or {}
    if resolved is not None:
        attributes = {**attributes, **resolved.attributes} if attributes else resolved.attributes
    set_attributes(into.attributes, attributes)
    into.dropped_attributes_count = span.dropped_attributes
    for event in span.events:
        _set_event(into.events.add(), event)
    if resolved is not None and resolved.exception is not None:
        event = into.events.add(name="exception", time_unix_nano=span.end_time or 0)
        set_attributes(event.attributes, resolved.exception)
    for link in span.links:
        _set_link(into.links.add(), link)
    _set_status(into, span, resolved)


def _set_event(into: Any, event: Any) -> None:
    into.name = event.name
    into.time_unix_nano = event.timestamp
    set_attributes(into.attributes, event.attributes or {})


def _set_link(into: Any, link: Any) -> None:
    into.trace_id = link.context.trace_id.to_bytes(16, "big")
    into.span_id = link.context.span_id.to_bytes(8, "big")
    set_attributes(into.attributes, link.attributes or {})


def _set_status(into: Any, span: ReadableSpan, resolved: Resolved | None) -> None:
    if resolved is not None and resolved.error_message is not None:
        into.status.code = _ERROR
        into.status.message = resolved.error_message.encode("utf-8", "replace").decode()
    elif span.status.status_code.value:
        into.status.code = span.status.status_code.value
        into.status.message = (span.status.description or "").encode("utf-8", "replace").decode()
