"""Part of decoding: a request that protobuf refuses as a whole is taken apart, so that one bad record fails by itself.

A record nested deeper than protobuf reads, or with text that is not UTF-8, is such a one. All three kinds of request
are built alike: resources (field 1) hold scopes (field 2), which hold records (field 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["without_bad_json", "without_bad_records"]

LEN = 2
RESOURCES, SCOPES, RECORDS = 1, 2, 2
PATHS = {
    "spans": ("resourceSpans", "scopeSpans", "spans"),
    "log_records": ("resourceLogs", "scopeLogs", "logRecords"),
    "metric_points": ("resourceMetrics", "scopeMetrics", "metrics"),
}
Reads = Callable[[Any], bool]


def without_bad_records(body: bytes, reads: Reads) -> tuple[bytes, int]:
    """Return the request without the records that cannot be read, and how many those are. Raises ValueError.

    reads: asked of a request with the one record.
    """
    return _rebuilt(body, (RESOURCES, SCOPES, RECORDS), reads)


def _rebuilt(body: bytes, path: tuple[int, ...], reads: Reads) -> tuple[bytes, int]:
    kept, bad = bytearray(), 0
    number, *rest = path
    for start, inner, end, field in _fields(body):
        if field != number:
            kept += body[start:end]
        elif rest:
            part, more = _rebuilt(body[inner:end], tuple(rest), reads)
            kept += _field(field, part)
            bad += more
        elif reads(_field(RESOURCES, _field(SCOPES, body[start:end]))):
            kept += body[start:end]
        else:
            bad += 1
    return bytes(kept), bad


def _fields(body: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Each field: where it starts, where what it holds starts, where it ends, its number. All have a length."""
    at = 0
    while at < len(body):
        tag, inner = _read_varint(body, at)
        if tag & 7 != LEN or tag > 127:
            raise ValueError("a field that no OTLP request has at this place")
        size, inner = _read_varint(body, inner)
        if inner + size > len(body):
            raise ValueError("it is cut off")
        yield at, inner, inner + size, tag >> 3
        at = inner + size


def _read_varint(body: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(body):
            raise ValueError("it is cut off")
        value |= (body[at] & 127) << shift
        at += 1
        if body[at - 1] < 128:
            return value, at
    raise ValueError("a number is too long")


def _field(number: int, part: bytes) -> bytes:
    return bytes([number << 3 | LEN]) + _varint(len(part)) + part


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def without_bad_json(document: Any, signal: str, reads: Reads) -> int:
    """Take the records that cannot be read out of the document, and return how many those are."""
    resources, scopes, records = PATHS[signal]
    bad = 0
    for resource in document.get(resources) or ():
        for scope in resource.get(scopes) or ():
            found = scope.get(records) or []
            kept = [record for record in found if reads({resources: [{scopes: [{records: [record]}]}]})]
            bad += len(found) - len(kept)
            scope[records] = kept
    return bad
