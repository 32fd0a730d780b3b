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

from .filters import Filter
from .measures import ROLLED_DIMENSIONS, TOKENS, Dimension
from .scope import Scope

__all__ = ["Question", "measures_source", "quantiles_sql", "scope_condition"]

Sql = tuple[str, list[Any]]
Window = tuple[datetime, datetime]

GROWTH_LN = 0.019802627296179712  # ln 1.02: see rollups in the first migration
_MINUTE, _HOUR, _DAY = (timedelta(minutes=minutes) for minutes in (1, 60, 1440))


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: scope, filter, dimensions, and an interval in seconds counted from the epoch (None: one)."""

    scope: Scope
    filter: Filter | None = None
    dimensions: tuple[Dimension, ...] = ()
    interval_seconds: int | None = None

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


def windows(scope: Scope, interval_seconds: int | None) -> tuple[list[tuple[int, Window]], list[Window]]:
    """Split a range into rollup windows (resolution in minutes, window) and raw edges; together exactly the range."""
    start, end = scope.range.bounds()
    length = end - start
    steps = [_MINUTE]
    if length > timedelta(hours=6):
        steps.append(_HOUR)
    if length > timedelta(days=14):
        steps.append(_DAY)
    if interval_seconds is not None:
        steps = [step for step in steps if interval_seconds % step.total_seconds() == 0]
    rolled: list[tuple[int, Window]] = []
    left = [(start, end)]
    for step in reversed(steps):
        inner, outer = _cut(left, step)
        rolled += [(int(step.total_seconds() // 60), window) for window in inner]
        left = outer
    return rolled, left


def _cut(pieces: list[Window], step: timedelta) -> tuple[list[Window], list[Window]]:
    """Take the largest aligned middle out of each piece; the rest is left."""
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
    epoch = datetime(1970, 1, 1)
    return epoch + (time - epoch) // step * step


def _bucket(column: str, interval_seconds: int | None) -> str:
    if interval_seconds is None:
        return "0::bigint AS t"
    return f"floor(extract(epoch FROM {column}) / {int(interval_seconds)})::bigint AS t"


def _columns(question: Question) -> Sql:
    columns = [f"{dimension.expression} AS d{index}" for index, dimension in enumerate(question.dimensions)]
    return "".join(f"{column}, " for column in columns), [
        param for item in question.dimensions for param in item.params
    ]


_ROLLUP_SUMS = (
    "r.requests AS n, CASE WHEN r.status = 'error' THEN r.requests ELSE 0 END AS errors,"
    " CASE WHEN r.status = 'cancelled' THEN r.requests ELSE 0 END AS cancelled, r.unpriced, r.unknown_usage, "
    + ", ".join(f"r.{name}" for name in TOKENS)
    + ", r.cost::float8 AS cost, r.duration_sum"
)
_ROW_SUMS = (
    "r.weight AS n, CASE WHEN r.status = 'error' THEN r.weight ELSE 0 END AS errors,"
    " CASE WHEN r.status = 'cancelled' THEN r.weight ELSE 0 END AS cancelled,"
    " CASE WHEN r.estimated_cost IS NULL THEN r.weight ELSE 0 END AS unpriced,"
    " CASE WHEN coalesce(r.total_tokens, r.prompt_tokens, r.completion_tokens) IS NULL"
    " THEN r.weight ELSE 0 END AS unknown_usage, "
    + ", ".join(f"coalesce(r.weight * r.{name}, 0) AS {name}" for name in TOKENS)
    + ", coalesce(r.weight * r.estimated_cost, 0) AS cost, r.weight * r.duration AS duration_sum"
)
_ROW_VALUES = (
    ", r.duration AS v_duration, r.time_to_first_token AS v_ttft, r.estimated_cost AS v_estimated_cost, "
    + ", ".join(f"r.{name} AS v_{name}" for name in TOKENS)
)


def measures_source(question: Question, rolled: bool) -> Sql:
    """Return the subquery of measures; not `rolled`, every row is read and single values (v_...) are there too."""
    if not rolled:
        return _rows(question, [question.scope.range.bounds()], _ROW_SUMS + _ROW_VALUES)
    inner, edges = windows(question.scope, question.interval_seconds)
    return _union([_rollups(question, inner, _ROLLUP_SUMS)] if inner else [], _rows(question, edges, _ROW_SUMS))


def _union(pieces: list[Sql], last: Sql) -> Sql:
    pieces = [*pieces, last] if last[0] else pieces
    return " UNION ALL ".join(sql for sql, _ in pieces), [param for _, params in pieces for param in params]


def _rollups(question: Question, inner: list[tuple[int, Window]], columns: str) -> Sql:
    dimensions, params = _columns(question)
    clauses = []
    bounds: list[Any] = []
    for resolution, (low, high) in inner:
        clauses.append(f"(r.resolution = {resolution} AND r.bucket >= %s AND r.bucket < %s)")
        bounds += [low, high]
    condition, values = scope_condition(question.scope, question.filter, duplicates=True)
    sql = (
        f"SELECT {dimensions}{_bucket('r.bucket', question.interval_seconds)}, {columns} FROM rollups r"
        f" WHERE ({' OR '.join(clauses)}) AND {condition}"
    )
    return sql, [*params, *bounds, *values]


def _rows(question: Question, edges: Sequence[Window], columns: str, more: str = "") -> Sql:
    pieces: list[Sql] = []
    dimensions, params = _columns(question)
    condition, values = scope_condition(question.scope, question.filter)
    tags = " CROSS JOIN LATERAL unnest(r.tags) AS u(tag)" if question.needs_tags else ""
    for low, high in edges:
        sql = (
            f"SELECT {dimensions}{_bucket('r.timestamp', question.interval_seconds)}, {columns}"
            f" FROM request_metrics r{tags} WHERE r.timestamp >= %s AND r.timestamp < %s AND {condition}{more}"
        )
        pieces.append((sql, [*params, low, high, *values]))
    return " UNION ALL ".join(sql for sql, _ in pieces), [param for _, piece in pieces for param in piece]


def quantiles_sql(question: Question, sketch: str, quantiles: Sequence[float]) -> Sql:
    """Return rows (d0 ..., t, q0, q1 ..., mean) of one sketched value: weighted quantiles and mean, at most 1% off."""
    value = {"duration": "r.duration", "ttft": "r.time_to_first_token"}[sketch]
    bucket = f"least(greatest(ceil(ln({value}) / {GROWTH_LN}::float8), -32767), 32767)"
    key = f"(CASE WHEN {value} > 0 THEN {bucket} ELSE -32768 END)::smallint AS k, r.weight AS c"
    some = f" AND {value} IS NOT NULL"
    if question.rolled:
        inner, edges = windows(question.scope, question.interval_seconds)
        name = {"duration": "latency", "ttft": "ttft"}[sketch]
        # in the select list the two go in step, at a third of the cost of unnest in FROM
        opened = f"unnest(r.{name}_keys) AS k, unnest(r.{name}_counts) AS c"
        pieces = [_rollups(question, inner, opened)] if inner else []
        source, params = _union(pieces, _rows(question, edges, key, some))
    else:
        source, params = _rows(question, [question.scope.range.bounds()], key, some)
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
