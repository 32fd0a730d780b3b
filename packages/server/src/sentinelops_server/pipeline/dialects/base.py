"""What every dialect answers: is this span written in it, and what does the span say, concept by concept."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ...analysis.json_text import parse_json
from ...model import Span

__all__ = [
    "Dialect",
    "Reading",
    "ReportedScore",
    "as_count",
    "as_float",
    "as_text",
    "as_words",
    "iso_after",
    "milliseconds",
]

MAX_COUNT = 2**31 - 1  # INTEGER of the specification


@dataclass(frozen=True, slots=True)
class ReportedScore:
    """One evaluation that a span carries of itself: a number, a label or both, and why."""

    name: str
    value: float | None = None
    label: str | None = None
    comment: str | None = None


@dataclass(slots=True)
class Reading:
    """What a span says, in our words but not yet by our rules. None is unknown.

    `type` is a value of spans.type; `operation` is set when the span is a model call (else None). `usage` has the
    counts by name: input, output, total, cache_read, cache_write, reasoning, and any further one; `units` has what is
    counted in fractions (audio_seconds). Times are seconds.
    `bodies` names the attributes whose content was taken into `content` and leaves the row. `metadata["reported_cost"]`
    is what the sender says the call cost, in dollars: shown, never our cost. `scores` are evaluations on the span.
    """

    type: str | None = None
    operation: str | None = None
    provider: str | None = None
    model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    exclusive_input: bool = False
    time_to_first_token: float | None = None
    inference_time: float | None = None
    memory_used: float | None = None
    streaming: bool = False
    cancelled: bool = False
    error_type: str | None = None
    error_message: str | None = None
    service_tier: str | None = None
    server_address: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    redactions: dict[str, int] = field(default_factory=dict)
    content: dict[str, Any] = field(default_factory=dict)
    bodies: list[str] = field(default_factory=list)
    layer: bool = False
    scores: list[ReportedScore] = field(default_factory=list)


class Dialect(Protocol):
    """One foreign vocabulary of attributes: one module, its test and its line in docs/ingest.md."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the span speaks this dialect; the scope's name first, then keys."""

    def read(self, span: Span) -> Reading:
        """Return what the span says; changes nothing."""


def as_count(value: Any) -> int | None:
    """Return a token count that came as int, float or text; None for what is no count."""
    if type(value) is int:
        return value if 0 <= value <= MAX_COUNT else None
    number = as_float(value)
    return int(number) if number is not None and 0 <= number <= MAX_COUNT else None


def as_float(value: Any) -> float | None:
    """Return a finite number that came as number or text, else None."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_text(value: Any) -> str | None:
    """Return non-empty text; numbers become text, lists give their first word."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, list):
        return as_text(value[0]) if value else None
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def as_words(value: Any) -> list[str]:
    """Return a list of words that came as a list, as JSON or as one word."""
    value = parse_json(value)
    if isinstance(value, list):
        return [word for item in value if (word := as_text(item))]
    return [word] if (word := as_text(value)) else []


def milliseconds(value: Any) -> float | None:
    """Return seconds out of milliseconds."""
    number = as_float(value)
    return None if number is None else number / 1000


def iso_after(value: Any, start_ns: int) -> float | None:
    """Return the seconds from `start_ns` to an ISO time, which may stand in quotes."""
    value = parse_json(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        return None
    return moment.timestamp() - start_ns / 1e9
