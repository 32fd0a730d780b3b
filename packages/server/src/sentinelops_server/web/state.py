"""The state of a page is its URL: read it, and write the links that change one thing and keep the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import Malformed
from ..query.scope import Scope, TimeRange, parse_range, parse_time

__all__ = ["PRESETS", "View", "has_term", "iso", "read_view", "read_zone", "term", "toggle_term"]

PRESETS = ("15m", "1h", "6h", "24h", "7d", "30d")
DEFAULT_RANGE = "24h"
# What goes along from room to room; everything else belongs to one page.
CARRIED = ("range", "from", "to", "application", "environment", "compare", "q", "refresh")
_STEPS = (60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 2592000)
_TERM = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_BARE = re.compile(r"[\w./@-]+")


def iso(moment: datetime, digits: int = 0) -> str:
    """RFC 3339 in UTC with Z; fractions of a second only when `digits` are asked for."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
    return (text[: 20 + digits] if digits else text[:19]) + "Z"


def read_zone(name: str | None) -> ZoneInfo:
    """Give the viewer's zone by IANA name; UTC when it is not known."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class View:
    """One look at one page: its path, its parameters, and what they mean."""

    path: str
    params: Mapping[str, str]
    scope: Scope
    now: datetime
    zone: ZoneInfo

    def get(self, name: str, default: str = "") -> str:
        """Give a parameter of the URL."""
        return self.params.get(name, default)

    @property
    def preset(self) -> str:
        """The length the range was asked by ("24h"), or "" when it is between two moments."""
        return "" if "from" in self.params else self.get("range", DEFAULT_RANGE)

    @property
    def compared(self) -> bool:
        """Whether numbers are shown against the period before."""
        return self.get("compare") != "off"

    def url(self, path: str | None = None, **changes: str | None) -> str:
        """Give a link: to the same page with `changes` (None removes), or another `path` with what is carried along."""
        params = {k: v for k, v in self.params.items() if v and (path is None or k in CARRIED)}
        for name, value in changes.items():
            key = {"from_": "from"}.get(name, name)
            params.pop(key, None)
            if value:
                params[key] = value
        if "cursor" not in changes:
            params.pop("cursor", None)
        if changes.get("range"):
            params.pop("from", None)
            params.pop("to", None)
        return self._join(path or self.path, params)

    def within(self, start: datetime, end: datetime, path: str = "/requests", q: str | None = None) -> str:
        """Give a link to what lies between two moments."""
        params = {k: v for k, v in self.params.items() if v and k in CARRIED and k != "range"}
        params |= {"from": iso(start), "to": iso(end)} | ({"q": q} if q is not None else {})
        return self._join(path, params)

    def also(self, extra: str, path: str = "/requests", **changes: str | None) -> str:
        """Give a link to `path` with one more term in the search: "model:gpt-4o", "status:error"."""
        text = self.get("q")
        return self.url(path, q=text if extra in text.split() else f"{text} {extra}".strip(), **changes)

    def shifted(self, direction: int) -> str:
        """Give the same view one range earlier (-1) or later (+1); later than now is now."""
        span = self.scope.range
        start, end = (t + timedelta(seconds=span.seconds * direction) for t in (span.start, span.end))
        if end >= self.now and direction > 0 and not self.preset:
            end = self.now
            start = end - (span.end - span.start)
        return self.url(range=None, from_=iso(start), to=iso(end))

    @property
    def step_seconds(self) -> int:
        """How long a bucket of a chart is: at most 72 of them, on the clock."""
        return next((s for s in _STEPS if self.scope.range.seconds / s <= 72), _STEPS[-1])

    @staticmethod
    def _join(path: str, params: Mapping[str, str]) -> str:
        query = urlencode(params, quote_via=quote, safe=":/,*@")
        return f"{path}?{query}" if query else path


def read_view(path: str, params: Mapping[str, str], now: datetime, zone: ZoneInfo) -> View:
    """Read the URL. Raises Malformed with the cause and the fix."""
    kept = {name: value.strip() for name, value in params.items() if value.strip()}
    if "from" in kept or "to" in kept:
        start = _moment(kept.get("from", ""), "from", zone) if "from" in kept else now - timedelta(days=1)
        end = _moment(kept.get("to", ""), "to", zone) if "to" in kept else now
        kept |= {"from": iso(start), "to": iso(end)}
        kept.pop("range", None)
        span = TimeRange(start, end)
    else:
        span = parse_range(kept.get("range", DEFAULT_RANGE), now)
    scope = Scope(span, kept.get("application"), kept.get("environment"))
    return View(path, kept, scope, now, zone)


def _moment(text: str, name: str, zone: ZoneInfo) -> datetime:
    """RFC 3339, or what a browser's date field sends: without zone, meant in the viewer's."""
    try:
        local = datetime.fromisoformat(text)
    except ValueError as error:
        raise Malformed(f"{name} is not a time: write it as 2026-01-31T12:00:00Z") from error
    return parse_time((local if local.tzinfo else local.replace(tzinfo=zone)).isoformat(), name)


def term(field: str, value: str) -> str:
    """One term of the search box, quoted where it must be: model:gpt-4o, application:"support chat"."""
    if _BARE.fullmatch(value):
        return f"{field}:{value}"
    if '"' not in value:
        return f'{field}:"{value}"'
    # a quote cannot be written inside quotes: what comes before it, up to the first space, as a prefix
    return f"{field}:{value.partition(chr(34))[0].split(' ')[0]}*"


def has_term(text: str, field: str, value: str) -> bool:
    """Whether the search holds this term."""
    return term(field, value) in _TERM.findall(text)


def toggle_term(text: str, field: str, value: str) -> str:
    """Take the term away when the search has it, else add it, in place of another value of the same field."""
    wanted, terms = term(field, value), _TERM.findall(text)
    if wanted in terms:
        return " ".join(t for t in terms if t != wanted)
    return " ".join([*(t for t in terms if not t.startswith(f"{field}:")), wanted])
