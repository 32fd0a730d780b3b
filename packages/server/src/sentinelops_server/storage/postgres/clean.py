"""Makes any batch storable: what PostgreSQL can never take is replaced, so that one value cannot stop the others.

Run only after a write has failed on its values: clean batches, nearly all, never pay for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ...model import LLMRequest, LogRecord, MetricPoint, Span, WriteBatch

__all__ = ["clean_batch", "clean_json", "clean_text"]

INT4 = 2**31 - 1
INT8 = 2**63 - 1
VARCHAR = 255
MAX_DEPTH = 100
INDEXED = 1000  # bytes: what stands in a B-tree must stay below a third of a page

_SPAN_TEXTS = ("name", "type", "status_message", "scope_name", "scope_version")
_SPAN_LABELS = ("application", "environment", "session_id", "user_id")
_REQUEST_TEXTS = (
    "error", "response_model", "response_id", "finish_reason", "error_type", "price_version", "service_tier",
    "server_address", "prompt_preview", "completion_preview", "duplicate_of", "operation", "status",
)  # fmt: skip
_REQUEST_LABELS = ("provider", "model", "application", "environment", "session_id", "user_id", "storage_object_id")
_REQUEST_COUNTS = (
    "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens",
)  # fmt: skip
_REQUEST_NUMBERS = ("inference_time", "memory_used", "time_to_first_token")


def clean_text(value: Any, limit: int | None = None) -> str | None:
    """Return text without NUL and lone surrogates, at most `limit` characters long; None stays None."""
    if value is None:
        return None
    text = value if isinstance(value, str) else str(value)
    if "\x00" in text:
        text = text.replace("\x00", "\N{REPLACEMENT CHARACTER}")
    text = text.encode("utf-8", "replace").decode("utf-8")
    return text if limit is None else text[:limit]


def clean_json(value: Any, depth: int = 0) -> Any:
    """Return a value that JSON and jsonb can hold: infinite numbers become text, what is nested too deeply is cut."""
    if depth > MAX_DEPTH:
        return "..."
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int):
        return value if -INT8 - 1 <= value <= INT8 else _big(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, dict):
        return {clean_text(key): clean_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [clean_json(item, depth + 1) for item in value]
    return value.hex() if isinstance(value, (bytes, bytearray)) else clean_text(value)


def _big(value: int) -> str:
    return str(value) if value.bit_length() < 4096 else hex(value)  # str() refuses more than 4300 digits


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _count(value: Any, limit: int = INT4) -> int | None:
    number = _number(value)
    return None if number is None or abs(number) > limit else int(number)


def _clamp(value: Any, limit: int) -> int:
    number = _number(value)
    return 0 if number is None else max(-limit, min(limit, int(value)))


def _texts(item: Any, names: Iterable[str], limit: int | None = None) -> None:
    for name in names:
        setattr(item, name, clean_text(getattr(item, name), limit))


def clean_batch(batch: WriteBatch) -> None:
    """Clean everything in the batch, in place."""
    for span in batch.spans:
        _clean_span(span)
    for request in batch.requests:
        _clean_request(request)
    for record in batch.log_records:
        _clean_log(record)
    for point in batch.metric_points:
        _clean_point(point)
    for report in batch.sdk_reports:
        _texts(report, ("instance_id", "application", "environment", "outcome", "reason"), VARCHAR)
        report.count = _clamp(report.count, INT8)
    for score in batch.scores:
        score.metadata = clean_json(score.metadata)
    for payload in batch.payloads:
        payload.content = clean_json(payload.content)


def _clean_span(span: Span) -> None:
    _texts(span, _SPAN_TEXTS)
    _texts(span, _SPAN_LABELS, VARCHAR)
    span.application = span.application or "unknown"
    span.environment = span.environment or "default"
    span.kind, span.status = _clamp(span.kind, 32767), _clamp(span.status, 32767)
    span.end_ns = max(-INT8, min(INT8, span.end_ns))
    if not -INT8 <= span.end_ns - span.start_ns <= INT8:
        span.end_ns = span.start_ns
    span.attributes = clean_json(span.attributes)
    span.resource = clean_json(span.resource)
    for event in span.events:
        event.name, event.time_ns = clean_text(event.name) or "", _clamp(event.time_ns, INT8)
        event.attributes = clean_json(event.attributes)
    for link in span.links:
        link.attributes = clean_json(link.attributes)


def _clean_request(request: LLMRequest) -> None:
    _texts(request, _REQUEST_TEXTS)
    request.response_id = clean_text(request.response_id, INDEXED)
    _texts(request, _REQUEST_LABELS, VARCHAR)
    for name in _REQUEST_COUNTS:
        setattr(request, name, _count(getattr(request, name)))
    for name in _REQUEST_NUMBERS:
        setattr(request, name, _number(getattr(request, name)))
    request.duration = _number(request.duration) or 0.0
    weight = _number(request.weight)
    request.weight = 1.0 if weight is None or weight < 0 else weight
    cost = request.estimated_cost
    if cost is not None and (not isinstance(cost, Decimal) or not cost.is_finite() or abs(cost.adjusted()) > 30):
        request.estimated_cost = None
    request.tags = [clean_text(tag, VARCHAR) or "" for tag in request.tags]
    for name in ("usage_details", "cost_details", "metadata", "parameters", "redactions"):
        setattr(request, name, clean_json(getattr(request, name)))


def _clean_log(record: LogRecord) -> None:
    _texts(record, ("event_name",))
    _texts(record, ("application", "environment"), VARCHAR)
    record.severity = _clamp(record.severity, 32767)
    record.body = clean_json(record.body)
    record.attributes = clean_json(record.attributes)


def _clean_point(point: MetricPoint) -> None:
    _texts(point, ("name", "kind", "unit"), INDEXED)
    _texts(point, ("application", "environment"), VARCHAR)
    point.value = _number(point.value)
    point.attributes = clean_json(point.attributes)
    point.data = clean_json(point.data)
