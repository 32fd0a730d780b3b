"""Part of decoding: spans straight from OTLP/JSON, ten times quicker than by way of protobuf.

Only what exporters write is read here. Whatever is unusual, wrong or unknown raises Unusual, and the whole body takes
the way by protobuf's own JSON parser, whose word is law: a test compares the two.
"""

from __future__ import annotations

from binascii import Error as HexError
from binascii import unhexlify
from typing import Any

from ..model import Span, SpanEvent, SpanLink
from .decoded import Decoded, Limits
from .otlp_spans import MAX_NS, NO_SPAN, invalid
from .otlp_values import application_of, clean, environment_of

__all__ = ["Unusual", "walk"]

KINDS = {"UNSPECIFIED": 0, "INTERNAL": 1, "SERVER": 2, "CLIENT": 3, "PRODUCER": 4, "CONSUMER": 5}
STATUSES = {"UNSET": 0, "OK": 1, "ERROR": 2}
MAX_DEPTH = 16
UINT32, UINT64 = 2**32, 2**64
COUNTS = ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount", "flags")

DOCUMENT = frozenset(("resourceSpans",))
RESOURCE_SPANS = frozenset(("resource", "scopeSpans", "schemaUrl"))
RESOURCE = frozenset(("attributes", "droppedAttributesCount"))
SCOPE_SPANS = frozenset(("scope", "spans", "schemaUrl"))
SCOPE = frozenset(("name", "version", "attributes", "droppedAttributesCount"))
SPAN = frozenset(
    (
        "traceId", "spanId", "parentSpanId", "traceState", "name", "kind", "startTimeUnixNano", "endTimeUnixNano",
        "attributes", "events", "links", "status", *COUNTS,
    )
)  # fmt: skip
EVENT = frozenset(("timeUnixNano", "name", "attributes", "droppedAttributesCount"))
LINK = frozenset(("traceId", "spanId", "traceState", "attributes", "droppedAttributesCount", "flags"))
STATUS = frozenset(("code", "message"))
PAIR = frozenset(("key", "value"))
VALUES = frozenset(("values",))


class Unusual(Exception):
    """This body is for protobuf's own parser."""


def walk(document: Any, decoded: Decoded, limits: Limits) -> None:
    """Put every valid span into `decoded.spans`, refuse the others by name. Raises Unusual: then nothing counts."""
    if limits.large:
        raise Unusual  # the size of a record is that of its protobuf
    for resource_spans in _objects(_object(document, DOCUMENT), "resourceSpans"):
        _object(resource_spans, RESOURCE_SPANS)
        _text(resource_spans, "schemaUrl")
        about = _child(resource_spans, "resource", RESOURCE)
        _count(about, "droppedAttributesCount")
        resource = _attributes(about)
        origin = (resource, application_of(resource), environment_of(resource))
        for scope_spans in _objects(resource_spans, "scopeSpans"):
            _object(scope_spans, SCOPE_SPANS)
            _text(scope_spans, "schemaUrl")
            scope = _child(scope_spans, "scope", SCOPE)
            _attributes(scope)
            _count(scope, "droppedAttributesCount")
            names = (clean(_text(scope, "name")), clean(_text(scope, "version")))
            for record in _objects(scope_spans, "spans"):
                decoded.received += 1
                _span(_object(record, SPAN), origin, names, decoded, limits)


def _span(
    record: dict[str, Any],
    origin: tuple[dict[str, Any], str, str],
    scope: tuple[str, str],
    decoded: Decoded,
    limits: Limits,
) -> None:
    trace_id, span_id, parent = _id(record, "traceId"), _id(record, "spanId"), _id(record, "parentSpanId")
    start, end = _time(record, "startTimeUnixNano"), _time(record, "endTimeUnixNano")
    for name in COUNTS:
        if name in record:
            _count(record, name)
    status = _child(record, "status", STATUS)
    events, links = _objects(record, "events"), _objects(record, "links")
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent if len(parent) == 8 and parent != NO_SPAN else None,
        name=clean(_text(record, "name")),
        kind=_enum(record, "kind", "SPAN_KIND_", KINDS),
        start_ns=start,
        end_ns=end,
        status=_enum(status, "code", "STATUS_CODE_", STATUSES),
        status_message=clean(_text(status, "message")) or None,
        attributes=_attributes(record),
        events=[_event(event) for event in events] if events else [],
        links=[link for one in links if (link := _link(one))] if links else [],
        scope_name=scope[0],
        scope_version=scope[1],
        dropped_attributes_count=_count(record, "droppedAttributesCount"),
        trace_state=clean(_text(record, "traceState")),
        resource=origin[0],
        application=origin[1],
        environment=origin[2],
    )
    # checked last: a record that is to be refused must still be one that can be read
    wrong = invalid(trace_id, span_id, start, end, limits) or limits.too_many(len(events), len(links))
    if wrong is None:
        decoded.spans.append(span)
    else:
        decoded.refuse(origin[1], *wrong)


