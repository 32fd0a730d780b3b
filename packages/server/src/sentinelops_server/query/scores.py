"""Query: scores in lists, on their spans, traces and sessions, and in sums by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from ..model import Score
from ..storage.postgres.database import Database
from ..storage.postgres.scores import delete_score, write_scores
from .aggregate import number
from .conditions import Field
from .cursors import check_limit, fingerprint, pack, parse_order, unpack
from .filters import Filter
from .rows import span_key
from .scope import Scope
from .score_shapes import ScoreGroup, ScoreName, ScorePage, ScoreRow

__all__ = [
    "SCORE_FIELDS", "add_scores", "find_scores", "marks_of", "remove_score", "score_groups", "score_names",
    "score_series", "scores_of_request", "scores_of_session", "scores_of_trace",
]  # fmt: skip

_TEXTS = "score_id name type label comment source scope session_id response_id application environment user_id"
SCORE_FIELDS: dict[str, Field] = {
    **{name: Field("text", f"s.{name}") for name in _TEXTS.split()},
    "value": Field("number", "s.value"),
    "timestamp": Field("time", "s.timestamp"),
    "trace_id": Field("hex", "s.trace_id"),
    "span_id": Field("hex", "s.span_id"),
    "metadata": Field("json", "s.metadata"),
}
ORDERS = {"timestamp": "s.timestamp", "value": "s.value"}
_TIE = ("s.timestamp", 's.score_id COLLATE "C"')
_MOST = 500  # of one trace or session
_COLUMNS = (
    "s.score_id, s.timestamp, s.name, s.type, s.value, s.label, s.comment, s.source, s.scope, s.trace_id, s.span_id,"
    " s.session_id, s.response_id, s.application, s.environment, s.user_id, s.metadata, s.pending, s.updated_at"
)


def add_scores(database: Database, scores: Sequence[Score], now: datetime) -> set[str]:
    """Store checked scores in one transaction; the ids of those that changed anything. Raises Temporary."""
    now_ns = int(now.timestamp() * 1e9)
    with database.transaction(statement_timeout_seconds=60) as transaction:
        return write_scores(transaction, scores, now_ns)


def remove_score(database: Database, score_id: str) -> bool:
    """Delete one score; whether there was one."""
    with database.transaction() as transaction:
        return delete_score(transaction, score_id)


def _where(scope: Scope, filter: Filter | None) -> tuple[str, list[Any]]:
    parts, params = ["s.timestamp >= %s", "s.timestamp < %s"], list(scope.range.bounds())
    for column, value in (("application", scope.application), ("environment", scope.environment)):
        if value is not None:
            parts.append(f"s.{column} = %s")
            params.append(value)  # type: ignore[arg-type]
    if filter is not None:
        condition, more = filter.sql()
        parts.append(f"({condition})")
        params += more
    return " AND ".join(parts), params


def find_scores(
    database: Database,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> ScorePage:
    """Find a page of scores by when they were given; `filter` parsed with fields=SCORE_FIELDS. Raises Malformed.

    order: timestamp or value (unknown values last), "-" before it for descending.
    """
    check_limit(limit)
    by = parse_order(order, ORDERS, _TIE)
    bound = fingerprint("scores", order, filter)
    after, more = "TRUE", list[Any]()
    if cursor:
        value, time, last = unpack(cursor, bound, bytes)
        after, more = by.after([value, time, last.decode()])
    condition, params = _where(scope, filter)
    rows = database.fetch(
        f"SELECT {_COLUMNS} FROM scores s WHERE {condition} AND {after} ORDER BY {by.sql()} LIMIT {limit + 1}",
        [*params, *more],
    )
    page, next_cursor = rows[:limit], None
    if len(rows) > limit:
        last = page[-1]
        position = [None if by.by_time else last["value"], last["timestamp"], last["score_id"].encode()]
        next_cursor = pack(bound, position)
    return ScorePage([_shown(row) for row in page], next_cursor)


def _shown(row: Mapping[str, Any]) -> ScoreRow:
    trace_id, span_id = row["trace_id"], row["span_id"]
    shown = {
        **row,
        "timestamp": row["timestamp"].replace(tzinfo=UTC),
        "updated_at": row["updated_at"].replace(tzinfo=UTC),
        "value": row["value"],
        "trace_id": trace_id.hex() if trace_id is not None else None,
        "span_id": span_id.hex() if span_id is not None else None,
        "metadata": row["metadata"] or {},
    }
    return cast(ScoreRow, shown)


def scores_of_trace(database: Database, trace_id: str) -> list[ScoreRow]:
    """Return all scores of a trace and of its spans, oldest first (at most 500)."""
    key = span_key(trace_id, "0" * 16)
    if key is None:
        return []
    return _listed(database, "s.trace_id = %s", [key[0]])


def scores_of_session(database: Database, session_id: str) -> list[ScoreRow]:
    """Return the scores of a session itself, oldest first (at most 500)."""
    return _listed(database, "s.session_id = %s AND s.scope = 'session'", [session_id])


def _listed(database: Database, condition: str, params: list[Any]) -> list[ScoreRow]:
    rows = database.fetch(
        f"SELECT {_COLUMNS} FROM scores s WHERE {condition} ORDER BY s.timestamp, s.name, s.score_id LIMIT {_MOST}",
        params,
    )
    return [_shown(row) for row in rows]


def scores_of_request(database: Database, trace_id: str, span_id: str) -> list[ScoreRow]:
    """Return what is said of one request: the scores of its span and those that hold for its whole trace."""
    key = span_key(trace_id, span_id)
    if key is None:
        return []
    return _listed(database, "s.trace_id = %s AND (s.span_id = %s OR s.of_trace)", list(key))


def marks_of(database: Database, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[ScoreRow]]:
    """Return the scores of the requests of a page, by request id."""
    wanted = {row["request_id"]: (bytes.fromhex(row["trace_id"]), row["span_id"]) for row in rows}
    if not wanted:
        return {}
    traces = sorted({trace for trace, _ in wanted.values()})
    found = database.fetch(
        f"SELECT {_COLUMNS}, s.of_trace FROM scores s WHERE s.trace_id = ANY(%b)"
        " ORDER BY s.name, s.timestamp LIMIT 2000",
        [traces],
    )
    marks: dict[str, list[ScoreRow]] = {}
    for request_id, (trace, span_id) in wanted.items() if found else ():
        for row in found:
            if row["trace_id"] == trace and (row["of_trace"] or (row["span_id"] or b"").hex() == span_id):
                marks.setdefault(request_id, []).append(_shown(row))
    return marks


def score_names(database: Database, scope: Scope) -> list[ScoreName]:
    """Return the names of scores given in the scope, commonest first (at most 200), each with its sums."""
    condition, params = _where(scope, None)
    rows = database.fetch(
        "SELECT s.name, count(*) AS count, count(s.value) AS valued, avg(s.value) AS average, min(s.value) AS lowest,"
        " max(s.value) AS highest, count(s.comment) AS comments, bool_and(s.type = 'boolean') AS thumbs,"
        " count(s.label) AS labelled, array_agg(DISTINCT s.source) AS sources,"
        f" count(*) FILTER (WHERE s.pending) AS pending FROM scores s WHERE {condition}"
        " GROUP BY s.name ORDER BY count(*) DESC, s.name LIMIT 200",
        params,
    )
    return cast(list[ScoreName], [{name: number(value) for name, value in row.items()} for row in rows])


_GROUP = (
    "CASE WHEN s.label IS NOT NULL THEN s.label WHEN s.type = 'boolean' THEN CASE WHEN s.value = 1 THEN 'true'"
    " ELSE 'false' END WHEN s.value IS NULL THEN 'comment' ELSE NULL END"
)


def score_groups(database: Database, scope: Scope, name: str) -> list[ScoreGroup]:
    """Return how one score is distributed: labels, thumbs and bare comments, most first, then numbers from low to high.

    Numbers fall in ten steps, five for marks up to 5; empty steps are there too.
    """
    condition, params = _where(scope, None)
    where, values = f"{condition} AND s.name = %s", [*params, name]
    rows = database.fetch(
        f"SELECT {_GROUP} AS label, count(*) AS count, min(s.value) AS low, max(s.value) AS high FROM scores s"
        f" WHERE {where} GROUP BY 1 ORDER BY count(*) DESC, 1",
        values,
    )
    groups: list[ScoreGroup] = [
        {"label": row["label"], "low": None, "high": None, "count": row["count"]} for row in rows if row["label"]
    ]
    for row in rows:
        if row["label"] is None:
            groups += _histogram(database, where, values, _steps(row["low"], row["high"]))
    return groups


def _steps(low: float, high: float) -> tuple[float, float, int]:
    """Bounds a person would choose: tenths up to 1, whole numbers up to 10, else what the values span."""
    if low >= 0 and high <= 1:
        return 0.0, 1.0, 10
    if low >= 0 and high <= 10:
        return (0.0, 5.0, 5) if high <= 5 else (0.0, 10.0, 10)
    return low, high if high > low else low + 1.0, 10


def _histogram(database: Database, where: str, values: list[Any], steps: tuple[float, float, int]) -> list[ScoreGroup]:
    low, high, count = steps
    rows = database.fetch(
        f"SELECT least(width_bucket(s.value, %s, %s, {count}), {count}) AS step, count(*) AS count"
        f" FROM scores s WHERE {where} AND ({_GROUP}) IS NULL GROUP BY 1",
        [low, high, *values],
    )
    counts, width = {row["step"]: row["count"] for row in rows}, (high - low) / count
    return [
        {"label": None, "low": low + width * i, "high": low + width * (i + 1), "count": counts.get(i + 1, 0)}
        for i in range(count)
    ]


def score_series(
    database: Database, scope: Scope, name: str, interval_seconds: int
) -> tuple[list[datetime], list[tuple[int, float | None]]]:
    """Return the starts of the intervals, and for each how often the score was given and its mean (None for none)."""
    condition, params = _where(scope, None)
    rows = database.fetch(
        f"SELECT floor(extract(epoch FROM s.timestamp) / {int(interval_seconds)})::bigint AS t, count(*) AS count,"
        f" avg(s.value) AS average FROM scores s WHERE {condition} AND s.name = %s GROUP BY 1",
        [*params, name],
    )
    found = {row["t"]: (row["count"], row["average"]) for row in rows}
    first = int(scope.range.start.timestamp() // interval_seconds)
    last = int(-(-scope.range.end.timestamp() // interval_seconds))
    times = [datetime.fromtimestamp(bucket * interval_seconds, UTC) for bucket in range(first, last)]
    return times, [found.get(bucket, (0, None)) for bucket in range(first, last)]
