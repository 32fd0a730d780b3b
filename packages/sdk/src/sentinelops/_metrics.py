"""The standard client metrics, counted from passing spans, and the SDK's own ledger, as cumulative OTLP metrics."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from . import semconv
from ._encode import set_attributes

if TYPE_CHECKING:
    from ._stats import StatsSnapshot

SCOPE = "sentinelops"
_CUMULATIVE = 2
DURATION_BUCKETS = tuple(0.01 * 2**power for power in range(14))  # seconds: 0.01 .. 81.92
TOKEN_BUCKETS = tuple(float(4**power) for power in range(14))  # 1 .. 67,108,864
_DIMENSIONS = (
    semconv.OPERATION, semconv.PROVIDER, semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL, semconv.SERVER_ADDRESS,
    semconv.SERVER_PORT, semconv.ERROR_TYPE,
)  # fmt: skip
_SERIES_MAX = 1_000
_OVERFLOW = (("otel.metric.overflow", True),)

Key = tuple[tuple[str, Any], ...]


class Histogram:
    """Explicit buckets, cumulative."""

    __slots__ = ("bounds", "count", "counts", "maximum", "minimum", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0
        self.minimum = float("inf")
        self.maximum = float("-inf")

    def record(self, value: float) -> None:
        """One observation; a bucket's upper bound belongs to it."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.count += 1
        self.total += value
        self.minimum = min(self.minimum, value)
        self.maximum = max(self.maximum, value)


class ClientMetrics:
    """gen_ai.client.* histograms by the conventions' dimensions; a thousand series each, then one overflow."""

    def __init__(self) -> None:
        self.series: dict[str, dict[Key, Histogram]] = {
            semconv.CLIENT_OPERATION_DURATION: {},
            semconv.CLIENT_TOKEN_USAGE: {},
            semconv.CLIENT_TIME_TO_FIRST_CHUNK: {},
        }
        self._keys: dict[tuple[Any, ...], tuple[Key, Key, Key]] = {}

    def observe(self, attributes: Mapping[str, Any], duration_seconds: float) -> None:
        """Count one model call by the attributes of its span."""
        key, *by_type = self._keys_of(tuple(map(attributes.get, _DIMENSIONS)))
        self._at(semconv.CLIENT_OPERATION_DURATION, key, DURATION_BUCKETS).record(duration_seconds)
        first = attributes.get(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
        if first is not None:
            self._at(semconv.CLIENT_TIME_TO_FIRST_CHUNK, key, DURATION_BUCKETS).record(first)
        for typed, name in zip(by_type, (semconv.USAGE_INPUT_TOKENS, semconv.USAGE_OUTPUT_TOKENS), strict=True):
            tokens = attributes.get(name)
            if tokens is not None:
                self._at(semconv.CLIENT_TOKEN_USAGE, typed, TOKEN_BUCKETS).record(tokens)

    def _keys_of(self, values: tuple[Any, ...]) -> tuple[Key, Key, Key]:
        """The key of these dimensions, and of input and output tokens; the same few come again."""
        known = self._keys.get(values)
        if known is None:
            key: Key = tuple(
                (name, value) for name, value in zip(_DIMENSIONS, values, strict=True) if value is not None
            )
            kinds = ((*key, ("gen_ai.token.type", "input")), (*key, ("gen_ai.token.type", "output")))
            if len(self._keys) >= _SERIES_MAX:
                self._keys.clear()
            known = self._keys[values] = (key, *kinds)
        return known

    def _at(self, name: str, key: Key, bounds: tuple[float, ...]) -> Histogram:
        series = self.series[name]
        found = series.get(key)
        if found is None:
            if len(series) >= _SERIES_MAX:
                key = _OVERFLOW
            found = series.setdefault(key, Histogram(bounds))
        return found


_UNITS = {
    semconv.CLIENT_OPERATION_DURATION: "s",
    semconv.CLIENT_TIME_TO_FIRST_CHUNK: "s",
    semconv.CLIENT_TOKEN_USAGE: "{token}",
}


def encode(resource: bytes, stats: StatsSnapshot, started_ns: int, client: ClientMetrics) -> bytes:
    """An OTLP metrics request. resource: an encoded ResourceSpans without spans, whose fields have the same numbers."""
    now = time.time_ns()
    request = ExportMetricsServiceRequest()
    container = request.resource_metrics.add()
    container.ParseFromString(resource)
    scope = container.scope_metrics.add()
    scope.scope.name = SCOPE
    for name, value in (
        (semconv.SDK_SPANS_CREATED, stats["created"]),
        (semconv.SDK_SPANS_SENT, stats["sent"]),
        (semconv.SDK_SPANS_RETRIED, stats["retried"]),
    ):
        _sum(scope.metrics.add(), name, {"": value}, started_ns, now)
    if stats["dropped"]:
        _sum(scope.metrics.add(), semconv.SDK_SPANS_DROPPED, stats["dropped"], started_ns, now)
    if stats["sampled_out"]:
        _sum(scope.metrics.add(), semconv.SDK_SPANS_SAMPLED_OUT, stats["sampled_out"], started_ns, now)
    for name, series in client.series.items():
        if series:
            _histogram(scope.metrics.add(), name, series, started_ns, now)
    return request.SerializeToString()


def _sum(metric: Any, name: str, by_reason: Mapping[str, int], started_ns: int, now: int) -> None:
    metric.name = name
    metric.unit = "{span}"
    metric.sum.aggregation_temporality = _CUMULATIVE
    metric.sum.is_monotonic = True
    for reason, value in by_reason.items():
        point = metric.sum.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = started_ns, now
        point.as_int = value
        if reason:
            set_attributes(point.attributes, {"reason": reason})


def _histogram(metric: Any, name: str, series: Mapping[Key, Histogram], started_ns: int, now: int) -> None:
    metric.name = name
    metric.unit = _UNITS[name]
    metric.histogram.aggregation_temporality = _CUMULATIVE
    for key, histogram in series.items():
        point = metric.histogram.data_points.add()
        point.start_time_unix_nano, point.time_unix_nano = started_ns, now
        point.count, point.sum = histogram.count, histogram.total
        point.min, point.max = histogram.minimum, histogram.maximum
        point.bucket_counts.extend(histogram.counts)
        point.explicit_bounds.extend(histogram.bounds)
        set_attributes(point.attributes, dict(key))
