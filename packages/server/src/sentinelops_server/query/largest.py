"""Query: where the largest values of a range are; rollups know their largest, so few of them are looked into."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from ..storage.postgres.database import Database
from .cursors import Order
from .filters import Filter
from .measures import ROLLED_DIMENSIONS
from .scope import Scope
from .source import Window, cut, minutes_kept_from, scope_condition

__all__ = ["largest_windows"]

_MAXIMA = {
    "duration_seconds": "max_duration",
    "estimated_cost": "max_cost",
    "total_tokens": "max_tokens",
    "time_to_first_token_seconds": "max_ttft",
}


def largest_windows(
    database: Database, scope: Scope, filter: Filter | None, by: Order, position: list[Any] | None, limit: int
) -> list[Window] | None:
    """Return windows of the range that surely hold the `limit` rows that follow `position` in a descending order.

    None when rollups cannot tell, or when it would be most of the range: then the whole of it must be read.
    """
    rolled = filter is None or filter.fields <= ROLLED_DIMENSIONS
    if by.name not in _MAXIMA or not by.descending or not rolled or (position and position[0] is None):
        return None
    start, end = scope.range.bounds()
    width = timedelta(minutes=_resolution(database, start, end))
    inner, edges = cut([(start, end)], width)
    if not inner:
        return None
    condition, params = scope_condition(scope, filter, duplicates=True)
    most = f"r.{_MAXIMA[by.name]}"
    where = f"r.resolution = %s AND r.bucket >= %s AND r.bucket < %s AND {condition}"
    values = [width // timedelta(minutes=1), *inner[0], *params]
    # a rollup whose largest value is below the position holds at least one row that follows it: with `limit` of those,
    # every row that is wanted is as large as the least of their maxima, and lies in a rollup with a maximum as large
    sql = (
        f"SELECT r.bucket, true AS follows FROM rollups r WHERE {where} AND {most} < %s::float8"
        f" ORDER BY {most} DESC FETCH FIRST {int(limit)} ROWS WITH TIES"
    )
    values = [*values, position[0] if position else math.inf]
    if position:
        sql = f"({sql}) UNION ALL SELECT r.bucket, false FROM rollups r WHERE {where} AND {most} >= %s::float8"
        values += values
    rows = database.fetch(sql, values)
    buckets = sorted({row["bucket"] for row in rows})
    if sum(row["follows"] for row in rows) < limit or len(buckets) * width > (end - start) / 2:
        return None
    return edges + [(bucket, bucket + width) for bucket in buckets]


def _resolution(database: Database, start: datetime, end: datetime) -> int:
    """Return the finest one that is kept for the range and has not too many buckets."""
    if end - start > timedelta(days=60):
        return 60
    fine = end - start <= timedelta(days=3) and minutes_kept_from(database) <= start
    return 1 if fine else 15
