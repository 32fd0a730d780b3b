"""Log records and metric points, decoded from OTLP."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["LogRecord", "LoggedPreview", "MetricPoint", "SdkReport"]


@dataclass(slots=True)
class LogRecord:
    """One OTLP log record; `record_id` is a 16-byte digest of it, so a replay changes nothing."""

    record_id: bytes
    timestamp_ns: int
    trace_id: bytes | None
    span_id: bytes | None
    severity: int
    event_name: str | None
    application: str
    environment: str
    body: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    scope_name: str = ""
    storage_object_id: str | None = None


@dataclass(frozen=True, slots=True)
class LoggedPreview:
    """The first words of a call's messages that came as a log event; None: the event has no such message."""

    trace_id: bytes
    span_id: bytes
    timestamp_ns: int
    prompt: str | None
    completion: str | None

    def over(self, earlier: LoggedPreview) -> LoggedPreview:
        """Return both as one; what this one says wins."""
        return replace(self, prompt=self.prompt or earlier.prompt, completion=self.completion or earlier.completion)


@dataclass(slots=True)
class MetricPoint:
    """One OTLP data point; `value` for gauges and sums, `data` for histograms and summaries."""

    point_id: bytes
    timestamp_ns: int
    name: str
    kind: str
    unit: str
    application: str
    environment: str
    attributes: dict[str, Any] = field(default_factory=dict)
    value: float | None = None
    data: dict[str, Any] | None = None
    monotonic: bool = False
    cumulative: bool = True


@dataclass(slots=True)
class SdkReport:
    """What one SDK process says of itself: a cumulative count. `outcome` is created, sent, retried or dropped."""

    instance_id: str
    application: str
    environment: str
    outcome: str
    reason: str
    count: int
    reported_ns: int
