"""What decoding hands to the next stage: records, refusals by name, and the limits that records are checked against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..model import LogRecord, MetricPoint, Refusal, SdkReport, Span

__all__ = ["Bounds", "Decoded", "Limits", "OtlpConfig", "Refused"]

Bounds = Callable[[int], str | None]
"""Says why a time (Unix nanoseconds) cannot be taken, or None."""


@dataclass(frozen=True, slots=True)
class OtlpConfig:
    """Limits of what one record may be. Sizes in bytes."""

    max_record_bytes: int = 8 * 1024 * 1024
    max_events_per_span: int = 10_000

    def __post_init__(self) -> None:
        if self.max_record_bytes < 1024:
            raise ValueError(f"max_record_bytes must be at least 1024, not {self.max_record_bytes}")
        if self.max_events_per_span < 1:
            raise ValueError(f"max_events_per_span must be at least 1, not {self.max_events_per_span}")


@dataclass(frozen=True, slots=True)
class Refused:
    """One record that was not taken: of which application, a fixed word, and what to do about it."""

    application: str
    reason: str
    detail: str


@dataclass(slots=True)
class Decoded:
    """What one batch held. `received` counts every record in it, refused ones too."""

    signal: str
    received: int = 0
    spans: list[Span] = field(default_factory=list)
    log_records: list[LogRecord] = field(default_factory=list)
    metric_points: list[MetricPoint] = field(default_factory=list)
    sdk_reports: dict[bytes, SdkReport] = field(default_factory=dict)  # by point_id
    refused: list[Refused] = field(default_factory=list)

    def refuse(self, application: str, reason: str, detail: str) -> None:
        """Note one record that is not taken."""
        self.refused.append(Refused(application, reason, detail))

    def refusals(self) -> tuple[Refusal, ...]:
        """Return the refused records by reason; the detail is that of the first of each."""
        counts: dict[str, int] = {}
        details: dict[str, str] = {}
        for one in self.refused:
            counts[one.reason] = counts.get(one.reason, 0) + 1
            details.setdefault(one.reason, one.detail)
        return tuple(Refusal(reason, count, details[reason]) for reason, count in counts.items())


@dataclass(frozen=True, slots=True)
class Limits:
    """What a walk checks records against; `large` says that the body is big enough for a record to be over-size."""

    bounds: Bounds
    config: OtlpConfig
    large: bool
    received_ns: int

    def oversize(self, record: Any) -> str | None:
        """Why the record is too big, or None."""
        if self.large and (size := record.ByteSize()) > self.config.max_record_bytes:
            return f"{size} bytes are over the limit of {self.config.max_record_bytes} bytes a record"
        return None

    def too_many(self, events: int, links: int) -> tuple[str, str] | None:
        """By which name a span with so many events and links is refused and why, or None."""
        limit = self.config.max_events_per_span
        if events > limit or links > limit:
            return "too_large", f"{events} events and {links} links are over the limit of {limit} a span"
        return None
