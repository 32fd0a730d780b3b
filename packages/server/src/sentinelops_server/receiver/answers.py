"""What the doors answer: outcomes as OTLP responses and errors as google.rpc.Status, in one place for HTTP and gRPC."""

from __future__ import annotations

import math
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ..errors import (
    Forbidden,
    Malformed,
    NotFound,
    Overloaded,
    SentinelOpsError,
    Temporary,
    TooLarge,
    Unauthorised,
)
from ..model import Outcome, Signal

__all__ = ["CODES", "code_of", "http_status_of", "response_of", "retry_after_of", "status_of"]

# google.rpc.Code
CODES = {
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "INTERNAL": 13,
    "UNAVAILABLE": 14,
    "UNAUTHENTICATED": 16,
}
# the first that fits: subclasses before their parents
TRANSLATION: tuple[tuple[type[SentinelOpsError], int, str], ...] = (
    (Unauthorised, 401, "UNAUTHENTICATED"),
    (Forbidden, 403, "PERMISSION_DENIED"),
    (NotFound, 404, "NOT_FOUND"),
    (TooLarge, 413, "INVALID_ARGUMENT"),
    (Malformed, 400, "INVALID_ARGUMENT"),
    (Overloaded, 429, "RESOURCE_EXHAUSTED"),
    (Temporary, 503, "UNAVAILABLE"),
    (SentinelOpsError, 400, "INVALID_ARGUMENT"),
)
RESPONSES: dict[Signal, Any] = {
    "spans": ExportTraceServiceResponse,
    "log_records": ExportLogsServiceResponse,
    "metric_points": ExportMetricsServiceResponse,
}
REJECTED: dict[Signal, str] = {
    "spans": "rejected_spans",
    "log_records": "rejected_log_records",
    "metric_points": "rejected_data_points",
}


def http_status_of(error: SentinelOpsError) -> int:
    """Return the HTTP status of an error."""
    return next(status for kind, status, _ in TRANSLATION if isinstance(error, kind))


def code_of(error: SentinelOpsError) -> str:
    """Return the gRPC code of an error, by name."""
    return next(code for kind, _, code in TRANSLATION if isinstance(error, kind))


def retry_after_of(error: SentinelOpsError) -> float | None:
    """Return after how many seconds to try again; None when trying again is no use."""
    return error.retry_after_seconds if isinstance(error, Temporary) else None


def status_of(error: SentinelOpsError) -> Any:
    """Return the error as google.rpc.Status, with RetryInfo where it is worth trying again."""
    status = Status(code=CODES[code_of(error)], message=str(error))
    seconds = retry_after_of(error)
    if seconds is not None:
        info = RetryInfo()
        info.retry_delay.seconds = int(seconds)
        info.retry_delay.nanos = int((seconds - math.floor(seconds)) * 1e9)
        status.details.add().Pack(info)
    return status


def response_of(signal: Signal, outcome: Outcome) -> Any:
    """Return the OTLP response; partial_success is set only when something was refused."""
    response = RESPONSES[signal]()
    if outcome.refused:
        setattr(response.partial_success, REJECTED[signal], outcome.refused)
        response.partial_success.error_message = "; ".join(
            f"{refusal.count} refused ({refusal.reason}): {refusal.detail}" for refusal in outcome.refusals
        )[:2000]
    return response


def as_json(message: Any) -> dict[str, Any]:
    """Return a response or status as OTLP/JSON writes it."""
    result: dict[str, Any] = MessageToDict(message)
    return result
