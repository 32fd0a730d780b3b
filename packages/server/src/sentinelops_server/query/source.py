"""Query: where numbers are read from: rollups where they can answer, with exact edges out of the rows, else the rows.

A source is a subquery of unaggregated pieces with the same columns whatever the table: the dimensions d0, d1 ..., the
time bucket t (0 without an interval), and either the measures (n, errors, cost ...) or, for quantiles, sketch buckets
(k, c).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..storage.postgres.database import Database
from .filters import Filter
from .measures import ROLLED_DIMENSIONS, TOKENS, Dimension
from .scope import Scope
from .scored import score_alias, score_columns, score_joins

__all__ = [
    "GROWTH_LN", "Question", "Window", "cut", "edge_sketches_sql", "measures_source", "minutes_kept_from",
    "quantiles_sql", "scope_condition", "sketches_sql", "versions_sql", "windows",
]  # fmt: skip

Sql = tuple[str, list[Any]]
Window = tuple[datetime, datetime]

GROWTH_LN = 0.019802627296179712  # ln 1.02: see rollups in the first migration
_MINUTE, _QUARTER, _HOUR, _DAY = (timedelta(minutes=minutes) for minutes in (1, 15, 60, 1440))
_EPOCH = datetime(1970, 1, 1)
_SKETCHED = {"duration": ("latency", "r.duration"), "ttft": ("ttft", "r.time_to_first_token")}  # rollups, rows


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: scope, filter, dimensions, and an interval in seconds counted from the epoch (None: one).

    `scores` are the names of scores that dimensions or metrics use; `only_scored` leaves out requests of traces that
    have none of them.
    """

    scope: Scope
    filter: Filter | None = None
    dimensions: tuple[Dimension, ...] = ()
    interval_seconds: int | None = None
    minutes_from: datetime = datetime.min  # from when there are rollups of minutes
    scores: tuple[str, ...] = ()
    only_scored: bool = False

    @property
    def rolled(self) -> bool:
        """Whether the rollups have the columns that it uses."""
        fields = self.filter.fields if self.filter else frozenset()
        whole_minutes = self.interval_seconds is None or self.interval_seconds % 60 == 0
        return whole_minutes and fields <= ROLLED_DIMENSIONS and all(dimension.rolled for dimension in self.dimensions)

    @property
    def needs_tags(self) -> bool:
        """Whether rows are taken once per tag."""
        return any(dimension.name == "tags" for dimension in self.dimensions)

    def windows(self) -> tuple[list[tuple[int, Window]], list[Window]]:
        """Return where rollups answer and where the rows do: see the function of that name."""
        return windows(self.scope, self.interval_seconds, self.minutes_from)

    def interval_of(self, time: datetime) -> int:
        """Return the interval that a time (naive UTC) falls in, counted from the epoch; 0 when there is only one."""
        return 0 if self.interval_seconds is None else (time - _EPOCH) // timedelta(seconds=self.interval_seconds)

    def narrowing(self) -> tuple[Any, ...]:
        """Return what decides which rows of a moment count and how they are grouped: all but range and interval."""
        filter = (self.filter.condition, repr(self.filter.params)) if self.filter else None
        return (*(item.name for item in self.dimensions), self.scope.application, self.scope.environment, filter)


def scope_condition(scope: Scope, filter: Filter | None, duplicates: bool = False) -> Sql:
    """Return the WHERE of rows (alias r) less the time bounds."""
    parts, params = ([] if duplicates else ["r.duplicate_of IS NULL"]), []
    for column, value in (("application", scope.application), ("environment", scope.environment)):
        if value is not None:
            parts.append(f"r.{column} = %s")
            params.append(value)
    if filter is not None and filter.condition != "TRUE":
        condition, more = filter.sql()
        parts.append(f"({condition})")
        params += more
    return " AND ".join(parts) or "TRUE", params


