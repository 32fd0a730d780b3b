"""Charts as small inline SVG: no library in the page, a table behind each, ticks a person can read (decision 0003)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, floor, log10

from markupsafe import Markup

from .numbers import count, money, percent, score, seconds
from .state import View

__all__ = ["Chart", "Frame", "Line", "bars", "lines", "share_bar"]

_FORMATS = {"count": count, "money": money, "seconds": seconds, "percent": percent, "score": score}
_WIDTH, _HEIGHT = 1000, 100  # of the plot's own space: it is stretched, so only shapes are in it, no text
Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its colour class (`ok`, `c3`, `p95` ...) and one value a bucket, None where unknown."""

    label: str
    colour: str
    values: Values

    def __post_init__(self) -> None:
        # sums of money may come as Decimal; shapes are floats
        object.__setattr__(self, "values", [None if v is None else float(v) for v in self.values])


@dataclass(frozen=True, slots=True)
class Frame:
    """What a chart is of. `kind` (count, money, seconds, percent, score): how values are written."""

    view: View
    ident: str
    title: str
    kind: str
    timestamps: Sequence[datetime]
    series: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Chart:
    """What the template draws: the plot, the labels of both axes, and the rows of the table behind it."""

    ident: str
    title: str
    plot: Markup
    y_labels: list[str]
    x_ticks: list[tuple[str, datetime]]
    keys: list[Line]
    rows: list[tuple[datetime, str, list[str]]]
    empty: bool
    day_ticks: bool


def _nice_top(value: float) -> tuple[float, int]:
    """Give the top of the axis and the number of steps below it: 1, 2, 2.5 or 5 times a power of ten a step."""
    if value <= 0:
        return 1.0, 1
    power = 10 ** floor(log10(value / 4))
    for factor in (1, 2, 2.5, 5, 10):
        step = factor * power
        if value <= step * 4.0001:
            return step * ceil(value / step - 1e-9), ceil(value / step - 1e-9)
    return power * 40, 4


def _whole_top(value: float, kind: str) -> tuple[float, int]:
    """As `_nice_top`, but a count has no half ticks."""
    return (float(max(1, ceil(value))), max(1, ceil(value))) if kind == "count" and value <= 3 else _nice_top(value)


def _ticks(view: View, timestamps: Sequence[datetime]) -> list[tuple[str, datetime]]:
    """Where times are written under the plot, in percent of its width: on whole days or a round number of buckets."""
    total = len(timestamps)
    if total < 2:
        return [("50%", moment) for moment in timestamps]
    each = 100 / total
    step = view.step_seconds
    spacing = next((s for s in (300, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 432000, 864000, 2592000)
                    if s >= step and view.scope.range.seconds / s <= 7), 7776000)  # fmt: skip
    found = []
    for index, moment in enumerate(timestamps):
        local = moment.astimezone(view.zone)
        offset = local.utcoffset()
        on_clock = int(moment.timestamp() + (offset.total_seconds() if offset else 0)) % spacing
        if on_clock < step and 3 <= index * each <= 97:
            found.append((f"{index * each:.2f}%", moment))
    return found


def _finish(frame: Frame, plot: Markup, top: tuple[float, int]) -> Chart:
    view, show = frame.view, _FORMATS[frame.kind]
    rows = []
    for index, moment in enumerate(frame.timestamps):
        cells = ["unknown" if (v := line.values[index]) is None else show(v) for line in frame.series]
        rows.append((moment, view.within(moment, moment + timedelta(seconds=view.step_seconds)), cells))
    empty = not any(v for line in frame.series for v in line.values)
    day = view.scope.range.seconds > 2 * 86400
    labels = _axis(frame.kind, *top)
    return Chart(
        frame.ident, frame.title, plot, labels, _ticks(view, frame.timestamps), list(frame.series), rows, empty, day
    )


