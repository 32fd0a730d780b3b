"""The line from OTLP bytes to a commit, for many batches at once: decode, normalise, redact, price, store, meter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import Malformed, Permanent, SentinelOpsError, Temporary
from ..model import LLMRequest, LoggedPreview, LogRecord, OtlpBatch, Outcome, Score, Span, WriteBatch, WriteResult
from .decoded import Bounds, Decoded, OtlpConfig, Refused
from .duplicates import DuplicateMarker
from .logged import LoggedPreviews, preview_of, without_logged_blobs
from .meter import Meter
from .normalise import add_previews, normalise
from .otlp import decode
from .price import Pricer
from .redact import Redactor
from .scores import EVALUATION, redact_scores, score_of_event
from .work import Item, Work, combine

__all__ = ["Answer", "Pipeline", "PipelineConfig"]

Answer = Outcome | SentinelOpsError
"""What became of a batch, or why nothing of it was stored."""

DAY_NS = 86_400_000_000_000
# what a dialect may raise on attributes that nobody foresaw: the span is then kept without being read
UNFORESEEN = (TypeError, ValueError, KeyError, AttributeError, IndexError, OverflowError, RecursionError)


class Sink(Protocol):
    """Where batches are stored: storage.postgres.store.Store."""

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store the batch in one transaction, payloads first; say what was new."""


@dataclass(frozen=True, slots=True)
class PipelineConfig:
    """Which times are taken: by default the 90 days that rows are kept, and a day of clock skew into the future."""

    max_age_days: int = 90
    max_future_seconds: int = 86_400
    otlp: OtlpConfig = field(default_factory=OtlpConfig)

    def __post_init__(self) -> None:
        if self.max_age_days < 1:
            raise ValueError(f"max_age_days must be at least 1, not {self.max_age_days}")
        if self.max_future_seconds < 0:
            raise ValueError(f"max_future_seconds must not be negative, not {self.max_future_seconds}")