def windows(
    scope: Scope, interval_seconds: int | None, minutes_from: datetime = datetime.min
) -> tuple[list[tuple[int, Window]], list[Window]]:
    """Split a range into rollup windows (resolution in minutes, window) and raw edges; together exactly the range."""
    start, end = scope.range.bounds()
    length = end - start
    steps = [_MINUTE]
    if length > timedelta(hours=1):
        steps.append(_QUARTER)
    if length > timedelta(hours=6):
        steps.append(_HOUR)
    if length > timedelta(days=14):
        steps.append(_DAY)
    if interval_seconds is not None:
        steps = [step for step in steps if interval_seconds % step.total_seconds() == 0]
    rolled: list[tuple[int, Window]] = []
    left = [(start, end)]
    for step in reversed(steps):
        inner, outer = cut(left, step)
        if step == _MINUTE:
            outer += [(low, min(high, minutes_from)) for low, high in inner if low < minutes_from]
            inner = [(max(low, minutes_from), high) for low, high in inner if high > minutes_from]
        rolled += [(int(step.total_seconds() // 60), window) for window in inner]
        left = outer
    return rolled, left


def minutes_kept_from(database: Database) -> datetime:
    """Return the time from which minute rollups are whole: retention takes them away before the coarser ones."""
    row = database.fetch_one(
        "SELECT (SELECT min(bucket) FROM rollups WHERE resolution = 1) AS minute,"
        " (SELECT min(bucket) FROM rollups WHERE resolution = 15) AS quarter"
    ) or {"minute": None, "quarter": None}
    if row["quarter"] is None or (row["minute"] is not None and row["minute"] < row["quarter"] + _QUARTER):
        return datetime.min
    return row["minute"] + _MINUTE if row["minute"] is not None else datetime.max


def cut(pieces: list[Window], step: timedelta) -> tuple[list[Window], list[Window]]:
    """Take the largest aligned middle out of each piece: (the middles, the rest)."""
    inner, outer = [], []
    for start, end in pieces:
        low, high = _floor(start + step - timedelta(microseconds=1), step), _floor(end, step)
        if low >= high:
            outer.append((start, end))
            continue
        inner.append((low, high))
        outer += [window for window in ((start, low), (high, end)) if window[0] < window[1]]
    return inner, outer


def _floor(time: datetime, step: timedelta) -> datetime:
    return _EPOCH + (time - _EPOCH) // step * step


def _bucket(column: str, interval_seconds: int | None) -> str:
    if interval_seconds is None:
        return "0::bigint AS t"
    return f"floor(extract(epoch FROM {column}) / {int(interval_seconds)})::bigint AS t"


def _columns(question: Question) -> Sql:
    columns = [
        f"{item.expression.replace('{score}', score_alias(question.scores, item.score))} AS d{index}"
        for index, item in enumerate(question.dimensions)
    ]
    return "".join(f"{column}, " for column in columns), [
        param for item in question.dimensions for param in item.params
    ]


_ROLLUP_SUMS = (
    "r.requests AS n, CASE WHEN r.status = 'error' THEN r.requests ELSE 0 END AS errors,"
    " CASE WHEN r.status = 'cancelled' THEN r.requests ELSE 0 END AS cancelled, r.unpriced, r.unknown_usage, "
    + ", ".join(f"r.{name}" for name in TOKENS)
    + ", r.cost::float8 AS cost, r.duration_sum, coalesce(r.kept, r.requests) AS kept"
)
_ROW_SUMS = (
    "r.weight AS n, CASE WHEN r.status = 'error' THEN r.weight ELSE 0 END AS errors,"
    " CASE WHEN r.status = 'cancelled' THEN r.weight ELSE 0 END AS cancelled,"
    " CASE WHEN r.estimated_cost IS NULL THEN r.weight ELSE 0 END AS unpriced,"
    " CASE WHEN coalesce(r.total_tokens, r.prompt_tokens, r.completion_tokens) IS NULL"
    " THEN r.weight ELSE 0 END AS unknown_usage, "
    + ", ".join(f"coalesce(r.weight * r.{name}, 0) AS {name}" for name in TOKENS)
    + ", coalesce(r.weight * r.estimated_cost, 0) AS cost, r.weight * r.duration AS duration_sum, 1 AS kept"
)
_ROW_VALUES = (
    ", r.duration AS v_duration, r.time_to_first_token AS v_ttft, r.estimated_cost AS v_estimated_cost, "
    + ", ".join(f"r.{name} AS v_{name}" for name in TOKENS)
)


def measures_source(question: Question, rolled: bool) -> Sql:
    """Return the subquery of measures; not `rolled`, every row is read and single values (v_...) are there too."""
    if not rolled:
        values = _ROW_SUMS + _ROW_VALUES + score_columns(question.scores)
        return _rows(question, [question.scope.range.bounds()], values)
    inner, edges = question.windows()
    return _union([_rollups(question, inner, _ROLLUP_SUMS)] if inner else [], _rows(question, edges, _ROW_SUMS))


def _union(pieces: list[Sql], last: Sql) -> Sql:
    pieces = [*pieces, last] if last[0] else pieces
    return " UNION ALL ".join(sql for sql, _ in pieces), [param for _, params in pieces for param in params]


def _rollups(question: Question, inner: list[tuple[int, Window]], columns: str) -> Sql:
    dimensions, params = _columns(question)
    inside, bounds = _inside(inner)
    condition, values = scope_condition(question.scope, question.filter, duplicates=True)
    sql = (
        f"SELECT {dimensions}{_bucket('r.bucket', question.interval_seconds)}, {columns} FROM rollups r"
        f" WHERE ({inside}) AND {condition}"
    )
    return sql, [*params, *bounds, *values]


def _inside(inner: list[tuple[int, Window]]) -> Sql:
    clause = "(r.resolution = {} AND r.bucket >= %s AND r.bucket < %s)"
    bounds = [bound for _, window in inner for bound in window]
    return " OR ".join(clause.format(resolution) for resolution, _ in inner), bounds


def _rows(question: Question, edges: Sequence[Window], columns: str, more: str = "") -> Sql:
    pieces: list[Sql] = []
    dimensions, params = _columns(question)
    condition, values = scope_condition(question.scope, question.filter)
    joins, named = score_joins(question.scores)
    joins += " CROSS JOIN LATERAL unnest(r.tags) AS u(tag)" if question.needs_tags else ""
    if question.only_scored:
        condition += " AND r.trace_id IN (SELECT x.trace_id FROM scores x WHERE x.name = ANY(%s))"
        values = [*values, list(question.scores)]
    for low, high in edges:
        sql = (
            f"SELECT {dimensions}{_bucket('r.timestamp', question.interval_seconds)}, {columns}"
            f" FROM request_metrics r{joins} WHERE r.timestamp >= %s AND r.timestamp < %s AND {condition}{more}"
        )
        pieces.append((sql, [*params, *named, low, high, *values]))
    return " UNION ALL ".join(sql for sql, _ in pieces), [param for _, piece in pieces for param in piece]


def versions_sql(question: Question, inner: list[tuple[int, Window]]) -> Sql:
    """Return rows (resolution, bucket, n): the requests counted in each bucket of the rollups that are asked about."""
    inside, bounds = _inside(inner)
    condition, values = scope_condition(question.scope, question.filter, duplicates=True)
    sql = (
        f"SELECT r.resolution, r.bucket, sum(r.requests) AS n FROM rollups r WHERE ({inside}) AND {condition}"
        " GROUP BY r.resolution, r.bucket"
    )
    return sql, [*bounds, *values]


def sketches_sql(question: Question, sketch: str, buckets: Sequence[tuple[int, datetime]]) -> Sql:
    """Return rows (resolution, bucket, d0 ..., keys, counts): the merged histograms of those buckets."""
    dimensions, params = _columns(question)
    times: dict[int, list[datetime]] = {}
    for resolution, bucket in buckets:
        times.setdefault(resolution, []).append(bucket)
    chosen = " OR ".join(f"(r.resolution = {resolution} AND r.bucket = ANY(%s::timestamp[]))" for resolution in times)
    condition, values = scope_condition(question.scope, question.filter, duplicates=True)
    name = _SKETCHED[sketch][0]
    group = "resolution, bucket" + "".join(f", d{index}" for index in range(len(question.dimensions)))
    # in the select list the two go in step, at a third of the cost of unnest in FROM
    sql = (
        f"SELECT {group}, array_agg(k ORDER BY k) AS keys, array_agg(c ORDER BY k) AS counts"
        f" FROM (SELECT {group}, k, sum(c) AS c FROM (SELECT {dimensions}r.resolution, r.bucket,"
        f" unnest(r.{name}_keys) AS k, unnest(r.{name}_counts) AS c FROM rollups r WHERE ({chosen}) AND {condition}) b"
        f" GROUP BY {group}, k) s GROUP BY {group}"
    )
    return sql, [*params, *times.values(), *values]


def edge_sketches_sql(question: Question, sketch: str) -> Sql:
    """Return rows (d0 ..., t, k, c): the histograms of the rows at the edges, outside all rollups."""
    source, params = _row_sketches(question, question.windows()[1], sketch)
    group = "".join(f"d{index}, " for index in range(len(question.dimensions))) + "t, k"
    return f"SELECT {group}, sum(c) AS c FROM ({source}) b GROUP BY {group}", params


def _row_sketches(question: Question, pieces: Sequence[Window], sketch: str) -> Sql:
    value = _SKETCHED[sketch][1]
    bucket = f"least(greatest(ceil(ln({value}) / {GROWTH_LN}::float8), -32767), 32767)"
    key = f"(CASE WHEN {value} > 0 THEN {bucket} ELSE -32768 END)::smallint AS k, r.weight AS c"
    return _rows(question, pieces, key, f" AND {value} IS NOT NULL")


def quantiles_sql(question: Question, sketch: str, quantiles: Sequence[float]) -> Sql:
    """Return rows (d0 ..., t, q0, q1 ..., mean) of one value, out of all rows: weighted, at most 1% off."""
    source, params = _row_sketches(question, [question.scope.range.bounds()], sketch)
    names = [f"d{index}" for index in range(len(question.dimensions))]
    names += [] if question.interval_seconds is None else ["t"]
    group = "".join(f"{name}, " for name in names)
    within = f"PARTITION BY {', '.join(names)}" if names else ""
    by_group, bucket = (f" GROUP BY {', '.join(names)}" if names else ""), ("" if "t" in names else "0::bigint AS t, ")
    # the smallest bucket that the q-th part of all lies at or below; the middle of it, as its bounds are g apart
    middle = f"CASE WHEN k = -32768 THEN 0 ELSE exp(k * {GROWTH_LN}::float8) / 1.01::float8 END"
    picks = ", ".join(
        f"min(v) FILTER (WHERE below >= {float(quantile)} * total * (1 - 1e-12)) AS q{index}"
        for index, quantile in enumerate(quantiles)
    )
    sql = (
        f"WITH s AS (SELECT {group}k, sum(c) AS c FROM ({source}) b GROUP BY {group}k),"
        f" w AS (SELECT {group}c, {middle} AS v, sum(c) OVER ({within} ORDER BY k) AS below,"
        f" sum(c) OVER ({within}) AS total FROM s)"
        f" SELECT {group}{bucket}{picks + ', ' if picks else ''}sum(c * v) / nullif(sum(c), 0) AS mean FROM w{by_group}"
    )
    return sql, params
