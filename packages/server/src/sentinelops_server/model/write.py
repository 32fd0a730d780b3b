"""What the pipeline hands to the store in one transaction, and what the store answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from .record import LoggedPreview, LogRecord, MetricPoint, SdkReport
from .request import LLMRequest, Payload
from .score import Score
from .span import Span

__all__ = ["LedgerEntry", "WriteBatch", "WriteResult"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """`count` records of an application and signal with one outcome (received, stored, duplicate, refused, dropped)."""

    application: str
    signal: str
    outcome: str
    reason: str
    count: int


@dataclass(slots=True)
class WriteBatch:
    """All that one commit stores. `requests[i]` belongs to the span with the same (trace_id, span_id).

    The store adds the ledger's received, stored and duplicate entries itself, since only it knows what was new;
    `ledger` holds the refused ones, which are committed with it.
    """

    received_ns: int
    spans: list[Span] = field(default_factory=list)
    requests: list[LLMRequest] = field(default_factory=list)
    payloads: list[Payload] = field(default_factory=list)
    log_records: list[LogRecord] = field(default_factory=list)
    metric_points: list[MetricPoint] = field(default_factory=list)
    sdk_reports: list[SdkReport] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)
    previews: list[LoggedPreview] = field(default_factory=list)
    ledger: list[LedgerEntry] = field(default_factory=list)


@dataclass(slots=True)
class WriteResult:
    """What was new. Keys are (trace_id, span_id) of spans, record_id and point_id of the others.

    `changed_scores` are the ids of scores that were new or say something else than before.
    """

    new_spans: set[tuple[bytes, bytes]] = field(default_factory=set)
    new_log_records: set[bytes] = field(default_factory=set)
    new_metric_points: set[bytes] = field(default_factory=set)
    changed_scores: set[str] = field(default_factory=set)
