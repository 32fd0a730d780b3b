"""Rows to PostgreSQL by binary COPY: what each column holds, and how a span or a request becomes a row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import orjson
import psycopg

from ...model import LLMRequest, LogRecord, MetricPoint, Span
from .detail import encode_detail

__all__ = ["copy_rows", "encode_json", "log_row", "metric_row", "request_row", "span_row", "timestamp"]

EPOCH = datetime(1970, 1, 1)
POSTGRES_EPOCH_US = 946_684_800_000_000  # 2000-01-01, where PostgreSQL's timestamps begin

SPAN_COLUMNS = (
    ("timestamp", "timestamp"), ("start_ns", "int8"), ("duration_ns", "int8"), ("received_at", "timestamp"),
    ("resource_id", "int8"), ("kind", "int2"), ("status", "int2"), ("trace_id", "bytea"), ("span_id", "bytea"),
    ("parent_span_id", "bytea"), ("name", "text"), ("type", "text"), ("status_message", "text"),
    ("application", "text"), ("environment", "text"), ("session_id", "text"), ("user_id", "text"), ("scope", "text"),
    ("detail", "bytea"), ("storage_object_id", "varchar"),
)  # fmt: skip
REQUEST_COLUMNS = (
    ("request_id", "varchar"), ("timestamp", "timestamp"), ("provider", "varchar"), ("model", "varchar"),
    ("application", "varchar"), ("environment", "varchar"), ("inference_time", "float8"), ("success", "bool"),
    ("prompt_tokens", "int4"), ("completion_tokens", "int4"), ("total_tokens", "int4"), ("estimated_cost", "float8"),
    ("memory_used", "float8"), ("error", "text"), ("storage_object_id", "varchar"), ("trace_id", "bytea"),
    ("span_id", "bytea"), ("operation", "text"), ("status", "text"), ("duration", "float8"),
    ("time_to_first_token", "float8"), ("streaming", "bool"), ("response_model", "text"), ("response_id", "text"),
    ("finish_reason", "text"), ("error_type", "text"), ("cache_read_tokens", "int4"), ("cache_write_tokens", "int4"),
    ("reasoning_tokens", "int4"), ("usage_details", "jsonb"), ("cost_details", "jsonb"), ("price_version", "text"),
    ("service_tier", "text"), ("server_address", "text"), ("session_id", "text"), ("user_id", "text"), ("tags",
    "text[]"),
    ("metadata", "jsonb"), ("parameters", "jsonb"), ("prompt_preview", "text"), ("completion_preview", "text"),
    ("duplicate_of", "text"), ("weight", "float8"), ("redactions", "jsonb"),
)  # fmt: skip
LOG_COLUMNS = (
    ("timestamp", "timestamp"), ("record_id", "bytea"), ("trace_id", "bytea"), ("span_id", "bytea"), ("severity",
    "int2"),
    ("event_name", "text"), ("application", "text"), ("environment", "text"), ("body", "jsonb"), ("attributes",
    "jsonb"),
    ("storage_object_id", "varchar"),
)  # fmt: skip
METRIC_COLUMNS = (
    ("timestamp", "timestamp"), ("point_id", "bytea"), ("name", "text"), ("kind", "text"), ("unit", "text"),
    ("application", "text"), ("environment", "text"), ("attributes", "jsonb"), ("value", "float8"), ("data", "jsonb"),
)  # fmt: skip
COLUMNS = {
    "spans": SPAN_COLUMNS,
    "request_metrics": REQUEST_COLUMNS,
    "log_records": LOG_COLUMNS,
    "metric_points": METRIC_COLUMNS,
}


# what a value of these types is given as: rows hold the bytes of binary COPY already, which psycopg writes in C
SENT_AS = {"jsonb": "bytea", "timestamp": "int8"}


def copy_rows(connection: psycopg.Connection[Any], table: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows, each in the order of COLUMNS[table], by one binary COPY."""
    columns = COLUMNS[table]
    names = ", ".join(name for name, _ in columns)
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()) as copy,
    ):
        copy.set_types([SENT_AS.get(kind, kind) for _, kind in columns])
        for row in rows:
            copy.write_row(row)


