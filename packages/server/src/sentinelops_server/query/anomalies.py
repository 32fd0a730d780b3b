"""Query: what detection has found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict, cast

from ..storage.postgres.database import Database
from .conditions import Field, clean_text
from .cursors import check_limit, fingerprint, pack, parse_order, unpack
from .filters import Filter
from .scope import Scope

__all__ = ["ANOMALY_FIELDS", "Anomaly", "AnomalyPage", "find_anomalies", "get_anomaly"]

ANOMALY_FIELDS = {
    name: Field("text", f"a.{name}")
    for name in ("anomaly_id", "type", "request_id", "provider", "model", "application")
} | {"timestamp": Field("time", "a.timestamp")}
_COLUMNS = "a.id, a.anomaly_id, a.timestamp, a.type, a.request_id, a.provider, a.model, a.application, a.details"


class Anomaly(TypedDict):
    """One finding."""

    anomaly_id: str
    timestamp: datetime
    type: str
    request_id: str
    provider: str
    model: str
    application: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class AnomalyPage:
    """A page of anomalies; `next_cursor` is None at the end."""

    anomalies: list[Anomaly]
    next_cursor: str | None = None


def find_anomalies(
    database: Database,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> AnomalyPage:
    """Find a page of anomalies; `filter` parsed with fields=ANOMALY_FIELDS; order is timestamp or -timestamp.

    Raises Malformed.
    """
    check_limit(limit)
    by = parse_order(order, {"timestamp": "a.timestamp"}, ("a.timestamp", "a.id"))
    bound = fingerprint("anomalies", order, filter)
    after, more = by.after(unpack(cursor, bound)) if cursor else ("TRUE", [])
    condition, params = filter.sql() if filter else ("TRUE", [])
    if scope.application is not None:
        condition, params = f"({condition}) AND a.application = %s", [*params, scope.application]
    rows = database.fetch(
        f"SELECT {_COLUMNS} FROM anomalies a WHERE a.timestamp >= %s AND a.timestamp < %s AND ({condition}) AND {after}"
        f" ORDER BY {by.sql()} LIMIT {limit + 1}",
        [*scope.range.bounds(), *params, *more],
    )
    last = rows[limit - 1] if len(rows) > limit else None
    found = [_shown(row) for row in rows[:limit]]
    return AnomalyPage(found, pack(bound, [None, last["timestamp"], last["id"]]) if last else None)


def get_anomaly(database: Database, anomaly_id: str) -> Anomaly | None:
    """Return one anomaly; None when there is none of that id."""
    row = database.fetch_one(
        f"SELECT {_COLUMNS} FROM anomalies a WHERE a.anomaly_id = %s ORDER BY a.timestamp DESC LIMIT 1",
        [clean_text(anomaly_id, "anomaly_id")],
    )
    return _shown(row) if row else None


def _shown(row: dict[str, Any]) -> Anomaly:
    shown = {name: row[name] for name in Anomaly.__annotations__}
    return cast(Anomaly, shown | {"timestamp": row["timestamp"].replace(tzinfo=UTC), "details": row["details"] or {}})
