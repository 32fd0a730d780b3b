"""What dashboards read: requests summed per minute, quarter, hour and day, with mergeable latency histograms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from ...model import LLMRequest
from .copy import timestamp
from .database import Transaction

__all__ = ["RESOLUTIONS", "Rollup", "add_rollups", "bucket_of", "roll_up"]

RESOLUTIONS = (1, 15, 60, 1440)  # minutes
MINUTE_NS = 60_000_000_000
LOG_GAMMA = math.log(1.02)
UNDERFLOW = -32768  # the bucket of values <= 0
SUMS = (
    "requests", "prompt_tokens", "completion_tokens", "total_tokens", "cache_read_tokens", "cache_write_tokens",
    "reasoning_tokens", "unknown_usage", "cost", "unpriced", "duration_sum", "kept",
)  # fmt: skip
MAXIMA = ("max_duration", "max_ttft", "max_cost", "max_tokens")
Key = tuple[
    int, int, str, str, str, str, str
]  # resolution, bucket in ns, provider, model, application, environment, status


def bucket_of(value: float) -> int:
    """Return the histogram key k of a value in seconds: it lies in (1.02^(k-1), 1.02^k]."""
    if value <= 0:
        return UNDERFLOW
    return max(-32767, min(32767, math.ceil(math.log(value) / LOG_GAMMA)))


@dataclass(slots=True)
class Rollup:
    """Weighted sums of the requests of one key."""

    requests: float = 0.0
    prompt_tokens: float = 0.0
    completion_tokens: float = 0.0
    total_tokens: float = 0.0
    cache_read_tokens: float = 0.0
    cache_write_tokens: float = 0.0
    reasoning_tokens: float = 0.0
    unknown_usage: float = 0.0
    cost: Decimal = Decimal(0)
    unpriced: float = 0.0
    duration_sum: float = 0.0
    kept: float = 0.0
    max_duration: float | None = None
    max_ttft: float | None = None
    max_cost: float | None = None
    max_tokens: float | None = None
    latency: dict[int, float] = field(default_factory=dict)
    ttft: dict[int, float] = field(default_factory=dict)

    def add(self, request: LLMRequest) -> None:
        """Count one request by its weight."""
        weight = request.weight
        self.requests += weight
        self.kept += 1
        self._add_tokens(request, weight)
        if request.estimated_cost is None:
            self.unpriced += weight
        else:
            self.cost += request.estimated_cost if weight == 1 else request.estimated_cost * Decimal(weight)
            self.max_cost = _larger(self.max_cost, float(request.estimated_cost))
        self.duration_sum += request.duration * weight
        self.max_duration = _larger(self.max_duration, request.duration)
        self.max_tokens = _larger(self.max_tokens, request.total_tokens)
        bucket = bucket_of(request.duration)
        self.latency[bucket] = self.latency.get(bucket, 0.0) + weight
        if request.time_to_first_token is not None:
            bucket = bucket_of(request.time_to_first_token)
            self.ttft[bucket] = self.ttft.get(bucket, 0.0) + weight
            self.max_ttft = _larger(self.max_ttft, request.time_to_first_token)

    def _add_tokens(self, request: LLMRequest, weight: float) -> None:
        if request.total_tokens is None and request.prompt_tokens is None and request.completion_tokens is None:
            self.unknown_usage += weight
            return
        self.prompt_tokens += (request.prompt_tokens or 0) * weight
        self.completion_tokens += (request.completion_tokens or 0) * weight
        self.total_tokens += (request.total_tokens or 0) * weight
        self.cache_read_tokens += (request.cache_read_tokens or 0) * weight
        self.cache_write_tokens += (request.cache_write_tokens or 0) * weight
        self.reasoning_tokens += (request.reasoning_tokens or 0) * weight

    def merge(self, other: Rollup) -> None:
        """Add another key's sums to this one."""
        for name in SUMS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in MAXIMA:
            setattr(self, name, _larger(getattr(self, name), getattr(other, name)))
        for mine, theirs in ((self.latency, other.latency), (self.ttft, other.ttft)):
            for bucket, count in theirs.items():
                mine[bucket] = mine.get(bucket, 0.0) + count