def _axis(kind: str, limit: float, steps: int) -> list[str]:
    """Give what stands at the ticks, top first; money has as many places at each as the finest needs."""
    values = [limit * i / steps for i in range(steps, -1, -1)]
    if kind == "money" and limit < 1000:
        step = limit / steps
        places = next((p for p in range(8) if abs(step * 10**p - round(step * 10**p)) < 1e-6), 8)
        return [f"${v:.{max(2, places) if places else 0}f}" if v else "$0" for v in values]
    return [re.sub(r"\.0+(?= |$)|(\.\d*?)0+(?= |$)", r"\1", _FORMATS[kind](v)) for v in values]


def _grid(steps: int) -> Markup:
    path = "".join(f"M0 {_HEIGHT * i / steps:.1f}H{_WIDTH}" for i in range(steps))
    return Markup('<path class="grid" d="{}"/>').format(path)


def bars(frame: Frame) -> Chart:
    """Stack bars, first series at the bottom; unknown counts as nothing drawn (the table says unknown)."""
    places = range(len(frame.timestamps))
    top = _whole_top(max((sum(line.values[i] or 0 for line in frame.series) for i in places), default=0), frame.kind)
    each = _WIDTH / max(1, len(places))
    width = max(1.0, each - max(1.5, each * 0.16))
    base = [0.0 for _ in places]
    shapes = [_grid(top[1])]
    for line in frame.series:
        path = []
        for index, value in enumerate(line.values):
            if value:
                height = max(0.6, value / top[0] * _HEIGHT)
                bottom = _HEIGHT - base[index] / top[0] * _HEIGHT
                left = index * each + (each - width) / 2
                path.append(f"M{left:.1f} {bottom:.2f}v-{height:.2f}h{width:.1f}v{height:.2f}z")
                base[index] += value
        if path:
            shapes.append(Markup('<path class="fill {}" d="{}"/>').format(line.colour, "".join(path)))
    return _finish(frame, Markup("").join(shapes), top)


def lines(frame: Frame, band: tuple[int, int] | None = None) -> Chart:
    """Draw lines that break where a value is unknown; `band` fills between two of them (indexes into the series)."""
    top = _nice_top(max((v for line in frame.series for v in line.values if v is not None), default=0))
    each = _WIDTH / max(1, len(frame.timestamps))

    def point(index: int, value: float) -> str:
        return f"{(index + 0.5) * each:.1f} {_HEIGHT - value / top[0] * _HEIGHT:.2f}"

    shapes = [_grid(top[1])]
    if band:
        shapes.append(_band(frame.series[band[0]].values, frame.series[band[1]].values, point))
    for line in frame.series:
        path, pen = [], False
        for index, value in enumerate(line.values):
            if value is None:
                pen = False
                continue
            alone = not pen and (index + 1 >= len(line.values) or line.values[index + 1] is None)
            path.append(("L" if pen else "M") + point(index, value) + ("h0.01" if alone else ""))
            pen = True
        if path:
            shapes.append(Markup('<path class="line {}" d="{}"/>').format(line.colour, "".join(path)))
    return _finish(frame, Markup("").join(shapes), top)


def _band(low: Values, high: Values, point: Callable[[int, float], str]) -> Markup:
    path: list[str] = []
    run: list[tuple[str, str]] = []
    for index, (below, above) in enumerate([*zip(low, high, strict=True), (None, None)]):
        if below is not None and above is not None:
            run.append((point(index, below), point(index, above)))
        elif run:
            path.append(f"M{'L'.join(above for _, above in run)}L{'L'.join(below for below, _ in reversed(run))}z")
            run = []
    return Markup('<path class="band" d="{}"/>').format("".join(path))


def share_bar(value: float | None, top: float, colour: str = "accent") -> Markup:
    """Give a small bar, as a share of the largest; hidden from screen readers, since the number stands beside it."""
    if value is None or top <= 0:
        return Markup("")
    width = max(1.0, min(100.0, value / top * 100))
    return Markup(
        '<svg class="bar" aria-hidden="true" viewBox="0 0 100 6" preserveAspectRatio="none">'
        '<rect class="track" width="100" height="6"/>'
        '<rect class="fill {}" width="{}" height="6"/></svg>'
    ).format(colour, f"{width:.1f}")
