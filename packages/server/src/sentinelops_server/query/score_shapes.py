"""Query: the shapes of answers about scores. Times are aware datetimes in UTC, unknown is None and never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

__all__ = ["ScoreGroup", "ScoreName", "ScorePage", "ScoreRow"]


class ScoreRow(TypedDict):
    """One score. `value` of a boolean is 1 or 0; `pending`: what it is about has not arrived."""

    score_id: str
    timestamp: datetime  # when it was given
    updated_at: datetime
    name: str
    type: str  # numeric boolean categorical comment
    value: float | None
    label: str | None
    comment: str | None
    source: str
    scope: str  # span trace session
    trace_id: str | None
    span_id: str | None
    session_id: str | None
    response_id: str | None
    application: str | None
    environment: str | None
    user_id: str | None
    metadata: dict[str, Any]
    pending: bool


@dataclass(frozen=True, slots=True)
class ScorePage:
    """A page of scores; `next_cursor` is None at the end."""

    scores: list[ScoreRow]
    next_cursor: str | None = None


class ScoreName(TypedDict):
    """All scores of one name in a scope, by when they were given; not weighted by sampling."""

    name: str
    count: int
    valued: int  # how many have a number; the average is over these
    average: float | None  # of thumbs: the share of thumbs up
    lowest: float | None
    highest: float | None
    labelled: int
    comments: int
    thumbs: bool
    sources: list[str]
    pending: int


class ScoreGroup(TypedDict):
    """A part of a distribution: a label, or the numbers from `low` (inclusive) to `high`."""

    label: str | None
    low: float | None
    high: float | None
    count: int
