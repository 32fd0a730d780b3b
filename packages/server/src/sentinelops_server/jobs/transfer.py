"""Export and import: stored spans out as JSON lines, and back in through the store, which knows what it has.

One line is {"kind": "span", "span": {}, "request": {} or null, "payload": {} or null}, {"kind": "log_record", ...},
{"kind": "score", "score": {}}, {"kind": "price", "price": {}} or {"kind": "view", "view": {}}.
Ids are hex, times Unix nanoseconds, costs strings (decimals), as in the dataclasses of `model`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any, TypeVar

import orjson

from sentinelops_server.errors import Malformed
from sentinelops_server.model import (
    LLMRequest,
    LogRecord,
    Payload,
    Score,
    Span,
    SpanEvent,
    SpanLink,
    WriteBatch,
    check_score,
)
from sentinelops_server.storage.payloads import PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.detail import decode_detail
from sentinelops_server.storage.postgres.store import Store

from .transfer_choices import CHOICES, Choices, export_choices
from .transfer_scores import export_scores

__all__ = ["LineError", "export_lines", "import_lines", "moment"]

PAGE = 1000
SINCE = re.compile(r"^(\d+)([mhdw])$")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
Made = TypeVar("Made")


class LineError(ValueError):
    """A line cannot be read; the message has its number."""


def moment(text: str | None, now: datetime | None = None) -> datetime | None:
    """`7d` (ago) or an ISO date as an aware UTC time. Raises ValueError."""
    if text is None:
        return None
    match = SINCE.match(text)
    if match:
        return (now or datetime.now(UTC)) - timedelta(**{UNITS[match[2]]: int(match[1])})
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def export_lines(database: Database, payloads: PayloadStore | None, since: datetime | None) -> Iterator[bytes]:
    """Spans with request and payload, log records, scores, own prices, saved views. Paged by key: memory stays flat."""
    for span, request in _spans(database, since):
        object_id = span.pop("storage_object_id") or (request or {}).get("storage_object_id")
        content = payloads.get(object_id) if payloads is not None and object_id else None
        if request is not None:
            request.pop("storage_object_id", None)
        yield _dump({"kind": "span", "span": span, "request": request, "payload": content})
    for record in _log_records(database, since):
        object_id = record.pop("storage_object_id")
        content = payloads.get(object_id) if payloads is not None and object_id else None
        yield _dump({"kind": "log_record", "log_record": record, "payload": content})
    for score in export_scores(database, since):
        yield _dump({"kind": "score", "score": score})
    yield from map(_dump, export_choices(database))


def _dump(value: dict[str, Any]) -> bytes:
    def other(item: object) -> object:
        if isinstance(item, bytes | memoryview):
            return bytes(item).hex()
        if isinstance(item, Decimal):
            return str(item)
        if isinstance(item, datetime):
            return item.replace(tzinfo=item.tzinfo or UTC).isoformat()
        raise TypeError(f"{type(item).__name__} cannot be written as JSON")

    return orjson.dumps(value, default=other)


def _days(database: Database, table: str, since: datetime | None) -> Iterator[tuple[datetime, datetime]]:
    ends = database.fetch_one(f"SELECT min(timestamp) AS first, max(timestamp) AS last FROM {table}")
    if ends is None or ends["first"] is None:
        return
    first = ends["first"] if since is None else max(ends["first"], since.astimezone(UTC).replace(tzinfo=None))
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= ends["last"]:
        yield max(day, first), day + timedelta(days=1)
        day += timedelta(days=1)


def _spans(database: Database, since: datetime | None) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    for start, end in _days(database, "spans", since):
        after = (b"", b"")
        while True:
            rows = database.fetch(
                "SELECT * FROM spans LEFT JOIN resources USING (resource_id) WHERE"
                " timestamp >= %s AND timestamp < %s AND (trace_id, span_id) > (%s, %s)"
                " ORDER BY trace_id, span_id LIMIT %s",
                (start, end, *after, PAGE),
            )
            if not rows:
                break
            last = rows[-1]["trace_id"], rows[-1]["span_id"]
            requests = {
                (bytes(row["trace_id"]), bytes(row["span_id"])): row
                for row in database.fetch(
                    "SELECT * FROM request_metrics WHERE timestamp >= %s AND timestamp < %s"
                    " AND trace_id BETWEEN %s AND %s"
                    " AND (trace_id, span_id) > (%s, %s) AND (trace_id, span_id) <= (%s, %s)",
                    (start, end, after[0], last[0], *after, *last),
                )
            }
            for row in rows:
                request = requests.get((bytes(row["trace_id"]), bytes(row["span_id"])))
                yield _span_out(row), _request_out(request, row["start_ns"]) if request else None
            after = last


def _log_records(database: Database, since: datetime | None) -> Iterator[dict[str, Any]]:
    for start, end in _days(database, "log_records", since):
        after = b""
        while rows := database.fetch(
            "SELECT * FROM log_records WHERE timestamp >= %s AND timestamp < %s AND record_id > %s"
            " ORDER BY record_id LIMIT %s",
            (start, end, after, PAGE),
        ):
            for row in rows:
                row["timestamp_ns"] = _nanoseconds(row.pop("timestamp"))
                yield row
            after = rows[-1]["record_id"]


def _nanoseconds(value: datetime) -> int:
    since_epoch = value.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000_000 + since_epoch.microseconds * 1000


def _span_out(row: dict[str, Any]) -> dict[str, Any]:
    scope_name, _, scope_version = (row.pop("scope") or "").rpartition(" ")
    row["end_ns"] = row["start_ns"] + row.pop("duration_ns")
    row["scope_name"], row["scope_version"] = scope_name or scope_version, scope_version if scope_name else ""
    said = decode_detail(row.pop("detail"))
    row["attributes"], row["events"], row["links"] = said.attributes, said.events, said.links
    for name in ("timestamp", "received_at", "resource_id", "seen"):
        row.pop(name)
    return row


def _request_out(row: dict[str, Any], start_ns: int) -> dict[str, Any]:
    known = {each.name for each in fields(LLMRequest)}
    return {**{name: value for name, value in row.items() if name in known}, "timestamp_ns": start_ns}


def import_lines(
    database: Database,
    payloads: PayloadStore,
    lines: Iterable[bytes],
    now_ns: Callable[[], int],
    on_progress: Callable[[int], None] = lambda _: None,
) -> dict[str, int]:
    """Store the lines, a thousand at a time; answers how many were read and how many were new. Raises LineError."""
    store = Store(database, payloads)
    counts = {"spans": 0, "new_spans": 0, "requests": 0, "log_records": 0, "new_log_records": 0}
    counts |= {"scores": 0, "new_scores": 0}
    choices = Choices(database)
    numbered = enumerate(lines, 1)
    while page := list(islice(numbered, PAGE)):
        batches: dict[tuple[str, bool], WriteBatch] = {}
        for number, line in page:
            if line.strip():
                _read(batches, choices, now_ns(), number, line)
        for batch in batches.values():
            result = store.write(batch)
            counts["spans"] += len(batch.spans)
            counts["new_spans"] += len(result.new_spans)
            counts["requests"] += len(batch.requests)
            counts["log_records"] += len(batch.log_records)
            counts["new_log_records"] += len(result.new_log_records)
            counts["scores"] += len(batch.scores)
            counts["new_scores"] += len(result.changed_scores)
        on_progress(len(page))
    return counts | choices.counts


def _read(batches: dict[tuple[str, bool], WriteBatch], choices: Choices, now_ns: int, number: int, line: bytes) -> None:
    """Add a line to the batch of its sort. The store gives a payload to the first row of its ids: sorts do not mix."""
    try:
        item = orjson.loads(line)
        kind, content = item["kind"], item.get("payload")
        if kind in CHOICES:
            choices.take(kind, item[kind])
            return
        batch = batches.setdefault((kind, bool(content)), WriteBatch(received_ns=now_ns))
        if kind == "span":
            span = _span_in(item["span"])
            batch.spans.append(span)
            if item.get("request"):
                batch.requests.append(_request_in(item["request"]))
            key = span.trace_id, span.span_id, span.start_ns
        elif kind == "log_record":
            record = _made(LogRecord, item["log_record"], ("record_id", "trace_id", "span_id"))
            batch.log_records.append(record)
            key = record.trace_id or b"", record.span_id or b"", record.timestamp_ns
        elif kind == "score":
            batch.scores.append(check_score(_made(Score, item["score"], ("trace_id", "span_id"))))
            return
        else:
            raise ValueError(f"there is no kind {kind!r}")
        if content:
            batch.payloads.append(Payload(*key, content=content))
    except (AttributeError, KeyError, TypeError, ValueError, Malformed) as error:
        raise LineError(f"line {number} cannot be read: {type(error).__name__}: {error}") from error


def _made(kind: type[Made], values: Mapping[str, Any], ids: tuple[str, ...]) -> Made:
    """Make a dataclass from the values it knows; None where a field has a default means the default."""
    taken = {}
    for each in fields(kind):  # type: ignore[arg-type]
        if each.name in values:
            required = each.default is MISSING and each.default_factory is MISSING
            if required or values[each.name] is not None:
                taken[each.name] = values[each.name]
    for name in ids:
        taken[name] = bytes.fromhex(values[name]) if values.get(name) else None
    return kind(**taken)


def _span_in(values: dict[str, Any]) -> Span:
    span = _made(Span, values, ("trace_id", "span_id", "parent_span_id"))
    span.events = [SpanEvent(**event) for event in values.get("events") or []]
    span.links = [
        SpanLink(bytes.fromhex(link["trace_id"]), bytes.fromhex(link["span_id"]), link.get("attributes") or {})
        for link in values.get("links") or []
    ]
    return span


def _request_in(values: dict[str, Any]) -> LLMRequest:
    request = _made(LLMRequest, values, ("trace_id", "span_id"))
    if request.estimated_cost is not None:
        request.estimated_cost = Decimal(str(request.estimated_cost))
    return request