def timestamp(time_ns: int) -> datetime:
    """Return Unix nanoseconds as the naive UTC datetime that a TIMESTAMP column takes."""
    return EPOCH + timedelta(microseconds=time_ns // 1000)


def _binary_timestamp(time_ns: int) -> int:
    return time_ns // 1000 - POSTGRES_EPOCH_US


def _binary_json(value: Any) -> bytes | None:
    """Return binary jsonb, a version byte and the text; None for an empty value."""
    if not value and value in (None, {}, []):
        return None
    return b"\x01" + _dumps(value)


def span_row(span: Span, received_ns: int, resource_id: int | None) -> tuple[Any, ...]:
    """Return the row of a span."""
    events: list[dict[str, Any]] = []
    links: list[dict[str, Any]] = []
    if span.events:
        events = [{"name": e.name, "time_ns": e.time_ns, "attributes": e.attributes} for e in span.events]
    if span.links:
        links = [
            {"trace_id": k.trace_id.hex(), "span_id": k.span_id.hex(), "attributes": k.attributes} for k in span.links
        ]
    scope = f"{span.scope_name} {span.scope_version}".strip() if span.scope_name else None
    return (
        _binary_timestamp(span.start_ns), span.start_ns, span.end_ns - span.start_ns,
        _binary_timestamp(received_ns), resource_id, span.kind, span.status,
        span.trace_id, span.span_id, span.parent_span_id, span.name, span.type, span.status_message, span.application,
        span.environment, span.session_id, span.user_id, scope, encode_detail(span.attributes, events, links),
        span.storage_object_id,
    )  # fmt: skip


def request_row(request: LLMRequest) -> tuple[Any, ...]:
    """Return the row of a request."""
    cost = None if request.estimated_cost is None else float(request.estimated_cost)
    numbers = request.duration + request.weight + (cost or 0.0) + (request.time_to_first_token or 0.0)
    numbers += (request.inference_time or 0.0) + (request.memory_used or 0.0)
    if numbers - numbers != 0 or request.weight < 0:
        # PostgreSQL takes NaN and infinity, and every sum over them is lost
        raise ValueError("a number of the request is not finite, or its weight is negative")
    return (
        request.request_id, _binary_timestamp(request.timestamp_ns), request.provider, request.model,
        request.application, request.environment, request.inference_time, request.success, request.prompt_tokens,
        request.completion_tokens, request.total_tokens, cost, request.memory_used, request.error,
        request.storage_object_id, request.trace_id, request.span_id, request.operation, request.status,
        request.duration,
        request.time_to_first_token, request.streaming, request.response_model, request.response_id,
        request.finish_reason, request.error_type, request.cache_read_tokens, request.cache_write_tokens,
        request.reasoning_tokens, _binary_json(request.usage_details), _binary_json(request.cost_details),
        request.price_version,
        request.service_tier, request.server_address, request.session_id, request.user_id, request.tags or None,
        _binary_json(request.metadata), _binary_json(request.parameters), request.prompt_preview,
        request.completion_preview,
        request.duplicate_of, request.weight, _binary_json(request.redactions),
    )  # fmt: skip


def log_row(record: LogRecord) -> tuple[Any, ...]:
    """Return the row of a log record."""
    return (
        _binary_timestamp(record.timestamp_ns), record.record_id, record.trace_id, record.span_id, record.severity,
        record.event_name, record.application, record.environment, _binary_json(record.body),
        _binary_json(record.attributes), record.storage_object_id,
    )  # fmt: skip


def metric_row(point: MetricPoint) -> tuple[Any, ...]:
    """Return the row of a metric point."""
    return (
        _binary_timestamp(point.timestamp_ns), point.point_id, point.name, point.kind, point.unit, point.application,
        point.environment, _binary_json(point.attributes), point.value, _binary_json(point.data),
    )  # fmt: skip


def _default(value: Any) -> Any:
    # Decimal in cost_details, bytes in attributes: neither is JSON, both have a plain spelling
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)


def encode_json(value: Any) -> bytes | None:
    """Return the JSON of a value, None for an empty one. Raises TypeError for what JSON cannot hold."""
    return None if value in (None, {}, []) else _dumps(value)


def _dumps(value: Any) -> bytes:
    return orjson.dumps(value, default=_default, option=orjson.OPT_NON_STR_KEYS)
