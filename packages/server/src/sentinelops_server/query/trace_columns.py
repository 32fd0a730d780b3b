"""Query: one trace as columns, for drawing it whole: an object a span would cost more than reading them does."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..analysis.critical_path import critical_path
from ..storage.postgres.database import Database
from .rows import STATUSES, span_key
from .shapes import TraceRow
from .traces import _COLUMNS, _time, _trace_row

__all__ = ["Call", "TraceColumns", "get_trace_columns"]

# One row for the whole trace: fixed-size values as bytes, since 30,000 of them are unpacked in a millisecond that way.
# Sorted once, below: an ORDER BY in each aggregate is a sort each before PostgreSQL 16.
_SPANS = """
    SELECT count(*) AS spans, string_agg(s.span_id, ''::bytea) AS ids,
        string_agg(coalesce(s.parent_span_id, '\\x0000000000000000'), ''::bytea) AS parents,
        string_agg(int8send(s.start_ns), ''::bytea) AS starts,
        string_agg(int8send(s.duration_ns), ''::bytea) AS durations,
        string_agg(int2send(s.status), ''::bytea) AS statuses, array_agg(s.name) AS names, array_agg(s.type) AS types,
        (array_agg(s.span_id) FILTER (WHERE s.has_content))[1] AS content
    FROM (SELECT span_id, parent_span_id, start_ns, duration_ns, status, name, type,
            storage_object_id IS NOT NULL AS has_content
        FROM spans WHERE trace_id = %s AND timestamp >= %s AND timestamp <= %s
        ORDER BY start_ns, duration_ns DESC) s
"""
_CALLS = """
    SELECT r.span_id, r.status, r.total_tokens, r.estimated_cost, r.time_to_first_token,
        r.storage_object_id IS NOT NULL AS has_content
    FROM request_metrics r WHERE r.trace_id = %s AND r.timestamp >= %s AND r.timestamp <= %s
"""
_NONE = "0" * 16


@dataclass(frozen=True, slots=True)
class Call:
    """What a model call says of itself in its row; None is unknown. Dollars and seconds."""

    status: str
    total_tokens: int | None
    estimated_cost: float | None
    time_to_first_token_seconds: float | None
    has_content: bool = False


@dataclass(frozen=True, slots=True)
class TraceColumns:
    """The spans of a trace by start, each field a sequence; offsets and durations are nanoseconds.

    `parents` are span ids, None for a root; `calls` are by span id; `content` is the first span with messages.
    """

    row: TraceRow
    ids: Sequence[str]
    parents: Sequence[str | None]
    offsets: Sequence[int]
    durations: Sequence[int]
    names: Sequence[str]
    types: Sequence[str]
    statuses: Sequence[str]
    calls: dict[str, Call] = field(default_factory=dict)
    critical_path: Sequence[str] = ()
    content: str | None = None


def get_trace_columns(database: Database, trace_id: str) -> TraceColumns | None:
    """Return all spans of a trace (hex id), without bodies; None when there is no such trace."""
    key = span_key(trace_id, _NONE)
    row = database.fetch_one(f"SELECT {_COLUMNS} FROM traces t WHERE t.trace_id = %s", [key[0]]) if key else None
    if key is None or row is None:
        return None
    # every span starts within these bounds, so only the days of the trace are read
    bounds = [key[0], _time(row["start_ns"]), _time(row["end_ns"])]
    packed = database.fetch_one(_SPANS, bounds) or {"spans": 0}
    calls = {call["span_id"].hex(): _call(call) for call in database.fetch(_CALLS, bounds)}
    if not packed["spans"]:
        return TraceColumns(_trace_row(row), (), (), (), (), (), (), ())
    return _unpacked(_trace_row(row), row["start_ns"], packed, calls)


def _unpacked(row: TraceRow, origin_ns: int, packed: dict[str, Any], calls: dict[str, Call]) -> TraceColumns:
    count = packed["spans"]
    ids, said = _hex(packed["ids"]), _hex(packed["parents"])
    parents = [None if parent == _NONE else parent for parent in said]
    starts, durations = struct.unpack(f">{count}q", packed["starts"]), struct.unpack(f">{count}q", packed["durations"])
    offsets = [start - origin_ns for start in starts]
    path = critical_path(
        (span, parent, start, start + length)
        for span, parent, start, length in zip(ids, parents, offsets, durations, strict=True)
    )
    statuses = [STATUSES[s] if 0 <= s < len(STATUSES) else STATUSES[0] for s in _shorts(packed["statuses"], count)]
    own = packed["content"].hex() if packed["content"] else None
    content = next((span_id for span_id in ids if span_id == own or _has(calls, span_id)), None)
    return TraceColumns(
        row, ids, parents, offsets, durations, packed["names"], packed["types"], statuses, calls, path, content
    )


def _has(calls: dict[str, Call], span_id: str) -> bool:
    return span_id in calls and calls[span_id].has_content


def _hex(packed: bytes) -> list[str]:
    text = packed.hex()
    return [text[place : place + 16] for place in range(0, len(text), 16)]


def _shorts(packed: bytes, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}h", packed)


def _call(row: dict[str, Any]) -> Call:
    return Call(
        row["status"], row["total_tokens"], row["estimated_cost"], row["time_to_first_token"], row["has_content"]
    )
