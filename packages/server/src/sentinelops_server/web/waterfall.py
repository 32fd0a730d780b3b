"""A trace as rows on one time axis: depth, place and width of each span, and all of it again as one compact JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from markupsafe import Markup

from ..query.shapes import SpanRow, TraceDetail
from . import numbers

__all__ = ["FIRST_ROWS", "Row", "Waterfall"]

FIRST_ROWS = 200  # drawn by the server, so that they are there before any script
_DEEPEST = 24  # further levels are drawn at this indent
_STATUSES = ("unset", "ok", "error", "cancelled")


@dataclass(frozen=True, slots=True)
class Row:
    """One span as a row. `left` and `width` are percent of the axis; `note` is what a model call says of itself."""

    span_id: str
    name: str
    type: str
    status: str
    depth: int
    children: int
    critical: bool
    left: str
    width: str
    duration: str
    note: str
    at: str
    anchor: str
    number: int


class Waterfall:
    """The spans of a trace in tree order, parents before children, siblings by start.

    A span whose parent never arrived is shown at the top level and counted in `orphans`.
    """

    def __init__(self, trace: TraceDetail) -> None:
        self._spans = trace["spans"]
        self.index = {span["span_id"]: place for place, span in enumerate(self._spans)}
        self._critical = set(trace["critical_path"])
        self.start = min((s["offset_ns"] for s in self._spans), default=0)
        self.length = max(1, max((s["offset_ns"] + s["duration_ns"] for s in self._spans), default=1) - self.start)
        children: list[list[int]] = [[] for _ in self._spans]
        roots, self.orphans = [], 0
        for place in sorted(range(len(self._spans)), key=lambda i: self._spans[i]["offset_ns"]):
            parent = self._spans[place].get("parent_span_id")
            if parent and parent in self.index and self.index[parent] != place:
                children[self.index[parent]].append(place)
            else:
                roots.append(place)
                self.orphans += bool(parent)
        self.order, self._depths = self._walk(roots, children)
        self._children = [len(c) for c in children]

    def _walk(self, roots: list[int], children: list[list[int]]) -> tuple[list[int], list[int]]:
        order, depths, seen = list[int](), list[int](), [False] * len(self._spans)
        # parents that point at each other in a circle are reached by no root: each such span starts a tree of its own
        for start in (*roots, *range(len(self._spans))):
            stack = [(start, 0)]
            while stack:
                place, depth = stack.pop()
                if seen[place]:
                    continue
                seen[place] = True
                order.append(place)
                depths.append(depth)
                stack.extend((child, depth + 1) for child in reversed(children[place]))
        return order, depths

    def first_interesting(self) -> str | None:
        """Give the span to open first: the first one with messages, else the first of all."""
        ordered = (self._spans[place] for place in self.order[:2000])
        chosen = next((s for s in ordered if s.get("has_content")), None) or (
            self._spans[self.order[0]] if self.order else None
        )
        return chosen["span_id"] if chosen else None

    def ticks(self) -> list[tuple[str, str]]:
        """Five marks of the time axis: percent and what it says."""
        return [(f"{part * 25}%", numbers.seconds(self.length / 1e9 * part / 4)) for part in range(5)]

    def rows(self, limit: int) -> list[Row]:
        """Give the first rows, for the server to draw."""
        return [self._row(number, place) for number, place in enumerate(self.order[:limit])]

    def _row(self, number: int, place: int) -> Row:
        span = self._spans[place]
        left = (span["offset_ns"] - self.start) / self.length * 100
        width = max(span["duration_ns"] / self.length * 100, 0.05)
        at, anchor = _beside(left, left + width)
        return Row(
            span["span_id"],
            span["name"],
            span["type"],
            _status(span),
            min(self._depths[number], _DEEPEST),
            self._children[place],
            span["span_id"] in self._critical,
            f"{left:.3f}%",
            f"{width:.3f}%",
            numbers.seconds(span["duration_ns"] / 1e9),
            note(span),
            f"{at:.3f}%",
            anchor,
            number,
        )

    def json(self) -> Markup:
        """All rows, column by column and in tree order, safe inside a script element of JSON.

        Names and types are numbers into their lists; times are microseconds; `notes` are by row number.
        """
        names: dict[str, int] = {}
        types: dict[str, int] = {}
        spans = [self._spans[place] for place in self.order]
        columns: dict[str, Any] = {
            "ids": [s["span_id"] for s in spans],
            "name": [names.setdefault(s["name"], len(names)) for s in spans],
            "type": [types.setdefault(s["type"], len(types)) for s in spans],
            "status": [_STATUSES.index(_status(s)) for s in spans],
            "depth": [min(d, _DEEPEST) for d in self._depths],
            "start": [(s["offset_ns"] - self.start) // 1000 for s in spans],
            "length": [s["duration_ns"] // 1000 for s in spans],
            "critical": [number for number, s in enumerate(spans) if s["span_id"] in self._critical],
            "notes": {str(number): text for number, s in enumerate(spans) if (text := note(s))},
            "total": self.length // 1000 or 1,
        }
        text = orjson.dumps({**columns, "names": list(names), "types": list(types)}).decode()
        # inside <script> only "</" and "<!--" matter, and "<" is nowhere in JSON but within strings
        return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _beside(left: float, right: float) -> tuple[float, str]:
    """Where the note of a bar stands, in percent, and which way it goes: where there is most room."""
    after, before, inside = 100 - right, left, right - left
    if inside > max(after, before):
        return left, "inside"
    return (right, "start") if after >= before else (left, "end")


def _status(span: SpanRow) -> str:
    return "cancelled" if span.get("request_status") == "cancelled" else span["status"]


def note(span: SpanRow) -> str:
    """Tokens, cost and time to first token of a model call, short enough for its row."""
    if "model" not in span:
        return ""
    tokens, cost, first = span.get("total_tokens"), span.get("estimated_cost"), span.get("time_to_first_token_seconds")
    parts = [
        f"{numbers.count(tokens)} tok" if tokens is not None else "",
        numbers.money(cost) if cost is not None else "cost unknown",
        f"first {numbers.seconds(first)}" if first is not None else "",
    ]
    return " · ".join(part for part in parts if part)
