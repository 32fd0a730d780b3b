"""Query: metrics by any dimension."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..errors import Malformed
from ..storage.postgres.database import Database
from .cursors import check_limit
from .filters import Filter
from .measures import MAX_DIMENSIONS, Metric, dimension, metrics_of
from .scope import Scope
from .scored import score_alias
from .sketches import quantiles
from .source import Question, measures_source, minutes_kept_from

__all__ = ["aggregate", "measure", "number"]

Group = tuple[Any, ...]


def number(value: Any) -> Any:
    """Return a float that is whole becomes an int: counts are weighted sums, and mostly whole."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def no_text(filter: Filter | None) -> None:
    """Numbers are not counted over full text. Raises Malformed."""
    if filter is not None and filter.text:
        raise Malformed("full text finds requests and cannot narrow numbers: leave it out, or filter on a field")


def question(
    database: Database,
    scope: Scope,
    group_by: Sequence[str],
    filter: Filter | None,
    interval_seconds: int | None = None,
) -> Question:
    """Return the question of those names. Raises Malformed."""
    no_text(filter)
    names = tuple(dict.fromkeys(group_by))
    if len(names) > MAX_DIMENSIONS:
        raise Malformed(f"group_by takes at most {MAX_DIMENSIONS} names")
    asked = Question(scope, filter, tuple(dimension(name) for name in names), interval_seconds)
    return replace(asked, minutes_from=minutes_kept_from(database)) if asked.rolled else asked


def measure(
    database: Database, asked: Question, metrics: Sequence[Metric], seconds: float
) -> dict[Group, dict[str, Any]]:
    """(dimensions ..., bucket) -> metric name -> value, unordered. `seconds` is what request_rate is over."""
    asked = scored(asked, metrics)
    group = [f"d{index}" for index in range(len(asked.dimensions))] + ["t"]
    plain = [metric for metric in metrics if metric.expression is not None]
    rolled = asked.rolled and all(metric.rolled for metric in plain)
    source, params = measures_source(asked, rolled)
    values = ", ".join(f"({_expression(metric, asked, seconds)}) AS m{index}" for index, metric in enumerate(plain))
    columns = ", ".join(group) + (f", {values}" if values else "")
    rows = database.fetch(f"SELECT {columns} FROM ({source}) b GROUP BY {', '.join(group)}", params)
    found: dict[Group, dict[str, Any]] = {}
    for row in rows:
        key = tuple(row[name] for name in group)
        found[key] = {metric.name: number(row[f"m{index}"]) for index, metric in enumerate(plain)}
    for sketch in dict.fromkeys(metric.sketch for metric in metrics if metric.sketch):
        _add_quantiles(database, asked, [metric for metric in metrics if metric.sketch == sketch], found)
    return found


def _expression(metric: Metric, asked: Question, seconds: float) -> str:
    expression = (metric.expression or "").replace("{seconds}", repr(seconds))
    return expression.replace("{score}", score_alias(asked.scores, metric.score))


def scored(asked: Question, metrics: Sequence[Metric]) -> Question:
    """Name the scores that dimensions and metrics use; when nothing else is asked, only what has them is read."""
    named = [item.score for item in asked.dimensions] + [item.score for item in metrics]
    names = [name for name in named if name is not None]
    if not names:
        return asked
    only = all(metric.score is not None for metric in metrics)
    return replace(asked, scores=tuple(dict.fromkeys(names)), only_scored=only)


def _add_quantiles(
    database: Database, asked: Question, metrics: Sequence[Metric], found: dict[Group, dict[str, Any]]
) -> None:
    wanted = [metric.quantile or 0.0 for metric in metrics]
    sketch = str(metrics[0].sketch)
    answers = quantiles(database, asked, [sketch], wanted)[sketch]
    nothing: list[float | None] = [None] * len(metrics)
    for group, values in found.items():
        known = answers[group][0] if group in answers else nothing
        values.update(zip((metric.name for metric in metrics), known, strict=True))


def aggregate(
    database: Database,
    scope: Scope,
    group_by: Sequence[str],
    metrics: Sequence[str],
    filter: Filter | None = None,
    order_by: str | None = None,
    limit: int = 100,
) -> list[dict[str, Any]]:
    """Return one dict per group: its dimensions and its metrics, by name. Raises Malformed for unknown names.

    group_by: provider model application environment status success operation error_type finish_reason response_model
    service_tier server_address session_id user_id streaming price_version tags metadata.KEY score.NAME; () gives one
    row.
    metrics: count error_count cancelled_count error_rate request_rate unpriced_requests unknown_usage_requests, then
    sum_ avg_ min_ max_ before prompt_tokens completion_tokens total_tokens cache_read_tokens cache_write_tokens
    reasoning_tokens estimated_cost duration_seconds time_to_first_token_seconds, then p50_ p75_ p90_ p95_ p99_ p99.9_
    before duration_seconds and time_to_first_token_seconds; avg_ min_ max_ count_ before score.NAME (asked for alone,
    groups without that score are left out). estimated_cost means sum_estimated_cost, and so the tokens.
    order_by: a metric or dimension, "-" before it for descending; default "-" and the first metric.
    """
    check_limit(limit, 10_000)
    asked, wanted = question(database, scope, group_by, filter), metrics_of(metrics)
    names = [item.name for item in asked.dimensions]
    order = order_by or f"-{wanted[0].name}"
    key = order.removeprefix("-")
    if key not in names and all(metric.name != key for metric in wanted):
        raise Malformed(f"order_by is {key[:80]!r}: it must be one of the metrics or dimensions that are asked for")
    found = measure(database, asked, wanted, scope.range.seconds)
    if not names and not found:
        found[(0,)] = {metric.name: metric.empty for metric in wanted}
    rows = [dict(zip(names, group, strict=False)) | values for group, values in found.items()]
    rows.sort(key=lambda row: tuple(str(row[name]) for name in names))
    known = [row for row in rows if row[key] is not None]
    known.sort(key=lambda row: row[key], reverse=order.startswith("-"))
    return (known + [row for row in rows if row[key] is None])[:limit]
