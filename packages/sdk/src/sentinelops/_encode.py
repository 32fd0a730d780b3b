"""Spans to OTLP protobuf: the fields that every span has by hand, the rare ones through upb messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

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
        scopes: dict[tuple[int, Any], list[bytes]] = {}
        owners: dict[tuple[int, Any], ReadableSpan] = {}
        encoded = failed = 0
        for span, resolved in spans:
            try:
                message = _field(0x12, _span(span, resolved))
            except Exception as failure:
                failed += 1
                swallow("encode", failure)
                continue
            key = (id(span.resource), span.instrumentation_scope)
            owners.setdefault(key, span)
            scopes.setdefault(key, []).append(message)
            encoded += 1
        request = b"".join(self._container(owners[key], messages) for key, messages in scopes.items())
        return request, encoded, failed

    def _container(self, span: ReadableSpan, messages: list[bytes]) -> bytes:
        """A ResourceSpans with one ScopeSpans, as a field of the request."""
        scope_spans = ScopeSpans()
        scope = span.instrumentation_scope
        if scope is not None:
            scope_spans.scope.name = scope.name
            scope_spans.scope.version = scope.version or ""
            scope_spans.schema_url = scope.schema_url or ""
            set_attributes(scope_spans.scope.attributes, scope.attributes or {})
        body = scope_spans.SerializeToString() + b"".join(messages)  # the order of fields is free
        return _field(0x0A, self.resource(span.resource) + _field(0x12, body))

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


def _span(span: ReadableSpan, resolved: Resolved | None) -> bytes:
    """A Span message: its scalar fields written directly, which takes half the time of filling a message object."""
    context = span.context
    parent = span.parent
    flags = context.trace_flags & 0xFF | _PARENT_KNOWN
    head = [b"\x0a\x10", context.trace_id.to_bytes(16, "big"), b"\x12\x08", context.span_id.to_bytes(8, "big")]
    if context.trace_state:
        head.append(_field(0x1A, context.trace_state.to_header().encode()))
    if parent is not None:
        head += (b"\x22\x08", parent.span_id.to_bytes(8, "big"))
        flags |= _PARENT_REMOTE if parent.is_remote else 0
    head.append(_field(0x2A, _utf8(span.name)))
    head.append(b"\x30" + _varint(span.kind.value + 1) + _times(0x39, span.start_time or 0, 0x41, span.end_time or 0))
    attributes = span.attributes or {}
    if resolved is not None:
        attributes = {**attributes, **resolved.attributes} if attributes else resolved.attributes
    for key, value in attributes.items():
        kind = type(value)
        known = _known.get((key, kind, value)) if kind is str or kind is int else None
        if known is not None:
            head.append(known)
        elif value is not None:
            head.append(_attribute(key, value))
    if span.dropped_attributes:
        head.append(b"\x50" + _varint(span.dropped_attributes))
    rest = _rest(span, resolved)
    if rest:
        head.append(rest)
    head.append(b"\x85\x01" + flags.to_bytes(4, "little"))
    return b"".join(head)


def _times(first: int, start: int, second: int, end: int) -> bytes:
    return bytes((first,)) + start.to_bytes(8, "little") + bytes((second,)) + end.to_bytes(8, "little")


def _utf8(text: str) -> bytes:
    """What is not valid Unicode is repaired."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace")


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _field(tag: int, content: bytes) -> bytes:
    """A length-delimited field."""
    return bytes((tag,)) + _varint(len(content)) + content


_double = Struct("<d").pack

# Most attributes of most spans have been said before: names, models, hosts, small numbers.
_known: dict[tuple[Any, ...], bytes] = {}
_KNOWN_MOST, _KNOWN_CHARS, _KNOWN_NUMBERS = 4_096, 64, 65_536


def _attribute(key: str, value: Any) -> bytes:
    """A KeyValue, as a field of the span."""
    kind = type(value)
    if kind is str and len(value) > _KNOWN_CHARS:
        return _string_attribute(key, value)
    if kind is float:
        name = _field(0x0A, _utf8(key))
        return b"".join((b"\x4a", _varint(len(name) + 11), name, b"\x12\x09\x21", _double(value)))
    if kind is list and len(value) == 1 and type(value[0]) is str:
        value = tuple(value)
        kind = tuple
    elif not (kind is str or kind is bool or (kind is int and -1 < value < _KNOWN_NUMBERS)):
        return _any_attribute(key, value)
    known = _known.get((key, kind, value))
    if known is None:
        known = _any_attribute(key, value)
        if len(_known) >= _KNOWN_MOST:
            _known.clear()
        _known[key, kind, value] = known
    return known


def _string_attribute(key: str, value: str) -> bytes:
    text = _utf8(value)
    size = len(text)
    held = b"\x0a" + _varint(size)
    name = _field(0x0A, _utf8(key))
    inner = len(held) + size
    outer = _varint(inner)
    return b"".join((b"\x4a", _varint(len(name) + 1 + len(outer) + inner), name, b"\x12", outer, held, text))


def _any_attribute(key: str, value: Any) -> bytes:
    pair = KeyValue(key=_utf8(key).decode())
    set_value(pair.value, value)
    return _field(0x4A, pair.SerializeToString())


def _rest(span: ReadableSpan, resolved: Resolved | None) -> bytes:
    """Events, links and the status: what few spans have."""
    exception = None if resolved is None else resolved.exception
    failed = resolved is not None and resolved.error_message is not None
    if not (span.events or span.links or failed or exception is not None or span.status.status_code.value):
        return b""
    into = Span()
    for event in span.events:
        _set_event(into.events.add(), event)
    if exception is not None:
        ours = into.events.add(name="exception", time_unix_nano=span.end_time or 0)
        set_attributes(ours.attributes, exception)
    for link in span.links:
        _set_link(into.links.add(), link)
    _set_status(into, span, resolved)
    return into.SerializeToString()


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
