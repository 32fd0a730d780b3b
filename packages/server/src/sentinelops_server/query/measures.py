"""Query: the names of metrics and dimensions, and what each is in SQL over a source of rows (alias b)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Malformed
from .conditions import REQUEST_FIELDS, find_field

__all__ = ["DIMENSIONS", "QUANTILES", "ROLLED_DIMENSIONS", "Dimension", "Metric", "dimension", "metric", "metrics_of"]

ROLLED_DIMENSIONS = frozenset({"provider", "model", "application", "environment", "status", "success"})
DIMENSIONS = (
    *sorted(ROLLED_DIMENSIONS),
    *("operation", "error_type", "finish_reason", "response_model", "service_tier", "server_address", "session_id"),
    *("user_id", "streaming", "price_version", "tags"),
)
QUANTILES = {"p50": 0.5, "p75": 0.75, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p99.9": 0.999}
TOKENS = (
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
TIMES = {"duration_seconds": "duration", "time_to_first_token_seconds": "ttft"}
_KNOWN_TOKENS = ("prompt_tokens", "completion_tokens", "total_tokens")
MAX_METRICS, MAX_DIMENSIONS = 30, 5

_COUNTS = {
    "count": "coalesce(sum(b.n), 0)",
    "error_count": "coalesce(sum(b.errors), 0)",
    "cancelled_count": "coalesce(sum(b.cancelled), 0)",
    "unpriced_requests": "coalesce(sum(b.unpriced), 0)",
    "unknown_usage_requests": "coalesce(sum(b.unknown_usage), 0)",
    "kept_requests": "coalesce(sum(b.kept), 0)",
}


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its SQL aggregate over b, or its quantile of a sketched value; `rolled` when rollups can answer it.

    `empty` is its value where nothing happened: 0 for counts and sums, None for what has no value then.
    """

    name: str
    expression: str | None
    rolled: bool
    empty: float | None = None
    sketch: str | None = None  # duration or ttft
    quantile: float | None = None
    score: str | None = None  # name of the score that `{score}` in the expression stands for


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing to group by: its SQL over a row of requests or rollups (alias r), and parameters."""

    name: str
    expression: str
    params: tuple[Any, ...] = ()
    rolled: bool = False
    score: str | None = None  # name of the score that `{score}` in the expression stands for


# mean, smallest and largest of the requests that have the score; how many have it, with a number or without
_OF_SCORE = {
    "avg": "sum(b.n * b.{score}_value) / nullif(sum(b.n) FILTER (WHERE b.{score}_value IS NOT NULL), 0)",
    "min": "min(b.{score}_value)",
    "max": "max(b.{score}_value)",
    "count": "coalesce(sum(b.n) FILTER (WHERE b.{score}_group IS NOT NULL), 0)",
}


def metric(name: Any) -> Metric:
    """Return the metric of that name. Raises Malformed."""
    if name in _COUNTS:
        return Metric(name, _COUNTS[name], True, 0)
    if name == "error_rate":
        return Metric(name, "sum(b.errors) / nullif(sum(b.n), 0)", True)
    if name == "request_rate":
        return Metric(name, "coalesce(sum(b.n), 0) / {seconds}::float8", True, 0)
    if isinstance(name, str):
        if name == "estimated_cost" or name in TOKENS:
            return _sum(name, name)
        verb, _, subject = name.partition("_")
        if verb in _OF_SCORE and subject.startswith("score."):
            score = find_field(subject, REQUEST_FIELDS).key
            return Metric(name, _OF_SCORE[verb], False, 0 if verb == "count" else None, score=score)
        if verb in QUANTILES and subject in TIMES:
            return Metric(name, None, True, None, TIMES[subject], QUANTILES[verb])
        if verb in ("sum", "avg", "min", "max") and (
            subject in TOKENS or subject in TIMES or subject == "estimated_cost"
        ):
            return _sum(name, subject) if verb == "sum" else _spread(name, verb, subject)
    raise Malformed(
        f"unknown metric {str(name)[:80]!r}: use count, error_rate, sum_total_tokens, p95_duration_seconds ..."
    )


def _sum(name: str, subject: str) -> Metric:
    if subject == "estimated_cost":
        # nothing known is not nothing spent
        return Metric(
            name, "CASE WHEN sum(b.n - b.unpriced) > 0 THEN sum(b.cost) WHEN sum(b.n) > 0 THEN NULL ELSE 0 END", True, 0
        )
    if subject in _KNOWN_TOKENS:
        some = f"CASE WHEN sum(b.n - b.unknown_usage) > 0 OR sum(b.{subject}) > 0 THEN sum(b.{subject})"
        return Metric(name, f"{some} WHEN sum(b.n) > 0 THEN NULL ELSE 0 END", True, 0)
    if subject in TOKENS:
        return Metric(name, f"coalesce(sum(b.{subject}), 0)", True, 0)
    if subject == "duration_seconds":
        return Metric(name, "coalesce(sum(b.duration_sum), 0)", True, 0)
    return Metric(name, f"sum(b.n * b.v_{TIMES[subject]})", False)


def _spread(name: str, verb: str, subject: str) -> Metric:
    if verb == "avg" and subject == "duration_seconds":
        return Metric(name, "sum(b.duration_sum) / nullif(sum(b.n), 0)", True)
    if verb == "avg" and subject == "estimated_cost":
        return Metric(name, "sum(b.cost)::float8 / nullif(sum(b.n - b.unpriced), 0)", True)
    value = f"b.v_{TIMES.get(subject, subject)}"
    if verb == "avg":
        return Metric(name, f"sum(b.n * {value}) / nullif(sum(b.n) FILTER (WHERE {value} IS NOT NULL), 0)", False)
    return Metric(name, f"{verb}({value})", False)


def metrics_of(names: Sequence[str]) -> list[Metric]:
    """Return the metrics of those names. Raises Malformed when there is none, too many or an unknown one."""
    if not names or len(names) > MAX_METRICS:
        raise Malformed(f"metrics takes 1 to {MAX_METRICS} names")
    return [metric(name) for name in dict.fromkeys(names)]


def dimension(name: str) -> Dimension:
    """Return the dimension of that name. Raises Malformed."""
    if name in DIMENSIONS:
        if name == "tags":
            return Dimension(name, "u.tag")
        return Dimension(name, REQUEST_FIELDS[name].expression, (), name in ROLLED_DIMENSIONS)
    if isinstance(name, str) and name.startswith("metadata."):
        field = find_field(name, REQUEST_FIELDS)
        return Dimension(name, f"({field.expression} ->> %s)", (field.key,))
    if isinstance(name, str) and name.startswith("score."):
        return Dimension(name, "{score}_group", score=find_field(name, REQUEST_FIELDS).key)
    known = ", ".join(DIMENSIONS)
    raise Malformed(f"unknown dimension {str(name)[:80]!r}: use metadata.KEY, score.NAME or one of {known}")
