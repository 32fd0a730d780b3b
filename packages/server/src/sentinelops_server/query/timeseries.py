"""Query: metrics over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ..errors import Malformed
from ..storage.postgres.database import Database
from .aggregate import measure, question
from .filters import Filter
from .measures import Metric, metric, metrics_of
from .scope import Scope
from .shapes import Series, Timeseries

__all__ = ["INTERVALS", "MAX_POINTS", "automatic_interval", "timeseries"]

MAX_POINTS = 2000
MAX_SERIES = 20
INTERVALS = (
    1,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    10800,
    21600,
    43200,
    86400,
    172800,
    604800,
    2592000,
)


def automatic_interval(seconds: float) -> int:
    """Return the shortest round interval that cuts `seconds` into at most 120 points."""
    return next((interval for interval in INTERVALS if seconds / interval <= 120), INTERVALS[-1])


def timeseries(
    database: Database,
    scope: Scope,
    metrics: Sequence[str],
    group_by: Sequence[str] = (),
    interval_seconds: int | None = None,
    filter: Filter | None = None,
) -> Timeseries:
    """Return metrics per interval and group.

    The default interval gives at most 120 points, aligned to the clock in UTC.

    `metrics` and `group_by` as in `aggregate`. At most 20 series: those with the largest counts, the rest are left out.
    Raises Malformed (unknown name, more than 2,000 points).
    """
    interval = interval_seconds if interval_seconds is not None else automatic_interval(scope.range.seconds)
    if interval < 1:
        raise Malformed("interval_seconds is below 1")
    if scope.range.seconds / interval > MAX_POINTS:
        raise Malformed(
            f"interval_seconds {interval} gives more than {MAX_POINTS} points: make it longer or the range shorter"
        )
    first = int(scope.range.start.timestamp() // interval)
    last = int(-(-scope.range.end.timestamp() // interval))
    asked, wanted = question(database, scope, group_by, filter, interval), metrics_of(metrics)
    # what is asked of scores alone is ranked by how many have them, so that only those are read
    rank = f"count_score.{wanted[0].score}" if all(item.score for item in wanted) else "count"
    ranked = wanted if any(item.name == rank for item in wanted) else [*wanted, metric(rank)]
    found = measure(database, asked, ranked, float(interval))
    lines: dict[tuple[Any, ...], dict[int, dict[str, Any]]] = {}
    for (*labels, bucket), values in found.items():
        lines.setdefault(tuple(labels), {})[bucket] = values
    if not lines and not asked.dimensions:
        lines[()] = {}
    largest = sorted(lines, key=lambda key: (-sum(values[rank] for values in lines[key].values()), str(key)))
    names = [item.name for item in asked.dimensions]
    return {
        "start": scope.range.start,
        "end": scope.range.end,
        "interval_seconds": interval,
        "timestamps": [datetime.fromtimestamp(bucket * interval, UTC) for bucket in range(first, last)],
        "series": [_line(names, key, lines[key], wanted, range(first, last)) for key in largest[:MAX_SERIES]],
    }


def _line(
    names: Sequence[str],
    labels: tuple[Any, ...],
    points: dict[int, dict[str, Any]],
    metrics: Sequence[Metric],
    buckets: range,
) -> Series:
    values = {
        item.name: [points[bucket][item.name] if bucket in points else item.empty for bucket in buckets]
        for item in metrics
    }
    return {"labels": dict(zip(names, labels, strict=True)), "values": values}
