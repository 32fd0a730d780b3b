"""Query: the requests themselves, in lists and one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any, cast

from ..analysis.cost import expand_cost
from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from ..storage.postgres.detail import decode_detail
from .cursors import Order, check_limit, fingerprint, pack, parse_order, unpack
from .filters import Filter
from .largest import largest_windows
from .rows import REQUEST_COLUMNS, left_out, request_row, span_content, span_key
from .scope import Scope
from .shapes import RequestDetail, RequestPage
from .source import Window, scope_condition
from .text import TextMatcher

__all__ = ["ORDERS", "find_requests", "get_request"]

ORDERS = {
    "timestamp": "r.timestamp",
    "duration_seconds": "r.duration",
    "estimated_cost": "r.estimated_cost",
    "total_tokens": "r.total_tokens",
    "time_to_first_token_seconds": "r.time_to_first_token",
}
_TIE = ("r.timestamp", "r.id")
TEXT_BUDGET_SECONDS = 3.0
_CHUNK = 500


def find_requests(
    database: Database,
    payloads: PayloadStore | None,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> RequestPage:
    """Find a page of requests. Raises Malformed (cursor of another query, limit outside 1..1000, unknown order).

    order: timestamp duration_seconds estimated_cost total_tokens time_to_first_token_seconds, "-" before it for
    descending (unknown values last). Duplicates are left out unless the filter names duplicate_of. Full text goes
    newest first whatever the order.
    """
    check_limit(limit)
    if filter is not None and filter.text:
        order = "-timestamp"
    by = parse_order(order, ORDERS, _TIE)
    bound = fingerprint("requests", order, filter)
    position = unpack(cursor, bound) if cursor else None
    if filter is not None and filter.text:
        return _search(
            database, TextMatcher(database, payloads, filter.text), scope, filter, (by, bound, position, limit)
        )
    rows = _page(database, scope, filter, by, position, limit + 1)
    page = rows[:limit]
    return RequestPage(
        [request_row(row) for row in page], pack(bound, _position(page[-1], by)) if len(rows) > limit else None
    )


def _page(
    database: Database, scope: Scope, filter: Filter | None, by: Order, position: list[Any] | None, limit: int
) -> list[dict[str, Any]]:
    asked = filter is not None and "duplicate_of" in filter.fields
    condition, params = scope_condition(scope, filter, duplicates=asked)
    after, more = by.after(position) if position else ("TRUE", [])
    start, end = scope.range.bounds()
    if position and by.by_time and by.descending:  # so that the partitions after it are pruned
        end = min(end, position[1] + timedelta(microseconds=1))
    chosen = None if asked else largest_windows(database, scope, filter, by, position, limit)
    if chosen is not None:
        return _page_within(database, chosen, f"{condition} AND {after}", [*params, *more], (by, limit))
    sql = (
        f"SELECT {REQUEST_COLUMNS} FROM request_metrics r WHERE r.timestamp >= %s AND r.timestamp < %s"
        f" AND {condition} AND {after} ORDER BY {by.sql()} LIMIT {int(limit)}"
    )
    return database.fetch(sql, [start, end, *params, *more])


def _page_within(
    database: Database, chosen: list[Window], condition: str, params: list[Any], page: tuple[Order, int]
) -> list[dict[str, Any]]:
    """Look into those windows alone: for the order and key of few rows first, then for the rows of the page."""
    by, limit = page
    keys = database.fetch(
        "SELECT x.* FROM unnest(%s::timestamp[], %s::timestamp[]) AS w (low, high) CROSS JOIN LATERAL"
        f" (SELECT r.id, r.timestamp, {by.expression} AS value FROM request_metrics r WHERE r.timestamp >= w.low"
        f" AND r.timestamp < w.high AND {condition} ORDER BY {by.sql()} LIMIT {int(limit)}) x"
        f" ORDER BY value {'DESC' if by.descending else 'ASC'} NULLS LAST, timestamp DESC, id DESC LIMIT {int(limit)}",
        [[low for low, _ in chosen], [high for _, high in chosen], *params],
    )
    return database.fetch(
        f"SELECT {REQUEST_COLUMNS} FROM unnest(%s::integer[], %s::timestamp[]) AS w (id, timestamp)"
        f" JOIN request_metrics r ON r.id = w.id AND r.timestamp = w.timestamp ORDER BY {by.sql()}",
        [[row["id"] for row in keys], [row["timestamp"] for row in keys]],
    )


def _position(row: dict[str, Any], by: Order) -> list[Any]:
    value = None if by.by_time else row[by.name]
    return [value, row["timestamp"], row["id"]]


def _search(
    database: Database,
    matcher: TextMatcher,
    scope: Scope,
    filter: Filter,
    page: tuple[Order, str, list[Any] | None, int],
) -> RequestPage:
    """Go newest first, in chunks, until the page is full, the range is searched, or the time is up."""
    by, bound, position, limit = page
    deadline = time.monotonic() + TEXT_BUDGET_SECONDS
    found: list[dict[str, Any]] = []
    last: dict[str, Any] | None = None
    for row in _candidates(database, matcher, scope, filter, (by, position)):
        if row is None:  # a chunk is about to be read
            if last is not None and time.monotonic() > deadline:
                break
            continue
        if last is not None and (len(found) == limit or time.monotonic() > deadline):
            break
        last = row
        if matcher.matches(row):
            found.append(row)
    else:
        return RequestPage([request_row(row) for row in found], None, scope.range.start)
    until = last["timestamp"].replace(tzinfo=UTC)
    return RequestPage([request_row(row) for row in found], pack(bound, _position(last, by)), until)


def _candidates(
    database: Database, matcher: TextMatcher, scope: Scope, filter: Filter, at: tuple[Order, list[Any] | None]
) -> Iterator[dict[str, Any] | None]:
    by, position = at
    while True:
        yield None
        rows = _page(database, scope, filter, by, position, _CHUNK)
        matcher.prepare(rows)
        yield from rows
        if len(rows) < _CHUNK:
            return
        position = _position(rows[-1], by)


_DETAIL = ("usage_details", "cost_details", "parameters", "redactions")


def get_request(database: Database, payloads: PayloadStore | None, request_id: str) -> RequestDetail | None:
    """Return one request with content, cost details, span attributes; None when there is no such request."""
    trace_id, _, span_id = request_id.partition("-")
    if span_key(trace_id, span_id) is None:
        return None
    details = ", ".join(f"r.{name}" for name in _DETAIL)
    row = database.fetch_one(
        f"SELECT {REQUEST_COLUMNS}, {details} FROM request_metrics r WHERE r.request_id = %s"
        " ORDER BY r.timestamp LIMIT 1",
        [request_id.lower()],
    )
    if row is None:
        return None
    content, missing = span_content(database, payloads, row)
    span = database.fetch_one(
        "SELECT s.name, s.type, s.parent_span_id, s.detail, x.resource, s.scope FROM spans s"
        " LEFT JOIN resources x USING (resource_id)"
        " WHERE s.trace_id = %s AND s.span_id = %s AND s.timestamp = %s",
        [row["trace_id"], row["span_id"], row["timestamp"]],
    )
    span = span or {}
    said = decode_detail(span.get("detail"))
    parent = span.get("parent_span_id")
    detail: dict[str, Any] = {
        **request_row(row),
        "content": content,
        "content_missing": left_out(missing, said.attributes),
        **{name: row[name] or {} for name in _DETAIL},
        "cost_details": expand_cost(row["cost_details"], row),
        "span_name": span.get("name"),
        "span_type": span.get("type"),
        "parent_span_id": parent.hex() if parent else None,
        "attributes": said.attributes,
        "resource": span.get("resource") or {},
        "events": said.events,
        "scope": span.get("scope"),
    }
    return cast(RequestDetail, detail)
