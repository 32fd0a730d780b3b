"""A score: what a person, a rule or a model says of a span, a trace or a session, long before or after it is stored."""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SCORE_TYPES", "Score", "check_score"]

SCORE_TYPES = ("numeric", "boolean", "categorical", "comment")
_NAMESPACE = uuid.UUID("5e471e10-a0f5-5c0e-8000-736f72650001")
_LIMITS = {
    "name": 200, "label": 200, "source": 100, "session_id": 255, "user_id": 255, "application": 255,
    "environment": 255, "id": 200, "response_id": 1000, "comment": 65_536,
}  # fmt: skip
# what stands in an index, or names what the score is about, is refused when it is too long: cut, it would be another
_NEVER_CUT = frozenset({"name", "id", "session_id", "response_id"})


@dataclass(slots=True)
class Score:
    """One score. `timestamp_ns` is when it was given, Unix nanoseconds; ids are raw bytes (16 and 8).

    It is about a span (`trace_id` and `span_id`), a trace (`trace_id`), the call with `response_id`, or a session.
    `value` of a boolean is 1 or 0. None is unknown: without `application` and `environment` those of the span hold.
    `user_id` is who gave it, or for whom.
    """

    name: str
    timestamp_ns: int
    value: float | None = None
    label: str | None = None
    comment: str | None = None
    type: str = ""
    source: str = "app"
    trace_id: bytes | None = None
    span_id: bytes | None = None
    session_id: str | None = None
    response_id: str | None = None
    application: str | None = None
    environment: str | None = None
    user_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str | None = None

    @property
    def scope(self) -> str:
        """What it is about: span, trace or session."""
        if self.span_id is not None or (self.trace_id is None and self.response_id is not None):
            return "span"
        return "trace" if self.trace_id is not None else "session"

    @property
    def score_id(self) -> str:
        """The sender's id, or one made of what it is about, its name, source and user: given again it is the same."""
        if self.id is not None:
            return self.id
        place = (
            (self.trace_id or b"").hex(), (self.span_id or b"").hex(),
            "" if self.trace_id else self.response_id or "",
            "" if self.trace_id or self.response_id else self.session_id or "",
        )  # fmt: skip
        return str(uuid.uuid5(_NAMESPACE, "\x1f".join((*place, self.name, self.source, self.user_id or ""))))


def check_score(score: Score) -> Score:
    """Return the score with its type, its texts storable, nothing too long. Raises ValueError: what is wrong."""
    for name, limit in _LIMITS.items():
        setattr(score, name, _text(name, getattr(score, name), limit))
    if not score.name:
        raise ValueError("a score has a name, for example helpful")
    score.source = score.source or "app"
    if score.value is not None:
        score.value = float(score.value)
        if not math.isfinite(score.value):
            raise ValueError(f"the value of the score {score.name!r} is not a finite number")
    if score.value is None and score.label is None and score.comment is None:
        raise ValueError(f"the score {score.name!r} says nothing: give a value, a label or a comment")
    if score.span_id is not None and score.trace_id is None:
        raise ValueError(f"the score {score.name!r} has a span_id without its trace_id")
    if score.trace_id is None and score.response_id is None and score.session_id is None:
        raise ValueError(f"the score {score.name!r} is about nothing: give trace_id, response_id or session_id")
    score.type = _type(score)
    return score


def _type(score: Score) -> str:
    if score.value is None:
        return "categorical" if score.label is not None else "comment"
    return "boolean" if score.type == "boolean" and score.value in (0.0, 1.0) else "numeric"


def _text(name: str, value: Any, limit: int) -> str | None:
    if value is None:
        return None
    text = str(value).replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    text = text if name == "comment" else text.strip()
    if len(text) > limit:
        if name in _NEVER_CUT:
            raise ValueError(f"the {name} of a score has at most {limit} characters")
        text = text[:limit]
    return text or None
