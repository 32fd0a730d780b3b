"""A trace as rows on one time axis: depth, place and width of each span, and all of it again as one compact JSON."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson
from markupsafe import Markup

from ..query.trace_columns import Call, TraceColumns
from . import numbers

__all__ = ["FIRST_ROWS", "Row", "Waterfall"]

FIRST_ROWS = 80  # drawn by the server, before any script: more than any window shows
_BETWEEN = " · "
_DEEPEST = 24  # further levels are drawn at this indent
_STATUSES = {"unset": 0, "ok": 1, "error": 2, "cancelled": 3}


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

    def __init__(self, trace: TraceColumns) -> None:
        self._trace = trace
        self._offsets, self._durations = trace.offsets, trace.durations
        self._critical = set(trace.critical_path)
        self.start = min(trace.offsets, default=0)
        ends = map(int.__add__, trace.offsets, trace.durations)
        self.length = max(1, max(ends, default=1) - self.start)
        self._index = {span_id: place for place, span_id in enumerate(trace.ids)}
        children: dict[int, list[int]] = {}
        roots, self.orphans = [], 0
        for place in sorted(range(len(trace.ids)), key=trace.offsets.__getitem__):
            parent = trace.parents[place]
            above = self._index.get(parent) if parent else None
            if above is None or above == place:
                roots.append(place)
                self.orphans += parent is not None
            else:
                children.setdefault(above, []).append(place)
        self._children = children
        self.order, self._depths = self._walk(roots)

    def _walk(self, roots: list[int]) -> tuple[list[int], list[int]]:
        children = self._children
        order, depths, seen = list[int](), list[int](), bytearray(len(self._trace.ids))
        # parents that point at each other in a circle are reached by no root: each such span starts a tree of its own
        for start in (*roots, *range(len(seen))):
            if seen[start]:
                continue
            stack = [(start, 0)]
            while stack:
                place, depth = stack.pop()
                if seen[place]:
                    continue
                seen[place] = 1
                order.append(place)
                depths.append(depth)
                if place in children:
                    stack.extend([(child, depth + 1) for child in reversed(children[place])])
        return order, depths

    def name_of(self, span_id: str) -> str:
        """Give the name of a span, "span" for one that has not arrived."""
        return self._trace.names[self._index[span_id]] if span_id in self._index else "span"

    def __contains__(self, span_id: str) -> bool:
        return span_id in self._index

    def first_interesting(self) -> str | None:
        """Give the span to open first: the first one with messages, else the first of all."""
        return self._trace.content or (self._trace.ids[self.order[0]] if self.order else None)

    def ticks(self) -> list[tuple[str, str]]:
        """Five marks of the time axis: percent and what it says."""
        return [(f"{part * 25}%", numbers.seconds(self.length / 1e9 * part / 4)) for part in range(5)]

    def rows(self, limit: int) -> list[Row]:
        """Give the first rows, for the server to draw."""
        return [self._row(number, place) for number, place in enumerate(self.order[:limit])]

    def _row(self, number: int, place: int) -> Row:
        trace = self._trace
        left = (self._offsets[place] - self.start) / self.length * 100
        width = max(self._durations[place] / self.length * 100, 0.05)
        at, anchor, room = _beside(left, left + width)
        return Row(
            trace.ids[place],
            trace.names[place],
            trace.types[place],
            self._status(place),
            min(self._depths[number], _DEEPEST),
            len(self._children.get(place, ())),
            trace.ids[place] in self._critical,
            f"{left:.3f}%",
            f"{width:.3f}%",
            numbers.seconds(self._durations[place] / 1e9),
            _fitting(note(trace.calls.get(trace.ids[place])), room),
            f"{at:.3f}%",
            anchor,
            number,
        )

    def _status(self, place: int) -> str:
        call = self._trace.calls.get(self._trace.ids[place])
        return "cancelled" if call and call.status == "cancelled" else self._trace.statuses[place]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """Row numbers by span id."""
        ids = self._trace.ids
        return {ids[place]: number for number, place in enumerate(self.order)}

    def json(self) -> Markup:
        """All rows, column by column and in tree order, safe inside a script element of JSON.

        Names and types are numbers into their lists; times are microseconds, each start after the one before it;
        ids are 8 bytes a row in base64; `status` (but unset) and `notes` are by row number.
        """
        trace, order = self._trace, self.order
        names = {name: number for number, name in enumerate(dict.fromkeys(trace.names))}
        types = {name: number for number, name in enumerate(dict.fromkeys(trace.types))}
        starts = [(self._offsets[place] - self.start) // 1000 for place in order]
        cancelled = {i for i, call in trace.calls.items() if call.status == "cancelled" and i in self._index}
        status = {n: _STATUSES[s] for n, p in enumerate(order) if (s := trace.statuses[p]) != "unset"}
        status |= {self._numbers[span_id]: _STATUSES["cancelled"] for span_id in cancelled}
        columns: dict[str, Any] = {
            "ids": b64encode(bytes.fromhex("".join([trace.ids[place] for place in order]))).decode(),
            "name": [names[trace.names[place]] for place in order],
            "type": [types[trace.types[place]] for place in order],
            "status": {str(number): value for number, value in status.items()},
            "depth": [min(depth, _DEEPEST) for depth in self._depths],
            "start": [now - before for before, now in zip([0, *starts], starts, strict=False)],
            "length": [self._durations[place] // 1000 for place in order],
            "critical": sorted(self._numbers[span_id] for span_id in self._critical),
            "notes": {str(self._numbers[i]): note(call) for i, call in trace.calls.items() if i in self._index},
            "total": self.length // 1000 or 1,
            "names": list(names),
            "types": list(types),
        }
        # inside <script> only "</" and "<!--" matter, and "<" is nowhere in JSON but within strings
        text = orjson.dumps(columns).decode()
        return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _beside(left: float, right: float) -> tuple[float, str, float]:
    """Where the note of a bar stands, in percent, which way it goes, and the room there: where there is most."""
    after, before, inside = 100 - right, left, right - left
    if inside > max(after, before):
        return left, "inside", inside
    return (right, "start", after) if after >= before else (left, "end", before)


def _fitting(said: str, room: float) -> str:
    """As many parts of a note as stand in so many percent of a lane of 300 pixels; the detail has all of them."""
    parts = said.split(_BETWEEN)
    return _BETWEEN.join(parts[: 3 if room >= 70 else 2 if room >= 45 else 1])


def note(call: Call | None) -> str:
    """Tokens, cost and time to first token of a model call, short enough for its row."""
    if call is None:
        return ""
    tokens, cost, first = call.total_tokens, call.estimated_cost, call.time_to_first_token_seconds
    parts = [
        f"{numbers.count(tokens)} tok" if tokens is not None else "",
        numbers.money(cost) if cost is not None else "cost unknown",
        f"first {numbers.seconds(first)}" if first is not None else "",
    ]
    return _BETWEEN.join(part for part in parts if part)
