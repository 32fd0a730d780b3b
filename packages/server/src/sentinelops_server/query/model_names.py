"""Query: model names in the order in which they were first seen."""

from __future__ import annotations

from ..storage.postgres.database import Database

__all__ = ["models_by_first_seen"]


def models_by_first_seen(database: Database) -> list[str]:
    """Return every model name that is kept, the earliest first (to the hour; by name within one), at most 1,000."""
    rows = database.fetch(
        "SELECT model, min(bucket) AS first_at FROM rollups WHERE resolution = 60"
        " GROUP BY model ORDER BY first_at, model LIMIT 1000"
    )
    return [row["model"] for row in rows]
