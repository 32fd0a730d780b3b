"""Deletes what has become too old, whole days at a time, and makes the coming days' partitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from ..storage.postgres.partitions import drop_before, ensure
from ..storage.postgres.rollups import RESOLUTIONS
from ..storage.postgres.scores import settle_scores

__all__ = ["RetentionConfig", "RetentionReport", "run_retention"]

DAY = timedelta(days=1)
ROW_TABLES = ("spans", "request_metrics", "anomalies", "log_records")


@dataclass(frozen=True)
class RetentionConfig:
    """How many days are kept: rows 90 (traces, scores, rollups too), payloads 30, minute rollups and metric points 15.

    `ledger_days` (default 90) is for the ledger and for reports of SDKs that are gone. `batch` rows are deleted in one
    transaction where a table is not partitioned, so that no lock is held for long.
    """

    rows_days: int = 90
    payloads_days: int = 30
    minutes_days: int = 15
    ledger_days: int = 90
    batch: int = 10_000

    def __post_init__(self) -> None:
        for name in ("rows_days", "payloads_days", "minutes_days", "ledger_days", "batch"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if self.payloads_days > self.rows_days:
            raise ValueError(
                f"payloads_days {self.payloads_days} is more than rows_days {self.rows_days}: "
                "a payload is only found through its row, so it cannot be kept longer"
            )


@dataclass
class RetentionReport:
    """What one run did; counts of rows and objects."""

    partitions_made: list[str] = field(default_factory=list)
    partitions_dropped: list[str] = field(default_factory=list)
    traces: int = 0
    scores: int = 0
    scores_settled: int = 0
    resources: int = 0
    rollups: int = 0
    payload_objects: int = 0
    payload_segments: int = 0
    ledger: int = 0
    sdk_reports: int = 0
    web_sessions: int = 0


def run_retention(
    database: Database, payloads: PayloadStore | None, config: RetentionConfig, now: datetime
) -> RetentionReport:
    """Run once, as of `now` (aware UTC). May be stopped at any point and run again. Raises Temporary."""
    today = now.astimezone(UTC).date()
    report = RetentionReport()
    report.partitions_made = ensure(database, [today, today + timedelta(days=1)])
    rows_from, points_from = today - timedelta(days=config.rows_days), today - timedelta(days=config.minutes_days)
    for table in ROW_TABLES:
        report.partitions_dropped += drop_before(database, table, rows_from)
    report.partitions_dropped += drop_before(database, "metric_points", points_from)
    report.traces = _delete(database, config, "traces", "trace_id", "started_at < %s", rows_from)
    report.scores = _delete(database, config, "scores", "score_id", "timestamp < %s", rows_from)
    with database.transaction(statement_timeout_seconds=60) as transaction:
        report.scores_settled = settle_scores(transaction, int(now.timestamp() * 1e9))
    # a span may be a day ahead of the day it arrived on; writers renew what they use daily
    report.resources = _delete(database, config, "resources", "resource_id", "seen < %s", rows_from - 2 * DAY)
    report.rollups = _delete_rollups(database, config, rows_from, points_from)
    _delete_payloads(database, payloads, today - timedelta(days=config.payloads_days), report)
    ledger_from = today - timedelta(days=config.ledger_days)
    report.ledger = database.execute("DELETE FROM ledger WHERE hour < %s", (ledger_from,))
    report.sdk_reports = database.execute("DELETE FROM sdk_reports WHERE reported_at < %s", (ledger_from,))
    naive = now.astimezone(UTC).replace(tzinfo=None)
    report.web_sessions = database.execute("DELETE FROM web_sessions WHERE expires_at < %s", (naive,))
    return report


def _delete_payloads(
    database: Database, payloads: PayloadStore | None, first_kept: date, report: RetentionReport
) -> None:
    # objects first: a row without its object is found by the next run, an object without its row would be as well,
    # since whole days are deleted by name and not by what rows know of
    if payloads is not None:
        report.payload_objects = payloads.delete_before(first_kept)
    report.payload_segments = database.execute("DELETE FROM payload_segments WHERE day < %s", (first_kept,))


def _delete_rollups(database: Database, config: RetentionConfig, rows_from: date, minutes_from: date) -> int:
    deleted = 0
    for resolution in RESOLUTIONS:
        first_kept = max(minutes_from, rows_from) if resolution == 1 else rows_from
        deleted += _delete(
            database, config, "rollups", "ctid", f"resolution = {resolution} AND bucket < %s", first_kept
        )
    return deleted


def _delete(database: Database, config: RetentionConfig, table: str, key: str, condition: str, before: date) -> int:
    """Delete in batches, each a transaction of its own."""
    total = 0
    while True:
        with database.transaction(statement_timeout_seconds=60) as transaction:
            chosen = f"SELECT {key} FROM {table} WHERE {condition} LIMIT {config.batch}"
            count = transaction.execute(f"DELETE FROM {table} WHERE {key} = ANY(ARRAY({chosen}))", (before,))
        total += count
        if count < config.batch:
            return total
