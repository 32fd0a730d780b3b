"""The arithmetic of sampling: rates and rules out of the settings, thresholds and weights as OpenTelemetry has them.

A trace has one randomness R, a number of 56 bits. A span whose rate is p has the threshold T = (1 - p) * 2**56 and is
kept when R >= T, so every process that looks at a trace agrees, and what a small rate keeps every larger one keeps too.
A span kept that way stands for 2**56 / (2**56 - T) = 1 / p spans.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.trace import SpanContext

_ALL = 1 << 56
_HEX = frozenset("0123456789abcdef")
FACTS = ("application", "environment", "model", "name", "operation", "provider", "session", "tags", "user")


@dataclass(frozen=True, slots=True)
class Rule:
    """Rates for the spans that fit: every fact named in `match` is like one of its patterns. None: not said here."""

    match: tuple[tuple[str, tuple[str, ...]], ...]
    calls: float | None = None
    detail: float | None = None

    def fits(self, facts: Mapping[str, Any]) -> bool:
        """Whether the facts of a span are those of the rule."""
        return all(_like(facts.get(name), patterns) for name, patterns in self.match)

    def rates(self) -> dict[str, float]:
        """What is said here, by kind."""
        return {k: rate for k, rate in (("calls", self.calls), ("detail", self.detail)) if rate is not None}


def _like(value: Any, patterns: tuple[str, ...]) -> bool:
    values = value if isinstance(value, list | tuple) else (() if value is None else (value,))
    return any(fnmatchcase(str(each), pattern) for each in values for pattern in patterns)


def parse_rules(given: Any) -> tuple[Rule, ...]:
    """Read rules: a list of {"match": {...}, "calls": 0..1, "detail": 0..1}, its JSON, or the path of a JSON file.

    ValueError says which rule is wrong.
    """
    if isinstance(given, str):
        given = _read(given)
    if not isinstance(given, Sequence):
        raise ValueError('give a list of rules such as {"match": {"model": "gpt-*"}, "calls": 0.1, "detail": 0.5}')
    return tuple(_rule(place, rule) for place, rule in enumerate(given, 1))


def _read(text: str) -> Any:
    text = text.strip()
    try:
        if text.startswith("["):
            return json.loads(text)
        with open(text, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError) as error:
        raise ValueError(f"neither a JSON list nor a file that holds one ({error})") from None


def _rule(place: int, rule: Any) -> Rule:
    if isinstance(rule, Rule):
        return rule
    if not isinstance(rule, Mapping) or set(rule) - {"match", "calls", "detail"} or not set(rule) & {"calls", "detail"}:
        raise ValueError(f"rule {place} needs calls or detail, and may have match, and nothing else")
    match = rule.get("match", {})
    if not isinstance(match, Mapping) or set(match) - set(FACTS):
        raise ValueError(f"rule {place} matches on what is not known: use {', '.join(FACTS)}")
    patterns = []
    for name, wanted in sorted(match.items()):
        listed = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(listed, list | tuple) or not all(isinstance(each, str) for each in listed):
            raise ValueError(f"rule {place} matches {name} with {wanted!r}: give a text or a list of texts")
        patterns.append((name, tuple(listed)))
    for kind in ("calls", "detail"):
        if rule.get(kind) is not None:
            check_rate(f"{kind} of rule {place}", rule[kind], nothing=kind == "detail")
    return Rule(tuple(patterns), rule.get("calls"), rule.get("detail"))


def check_rate(name: str, rate: Any, nothing: bool) -> None:
    """ValueError when it is no share. nothing: whether 0 may be; no weight could make good for calls never sent."""
    number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not number or not 0 <= rate <= 1 or (rate < 1e-9 and not (nothing and rate == 0)):
        limit = "0 to 1" if nothing else "above 0 (1e-9 at least) to 1"
        raise ValueError(f"{name} is {rate!r}: give a share, {limit}")


def threshold(rate: float) -> int:
    """T: what is kept has at least this randomness."""
    return _ALL - round(rate * _ALL)


def weight_of(threshold: int) -> float:
    """How many spans one stands for that was kept at this threshold."""
    return float(f"{_ALL / (_ALL - threshold):.12g}")


def chance(context: SpanContext) -> tuple[int, int]:
    """R of the span's trace, and the threshold at which a sampler before us has kept it (0: none has).

    Both as the tracestate says them (`ot=th:...;rv:...`), else R is the last 56 bits of the trace id.
    """
    randomness, before = context.trace_id & (_ALL - 1), 0
    if context.trace_state:
        for part in (context.trace_state.get("ot") or "").split(";"):
            key, _, digits = part.partition(":")
            if not 0 < len(digits) <= 14 or not _HEX.issuperset(digits):
                continue
            if key == "th":
                before = int(digits.ljust(14, "0"), 16)
            elif key == "rv" and len(digits) == 14:
                randomness = int(digits, 16)
    return max(randomness, before), before


def stamped(context: SpanContext, threshold: int) -> SpanContext:
    """The same context whose tracestate says the threshold that its span was kept at."""
    from opentelemetry.trace import SpanContext, TraceState

    digits = f"{threshold:014x}".rstrip("0") or "0"
    state = context.trace_state or TraceState()
    kept = [part for part in (state.get("ot") or "").split(";") if part and not part.startswith("th:")]
    others = [(key, value) for key, value in state.items() if key != "ot"]
    said = TraceState([("ot", ";".join([f"th:{digits}", *kept])), *others])
    return SpanContext(context.trace_id, context.span_id, context.is_remote, context.trace_flags, said)
