"""Part of normalising: how many calls a span stands for, in whatever dialect it speaks of itself."""

from __future__ import annotations

from sentinelops import semconv

from ..model import Span
from .dialects.base import as_float

__all__ = ["span_weight", "state_weight"]

_ALL = 1 << 56
_HEX = frozenset("0123456789abcdef")


def span_weight(span: Span) -> float:
    """Return what the SDK or the tracestate says, the larger: a sampler behind the SDK raises the threshold alone."""
    said = as_float(span.attributes.get(semconv.SAMPLING_WEIGHT))
    weight = said if said is not None and said > 0 else 1.0
    return max(weight, state_weight(span.trace_state)) if span.trace_state else weight


def state_weight(trace_state: str) -> float:
    """Return 2^56 / (2^56 - T) of `ot=th:T` (OpenTelemetry's consistent probability sampling), 1.0 where it says none.

    T is up to 14 hexadecimal digits, those at the end that are 0 left out.
    """
    for member in trace_state.split(","):
        key, _, value = member.strip().partition("=")
        if key != "ot":
            continue
        for part in value.split(";"):
            name, _, digits = part.partition(":")
            if name == "th" and 0 < len(digits) <= 14 and _HEX.issuperset(digits):
                return float(f"{_ALL / (_ALL - int(digits.ljust(14, '0'), 16)):.12g}")
    return 1.0
