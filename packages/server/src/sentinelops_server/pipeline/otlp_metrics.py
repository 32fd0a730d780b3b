"""Part of decoding: the walk over ExportMetricsServiceRequest, and what SDKs report of themselves in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sentinelops import semconv

from ..model import MetricPoint, SdkReport
from .decoded import Decoded, Limits
from .otlp_values import application_of, attributes_of, clean, environment_of

__all__ = ["walk"]

MAX_NS = 2**63 - 1
KINDS = {
    "gauge": "gauge",
    "sum": "sum",
    "histogram": "histogram",
    "exponential_histogram": "exponential_histogram",
    "summary": "summary",
}
CUMULATIVE = 2
NO_RECORDED_VALUE = 1
SDK_OUTCOMES = {
    semconv.SDK_SPANS_CREATED: "created",
    semconv.SDK_SPANS_SENT: "sent",
    semconv.SDK_SPANS_RETRIED: "retried",
    semconv.SDK_SPANS_DROPPED: "dropped",
    semconv.SDK_SPANS_SAMPLED_OUT: "sampled out",
}


def walk(message: Any, decoded: Decoded, limits: Limits) -> None:
    """Put every valid point into `decoded.metric_points`, SDK reports also into `sdk_reports`; refuse the others."""
    for resource_metrics in message.resource_metrics:
        resource = attributes_of(resource_metrics.resource.attributes)
        resource_bytes = resource_metrics.resource.SerializeToString(deterministic=True)
        named = resource.get(semconv.SERVICE_INSTANCE_ID)
        instance = str(named or hashlib.blake2b(resource_bytes, digest_size=8).hexdigest())[:255]
        for scope_metrics in resource_metrics.scope_metrics:
            digest_key = hashlib.blake2b(resource_bytes + scope_metrics.scope.name.encode(), digest_size=32).digest()
            origin = Origin(application_of(resource), environment_of(resource), instance, named is not None, digest_key)
            for metric in scope_metrics.metrics:
                _metric(metric, decoded, limits, origin)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where points come from; `digest_key` stands for resource and scope in their ids."""

    application: str
    environment: str
    instance: str
    named_instance: bool
    digest_key: bytes


def _metric(metric: Any, decoded: Decoded, limits: Limits, origin: Origin) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    cumulative = getattr(data, "aggregation_temporality", CUMULATIVE) == CUMULATIVE
    monotonic = bool(getattr(data, "is_monotonic", False))
    for record in data.data_points:
        decoded.received += 1
        timestamp = record.time_unix_nano or limits.received_ns
        if not metric.name:
            decoded.refuse(origin.application, "invalid_name", "a metric needs a name")
        elif not 0 < timestamp <= MAX_NS:
            decoded.refuse(origin.application, "invalid_time", f"the time {timestamp} is not after 1970")
        elif why := limits.bounds(timestamp):
            decoded.refuse(origin.application, "time_out_of_range", why)
        elif why := limits.oversize(record):
            decoded.refuse(origin.application, "too_large", why)
        else:
            point = MetricPoint(
                point_id=_digest(metric, record, origin.digest_key),
                timestamp_ns=timestamp,
                name=clean(metric.name),
                kind=KINDS[kind],
                unit=clean(metric.unit),
                application=origin.application,
                environment=origin.environment,
                attributes=attributes_of(record.attributes),
                monotonic=monotonic,
                cumulative=cumulative,
            )
            if origin.named_instance:  # replicas of one application must not overwrite each other's series
                point.attributes.setdefault(semconv.SERVICE_INSTANCE_ID, origin.instance)
            _READERS[kind](record, point)
            decoded.metric_points.append(point)
            _report(point, decoded, origin.instance)


def _digest(metric: Any, record: Any, key: bytes) -> bytes:
    content = metric.name.encode() + b"\x00" + record.SerializeToString(deterministic=True)
    return hashlib.blake2b(content, digest_size=16, key=key).digest()


def _number(record: Any, point: MetricPoint) -> None:
    kind = record.WhichOneof("value")
    if kind is None or record.flags & NO_RECORDED_VALUE:
        return
    value = float(getattr(record, kind))
    if value - value == 0.0:
        point.value = value
    else:
        point.data = {"value": str(value)}


def _finite(value: float) -> float | None:
    return value if value - value == 0.0 else None


def _histogram(record: Any, point: MetricPoint) -> None:
    point.data = {
        "count": record.count,
        "sum": _finite(record.sum) if record.HasField("sum") else None,
        "bounds": [bound for bound in record.explicit_bounds if bound - bound == 0.0],
        "counts": list(record.bucket_counts),
        "min": _finite(record.min) if record.HasField("min") else None,
        "max": _finite(record.max) if record.HasField("max") else None,
        "start_ns": min(record.start_time_unix_nano, MAX_NS),
    }


def _exponential(record: Any, point: MetricPoint) -> None:
    point.data = {
        "count": record.count,
        "sum": _finite(record.sum) if record.HasField("sum") else None,
        "scale": record.scale,
        "zero_count": record.zero_count,
        "zero_threshold": _finite(record.zero_threshold),
        "positive": {"offset": record.positive.offset, "counts": list(record.positive.bucket_counts)},
        "negative": {"offset": record.negative.offset, "counts": list(record.negative.bucket_counts)},
        "min": _finite(record.min) if record.HasField("min") else None,
        "max": _finite(record.max) if record.HasField("max") else None,
        "start_ns": min(record.start_time_unix_nano, MAX_NS),
    }


def _summary(record: Any, point: MetricPoint) -> None:
    point.data = {
        "count": record.count,
        "sum": _finite(record.sum),
        "quantiles": [[_finite(one.quantile), _finite(one.value)] for one in record.quantile_values],
    }


_READERS = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


def _report(point: MetricPoint, decoded: Decoded, instance: str) -> None:
    """Read a count that an SDK keeps of itself also as a report."""
    outcome = SDK_OUTCOMES.get(point.name)
    if outcome is None or point.value is None or point.value < 0:
        return
    decoded.sdk_reports[point.point_id] = SdkReport(
        instance_id=instance,
        application=point.application,
        environment=point.environment,
        outcome=outcome,
        reason=str(point.attributes.get("reason") or ""),
        count=int(min(point.value, MAX_NS)),
        reported_ns=point.timestamp_ns,
    )
