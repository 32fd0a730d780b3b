"""Sends the simulated past through the OTLP door as any exporter would: protobuf, gzip, batches, retries."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from sentinelops import semconv as s

from sentinelops_server.demo.history.calls import SimulatedSpan
from sentinelops_server.demo.history.rhythm import Plan
from sentinelops_server.demo.history.scenes import simulate

__all__ = ["HistoryReport", "batches", "encode", "send_history"]

_BATCH = 512
_CONNECTIONS = 3
_PATIENCE_SECONDS = 120.0  # how long one batch is tried again before the history is given up


@dataclass
class HistoryReport:
    """What was made and what the server said of it."""

    requests: int = 0
    spans: int = 0
    refused: int = 0
    seconds: float = 0.0


def _value(value: object) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        found = AnyValue()
        found.array_value.values.extend(_value(item) for item in value)
        return found
    return AnyValue(string_value=str(value))


def _pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in attributes.items()]


def _span(span: SimulatedSpan) -> Span:
    found = Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_id,
        name=span.name,
        kind=Span.SpanKind.ValueType(span.kind),
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=_pairs(span.attributes),
        events=[
            Span.Event(name=s.EVALUATION_EVENT, time_unix_nano=span.end_ns, attributes=_pairs(mark))
            for mark in span.marks
        ],
    )
    if span.error is not None:
        found.status.code = 2  # type: ignore[assignment]
        found.status.message = span.error
    return found


def encode(spans: Iterable[SimulatedSpan]) -> bytes:
    """Return the OTLP request that holds these spans, grouped by application."""
    request = ExportTraceServiceRequest()
    scopes: dict[str, ScopeSpans] = {}
    for span in spans:
        scope = scopes.get(span.application)
        if scope is None:
            resource = request.resource_spans.add()
            for key, value in ((s.SERVICE_NAME, span.application), (s.DEPLOYMENT_ENVIRONMENT, "simulated")):
                resource.resource.attributes.append(KeyValue(key=key, value=_value(value)))
            scope = scopes[span.application] = resource.scope_spans.add()
            scope.scope.name = "sentinelops.demo.history"
        scope.spans.append(_span(span))
    return request.SerializeToString()


def batches(plan: Plan) -> Iterator[tuple[list[SimulatedSpan], float]]:
    """Yield batches of about 512 spans, each with the share [0..1] of the past that is behind it."""
    pending: list[SimulatedSpan] = []
    length = plan.end_ns - plan.start_ns
    for spans in simulate(plan):
        pending += spans
        if len(pending) >= _BATCH:
            yield pending, min(1.0, (pending[-1].start_ns - plan.start_ns) / length)
            pending = []
    if pending:
        yield pending, 1.0


def _send(client: httpx.Client, body: bytes) -> int:
    """Send one batch until it is taken; return how many spans were refused."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = client.post("/v1/traces", content=gzip.compress(body, 1))
        if answer.status_code in (429, 502, 503, 504) and time.monotonic() < deadline:
            time.sleep(min(5.0, float(answer.headers.get("retry-after", "1"))))
            continue
        if answer.is_error:
            raise RuntimeError(f"the server did not take the history: HTTP {answer.status_code} {answer.text[:300]}")
        return ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans


def send_history(
    plan: Plan, endpoint: str, key: str, on_progress: Callable[[float], None] | None = None
) -> HistoryReport:
    """Send a plan's traffic to an OTLP/HTTP endpoint such as http://127.0.0.1:4318, with an ingest key.

    `on_progress` is told the share [0..1] that is done. Returns what was sent; raises RuntimeError with the server's
    words when a batch is not taken, httpx.TransportError when there is no server.
    """
    report, begun = HistoryReport(), time.monotonic()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/x-protobuf", "content-encoding": "gzip"}
    with (
        httpx.Client(base_url=endpoint, headers=headers, timeout=60) as client,
        ThreadPoolExecutor(_CONNECTIONS, "history") as pool,
    ):
        waiting = []
        for spans, share in batches(plan):
            report.spans += len(spans)
            report.requests += sum(s.PROVIDER in span.attributes for span in spans)
            waiting.append(pool.submit(_send, client, encode(spans)))
            if len(waiting) > 2 * _CONNECTIONS:
                report.refused += waiting.pop(0).result()
            if on_progress:
                on_progress(share)
        report.refused += sum(future.result() for future in waiting)
    report.seconds = time.monotonic() - begun
    return report
