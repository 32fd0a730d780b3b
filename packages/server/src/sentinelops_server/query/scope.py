"""Query: which slice of time, application and environment a question is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..errors import Malformed

__all__ = ["Scope", "TimeRange", "parse_range", "parse_time"]

MAX_RANGE = timedelta(days=3660)
_SPAN = re.compile(r"(\d{1,6})(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2261, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A half-open interval [start, end) of aware datetimes; kept in UTC.

    ValueError-free: Malformed when it is empty or too long.
    """

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for name, value in (("start", self.start), ("end", self.end)):
            if value.tzinfo is None:
                raise Malformed(f"{name} has no time zone: write it as RFC 3339, for example 2026-01-31T12:00:00Z")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))
        if self.start >= self.end:
            raise Malformed("the time range is empty: start must be before end")
        if self.end - self.start > MAX_RANGE:
            raise Malformed(f"the time range is longer than {MAX_RANGE.days} days")

    @property
    def seconds(self) -> float:
        """The length, in seconds."""
        return (self.end - self.start).total_seconds()

    def previous(self) -> TimeRange:
        """Return the interval of the same length just before this one."""
        return TimeRange(self.start - (self.end - self.start), self.start)

    def bounds(self) -> tuple[datetime, datetime]:
        """(start, end) without zone, in UTC: as the tables hold time."""
        return self.start.replace(tzinfo=None), self.end.replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a page or a question is about: a time range and, when given, one application and one environment."""

    range: TimeRange
    application: str | None = None
    environment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("application", self.application), ("environment", self.environment)):
            if value is not None and "\x00" in value:
                raise Malformed(f"{name} holds a NUL character")

    def previous(self) -> Scope:
        """Return the same scope over the interval just before."""
        return Scope(self.range.previous(), self.application, self.environment)


def parse_time(text: str, name: str = "time") -> datetime:
    """RFC 3339 -> aware datetime in UTC. A bare date is midnight UTC. Raises Malformed."""
    try:
        value = datetime.fromisoformat(text)
        value = value.replace(tzinfo=UTC) if len(text) == 10 else value
        if value.tzinfo is None:
            raise Malformed(f"{name} has no time zone: write it as RFC 3339, for example 2026-01-31T12:00:00Z")
        value = value.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Malformed(f"{name} is not an RFC 3339 time, for example 2026-01-31T12:00:00Z") from error
    if not _EARLIEST <= value <= _LATEST:
        raise Malformed(f"{name} is outside the years 1970 to 2260")
    return value


def parse_range(text: str, now: datetime | None = None) -> TimeRange:
    """Parse "15m", "24h", "7d", "2w" (until `now`, default the present) or "START/END" in RFC 3339.

    Raises Malformed.
    """
    if "/" in text:
        start, _, end = text.partition("/")
        return TimeRange(parse_time(start, "start"), parse_time(end, "end"))
    match = _SPAN.fullmatch(text.strip())
    if not match or int(match[1]) == 0:
        raise Malformed("range is neither a length such as 15m, 24h or 7d, nor START/END in RFC 3339")
    length = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if length > MAX_RANGE:
        raise Malformed(f"the time range is longer than {MAX_RANGE.days} days")
    now = now or datetime.now(UTC)
    return TimeRange(now - length, now)
