"""The end of the line: one batch, one transaction. What is there already changes nothing and counts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import psycopg
from psycopg import errors as pg

from ...errors import Temporary
from ...model import LedgerEntry, LLMRequest, LogRecord, MetricPoint, Payload, Span, WriteBatch, WriteResult
from ..payloads.segment import Segment
from .clean import clean_batch
from .copy import copy_rows, log_row, metric_row, request_row, span_row, timestamp
from .database import Database, Transaction
from .duplicates import mark_duplicates
from .ledger import add_ledger, add_reports, count_batch
from .partitions import Partitions, days_of, refusal
from .previews import add_previews
from .resources import Resources
from .rollups import add_rollups, roll_up
from .scores import adopt_scores, write_scores
from .traces import add_traces, sum_traces

__all__ = ["Store"]

NEAR_NS = 3_600_000_000_000  # an hour: how far apart two copies of a span may begin
AGAIN = (pg.UniqueViolation, pg.SerializationFailure, pg.DeadlockDetected, pg.CheckViolation, pg.UndefinedTable)
UNSTORABLE = (psycopg.DataError, pg.ProgramLimitExceeded, UnicodeError, TypeError, ValueError, OverflowError)


class SegmentWriter(Protocol):
    """Where payloads go: storage.payloads.PayloadStore."""

    def put(self, payloads: Sequence[Payload]) -> list[Segment]:
        """Write them so that a power cut cannot lose them, and say where each one is."""


@dataclass
class _New:
    """The part of a batch that is not stored yet, in the order of keys: writers wait in a line, never in a circle."""

    spans: list[Span] = field(default_factory=list)
    requests: list[LLMRequest] = field(default_factory=list)
    log_records: list[LogRecord] = field(default_factory=list)
    metric_points: list[MetricPoint] = field(default_factory=list)


class Store:
    """Writes batches. Thread-safe; any number of writers and processes may overlap.

    A span is the same span when its trace id and span id are, if it begins within an hour of the stored one; a sender
    that repeats an id later than that has made a new span. `retention_days` bounds the days for which partitions are
    made.
    """

    def __init__(
        self, database: Database, payloads: SegmentWriter | None = None, retention_days: int = 90, attempts: int = 10
    ) -> None:
        self._database = database
        self._payloads = payloads
        self._retention_days = retention_days
        self._attempts = attempts
        self._partitions = Partitions(database)
        self._resources = Resources(database)

    def write(self, batch: WriteBatch) -> WriteResult:
        """Store the batch whole, or raise Temporary and store nothing. Sets storage_object_id, duplicate_of."""
        segments: list[Segment] = []
        cleaned = False
        for _ in range(self._attempts):
            try:
                return self._write_once(batch, segments)
            except UNSTORABLE:
                if cleaned:
                    raise
                clean_batch(batch)
                cleaned = True
            except AGAIN as error:
                if isinstance(error, (pg.CheckViolation, pg.UndefinedTable)):
                    self._partitions.forget()
            except Temporary as error:
                if not isinstance(error.__cause__, AGAIN):
                    raise
        raise Temporary("other writers were storing the same spans all the time: send the batch again")

    def _write_once(self, batch: WriteBatch, segments: list[Segment]) -> WriteResult:
        batch, refused = self._within_bounds(batch)
        times = [span.start_ns for span in batch.spans]
        times += [record.timestamp_ns for record in batch.log_records]
        times += [point.timestamp_ns for point in batch.metric_points]
        self._partitions.ensure(days_of(times))
        resources = self._resources.ensure(batch.spans, batch.received_ns)
        with self._database.transaction(statement_timeout_seconds=60) as transaction:
            # a day's partition has no statistics at first: looking keys up by scanning it would never end well
            transaction.execute("SET LOCAL enable_seqscan = off")
            new = _find_new(transaction, batch)
            self._put_payloads(transaction, batch, new, segments)
            _copy(transaction, new, batch.received_ns, resources)
            add_traces(transaction, sum_traces(new.spans, new.requests))
            adopt_scores(transaction, new.spans, new.requests)
            if batch.previews:
                add_previews(transaction, batch.previews)
            scored = write_scores(transaction, batch.scores, batch.received_ns) if batch.scores else set()
            # the rows that all writers share come last: they are held for the shortest time
            add_rollups(transaction, roll_up(new.requests))
            result = WriteResult(
                {span.key for span in new.spans},
                {record.record_id for record in new.log_records},
                {point.point_id for point in new.metric_points},
                scored,
            )
            add_ledger(transaction, batch.received_ns, count_batch(batch, result, refused))
            add_reports(transaction, batch.sdk_reports)
        return result

    def _within_bounds(self, batch: WriteBatch) -> tuple[WriteBatch, list[LedgerEntry]]:
        """Leave out what no partition may be made for, counted as refused; the pipeline has told the sender already."""
        refused = list(batch.ledger)

        def keep(records: list[Any], time: str, signal: str) -> list[Any]:
            kept = []
            for record in records:
                reason = refusal(getattr(record, time), batch.received_ns, self._retention_days)
                if reason is None:
                    kept.append(record)
                else:
                    refused.append(LedgerEntry(record.application, signal, "refused", reason, 1))
            return kept

        spans = keep(batch.spans, "start_ns", "spans")
        logs = keep(batch.log_records, "timestamp_ns", "log_records")
        points = keep(batch.metric_points, "timestamp_ns", "metric_points")
        if len(refused) == len(batch.ledger):
            return batch, refused
        return replace(batch, spans=spans, log_records=logs, metric_points=points), refused

    def _put_payloads(self, transaction: Transaction, batch: WriteBatch, new: _New, segments: list[Segment]) -> None:
        """Write the bodies of what is new, note where they are, and set it on their rows."""
        if self._payloads is None or not batch.payloads:
            return
        owners = _owners(new)
        wanted = [payload for payload in batch.payloads if (payload.trace_id, payload.span_id) in owners]
        if wanted and not segments:  # another attempt finds them written: what is new has only become less
            segments += self._payloads.put(wanted)
        requests = {(request.trace_id, request.span_id): request for request in new.requests}
        for segment in segments:
            for key, object_id in segment.places:
                waiting = owners.get(key)
                if waiting:
                    owner: Span | LogRecord | LLMRequest = waiting.pop(0)
                    if type(owner) is Span and key in requests:
                        owner = requests[key]  # one of the two rows is enough
                    owner.storage_object_id = object_id
        _note_segments(transaction, segments)


def _find_new(transaction: Transaction, batch: WriteBatch) -> _New:
    new = _New()
    spans = {
        span.key: span for span in reversed(batch.spans)
    }  # of two with the same key in a batch the first one stays
    if spans:
        traces = sorted({trace_id for trace_id, _ in spans})
        # traces are mostly new, and then nothing of them can be stored: only the known ones are looked into
        known = {
            bytes(row["trace_id"])
            for row in transaction.fetch(
                "SELECT trace_id FROM traces WHERE trace_id = ANY(%b)", (traces,), prepare=False
            )
        }
        times = [span.start_ns for span in spans.values()]
        window = (timestamp(min(times) - NEAR_NS), timestamp(max(times) + NEAR_NS))
        for key in _stored_spans(transaction, [key for key in spans if key[0] in known], window):
            del spans[key]
        new.spans = [spans[key] for key in sorted(spans)]
        requests = {(r.trace_id, r.span_id): r for r in reversed(batch.requests) if (r.trace_id, r.span_id) in spans}
        new.requests = [requests[key] for key in sorted(requests)]
        asked = [r for r in new.requests if r.response_id and r.trace_id in known and r.duplicate_of is None]
        mark_duplicates(new.requests, _stored_responses(transaction, asked, window))
    new.log_records = _unstored(transaction, "log_records", "record_id", batch.log_records)
    new.metric_points = _unstored(transaction, "metric_points", "point_id", batch.metric_points)
    return new


def _stored_spans(
    transaction: Transaction, keys: list[tuple[bytes, bytes]], window: tuple[Any, Any]
) -> list[tuple[bytes, bytes]]:
    if not keys:
        return []
    rows = transaction.fetch(
        "SELECT DISTINCT s.trace_id, s.span_id FROM unnest(%b::bytea[], %b::bytea[]) AS k (trace_id, span_id)"
        " JOIN spans s USING (trace_id, span_id) WHERE s.timestamp BETWEEN %s AND %s",
        ([trace_id for trace_id, _ in keys], [span_id for _, span_id in keys], *window),
        prepare=False,
    )
    return [(bytes(row["trace_id"]), bytes(row["span_id"])) for row in rows]


def _stored_responses(
    transaction: Transaction, asked: list[LLMRequest], window: tuple[Any, Any]
) -> dict[tuple[bytes, str], str]:
    if not asked:
        return {}
    rows = transaction.fetch(
        "SELECT trace_id, response_id, request_id FROM request_metrics"
        " WHERE trace_id = ANY(%b) AND response_id = ANY(%s)"
        " AND duplicate_of IS NULL AND timestamp BETWEEN %s AND %s ORDER BY request_id DESC",
        (sorted({r.trace_id for r in asked}), sorted({str(r.response_id) for r in asked}), *window),
        prepare=False,
    )
    return {(bytes(row["trace_id"]), row["response_id"]): row["request_id"] for row in rows}


def _unstored(transaction: Transaction, table: str, key: str, records: Sequence[Any]) -> list[Any]:
    """Return the log records or points whose digest is not stored; it covers the time, so a replay has the same."""
    new = {getattr(record, key): record for record in reversed(records)}
    if not new:
        return []
    times = [record.timestamp_ns for record in new.values()]
    rows = transaction.fetch(
        f"SELECT {key} AS key FROM {table} WHERE {key} = ANY(%b) AND timestamp BETWEEN %s AND %s",
        (sorted(new), timestamp(min(times)), timestamp(max(times))),
        prepare=False,
    )
    for row in rows:
        new.pop(bytes(row["key"]), None)
    return [new[digest] for digest in sorted(new)]


def _copy(transaction: Transaction, new: _New, received_ns: int, resources: dict[int, int | None]) -> None:
    connection = transaction.connection
    if new.spans:
        rows = (span_row(span, received_ns, resources[id(span.resource)]) for span in new.spans)
        copy_rows(connection, "spans", rows)
    if new.requests:
        copy_rows(connection, "request_metrics", (request_row(request) for request in new.requests))
    if new.log_records:
        copy_rows(connection, "log_records", (log_row(record) for record in new.log_records))
    if new.metric_points:
        copy_rows(connection, "metric_points", (metric_row(point) for point in new.metric_points))


def _owners(new: _New) -> dict[tuple[bytes, bytes], list[Span | LogRecord]]:
    """Return the rows that may own a payload, by trace and span id: the span first, then log records in order."""
    owners: dict[tuple[bytes, bytes], list[Span | LogRecord]] = {span.key: [span] for span in new.spans}
    for record in new.log_records:
        owners.setdefault((record.trace_id or b"", record.span_id or b""), []).append(record)
    return owners


def _note_segments(transaction: Transaction, segments: list[Segment]) -> None:
    for segment in segments:
        transaction.execute(
            "INSERT INTO payload_segments (object_id, day, first_at, last_at, records, bytes, words)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                segment.object_id, segment.day, timestamp(segment.first_ns), timestamp(segment.last_ns),
                len(segment.places), segment.size_bytes, segment.words,
            ),
        )  # fmt: skip
