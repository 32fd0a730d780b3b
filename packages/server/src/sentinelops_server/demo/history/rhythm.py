"""When things happen in the simulated past: the shape of days and weeks, and three incidents at known times."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

__all__ = ["SECOND", "Conditions", "Incident", "Plan", "incidents", "weight"]

SECOND = 1_000_000_000  # nanoseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Plan:
    """A past: `days` until `end`, about 2,900 requests a day times `scale`; the same plan gives the same bytes."""

    end: datetime
    days: float = 7.0
    scale: float = 1.0
    seed: int = 7

    def __post_init__(self) -> None:
        if self.end.tzinfo is None:
            raise ValueError("end: a time with a zone is needed, such as datetime.now(UTC)")
        if not 0 < self.days <= 90:
            raise ValueError(f"days: more than 0 and at most 90 (what is kept by default), not {self.days:g}")
        if not 0 < self.scale <= 1000:
            raise ValueError(f"scale: more than 0 and at most 1000, not {self.scale:g}")

    @property
    def start(self) -> datetime:
        """Return when the past begins."""
        return self.end - timedelta(days=self.days)

    @property
    def start_ns(self) -> int:
        """Return the same in Unix nanoseconds."""
        return (self.start - _EPOCH) // timedelta(microseconds=1) * 1000

    @property
    def end_ns(self) -> int:
        """Return `end` in Unix nanoseconds."""
        return (self.end - _EPOCH) // timedelta(microseconds=1) * 1000

    def hours(self) -> Iterator[tuple[datetime, float]]:
        """Yield the start of each hour and the share of it (0..1] that lies within the plan."""
        at = self.start
        while at < self.end:
            share = min(1.0, (self.end - at) / timedelta(hours=1))
            yield at, share
            at += timedelta(hours=1)


@dataclass(frozen=True)
class Incident:
    """Something that went wrong between two moments (Unix nanoseconds)."""

    name: str
    start_ns: int
    end_ns: int

    def covers(self, at_ns: int) -> bool:
        """Tell whether it was going on at a moment."""
        return self.start_ns <= at_ns < self.end_ns


def incidents(plan: Plan) -> dict[str, Incident]:
    """Return the three incidents of a plan, by name; each has its place as a share of the plan's length.

    - `latency`: Anthropic answers four times slower and one call in eleven times out; at 86%, for 1% (1.7 h of 7 days)
    - `cost`: prompt version 7 of the support agent puts the whole handbook into each prompt; from 62% to the end
    - `rate_limit`: OpenAI refuses a third of the calls with 429; at 41%, for 0.5%
    """
    length = plan.end_ns - plan.start_ns

    def between(name: str, start: float, end: float) -> Incident:
        return Incident(name, plan.start_ns + int(length * start), plan.start_ns + int(length * end))

    found = [between("latency", 0.86, 0.87), between("cost", 0.62, 1.01), between("rate_limit", 0.41, 0.415)]
    return {incident.name: incident for incident in found}


def weight(at: datetime, rhythm: str) -> float:
    """Return how busy a moment is against the mean of its week (about 1): `office`, `consumer`, `nightly` or `flat`."""
    hour, weekend = at.hour + at.minute / 60, at.weekday() >= 5
    if rhythm == "office":
        return 0.15 if weekend else 0.12 + 2.9 * math.exp(-(((hour - 13.5) / 4.2) ** 2))
    if rhythm == "consumer":
        day = 0.25 + 1.5 * math.exp(-(((hour - 19.5) / 4.5) ** 2)) + 0.7 * math.exp(-(((hour - 11) / 3.0) ** 2))
        return day * (1.25 if weekend else 1.0)
    if rhythm == "nightly":
        return 10.0 if 2 <= hour < 4 else 0.18
    return 1.0


@dataclass
class Conditions:
    """What the scenes ask about the moment they play in."""

    plan: Plan
    rng: random.Random
    incidents: dict[str, Incident] = field(init=False)

    def __post_init__(self) -> None:
        self.incidents = incidents(self.plan)

    def during(self, name: str, at_ns: int) -> bool:
        """Tell whether the named incident was going on at a moment."""
        return self.incidents[name].covers(at_ns)
