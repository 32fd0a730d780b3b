"""Query: where every record went."""

from __future__ import annotations

from typing import Any

from ..storage.postgres.database import Database
from .scope import Scope
from .shapes import Ledger

__all__ = ["OUTCOMES", "ledger"]

OUTCOMES = ("received", "stored", "duplicate", "refused", "dropped")


def ledger(database: Database, scope: Scope) -> Ledger:
    """Return counts by outcome, reason and application of the hours that touch the scope, and what the SDKs report.

    The scope's environment narrows the SDK reports only: the ledger is kept before an environment may be known.
    """
    start, end = scope.range.bounds()
    rows = database.fetch(
        "SELECT application, signal, outcome, reason, sum(count)::bigint AS count FROM ledger"
        " WHERE hour >= date_trunc('hour', %s::timestamp) AND hour < %s AND (%s::text IS NULL OR application = %s)"
        " GROUP BY application, signal, outcome, reason ORDER BY application, signal, outcome, reason",
        [start, end, scope.application, scope.application],
    )
    applications: dict[str, dict[str, int]] = {}
    signals: dict[str, dict[str, int]] = {}
    reasons: dict[tuple[str, str, str], int] = {}
    total = dict.fromkeys(OUTCOMES, 0)
    for row in rows:
        outcome, count = row["outcome"], row["count"]
        for counts in (
            total,
            applications.setdefault(row["application"], dict.fromkeys(OUTCOMES, 0)),
            signals.setdefault(row["signal"], dict.fromkeys(OUTCOMES, 0)),
        ):
            counts[outcome] = counts.get(outcome, 0) + count
        if outcome in ("refused", "dropped"):
            key = (row["signal"], outcome, row["reason"])
            reasons[key] = reasons.get(key, 0) + count
    found: Any = {
        "start": scope.range.start,
        "end": scope.range.end,
        **total,
        "by_signal": signals,
        "by_reason": [
            {"signal": signal, "outcome": outcome, "reason": reason, "count": count}
            for (signal, outcome, reason), count in sorted(reasons.items(), key=lambda item: -item[1])
        ],
        "by_application": [{"application": name, **counts} for name, counts in applications.items()],
        "sdk": _sdk(database, scope),
    }
    ledger_of: Ledger = found
    return ledger_of


def _sdk(database: Database, scope: Scope) -> list[dict[str, Any]]:
    start, _ = scope.range.bounds()
    return database.fetch(
        "SELECT application, environment, outcome, reason, sum(count)::bigint AS count,"
        " count(DISTINCT instance_id) AS processes, max(reported_at) AT TIME ZONE 'UTC' AS reported_at FROM sdk_reports"
        " WHERE reported_at >= %s AND (%s::text IS NULL OR application = %s) AND (%s::text IS NULL OR environment = %s)"
        " GROUP BY application, environment, outcome, reason ORDER BY application, environment, outcome, reason",
        [start, scope.application, scope.application, scope.environment, scope.environment],
    )
