"""Query: traces, in lists and one by one, and one span in full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from ..analysis.critical_path import critical_path
from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from ..storage.postgres.detail import decode_detail
from .cursors import check_limit, fingerprint, pack, parse_order, unpack
from .filters import Filter
from .rows import KINDS, STATUSES, left_out, span_content, span_key
from .scope import Scope
from .shapes import SpanContent, SpanRow, TraceDetail, TracePage, TraceRow

__all__ = ["TRACE_ORDERS", "find_traces", "get_span_content", "get_trace"]

TRACE_ORDERS = {
    "timestamp": "t.started_at",
    "duration_seconds": "(t.end_ns - t.start_ns)",
    "estimated_cost": "t.estimated_cost",
    "total_tokens": "t.total_tokens",
    "span_count": "t.span_count",
}
_TIE = ("t.started_at", "t.trace_id")
_COLUMNS = (
    "t.trace_id, t.started_at, t.start_ns, t.end_ns, t.root_name, t.root_status, t.application, t.environment,"
    " t.session_id, t.user_id, t.span_count, t.error_count, t.request_count,"
    " t.total_tokens, t.estimated_cost, t.unpriced_count"
)
_EPOCH = datetime(1970, 1, 1)


def find_traces(
    database: Database,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> TracePage:
    """Find a page of traces; `filter` parsed with fields=TRACE_FIELDS. Raises Malformed.

    order: timestamp duration_seconds estimated_cost total_tokens span_count, "-" before it for descending.
    """
    check_limit(limit)
    by = parse_order(order, TRACE_ORDERS, _TIE)
    bound = fingerprint("traces", order, filter)
    position = unpack(cursor, bound, bytes) if cursor else None
    after, more = by.after(position) if position else ("TRUE", [])
    start, end = scope.range.bounds()
    parts = ["t.started_at >= %s", "t.started_at < %s"]
    params: list[Any] = [start, end]
    for column, value in (("application", scope.application), ("environment", scope.environment)):
        if value is not None:
            parts.append(f"t.{column} = %s")
            params.append(value)
    if filter is not None:
        condition, values = filter.sql()
        parts.append(f"({condition})")
        params += values
    sql = (
        f"SELECT {_COLUMNS} FROM traces t WHERE {' AND '.join(parts)} AND {after} ORDER BY {by.sql()} LIMIT {limit + 1}"
    )
    rows = database.fetch(sql, [*params, *more])
    page, next_cursor = rows[:limit], None
    if len(rows) > limit:
        last = page[-1]
        ordered = {"timestamp": None, "duration_seconds": last["end_ns"] - last["start_ns"]}
        value = ordered[by.name] if by.name in ordered else last[by.name]
        next_cursor = pack(bound, [value, last["started_at"], last["trace_id"]])
    return TracePage([_trace_row(row) for row in page], next_cursor)


def _trace_row(row: Mapping[str, Any]) -> TraceRow:
    return {
        "trace_id": row["trace_id"].hex(),
        "timestamp": row["started_at"].replace(tzinfo=UTC),
        "duration_seconds": (row["end_ns"] - row["start_ns"]) / 1e9,
        "name": row["root_name"],
        "status": STATUSES[row["root_status"] or 0],
        "application": row["application"],
        "environment": row["environment"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "span_count": row["span_count"],
        "error_count": row["error_count"],
        "request_count": row["request_count"],
        "total_tokens": row["total_tokens"],
        "estimated_cost": row["estimated_cost"],
        "unpriced_requests": row["unpriced_count"],
    }


def _time(nanoseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


def get_trace(database: Database, trace_id: str, attributes: bool = False) -> TraceDetail | None:
    """Return all spans of a trace (hex id), without bodies; None when there is no such trace."""
    key = span_key(trace_id, "0" * 16)
    row = database.fetch_one(f"SELECT {_COLUMNS} FROM traces t WHERE t.trace_id = %s", [key[0]]) if key else None
    if key is None or row is None:
        return None
    # every span starts within these bounds, so only the days of the trace are read
    bounds = [key[0], _time(row["start_ns"]), _time(row["end_ns"])]
    more = ", s.detail" if attributes else ""
    spans = database.fetch(
        "SELECT s.span_id, s.parent_span_id, s.start_ns, s.duration_ns, s.name, s.kind, s.type, s.status,"
        f" s.status_message, s.application, s.storage_object_id IS NOT NULL AS has_content{more} FROM spans s"
        " WHERE s.trace_id = %s AND s.timestamp >= %s AND s.timestamp <= %s ORDER BY s.start_ns, s.duration_ns DESC",
        bounds,
    )
    requests = database.fetch(
        "SELECT r.span_id, r.storage_object_id IS NOT NULL AS has_content,"
        " r.provider, r.model, r.status AS request_status, r.prompt_tokens, r.completion_tokens,"
        " r.total_tokens, r.estimated_cost, r.time_to_first_token AS time_to_first_token_seconds FROM request_metrics r"
        " WHERE r.trace_id = %s AND r.timestamp >= %s AND r.timestamp <= %s",
        bounds,
    )
    calls = {request.pop("span_id"): request for request in requests}
    shown = [_span_row(span, row["start_ns"], calls.get(span["span_id"])) for span in spans]
    path = critical_path(
        (s["span_id"], s["parent_span_id"], s["offset_ns"], s["offset_ns"] + s["duration_ns"]) for s in shown
    )
    detail = {**_trace_row(row), "start_ns": str(row["start_ns"]), "spans": shown, "critical_path": path}
    return cast(TraceDetail, detail)


def _span_row(span: dict[str, Any], origin_ns: int, request: dict[str, Any] | None) -> SpanRow:
    parent = span["parent_span_id"]
    shown: dict[str, Any] = {
        "span_id": span["span_id"].hex(),
        "parent_span_id": parent.hex() if parent is not None else None,
        "name": span["name"],
        "kind": _named(KINDS, span["kind"]),
        "type": span["type"],
        "status": _named(STATUSES, span["status"]),
        "status_message": span["status_message"],
        "application": span["application"],
        "offset_ns": span["start_ns"] - origin_ns,
        "duration_ns": span["duration_ns"],
        "has_content": span["has_content"],
    }
    if request is not None:
        shown.update(request, has_content=span["has_content"] or request["has_content"])
    if "detail" in span:
        shown["attributes"] = decode_detail(span["detail"]).attributes
    return cast(SpanRow, shown)


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if 0 <= number < len(names) else names[0]


def get_span_content(
    database: Database, payloads: PayloadStore | None, trace_id: str, span_id: str
) -> SpanContent | None:
    """Return one span with attributes, events, links and content; None when there is no such span."""
    key = span_key(trace_id, span_id)
    found = "SELECT * FROM spans LEFT JOIN resources USING (resource_id) WHERE trace_id = %s AND span_id = %s LIMIT 1"
    row = database.fetch_one(found, key) if key else None
    if row is None:
        return None
    request = database.fetch_one(
        "SELECT request_id, storage_object_id FROM request_metrics"
        " WHERE trace_id = %s AND span_id = %s AND timestamp = %s",
        [row["trace_id"], row["span_id"], row["timestamp"]],
    )
    if request:
        row["storage_object_id"] = row["storage_object_id"] or request["storage_object_id"]
    said = decode_detail(row["detail"])
    content, missing = span_content(database, payloads, row)
    parent = row["parent_span_id"]
    return {
        "trace_id": row["trace_id"].hex(),
        "span_id": row["span_id"].hex(),
        "parent_span_id": parent.hex() if parent is not None else None,
        "timestamp": row["timestamp"].replace(tzinfo=UTC),
        "duration_seconds": row["duration_ns"] / 1e9,
        "name": row["name"],
        "kind": _named(KINDS, row["kind"]),
        "type": row["type"],
        "status": _named(STATUSES, row["status"]),
        "status_message": row["status_message"],
        "application": row["application"],
        "environment": row["environment"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "scope": row["scope"],
        "attributes": said.attributes,
        "resource": row["resource"] or {},
        "events": said.events,
        "links": said.links,
        "content": content,
        "content_missing": left_out(missing, said.attributes),
        "request_id": request["request_id"] if request else None,
    }
