"""Numbers a person can read: 1.24 s, 842 ms, $0.0031, 12.4k; the exact value rides in the title."""

from __future__ import annotations

from decimal import Decimal
from math import isfinite

from markupsafe import Markup, escape

__all__ = [
    "UNKNOWN_REASONS",
    "change",
    "count",
    "data",
    "exact",
    "money",
    "percent",
    "rate",
    "score",
    "seconds",
    "size",
    "unknown",
]

Number = int | float | Decimal

UNKNOWN_REASONS = {
    "cost": "No price is known for this model, or the provider sent no token usage.",
    "tokens": "The provider sent no token usage for this call.",
    "ttft": "Only streamed calls have a time to first token.",
    "duration": "No call in this range.",
    "memory": "The SDK did not measure memory for this call.",
    "inference": "The provider does not report its own time for this call.",
    "": "Nothing was recorded.",
}


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def _significant(value: float, digits: int = 3) -> str:
    """`value` in [1, 1000) with at most `digits` significant digits."""
    whole = len(str(int(value)))
    return f"{value:.{max(0, digits - whole)}f}"


def seconds(value: Number) -> str:
    """Seconds as a length of time: 0.42 ms, 842 ms, 1.24 s, 2 m 05 s, 3 h 20 m, 4 d 2 h."""
    amount = float(value)
    if amount < 0:
        return "-" + seconds(-amount)
    if amount == 0:
        return "0 ms"
    if amount < 0.9995:
        thousandths = amount * 1000
        return "< 0.01 ms" if thousandths < 0.01 else f"{_milliseconds(thousandths)} ms"
    if amount < 59.95:
        return f"{_significant(amount)} s"
    whole = round(amount)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _milliseconds(value: float) -> str:
    return f"{value:.2f}" if value < 1 else _trim(f"{value:.1f}") if value < 10 else f"{value:.0f}"


def count(value: Number) -> str:
    """Give a count: 842, 1,234, 12.4k, 3.1M, 2.05B. Weighted counts are rounded."""
    amount = float(value)
    if amount < 0:
        return "-" + count(-amount)
    if amount < 9999.5:
        return f"{round(amount):,}"
    for limit, unit, suffix in ((999_500, 1e3, "k"), (999_500_000, 1e6, "M"), (999_500_000_000, 1e9, "B")):
        if amount < limit:
            return f"{_trim(_significant(amount / unit))}{suffix}"
    return f"{_trim(_significant(amount / 1e12)) if amount < 1e15 else f'{amount / 1e12:,.0f}'}T"


def money(value: Number) -> str:
    """US dollars: $12.40, $0.0031, $1,204, < $0.000001. Never more than two significant digits below a cent."""
    amount = float(value)
    if amount < 0:
        return "-" + money(-amount)
    if amount == 0:
        return "$0"
    if amount < 0.000001:
        return "< $0.000001"
    if amount < 0.995:
        places = 2
        while places < 7 and amount * 10**places < 10:
            places += 1
        return f"${amount:.{places}f}"
    return f"${amount:,.2f}" if amount < 1000 else f"${amount:,.0f}" if amount < 999_500 else f"${count(amount)}"


def percent(value: Number) -> str:
    """Give a share in 0..1 as a percentage: 0 %, 0.04 %, 3.1 %, 42 %."""
    amount = float(value) * 100
    if amount == 0:
        return "0 %"
    if amount < 0.01:
        return "< 0.01 %"
    return f"{_trim(f'{amount:.2f}') if amount < 1 else _trim(f'{amount:.1f}') if amount < 10 else f'{amount:.0f}'} %"


def score(value: Number) -> str:
    """Give a score with at most three significant digits after what it needs: 0.82, 4.5, 1, 1,204."""
    amount = float(value)
    if abs(amount) >= 1000:
        return f"{amount:,.0f}"
    return _trim(f"{amount:.2f}" if abs(amount) >= 0.1 or not amount else f"{amount:.3g}")


