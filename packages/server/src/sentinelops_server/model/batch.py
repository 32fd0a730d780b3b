"""What a door hands to the pipeline, and what the pipeline answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["OtlpBatch", "Outcome", "Refusal", "Signal"]

Signal = Literal["spans", "log_records", "metric_points"]


@dataclass(frozen=True, slots=True)
class OtlpBatch:
    """The body of one OTLP export request, decompressed; `received_ns` is Unix nanoseconds."""

    signal: Signal
    body: bytes
    encoding: Literal["protobuf", "json"] = "protobuf"
    received_ns: int = 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Records of one batch that were not taken: `reason` is a fixed word, `detail` names the cause and the fix."""

    reason: str
    count: int
    detail: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one OtlpBatch. received = stored + duplicate + refused; all that is stored is committed."""

    received: int
    stored: int
    duplicate: int
    refusals: tuple[Refusal, ...] = field(default=())

    @property
    def refused(self) -> int:
        """How many records were not taken."""
        return sum(refusal.count for refusal in self.refusals)
