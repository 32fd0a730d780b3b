"""Looks in the stored data for signs of broken instrumentation: what, how often, an example, and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sentinelops_server.storage.postgres.database import Database

__all__ = ["Finding", "examine"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result. state: ok, warning (worth knowing), problem (numbers or traces are wrong by it)."""

    name: str
    state: str
    detail: str
    fix: str = ""
    count: int = 0
    example: str | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    name: str
    what: str
    sql: str
    fix: str
    state: str = "warning"


# Each asks for (count, example) since %(since)s. What is younger than a minute may still be on its way.
_QUESTIONS = (
    _Question(
        "orphan spans",
        "spans whose parent never arrived",
        """
        SELECT count(*) AS count, min(encode(s.trace_id, 'hex')) AS example FROM spans s
        WHERE s.timestamp >= %(since)s AND s.received_at < %(settled)s AND s.parent_span_id IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM spans p WHERE p.trace_id = s.trace_id AND p.span_id = s.parent_span_id)
        """,
        "instrument the service that began the trace, or see whether its exporter drops spans",
    ),
    _Question(
        "streams without usage",
        "streamed calls that report no token counts",
        """
        SELECT count(*) AS count, min(request_id) AS example FROM request_metrics
        WHERE timestamp >= %(since)s AND streaming AND status = 'ok'
          AND prompt_tokens IS NULL AND completion_tokens IS NULL
        """,
        'ask the provider for it: stream_options={"include_usage": True} in the call',
    ),
    _Question(
        "double instrumentation",
        "calls that two instrumentations reported (counted once)",
        """
        SELECT count(*) AS count, min(request_id) AS example FROM request_metrics
        WHERE timestamp >= %(since)s AND duplicate_of IS NOT NULL
        """,
        "leave one instrumentation of that library on: each costs time in every call",
    ),
    _Question(
        "calls counted twice",
        "answers of one provider stored as more than one request",
        """
        SELECT coalesce(sum(n - 1), 0)::bigint AS count, min(example) AS example FROM (
            SELECT count(*) AS n, min(request_id) AS example FROM request_metrics
            WHERE timestamp >= %(since)s AND response_id IS NOT NULL AND duplicate_of IS NULL
              AND total_tokens IS NOT NULL
            GROUP BY provider, response_id HAVING count(*) > 1) twice
        """,
        "leave one instrumentation of that library on; until then tokens and costs of these calls are counted twice",
        "problem",
    ),
    _Question(
        "clock skew",
        "spans that end after they arrived, or begin before their parent did, by more than a second",
        """
        SELECT count(*) AS count, min(encode(s.trace_id, 'hex')) AS example FROM spans s
        LEFT JOIN spans p ON p.trace_id = s.trace_id AND p.span_id = s.parent_span_id
        WHERE s.timestamp >= %(since)s AND (
            s.duration_ns < 0
            OR s.timestamp + make_interval(secs => s.duration_ns / 1e9) > s.received_at + interval '1 second'
            OR s.timestamp < p.timestamp - interval '1 second')
        """,
        "set the clocks of the machines that send (NTP); durations stay right, the order within a trace does not",
    ),
    _Question(
        "unknown prices",
        "answered calls with token counts whose price is unknown",
        """
        SELECT coalesce(sum(n), 0)::bigint AS count,
               string_agg(provider || '/' || model, ', ' ORDER BY n DESC) AS example FROM (
            SELECT provider, model, count(*) AS n FROM request_metrics
            WHERE timestamp >= %(since)s AND status <> 'error' AND estimated_cost IS NULL AND total_tokens IS NOT NULL
              AND duplicate_of IS NULL GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5) unpriced
        """,
        "add a price for the model (docs/guide, prices); its cost is shown as unknown until then, never as 0",
    ),
    _Question(
        "refused records",
        "records that were refused",
        """
        SELECT coalesce(sum(count), 0)::bigint AS count,
               string_agg(DISTINCT application || ': ' || reason, ', ') AS example FROM ledger
        WHERE hour >= date_trunc('hour', %(since)s::timestamp) AND outcome = 'refused'
        """,
        "the sender was told why each time: see its log, and GET /api/v1/ledger by reason",
    ),
    _Question(
        "records lost by the sender",
        "spans that SDKs say they dropped",
        """
        SELECT coalesce(sum(count), 0)::bigint AS count,
               string_agg(DISTINCT application || ': ' || reason, ', ') AS example FROM sdk_reports
        WHERE reported_at >= %(since)s AND outcome = 'dropped'
        """,
        "give the SDK a larger queue or a spool on disk, and see whether it could reach this server",
    ),
)


def examine(database: Database, since: Any, settled: Any) -> Sequence[Finding]:
    """Ask every question of the rows since `since` (UTC, naive); what came after `settled` may be incomplete yet."""
    found = []
    for question in _QUESTIONS:
        row = database.fetch_one(question.sql, {"since": since, "settled": settled}) or {}
        count = int(row.get("count") or 0)
        if not count:
            found.append(Finding(question.name, "ok", f"no {question.what}"))
            continue
        found.append(
            Finding(question.name, question.state, f"{count} {question.what}", question.fix, count, row.get("example"))
        )
    return found
