"""Query: metrics over time."""

from __future__ import annotations

from collections.abc import Sequence

from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope
from .shapes import Timeseries

__all__ = ["timeseries"]


def timeseries(
    database: Database,
    scope: Scope,
    metrics: Sequence[str],
    group_by: Sequence[str] = (),
    interval_seconds: int | None = None,
    filter: Filter | None = None,
) -> Timeseries:
    """Metrics per interval and group. The default interval gives at most 120 points, aligned to the clock in UTC.

    `metrics` and `group_by` as in `aggregate`. At most 20 series: the largest by count, each other left out. Raises Malformed
    (unknown name, more than 2,000 points).
    """
    raise NotImplementedError