def _larger(one: float | None, other: float | None) -> float | None:
    return other if one is None or (other is not None and other > one) else one


def roll_up(requests: Iterable[LLMRequest]) -> dict[Key, Rollup]:
    """Sum requests into all resolutions; those that another one counts for are left out."""
    minutes: dict[Key, Rollup] = {}
    for request in requests:
        if request.duplicate_of is not None:
            continue
        minute = request.timestamp_ns // MINUTE_NS * MINUTE_NS
        key = (1, minute, request.provider, request.model, request.application, request.environment, request.status)
        rollup = minutes.get(key)
        if rollup is None:
            rollup = minutes[key] = Rollup()
        rollup.add(request)
    result = dict(minutes)
    for resolution in RESOLUTIONS[1:]:
        width = resolution * MINUTE_NS
        for (_, minute, *rest), rollup in minutes.items():
            coarse: Key = (resolution, minute // width * width, *rest)  # type: ignore[assignment]
            result.setdefault(coarse, Rollup()).merge(rollup)
    return result


# What the functions sketch_keys and sketch_counts do, both in one pass and planned once: a third of their time.
_MERGE = """({name}_keys, {name}_counts) = (
    SELECT coalesce(array_agg(k ORDER BY k), '{{}}'), coalesce(array_agg(c ORDER BY k), '{{}}')
    FROM (SELECT k, sum(c) AS c FROM unnest(r.{name}_keys || excluded.{name}_keys,
                                            r.{name}_counts || excluded.{name}_counts) AS u (k, c) GROUP BY k) s)"""
_TYPES = ["smallint", "timestamp", *["text"] * 5]
_TYPES += ["numeric" if name == "cost" else "float" for name in SUMS + MAXIMA] + ["text"] * 4
_COLUMNS = f"""resolution, bucket, provider, model, application, environment, status, {", ".join(SUMS + MAXIMA)}"""
_UPSERT = f"""
INSERT INTO rollups AS r ({_COLUMNS}, latency_keys, latency_counts, ttft_keys, ttft_counts)
SELECT {_COLUMNS}, latency_keys::smallint[], latency_counts::float[], ttft_keys::smallint[], ttft_counts::float[]
FROM unnest({", ".join(f"%b::{name}[]" for name in _TYPES)})
  AS new ({_COLUMNS}, latency_keys, latency_counts, ttft_keys, ttft_counts)
ON CONFLICT (resolution, bucket, provider, model, application, environment, status) DO UPDATE SET
  {", ".join(f"{name} = r.{name} + excluded.{name}" for name in SUMS if name != "kept")},
  kept = coalesce(r.kept, r.requests) + excluded.kept,
  {", ".join(f"{name} = greatest(r.{name}, excluded.{name})" for name in MAXIMA)},
  {_MERGE.format(name="latency")},
  {_MERGE.format(name="ttft")}
"""


def add_rollups(transaction: Transaction, rollups: dict[Key, Rollup]) -> None:
    """Add sums to the table, in the order of their keys, so that writers wait for each other and never in a circle."""
    if not rollups:
        return
    rows = [
        (
            key[0], timestamp(key[1]), *key[2:], *(getattr(rollup, name) for name in SUMS + MAXIMA),
            *_sketch(rollup.latency), *_sketch(rollup.ttft),
        )
        for key, rollup in sorted(rollups.items())
    ]  # fmt: skip
    transaction.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])


def _sketch(counts: dict[int, float]) -> tuple[str, str]:
    """Return a histogram as two array literals: an array of arrays cannot be unnested by rows."""
    keys = sorted(counts)
    return "{" + ",".join(map(str, keys)) + "}", "{" + ",".join(str(counts[key]) for key in keys) + "}"
