"""Part of metering: the accumulators, bounded in how many label sets they keep."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

__all__ = ["OTHER", "Counts", "Distribution"]

OTHER = "other"


class Distribution:
    """A histogram of one label set: weighted counts per bucket, their sum and their number."""

    __slots__ = ("bounds", "count", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0.0] * (len(bounds) + 1)
        self.total = 0.0
        self.count = 0.0

    def add(self, value: float, weight: float = 1.0) -> None:
        """Count one value for `weight` of them."""
        self.counts[bisect_left(self.bounds, value)] += weight
        self.total += value * weight
        self.count += weight

    def cumulative(self) -> list[tuple[str, float]]:
        """Return (upper bound as text, how many values are at most that), ending in +Inf."""
        running = 0.0
        buckets = []
        for bound, count in zip(self.bounds, self.counts, strict=False):
            running += count
            buckets.append((repr(float(bound)), running))
        buckets.append(("+Inf", self.count))
        return buckets


class Counts:
    """Counters or gauges by label values; beyond `limit` label sets all new ones are counted as `other`."""

    def __init__(self, limit: int = 2000) -> None:
        self.values: dict[tuple[str, ...], float] = {}
        self.limit = limit
        self.overflow = 0

    def add(self, labels: tuple[str, ...], amount: float = 1.0) -> None:
        """Add to a label set."""
        labels = self.admit(labels)
        self.values[labels] = self.values.get(labels, 0.0) + amount

    def set(self, labels: tuple[str, ...], value: float) -> None:
        """Set the value of a label set."""
        self.values[self.admit(labels)] = value

    def admit(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return the labels, or `other` for all of them when there is no more room."""
        if labels in self.values or len(self.values) < self.limit:
            return labels
        self.overflow += 1
        return (OTHER,) * len(labels)