def rate(value: Number) -> str:
    """Things per second: 0.4 /s, 74 /s."""
    amount = float(value)
    return f"{_trim(f'{amount:.2f}') if amount < 1 else _trim(f'{amount:.1f}') if amount < 100 else count(amount)} /s"


def size(value: Number) -> str:
    """Bytes: 512 B, 1.4 KB, 27 MB; thousands, as disks are sold."""
    amount = float(value)
    if amount < 0:
        return "-" + size(-amount)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < 999.5:
            return f"{_trim(_significant(amount)) if amount >= 1 else f'{amount:.0f}'} {unit}"
        amount /= 1000
    return f"{_trim(_significant(amount)) if amount < 1000 else f'{amount:,.0f}'} TB"


_KINDS = {
    "seconds": seconds,
    "count": count,
    "money": money,
    "percent": percent,
    "rate": rate,
    "size": size,
    "score": score,
}
_UNITS = {
    "seconds": " s",
    "count": "",
    "money": " USD",
    "percent": "",
    "rate": " per second",
    "size": " bytes",
    "score": "",
}


def exact(value: Number, kind: str = "count") -> str:
    """Give the whole number with its unit, as the title and the exports show it."""
    if isinstance(value, Decimal):
        text = f"{value:f}"
    elif isinstance(value, float):
        text = f"{value:,.0f}" if value == int(value) and abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    else:
        text = f"{value:,}"
    return text + _UNITS[kind]


def unknown(reason: str = "") -> Markup:
    """Give what is not known, said so, with the reason on hover. Missing is never zero."""
    text = UNKNOWN_REASONS.get(reason, reason) or UNKNOWN_REASONS[""]
    return Markup('<span class="unknown" title="{}">unknown</span>').format(text)


def data(value: Number | None, kind: str = "count", reason: str = "") -> Markup:
    """Give a number as HTML: short for the eye, exact in `value` and on hover. None (or NaN) is unknown."""
    if value is None or not isfinite(float(value)):
        return unknown(reason)
    plain = f"{value:f}" if isinstance(value, Decimal) else repr(value)
    return Markup('<data value="{}" title="{}">{}</data>').format(plain, exact(value, kind), _KINDS[kind](value))


def change(now: Number | None, before: Number | None, *, good: str = "down", points: bool = False) -> Markup:
    """How a number moved against the period before, in words, sign and colour. `good`: up, down or neither.

    `points` is for shares: the change is told in percentage points.
    """
    if now is None or before is None:
        return Markup(
            '<span class="change none" title="Nothing to compare with in the period before.">no earlier data</span>'
        )
    if float(before) == 0 and not points:
        return Markup('<span class="change none" title="0 in the period before">{}</span>').format(
            "new" if now else "unchanged"
        )
    moved = (float(now) - float(before)) * 100
    if not points:
        moved /= float(before)
    if abs(moved) < (0.005 if points else 0.5):
        return Markup('<span class="change none">unchanged</span>')
    verdict = "same" if good == "neither" else "better" if (moved > 0) == (good == "up") else "worse"
    digits = (
        f"{abs(moved):.2f}" if abs(moved) < 1 else f"{abs(moved):,.0f}" if abs(moved) >= 10 else f"{abs(moved):.1f}"
    )
    arrow, word = ("▲", "up") if moved > 0 else ("▼", "down")
    unit = " pp" if points else " %"
    if not points and moved >= 900:  # nobody reads + 2,077,500 %
        digits, unit = f"×{count(float(now) / float(before))}", ""
    label = f"{word} {digits}{unit}" + ("" if verdict == "same" else f", {verdict}")
    return Markup(
        '<span class="change {}" title="{}"><span aria-hidden="true">{}</span>{}{}<span class="sr"> {}</span></span>'
    ).format(verdict, escape(f"{label} than the period before"), arrow, digits, unit, label)
