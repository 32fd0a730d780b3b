"""Part of metering: OTLP metrics that applications send, exposed with their latest value under Prometheus names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from sentinelops import semconv

from ..model import MetricPoint

__all__ = ["Received", "metric_name"]

UNITS = {
    "s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds", "min": "minutes", "h": "hours",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "kBy": "kilobytes", "MBy": "megabytes", "%": "percent",
}  # fmt: skip
# names of our own are ours: what is received under them would be counted twice
RESERVED = ("llm_", "sentinelops_")
MAX_ATTRIBUTES = 32
MAX_LABEL_VALUE = 255
_UNFIT = re.compile(r"[^a-zA-Z0-9_]+")


def metric_name(name: str, unit: str) -> str:
    """Return the Prometheus name of an OTLP metric: unfit characters become _, a unit is added as a word."""
    fit = _UNFIT.sub("_", name).strip("_") or "unnamed"
    if fit[0].isdigit():
        fit = f"_{fit}"
    word = UNITS.get(unit, "")
    if unit == "1":
        word = ""
    if word and not fit.removesuffix("_total").endswith(word):
        fit = f"{fit.removesuffix('_total')}_{word}"
    return fit.removesuffix("_total")


class Received:
    """The latest value of each series; cumulative ones are kept as they are, deltas are added up."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.overflow = 0
        self._kinds: dict[str, tuple[str, str]] = {}
        self._series: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[int, Any]] = {}

    def add(self, point: MetricPoint) -> None:
        """Take a point that was new. Names of our own, SDK reports and a second kind under one name are left out."""
        if point.name.startswith(("sentinelops.sdk.",)):
            return
        name = metric_name(point.name, point.unit)
        kind = _kind(point)
        value = _value(point, kind)
        if value is None or name.startswith(RESERVED):
            return
        known = self._kinds.setdefault(name, (kind, point.name))
        if known[0] != kind:
            return
        key = (name, _labels(point))
        before = self._series.get(key)
        if before is None and len(self._series) >= self.limit:
            self.overflow += 1
            return
        if before is not None:
            if not point.cumulative and kind in ("counter", "histogram"):
                value = _sum(kind, before[1], value)
            elif before[0] > point.timestamp_ns:
                return
        self._series[key] = (point.timestamp_ns, value)

    def families(self) -> Iterator[Metric]:
        """Yield a family for each name."""
        by_name: dict[str, list[tuple[tuple[tuple[str, str], ...], Any]]] = {}
        for (name, labels), (_, value) in self._series.items():
            by_name.setdefault(name, []).append((labels, value))
        for name, series in by_name.items():
            kind, original = self._kinds[name]
            yield _family(name, kind, f"Received as {original}", series)


def _kind(point: MetricPoint) -> str:
    if point.kind == "sum":
        return "counter" if point.monotonic else "gauge"
    return {"gauge": "gauge", "histogram": "histogram"}.get(point.kind, "summary")


def _value(point: MetricPoint, kind: str) -> Any:
    if kind in ("counter", "gauge"):
        return point.value
    data = point.data or {}
    if kind == "histogram":
        bounds, counts = tuple(data.get("bounds") or ()), list(data.get("counts") or ())
        if len(counts) != len(bounds) + 1 or list(bounds) != sorted(set(bounds)):
            return None
        return (bounds, counts, data.get("sum") or 0.0)
    return (float(data.get("count") or 0), float(data.get("sum") or 0.0))


def _sum(kind: str, before: Any, value: Any) -> Any:
    if kind == "counter":
        return before + value
    if before[0] != value[0]:
        return value  # other buckets: the old counts cannot be told apart any more
    return (value[0], [a + b for a, b in zip(before[1], value[1], strict=True)], before[2] + value[2])


def _labels(point: MetricPoint) -> tuple[tuple[str, str], ...]:
    labels: dict[str, str] = {}
    for key, value in sorted(point.attributes.items())[:MAX_ATTRIBUTES]:
        label = "instance" if key == semconv.SERVICE_INSTANCE_ID else _UNFIT.sub("_", key).strip("_")
        if not label or label[0].isdigit():
            label = f"_{label}"
        if label in ("le", "quantile"):
            label = f"attribute_{label}"
        labels.setdefault(label, str(value)[:MAX_LABEL_VALUE])
    labels["application"] = point.application
    labels["environment"] = point.environment
    return tuple(sorted(labels.items()))


def _family(name: str, kind: str, text: str, series: list[tuple[tuple[tuple[str, str], ...], Any]]) -> Metric:
    family: Any
    if kind == "counter":
        family = CounterMetricFamily(name, text)
        for labels, value in series:
            family.add_sample(f"{name}_total", dict(labels), value)
    elif kind == "gauge":
        family = GaugeMetricFamily(name, text)
        for labels, value in series:
            family.add_sample(name, dict(labels), value)
    elif kind == "histogram":
        family = HistogramMetricFamily(name, text)
        for labels, (bounds, counts, total) in series:
            running = 0
            for bound, count in zip((*map(float, bounds), float("inf")), counts, strict=True):
                running += count
                le = "+Inf" if bound == float("inf") else repr(bound)
                family.add_sample(f"{name}_bucket", {**dict(labels), "le": le}, running)
            family.add_sample(f"{name}_count", dict(labels), running)
            family.add_sample(f"{name}_sum", dict(labels), total)
    else:
        family = SummaryMetricFamily(name, text)
        for labels, (count, total) in series:
            family.add_sample(f"{name}_count", dict(labels), count)
            family.add_sample(f"{name}_sum", dict(labels), total)
    result: Metric = family
    return result
