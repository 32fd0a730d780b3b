"""Last stage of the pipeline: the nine metrics of the specification, the ledger and the server's own health."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UntypedMetricFamily,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from ..model import LLMRequest, MetricPoint
from .meter_received import Received
from .meter_series import OTHER, Counts, Distribution

__all__ = ["Meter", "MeterConfig"]

LABELS = ("provider", "model", "application", "environment")
# the conventions' buckets (docs/metrics.md)
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(float(4**power) for power in range(14))
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
GROUP_RECORDS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0)
HISTOGRAMS = {
    "request_duration_seconds": "End-to-end duration of a model call in seconds",
    "inference_duration_seconds": "Inference time as the provider reports it, in seconds; only where it is known",
    "tokens_prompt": "Prompt tokens of a model call, cached ones included; only where usage is known",
    "tokens_completion": "Completion tokens of a model call, reasoning included; only where usage is known",
    "tokens_total": "Total tokens of a model call; only where usage is known",
}
COST_HELP = "Estimated cost in US dollars of the calls stored since the server started, of those whose price is known"
CLASSIC = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class MeterConfig:
    """How many label sets are kept: of requests, of error types in each, and of received OTLP metrics."""

    max_label_sets: int = 2000
    max_error_types: int = 32
    max_received_series: int = 10_000

    def __post_init__(self) -> None:
        for name in ("max_label_sets", "max_error_types", "max_received_series"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


class _Cell:
    """All that is kept of one (provider, model, application, environment)."""

    __slots__ = ("cost", "errors", "histograms", "memory", "requests")

    def __init__(self, max_error_types: int) -> None:
        self.histograms = {name: Distribution(SECONDS if name.endswith("seconds") else TOKENS) for name in HISTOGRAMS}
        self.cost: float | None = None
        self.memory: float | None = None
        self.requests: dict[str, float] = {}
        self.errors = Counts(max_error_types)

    def observe(self, request: LLMRequest) -> None:
        weight = request.weight
        histograms = self.histograms
        histograms["request_duration_seconds"].add(request.duration, weight)
        if request.inference_time is not None:
            histograms["inference_duration_seconds"].add(request.inference_time, weight)
        if request.prompt_tokens is not None:
            histograms["tokens_prompt"].add(request.prompt_tokens, weight)
        if request.completion_tokens is not None:
            histograms["tokens_completion"].add(request.completion_tokens, weight)
        if request.total_tokens is not None:
            histograms["tokens_total"].add(request.total_tokens, weight)
        if request.estimated_cost is not None:
            self.cost = (self.cost or 0.0) + float(request.estimated_cost) * weight
        if request.memory_used is not None:
            self.memory = request.memory_used
        self.requests[request.status] = self.requests.get(request.status, 0.0) + weight
        if request.status == "error":
            self.errors.add((request.error_type or "unknown",), weight)


class Meter:
    """Counts what was stored and exposes it. Thread-safe; a collector for prometheus_client, and whole pages itself."""

    def __init__(self, config: MeterConfig | None = None, clock: Callable[[], float] = time.time) -> None:
        self.config = config or MeterConfig()
        self._clock = clock
        self._lock = threading.Lock()
        self._cells: dict[tuple[str, str, str, str], _Cell] = {}
        self._overflow = 0.0
        self._records = Counts()
        self._problems = Counts()
        self._commit_seconds = Distribution(COMMIT_SECONDS)
        self._group_records = Distribution(GROUP_RECORDS)
        self._last_commit: float | None = None
        self._gauges: dict[str, tuple[str, Callable[[], float]]] = {}
        self.received = Received(self.config.max_received_series)

    # what the pipeline tells

    def observe(self, requests: Iterable[LLMRequest]) -> None:
        """Count requests that were new; those that stand for another (`duplicate_of`) are left out."""
        with self._lock:
            for request in requests:
                if request.duplicate_of is None:
                    self._cell(request).observe(request)

    def _cell(self, request: LLMRequest) -> _Cell:
        key = (request.provider, request.model, request.application, request.environment)
        cell = self._cells.get(key)
        if cell is None:
            if len(self._cells) >= self.config.max_label_sets:
                self._overflow += 1
                key = (OTHER, OTHER, OTHER, OTHER)
            cell = self._cells.setdefault(key, _Cell(self.config.max_error_types))
        return cell

    def observe_points(self, points: Iterable[MetricPoint]) -> None:
        """Keep the latest value of received OTLP metrics."""
        with self._lock:
            for point in points:
                self.received.add(point)

    def count(self, signal: str, outcome: str, amount: int, reason: str = "") -> None:
        """Count records in the ledger: outcome is received, stored, duplicate, refused or dropped."""
        if amount:
            with self._lock:
                self._records.add((signal, outcome, reason), amount)

    def problem(self, kind: str, amount: int = 1) -> None:
        """Count what went wrong inside: redaction_failed, dialect_failed, malformed_request, store_unavailable ..."""
        with self._lock:
            self._problems.add((kind,), amount)

    def committed(self, seconds: float, records: int) -> None:
        """Note one commit: how long it took and how many records it held."""
        with self._lock:
            self._commit_seconds.add(seconds)
            self._group_records.add(records)
            self._last_commit = self._clock()

    def watch(self, name: str, help_text: str, read: Callable[[], float]) -> None:
        """Expose a gauge that is read when it is asked for: `sentinelops_<name>`."""
        self._gauges[name] = (help_text, read)

    # what /metrics shows

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return the page and its content type: OpenMetrics when `accept` names it, else the classic text."""
        registry = CollectorRegistry(auto_describe=False)
        if "application/openmetrics-text" in accept:
            registry.register(self)
            return generate_openmetrics(registry), OPENMETRICS  # type: ignore[no-untyped-call]
        registry.register(_Classic(self))
        return generate_latest(registry), CLASSIC

    def describe(self) -> list[Metric]:
        """Return nothing: names are known only when collected."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family with its real type."""
        with self._lock:
            families = [*self._llm(), *self._own(), *self.received.families()]
        yield from families

    def _llm(self) -> Iterator[Metric]:
        for name, text in HISTOGRAMS.items():
            histogram = HistogramMetricFamily(f"llm_{name}", text, labels=LABELS)
            for key, cell in self._cells.items():
                distribution = cell.histograms[name]
                if distribution.count:
                    histogram.add_metric(key, distribution.cumulative(), distribution.total)
            yield histogram
        cost = GaugeMetricFamily("llm_cost_total", COST_HELP, labels=LABELS)
        memory = GaugeMetricFamily(
            "llm_memory_used_bytes", "Memory used for the latest request that reports it, in bytes", labels=LABELS
        )
        requests = CounterMetricFamily("llm_requests", "Count of model calls", labels=(*LABELS, "status"))
        errors = CounterMetricFamily("llm_errors", "Count of failed model calls", labels=(*LABELS, "error_type"))
        for key, cell in self._cells.items():
            if cell.cost is not None:
                cost.add_metric(key, cell.cost)
            if cell.memory is not None:
                memory.add_metric(key, cell.memory)
            for status, number in cell.requests.items():
                requests.add_metric((*key, status), number)
            for (error_type,), number in cell.errors.values.items():
                errors.add_metric((*key, error_type), number)
        yield from (cost, requests, errors, memory)

    def _own(self) -> Iterator[Metric]:
        records = CounterMetricFamily(
            "sentinelops_records", "Where every record went", labels=("signal", "outcome", "reason")
        )
        for labels, number in self._records.values.items():
            records.add_metric(labels, number)
        problems = CounterMetricFamily("sentinelops_problems", "What went wrong inside the server", labels=("kind",))
        for labels, number in self._problems.values.items():
            problems.add_metric(labels, number)
        overflow = CounterMetricFamily(
            "sentinelops_metric_series_overflow", "Times that a new label set was counted as `other` for want of room"
        )
        overflow.add_metric((), self._overflow + self._records.overflow + self.received.overflow)
        commit = HistogramMetricFamily("sentinelops_commit_duration_seconds", "Duration of a commit in seconds")
        commit.add_metric((), self._commit_seconds.cumulative(), self._commit_seconds.total)
        group = HistogramMetricFamily("sentinelops_commit_records", "Records in one commit")
        group.add_metric((), self._group_records.cumulative(), self._group_records.total)
        yield from (records, problems, overflow, commit, group)
        if self._last_commit is not None:
            age = max(self._clock() - self._last_commit, 0.0)
            yield _gauge("last_commit_age_seconds", "Seconds since the last commit", age)
        yield _gauge("process_resident_memory_bytes", "Resident memory of the server process in bytes", _resident())
        for name, (text, read) in self._gauges.items():
            yield _gauge(name, text, read())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sentinelops_{name}", text, value=value)


def _resident() -> float:
    try:
        with open("/proc/self/statm", "rb") as statm:
            return float(int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except OSError:
        import resource

        # no /proc here: the peak is the best that is known
        return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) * 1024


class _Classic:
    """The families as the classic text can say them.

    The specification has a gauge and a histogram that end in _total. In the classic text that ending is a counter's, so
    those two are untyped there; series names and values are the same.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        for family in self._meter.collect():
            if family.type in ("counter", "unknown") or not family.name.endswith("_total"):
                yield family
                continue
            by_name: dict[str, Any] = {}
            for sample in family.samples:
                split = by_name.setdefault(sample.name, UntypedMetricFamily(sample.name, family.documentation))
                split.samples.append(sample)
            yield from by_name.values()
