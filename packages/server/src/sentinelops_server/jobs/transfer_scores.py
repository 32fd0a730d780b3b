"""Part of export: scores, by when they were given."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sentinelops_server.storage.postgres.database import Database

__all__ = ["export_scores"]

_EPOCH = datetime(1970, 1, 1)
_PAGE = 1000
_TAKEN = (
    "score_id AS id, timestamp, name, type, value, label, comment, source, trace_id, span_id, session_id, response_id,"
    " application, environment, user_id, metadata"
)


def export_scores(database: Database, since: datetime | None) -> Iterator[dict[str, Any]]:
    """All scores as `model.Score` has them; they keep their ids, so that an import can be repeated."""
    start = _EPOCH if since is None else since.astimezone(UTC).replace(tzinfo=None)
    after = ""
    while rows := database.fetch(
        f"SELECT {_TAKEN} FROM scores WHERE timestamp >= %s AND score_id > %s ORDER BY score_id LIMIT %s",
        (start, after, _PAGE),
    ):
        for row in rows:
            row["timestamp_ns"] = (row.pop("timestamp") - _EPOCH) // timedelta(microseconds=1) * 1000
            yield row
        after = rows[-1]["id"]
