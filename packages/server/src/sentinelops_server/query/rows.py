"""Query: the columns of a request as they leave the store, and the content that belongs to a span."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sentinelops import semconv

from ..analysis.messages import content_from_log_records
from ..errors import Permanent
from ..model import LogRecord
from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from .shapes import RequestRow

__all__ = [
    "KINDS", "REQUEST_COLUMNS", "STATUSES", "left_out", "request_row", "span_content", "span_key", "span_payload",
]  # fmt: skip

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
STATUSES = ("unset", "ok", "error")
_PLAIN = [
    "request_id",
    "provider",
    "model",
    "application",
    "environment",
    "operation",
    "status",
    "success",
    "inference_time",
    "streaming",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "estimated_cost",
    "price_version",
    "memory_used",
    "error",
    "error_type",
    "response_model",
    "response_id",
    "finish_reason",
    "service_tier",
    "server_address",
    "session_id",
    "user_id",
    "tags",
    "metadata",
    "prompt_preview",
    "completion_preview",
    "storage_object_id",
    "duplicate_of",
    "weight",
]
REQUEST_COLUMNS = ", ".join(
    [
        *(f"r.{name}" for name in _PLAIN),
        "r.trace_id, r.span_id, r.timestamp, r.id, r.duration AS duration_seconds",
        "r.time_to_first_token AS time_to_first_token_seconds",
    ]
)
_ORDER = tuple(RequestRow.__annotations__)


def request_row(row: Mapping[str, Any]) -> RequestRow:
    """Return a row of REQUEST_COLUMNS in the shape that is shown: ids in hex, times aware, in the documented order."""
    shown = {**row, "trace_id": row["trace_id"].hex(), "span_id": row["span_id"].hex()}
    shown["timestamp"] = row["timestamp"].replace(tzinfo=UTC)
    shown["metadata"], shown["tags"] = row["metadata"] or {}, row["tags"] or []
    return cast(RequestRow, {name: shown[name] for name in _ORDER})


def span_key(trace_id: str, span_id: str) -> tuple[bytes, bytes] | None:
    """Raw ids, or None when these are not 32 and 16 hex digits."""
    try:
        key = bytes.fromhex(trace_id), bytes.fromhex(span_id)
    except ValueError:
        return None
    return key if len(key[0]) == 16 and len(key[1]) == 8 and len(trace_id) == 32 and len(span_id) == 16 else None


def span_payload(payloads: PayloadStore | None, place: str | None) -> tuple[dict[str, Any] | None, str | None]:
    """(content, why it is missing). Missing: "not captured", "gone by retention", or what keeps it from being read."""
    if place is None:
        return None, "not captured"
    if payloads is None:
        return None, "there is no payload store"
    try:
        content = payloads.get(place)
    except Permanent as error:
        return None, str(error)
    return (content, None) if content is not None else (None, "gone by retention")


def left_out(missing: str | None, attributes: Mapping[str, Any]) -> str | None:
    """Return why content is missing; "sampled out" when the SDK says that it did not send it for that reason."""
    said = missing == "not captured" and attributes.get(semconv.SAMPLING_DETAIL) is False
    return "sampled out" if said else missing


def span_content(
    database: Database, payloads: PayloadStore | None, row: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, str | None]:
    """Content of one span: its own payload and the messages in log records.

    `row` has the ids, timestamp, storage_object_id.
    """
    content, missing = span_payload(payloads, row["storage_object_id"])
    logged, gone = _logged(database, payloads, row)
    if logged:
        merged = {**logged, **(content or {})}
        return merged, None
    return content, missing if missing != "not captured" else gone or missing


def _logged(
    database: Database, payloads: PayloadStore | None, row: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    time: datetime = row["timestamp"]
    found = database.fetch(
        "SELECT timestamp, record_id, event_name, severity, application, environment, body, attributes,"
        " storage_object_id FROM log_records WHERE trace_id = %s AND span_id = %s"
        " AND timestamp >= %s AND timestamp < %s"
        " ORDER BY timestamp, record_id LIMIT 1000",
        [row["trace_id"], row["span_id"], time - timedelta(hours=1), time + timedelta(days=1)],
    )
    epoch = datetime(1970, 1, 1)
    whole: dict[str, Any] = {}
    gone: str | None = None
    records = []
    for record in found:
        if record["storage_object_id"] is not None:
            content, missing = span_payload(payloads, record["storage_object_id"])
            whole |= content or {}
            gone = missing or gone
        records.append(
            LogRecord(
                record_id=record["record_id"],
                timestamp_ns=(record["timestamp"] - epoch) // timedelta(microseconds=1) * 1000,
                trace_id=row["trace_id"],
                span_id=row["span_id"],
                severity=record["severity"],
                event_name=record["event_name"],
                application=record["application"],
                environment=record["environment"],
                body=record["body"],
                attributes=record["attributes"] or {},
            )
        )
    return {**content_from_log_records(records), **whole}, gone