def _event(event: Any) -> SpanEvent:
    _object(event, EVENT)
    _count(event, "droppedAttributesCount")
    return SpanEvent(clean(_text(event, "name")), min(_time(event, "timeUnixNano"), MAX_NS), _attributes(event))


def _link(link: Any) -> SpanLink | None:
    _object(link, LINK)
    _count(link, "droppedAttributesCount")
    _count(link, "flags")
    _text(link, "traceState")
    trace_id, span_id, attributes = _id(link, "traceId"), _id(link, "spanId"), _attributes(link)
    return SpanLink(trace_id, span_id, attributes) if len(trace_id) == 16 and len(span_id) == 8 else None


def _object(value: Any, known: frozenset[str]) -> dict[str, Any]:
    if type(value) is not dict or not known.issuperset(value):
        raise Unusual
    return value


def _child(holder: dict[str, Any], name: str, known: frozenset[str]) -> dict[str, Any]:
    value = holder.get(name)
    return {} if value is None else _object(value, known)


def _objects(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if type(value) is not list:
        raise Unusual
    return value


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise Unusual
    return value


def _count(holder: dict[str, Any], name: str) -> int:
    value = holder.get(name)
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value < UINT32:
        raise Unusual
    return value


def _id(holder: dict[str, Any], name: str) -> bytes:
    try:
        return unhexlify(_text(holder, name))
    except (HexError, ValueError):
        raise Unusual from None


def _time(holder: dict[str, Any], name: str) -> int:
    value = holder.get(name)
    if value is None:
        return 0
    if type(value) is str and len(value) < 21 and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or not 0 <= value < UINT64:
        raise Unusual
    return value


def _enum(holder: dict[str, Any], name: str, prefix: str, names: dict[str, int]) -> int:
    value = holder.get(name)
    if value is None:
        return 0
    if type(value) is str and value.startswith(prefix):
        value = names.get(value[len(prefix) :])
    if type(value) is not int or not 0 <= value < len(names):
        raise Unusual
    return value


def _attributes(holder: dict[str, Any], name: str = "attributes", depth: int = 0) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for pair in _objects(holder, name):
        if type(pair) is not dict or not PAIR.issuperset(pair):
            raise Unusual
        key, value = pair.get("key", ""), pair.get("value")
        if type(key) is not str:
            raise Unusual
        # text inline: most values are
        text = value.get("stringValue") if type(value) is dict and len(value) == 1 else None
        if type(text) is str:
            result[key] = text.replace("\x00", "�") if "\x00" in text else text
        else:
            result[key] = _value(value, depth)
    if "\x00" in "".join(result):
        result = {key.replace("\x00", "�"): value for key, value in result.items()}
    return result


def _value(value: Any, depth: int) -> Any:
    if type(value) is not dict or len(value) != 1 or depth > MAX_DEPTH:
        if value is None or value == {}:
            return None
        raise Unusual
    ((kind, inner),) = value.items()
    reader = _READERS.get(kind)
    if reader is None:
        raise Unusual
    return reader(inner, depth + 1)


def _string(value: Any, depth: int) -> str:
    if type(value) is not str:
        raise Unusual
    return value.replace("\x00", "�")


def _int(value: Any, depth: int) -> int:
    if type(value) is str and len(value) < 21 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise Unusual
    return value


def _bool(value: Any, depth: int) -> bool:
    if type(value) is not bool:
        raise Unusual
    return value


def _double(value: Any, depth: int) -> float:
    if type(value) is int and -(2**53) < value < 2**53:
        return float(value)
    if type(value) is not float or value - value != 0.0:
        raise Unusual
    return value


def _array(value: Any, depth: int) -> list[Any]:
    items = _objects(_object(value, VALUES), "values")
    if None in items:
        raise Unusual
    return [_value(item, depth) for item in items]


def _kvlist(value: Any, depth: int) -> dict[str, Any]:
    return _attributes(_object(value, VALUES), "values", depth)


_READERS = {
    "stringValue": _string,
    "intValue": _int,
    "boolValue": _bool,
    "doubleValue": _double,
    "arrayValue": _array,
    "kvlistValue": _kvlist,
}
