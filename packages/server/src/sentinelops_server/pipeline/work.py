"""Part of processing: what one batch became on its way to the store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..model import (
    LedgerEntry,
    LLMRequest,
    LoggedPreview,
    LogRecord,
    MetricPoint,
    Payload,
    Score,
    SdkReport,
    Span,
    WriteBatch,
)
from .decoded import Refused

__all__ = ["Item", "Work", "combine"]


@dataclass(slots=True)
class Item:
    """One record with all that belongs to it; `record` is a span, a log record or a metric point."""

    record: Span | LogRecord | MetricPoint
    request: LLMRequest | None = None
    payload: Payload | None = None
    report: SdkReport | None = None
    scores: list[Score] | None = None
    preview: LoggedPreview | None = None


@dataclass(slots=True)
class Work:
    """What is left to store of batch number `batch`, and what was refused of it."""

    batch: int
    signal: str
    received: int
    items: list[Item] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    stored: int = 0

    def ledger(self) -> Iterable[LedgerEntry]:
        """Return the refused records as the store counts them."""
        counts: dict[tuple[str, str], int] = {}
        for one in self.refused:
            key = (one.application, one.reason)
            counts[key] = counts.get(key, 0) + 1
        return [LedgerEntry(name, self.signal, "refused", reason, count) for (name, reason), count in counts.items()]


def combine(parts: Iterable[tuple[Work, list[Item]]], received_ns: int) -> WriteBatch:
    """Make one WriteBatch of items of several batches. Ledger entries are the caller's: they must be written once."""
    batch = WriteBatch(received_ns)
    for work, items in parts:
        target: list[Any] = getattr(batch, work.signal)
        for item in items:
            target.append(item.record)
            if item.request is not None:
                batch.requests.append(item.request)
            if item.payload is not None:
                batch.payloads.append(item.payload)
            if item.report is not None:
                batch.sdk_reports.append(item.report)
            if item.scores:
                batch.scores += item.scores
            if item.preview is not None:
                batch.previews.append(item.preview)
    return batch
