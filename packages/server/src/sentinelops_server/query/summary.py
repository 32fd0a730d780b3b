"""Query: the numbers of one scope, at a glance."""

from __future__ import annotations

from typing import Any, cast

from ..storage.postgres.database import Database
from .aggregate import number, question
from .filters import Filter
from .measures import QUANTILES, TIMES, metrics_of
from .scope import Scope
from .shapes import Summary
from .sketches import quantiles
from .source import measures_source

__all__ = ["summary"]

_METRICS = metrics_of(
    [
        *("count", "error_count", "cancelled_count", "error_rate", "request_rate"),
        *("prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "reasoning_tokens"),
        *("unknown_usage_requests", "estimated_cost", "unpriced_requests", "kept_requests"),
    ]
)


def summary(database: Database, scope: Scope, filter: Filter | None = None, compare: bool = False) -> Summary:
    """Return counts, tokens, cost and latency of a scope; `compare` adds the interval just before as `previous`."""
    asked = question(database, scope, (), filter)
    source, params = measures_source(asked, asked.rolled)
    seconds = repr(scope.range.seconds)
    values = ", ".join(
        f"({(item.expression or '').replace('{seconds}', seconds)}) AS m{i}" for i, item in enumerate(_METRICS)
    )
    row = database.fetch_one(f"SELECT {values} FROM ({source}) b", params) or {}
    found: dict[str, Any] = {item.name: number(row.get(f"m{i}")) for i, item in enumerate(_METRICS)}
    answers = quantiles(database, asked, list(TIMES.values()), list(QUANTILES.values()), mean=True)
    for name, sketch in TIMES.items():
        known, mean = answers[sketch].get((0,), ([None] * len(QUANTILES), None))
        found[name] = {"avg": mean, **dict(zip(QUANTILES, known, strict=True))}
    found["sampled"] = found["kept_requests"] != found["count"]
    found |= {"start": scope.range.start, "end": scope.range.end}
    found["previous"] = summary(database, scope.previous(), filter) if compare else None
    return cast(Summary, found)