class Pipeline:
    """Processes batches. Thread-safe: several groups may be on their way, so that decoding overlaps a commit."""

    def __init__(  # noqa: PLR0913, PLR0917 - the line's stages, and what time it is
        self,
        store: Sink,
        redactor: Redactor,
        pricer: Pricer,
        meter: Meter,
        clock: Callable[[], int] = time.time_ns,
        config: PipelineConfig | None = None,
    ) -> None:
        self._store = store
        self._redactor = redactor
        self._pricer = pricer
        self._meter = meter
        self._clock = clock
        self._config = config or PipelineConfig()
        self._duplicates = DuplicateMarker()
        self._logged = LoggedPreviews()

    def process(self, batches: Sequence[OtlpBatch]) -> list[Answer]:
        """Store all batches in one commit and say what became of each; a bad batch fails no other.

        An answer is an Outcome (committed), Malformed (unreadable), or Temporary (not stored: send it again).
        """
        now = self._clock()
        answers: list[Answer | None] = [None] * len(batches)
        works: list[Work] = []
        bounds = self._bounds(now)
        for number, batch in enumerate(batches):
            try:
                works.append(self._prepare(number, decode(batch, bounds, self._config.otlp)))
            except Malformed as error:
                self._meter.problem("malformed_request")
                answers[number] = error
        self._join_logged(works)
        self._mark_duplicates(works)
        for work, failure in self._store_all(works, now):
            answers[work.batch] = failure or self._outcome(work)
        return [answer or Temporary("the batch was not processed") for answer in answers]

    def _bounds(self, now: int) -> Bounds:
        """Return the check for times that have a partition: neither beyond the retention nor of a wrong clock."""
        # whole days, as partitions are
        earliest = (now // DAY_NS - self._config.max_age_days) * DAY_NS
        latest = now + self._config.max_future_seconds * 1_000_000_000

        def check(time_ns: int) -> str | None:
            if earliest <= time_ns <= latest:
                return None
            if time_ns < earliest:
                return f"it is older than the {self._config.max_age_days} days that are kept"
            return f"it is more than {self._config.max_future_seconds} s in the future: check the sender's clock"

        return check

    def _prepare(self, number: int, decoded: Decoded) -> Work:
        work = Work(number, decoded.signal, decoded.received, refused=decoded.refused)
        if decoded.signal == "spans":
            resources = {id(span.resource): span.resource for span in decoded.spans}
            for resource in resources.values():
                self._clean_labels(resource)
            work.items = self._spans(decoded.spans)
        elif decoded.signal == "log_records":
            work.items = [self._log(record) for record in decoded.log_records]
        else:
            reports = decoded.sdk_reports
            work.items = [Item(point, report=reports.get(point.point_id)) for point in decoded.metric_points]
            for point in decoded.metric_points:
                self._clean_labels(point.attributes)
        return work

    def _clean_labels(self, labels: dict[str, Any]) -> None:
        if labels and not self._redactor.redact_labels(labels):
            self._meter.problem("redaction_failed")

    def _log(self, record: LogRecord) -> Item:
        # the score first: the ids in it are not redacted, as those of spans are not
        score = score_of_event(record) if record.event_name == EVALUATION else None
        without_logged_blobs(record)
        if not self._redactor.redact_log(record):
            self._meter.problem("redaction_failed")
        if record.event_name == EVALUATION and score is None:
            self._meter.problem("score_unreadable")
        return Item(record, scores=self._clean([score]) if score is not None else None, preview=_preview(record))

    def _clean(self, scores: list[Score]) -> list[Score]:
        if not redact_scores(self._redactor, scores):
            self._meter.problem("redaction_failed")
        return scores

    def _spans(self, spans: Iterable[Span]) -> list[Item]:
        """Take all spans through one stage, then the next: a stage's code stays in the cache, which saves a fifth."""
        items = [self._read(span) for span in spans]
        redact, price = self._redactor.redact, self._pricer.price
        for item in items:
            if not redact(item.record, item.request, item.payload):  # type: ignore[arg-type]
                self._meter.problem("redaction_failed")
                item.payload = None
            if item.record.scores:  # type: ignore[union-attr]
                item.scores = self._clean(item.record.scores)  # type: ignore[union-attr]
        calls = [(item.request, item.payload) for item in items if item.request is not None]
        for request, _ in calls:
            price(request)
        for request, payload in calls:
            if payload is not None:
                add_previews(request, payload)
        return items

    def _read(self, span: Span) -> Item:
        try:
            return Item(span, *normalise(span))
        except UNFORESEEN:
            self._meter.problem("dialect_failed")
            return Item(span)

    def _join_logged(self, works: list[Work]) -> None:
        logged = [item.preview for work in works for item in work.items if item.preview is not None]
        if logged:
            self._logged.remember(logged)
        self._logged.fill(item.request for work in works for item in work.items if item.request is not None)

    def _mark_duplicates(self, works: list[Work]) -> None:
        items = [item for work in works if work.signal == "spans" for item in work.items]
        calls = _calls(items)
        if calls:
            self._duplicates.mark(calls, _others(items))

    def _store_all(self, works: list[Work], now: int) -> list[tuple[Work, SentinelOpsError | None]]:
        """Write all in one commit; if the store cannot take the whole, divide until the culprit stands alone."""
        refusing = [work for work in works if work.refused]
        parts = [(work, work.items) for work in works]
        errors: dict[int, SentinelOpsError] = {}
        self._write(parts, refusing, now, errors)
        return [(work, errors.get(work.batch)) for work in works]

    def _write(
        self,
        parts: list[tuple[Work, list[Item]]],
        refusing: list[Work],
        now: int,
        errors: dict[int, SentinelOpsError],
    ) -> None:
        batch = combine(parts, now)
        batch.ledger = [entry for work in refusing for entry in work.ledger()]
        started = time.perf_counter()
        try:
            result = self._store.write(batch)
        except Temporary as error:
            self._meter.problem("store_unavailable")
            for work, _ in parts:
                errors[work.batch] = error
            return
        except (Permanent, ValueError, TypeError, OverflowError) as error:
            self._meter.problem("store_refused")
            self._divide(parts, refusing, now, errors, error)
            return
        self._meter.committed(time.perf_counter() - started, len(result.new_spans) + len(result.new_log_records))
        for work in refusing:
            for entry in work.ledger():
                self._meter.count(entry.signal, "received", entry.count)
                self._meter.count(entry.signal, "refused", entry.count, entry.reason)
        self._count(parts, result)

    def _divide(  # noqa: PLR0913, PLR0917 - the state of a search
        self,
        parts: list[tuple[Work, list[Item]]],
        refusing: list[Work],
        now: int,
        errors: dict[int, SentinelOpsError],
        error: Exception,
    ) -> None:
        if len(parts) > 1:
            middle = len(parts) // 2
            halves = [parts[:middle], parts[middle:]]
        else:
            work, items = parts[0]
            if len(items) <= 1:
                for item in items:
                    detail = f"it cannot be stored: {type(error).__name__}"
                    work.refused.append(Refused(item.record.application, "unstorable", detail))
                if work not in refusing:
                    refusing = [*refusing, work]
                self._write([(work, [])], refusing, now, errors) if items else None
                return
            middle = len(items) // 2
            halves = [[(work, items[:middle])], [(work, items[middle:])]]
        self._write(halves[0], refusing, now, errors)
        self._write(halves[1], [], now, errors)

    def _count(self, parts: list[tuple[Work, list[Item]]], result: WriteResult) -> None:
        """Tell the meter what was new; a record that came twice within the group counts once."""
        new = {"spans": set(result.new_spans), "log_records": set(result.new_log_records)}
        new["metric_points"] = set(result.new_metric_points)
        for work, items in parts:
            left: set[object] = new[work.signal]  # type: ignore[assignment]
            fresh = []
            for item in items:
                key = _key(item)
                if key in left:
                    left.discard(key)
                    fresh.append(item)
            work.stored += len(fresh)
            self._meter.count(work.signal, "received", len(items))
            self._meter.count(work.signal, "stored", len(fresh))
            self._meter.count(work.signal, "duplicate", len(items) - len(fresh))
            if work.signal == "spans":
                calls = _calls(fresh)
                self._meter.observe([request for _, request in calls])
                self._duplicates.remember(calls)
            elif work.signal == "metric_points":
                self._meter.observe_points(item.record for item in fresh)  # type: ignore[misc]

    def _outcome(self, work: Work) -> Outcome:
        decoded = Decoded(work.signal, refused=work.refused)
        duplicate = work.received - len(work.refused) - work.stored
        return Outcome(work.received, work.stored, duplicate, decoded.refusals())


def _preview(record: LogRecord) -> LoggedPreview | None:
    try:
        return preview_of(record)
    except UNFORESEEN:  # a list shows less; the record itself is stored
        return None


def _key(item: Item) -> object:
    record = item.record
    if type(record) is Span:
        return (record.trace_id, record.span_id)
    return getattr(record, "record_id", None) or getattr(record, "point_id", None)


def _calls(items: list[Item]) -> list[tuple[Span, LLMRequest]]:
    return [(item.record, item.request) for item in items if item.request is not None and type(item.record) is Span]


def _others(items: list[Item]) -> list[Span]:
    return [item.record for item in items if item.request is None and type(item.record) is Span]
