"""Where every record went, counted in the transaction that stored it; and what the SDKs say of themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...model import LedgerEntry, SdkReport, WriteBatch, WriteResult
from .copy import timestamp
from .database import Transaction

__all__ = ["add_ledger", "add_reports", "count_batch"]

HOUR_NS = 3_600_000_000_000
Entry = tuple[str, str, str, str]  # application, signal, outcome, reason

_LEDGER = """
INSERT INTO ledger AS l (hour, application, signal, outcome, reason, count)
SELECT %s, * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[])
ON CONFLICT (hour, application, signal, outcome, reason) DO UPDATE SET count = l.count + excluded.count
"""
# an SDK counts from its start, so a report that overtook a later one changes nothing
_REPORTS = """
INSERT INTO sdk_reports AS s (instance_id, application, environment, outcome, reason, count, reported_at)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::timestamp[])
ON CONFLICT (instance_id, outcome, reason) DO UPDATE SET
  count = greatest(s.count, excluded.count), reported_at = greatest(s.reported_at, excluded.reported_at)
"""


def count_batch(batch: WriteBatch, result: WriteResult, refused: Iterable[LedgerEntry]) -> dict[Entry, int]:
    """Count a batch: received = stored + duplicate + refused + dropped, for each application and signal."""
    counts: dict[Entry, int] = {}

    def add(application: str, signal: str, outcome: str, reason: str = "", count: int = 1) -> None:
        for entry in ((application, signal, "received", ""), (application, signal, outcome, reason)):
            counts[entry] = counts.get(entry, 0) + count

    left = {"spans": set(result.new_spans), "log_records": set(result.new_log_records)}
    left["metric_points"] = set(result.new_metric_points)
    for signal, records in (
        ("spans", [(span.key, span.application) for span in batch.spans]),
        ("log_records", [(record.record_id, record.application) for record in batch.log_records]),
        ("metric_points", [(point.point_id, point.application) for point in batch.metric_points]),
    ):
        new: set[object] = left[signal]  # type: ignore[assignment]
        for key, application in records:
            if key in new:  # the second one of the same key in a batch is a duplicate of the first
                new.discard(key)
                add(application, signal, "stored")
            else:
                add(application, signal, "duplicate")
    for entry in refused:
        add(entry.application, entry.signal, entry.outcome, entry.reason, entry.count)
    return counts


def add_ledger(transaction: Transaction, received_ns: int, counts: Mapping[Entry, int]) -> None:
    """Add counts to the hour they were received in."""
    if not counts:
        return
    rows = [(*entry, count) for entry, count in sorted(counts.items())]
    columns = [list(column) for column in zip(*rows, strict=True)]
    transaction.execute(_LEDGER, [timestamp(received_ns // HOUR_NS * HOUR_NS), *columns])


def add_reports(transaction: Transaction, reports: Iterable[SdkReport]) -> None:
    """Keep the highest count of each SDK process, outcome and reason."""
    highest: dict[tuple[str, str, str], SdkReport] = {}
    for report in reports:
        key = (report.instance_id, report.outcome, report.reason)
        if key not in highest or report.count > highest[key].count:
            highest[key] = report
    if not highest:
        return
    rows = [
        (r.instance_id, r.application, r.environment, r.outcome, r.reason, r.count, timestamp(r.reported_ns))
        for _, r in sorted(highest.items())
    ]
    transaction.execute(_REPORTS, [list(column) for column in zip(*rows, strict=True)])
