"""Query: sessions (conversations) and the users behind them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

from ..storage.postgres.database import Database
from .aggregate import no_text, number
from .conditions import clean_text
from .cursors import check_limit, fingerprint, pack, unpack
from .filters import Filter
from .rows import REQUEST_COLUMNS, request_row
from .scope import Scope
from .shapes import SessionDetail, SessionPage, SessionRow, UserPage, UserRow
from .source import scope_condition

__all__ = ["find_sessions", "find_users", "get_session", "get_user"]

MAX_REQUESTS = 1000
_NEWEST = (2_000, 30_000, 0)  # rows to look for groups in, one after the other; 0: all
_SUMS = (
    "min(r.timestamp) AS first_at, max(r.timestamp) AS last_at, sum(r.weight) AS count,"
    " coalesce(sum(r.weight) FILTER (WHERE r.status = 'error'), 0) AS error_count,"
    " coalesce(sum(r.weight * r.total_tokens), 0) AS total_tokens, sum(r.weight * r.estimated_cost) AS estimated_cost,"
    " coalesce(sum(r.weight) FILTER (WHERE r.estimated_cost IS NULL), 0) AS unpriced_requests,"
    " bool_or(r.weight <> 1) AS sampled"
)
# the latest value of a column within a group
_LATEST = "(array_agg(r.{0} ORDER BY r.timestamp DESC) FILTER (WHERE r.{0} IS NOT NULL))[1] AS {1}"
_SESSION = ", ".join(
    [
        _LATEST.format("user_id", "user_id"),
        _LATEST.format("application", "application"),
        _LATEST.format("prompt_preview", "last_prompt_preview"),
        f"count(DISTINCT r.trace_id) AS trace_count, {_SUMS}",
    ]
)
_USER = f"count(DISTINCT r.session_id) AS session_count, {_SUMS}"
_ALL = (datetime(1970, 1, 1), datetime(2261, 1, 1))


def find_sessions(
    database: Database, scope: Scope, filter: Filter | None = None, cursor: str | None = None, limit: int = 50
) -> SessionPage:
    """Find a page of sessions, latest activity first; `filter` is on requests. Raises Malformed."""
    rows, next_cursor = _groups(database, scope, filter, ("session_id", _SESSION), (cursor, limit))
    return SessionPage([_shown(row, SessionRow) for row in rows], next_cursor)


def find_users(
    database: Database, scope: Scope, filter: Filter | None = None, cursor: str | None = None, limit: int = 50
) -> UserPage:
    """Find a page of users, latest activity first; `filter` is on requests. Raises Malformed."""
    rows, next_cursor = _groups(database, scope, filter, ("user_id", _USER), (cursor, limit))
    return UserPage([_shown(row, UserRow) for row in rows], next_cursor)


def _groups(
    database: Database, scope: Scope, filter: Filter | None, what: tuple[str, str], page: tuple[str | None, int]
) -> tuple[list[dict[str, Any]], str | None]:
    """Pick the groups by their latest activity first, then sum those of the page alone."""
    (column, columns), (cursor, limit) = what, page
    check_limit(limit)
    no_text(filter)
    bound = fingerprint(column, "-last_at", filter)
    last, time, _ = unpack(cursor, bound) if cursor else (None, None, 0)
    condition, params = scope_condition(scope, filter)
    where = f"r.timestamp >= %s AND r.timestamp < %s AND r.{column} IS NOT NULL AND {condition}"
    values = [*scope.range.bounds(), *params]
    picked = _latest(database, column, (where, values), [time, str(last)] if cursor else [], limit + 1)
    more, picked = len(picked) > limit, picked[:limit]
    if not picked:
        return [], None
    rows = database.fetch(
        f"SELECT r.{column}, {columns} FROM request_metrics r WHERE {where} AND r.{column} = ANY(%s::text[])"
        f" GROUP BY r.{column} ORDER BY max(r.timestamp) DESC, r.{column} DESC",
        [*values, [row["id"] for row in picked]],
    )
    return rows, pack(bound, [picked[-1]["id"], picked[-1]["last_at"], 0]) if more else None


def _latest(
    database: Database, column: str, rows: tuple[str, list[Any]], after: list[Any], limit: int
) -> list[dict[str, Any]]:
    """Groups (id, last_at) by their latest row, newest first, after a position: out of the newest rows if they do."""
    where, values = rows
    chunk = f"SELECT r.{column} AS id, r.timestamp FROM request_metrics r WHERE {where}"
    later = f"EXISTS (SELECT 1 FROM request_metrics r WHERE {where} AND r.{column} = g.id AND r.timestamp > %s)"
    params = list(values)
    if after:
        chunk += " AND r.timestamp <= %s"
        params = [*values, after[0], *after, *values, after[0]]
    following = f"WHERE (g.last_at, g.id) < (%s, %s) AND NOT {later}" if after else ""
    for size in _NEWEST:
        newest = f" ORDER BY r.timestamp DESC LIMIT {size}" if size else ""
        found = database.fetch(
            f"WITH c AS MATERIALIZED ({chunk}{newest}), g AS (SELECT id, max(timestamp) AS last_at FROM c GROUP BY id)"
            " SELECT g.id, g.last_at, (SELECT count(*) FROM c) AS rows, (SELECT min(timestamp) FROM c) AS oldest"
            f" FROM g {following} ORDER BY g.last_at DESC, g.id DESC LIMIT {limit}",
            params,
        )
        # what is as old as the oldest row that was read may have others beside it that were not
        if not size or (found and (found[0]["rows"] < size or (len(found) == limit and _whole(found[-1])))):
            break
    return found


def _whole(row: dict[str, Any]) -> bool:
    return bool(row["last_at"] > row["oldest"])


def _shown(row: dict[str, Any], shape: Any) -> Any:
    shown = {name: number(row[name]) for name in shape.__annotations__}
    for name in ("first_at", "last_at"):
        shown[name] = row[name].replace(tzinfo=UTC)
    return shown


def _one(database: Database, scope: Scope | None, column: str, value: str, columns: str) -> tuple[str, list[Any], Any]:
    """(WHERE, parameters, sums or None) of one session or user."""
    where, params = f"r.{column} = %s AND r.timestamp >= %s AND r.timestamp < %s AND r.duplicate_of IS NULL", []
    params = [clean_text(value, column), *(scope.range.bounds() if scope else _ALL)]
    if scope is not None:
        condition, more = scope_condition(scope, None)
        where, params = f"{where} AND {condition}", [*params, *more]
    row = database.fetch_one(
        f"SELECT r.{column}, {columns} FROM request_metrics r WHERE {where} GROUP BY r.{column}", params
    )
    return where, params, row


def get_session(database: Database, session_id: str, scope: Scope | None = None) -> SessionDetail | None:
    """Return one session with its requests, over its whole life when no scope is given; None when there is none."""
    where, params, row = _one(database, scope, "session_id", session_id, _SESSION)
    if row is None:
        return None
    rows = database.fetch(
        f"SELECT {REQUEST_COLUMNS} FROM request_metrics r WHERE {where}"
        f" ORDER BY r.timestamp, r.id LIMIT {MAX_REQUESTS + 1}",
        params,
    )
    requests = [request_row(item) for item in rows[:MAX_REQUESTS]]
    return cast(SessionDetail, {**_shown(row, SessionRow), "requests": requests, "truncated": len(rows) > MAX_REQUESTS})


def get_user(database: Database, user_id: str, scope: Scope | None = None) -> UserRow | None:
    """Return one user's sums, over all time when no scope is given; None when there is none."""
    row = _one(database, scope, "user_id", user_id, _USER)[2]
    return cast(UserRow, _shown(row, UserRow)) if row is not None else None
