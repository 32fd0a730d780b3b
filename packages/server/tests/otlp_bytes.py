"""Builds OTLP requests for tests, as an exporter would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from sentinelops_server.model import OtlpBatch

NOW_NS = 1_795_000_000_000_000_000
RESOURCE = {"service.name": "shop", "deployment.environment.name": "prod"}


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, bytes):
        return AnyValue(bytes_value=value)
    result = AnyValue()
    if isinstance(value, Mapping):
        result.kvlist_value.values.extend(pairs(value))
    elif isinstance(value, list):
        result.array_value.values.extend(any_value(item) for item in value)
    elif value is not None:
        result.string_value = value
    return result


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def span(number: int = 1, trace: int = 1, parent: int = 0, **fields: Any) -> dict[str, Any]:
    """A span of 2 seconds that ended at NOW_NS."""
    return {
        "trace_id": trace.to_bytes(16, "big"),
        "span_id": number.to_bytes(8, "big"),
        "parent_span_id": parent.to_bytes(8, "big") if parent else b"",
        "name": "chat gpt-4o",
        "kind": 3,
        "start_time_unix_nano": NOW_NS - 2_000_000_000,
        "end_time_unix_nano": NOW_NS,
        "attributes": {},
        "events": [],
        **fields,
    }


def call(
    number: int = 1, trace: int = 1, parent: int = 0, attributes: Mapping[str, Any] | None = None, **fields: Any
) -> dict[str, Any]:
    """A successful chat call."""
    return span(
        number,
        trace,
        parent,
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 10,
            **(attributes or {}),
        },
        **fields,
    )


def traces(
    spans: Sequence[Mapping[str, Any]],
    resource: Mapping[str, Any] | None = None,
    scope: tuple[str, str] = ("test", "1"),
) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.extend(pairs(RESOURCE if resource is None else resource))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name, scope_spans.scope.version = scope
    for given in spans:
        fields = dict(given)
        record = scope_spans.spans.add()
        record.attributes.extend(pairs(fields.pop("attributes")))
        for event in fields.pop("events"):
            added = record.events.add()
            added.name, added.time_unix_nano = event["name"], event.get("time", NOW_NS)
            added.attributes.extend(pairs(event.get("attributes", {})))
        if "status" in fields:
            record.status.code, record.status.message = fields.pop("status")
        for name, value in fields.items():
            setattr(record, name, value)
    return request


def batch(spans: Sequence[Mapping[str, Any]], **options: Any) -> OtlpBatch:
    return OtlpBatch("spans", traces(spans, **options).SerializeToString(), "protobuf", NOW_NS)
