"""Decoding: what is taken, what is refused and by which name, and bytes of any kind."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp_bytes import NOW_NS, RESOURCE, any_value, batch, call, pairs, span, traces
from sentinelops_server.errors import Malformed
from sentinelops_server.model import OtlpBatch, Signal
from sentinelops_server.pipeline.decoded import OtlpConfig
from sentinelops_server.pipeline.normalise import add_previews, normalise
from sentinelops_server.pipeline.otlp import decode
from sentinelops_server.pipeline.redact import Redactor


def too_far(time_ns: int) -> str | None:
    return "too far" if abs(time_ns - NOW_NS) > 10**15 else None


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"end_time_unix_nano": NOW_NS - 2_000_000_000}, None),
        ({"trace_id": b"short"}, "invalid_trace_id"),
        ({"trace_id": bytes(16)}, "invalid_trace_id"),
        ({"span_id": bytes(8)}, "invalid_span_id"),
        ({"span_id": b"123456789"}, "invalid_span_id"),
        ({"end_time_unix_nano": NOW_NS - 3_000_000_000}, "invalid_time"),
        ({"start_time_unix_nano": 0}, "invalid_time"),
        ({"end_time_unix_nano": 2**64 - 1}, "invalid_time"),
        ({"start_time_unix_nano": 5}, "time_out_of_range"),
        ({"end_time_unix_nano": NOW_NS + 2 * 10**15}, "time_out_of_range"),
        ({"attributes": {"big": "x" * 5000}}, "too_large"),
        ({"events": [{"name": "e"}] * 11}, "too_large"),
    ],
)
def test_a_bad_span_is_refused_alone(fields: dict[str, Any], reason: str | None) -> None:
    config = OtlpConfig(max_record_bytes=4000, max_events_per_span=10)
    decoded = decode(
        batch([call(1), call(2, **fields) if "attributes" not in fields else span(2, **fields), call(3)]),
        too_far,
        config,
    )
    assert decoded.received == 3
    assert [one.reason for one in decoded.refused] == ([reason] if reason else [])
    assert len(decoded.spans) == (2 if reason else 3)


def test_values_of_every_kind() -> None:
    attributes = {
        "s": "x",
        "i": -5,
        "b": True,
        "d": 0.5,
        "y": b"\x00\xff",
        "l": ["a", 1, [None]],
        "k": {"a": {"b": 1}},
        "n": None,
    }
    decoded = decode(batch([span(attributes=attributes)]))
    assert decoded.spans[0].attributes == {**attributes, "y": base64.b64encode(b"\x00\xff").decode()}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"city": "M\xc3\xbcnchen"}', '{"city": "München"}'),
        (b"two\nlines", "two\nlines"),
        (b"", ""),
        (b"\x01\x02", "AQI="),
        (b"\xff\xfe", "//4="),
    ],
)
def test_bytes_that_are_text_are_text(data: bytes, expected: str) -> None:
    assert decode(batch([span(attributes={"y": data})])).spans[0].attributes == {"y": expected}


def test_what_json_and_postgresql_cannot_hold_is_replaced() -> None:
    odd = {"nul\x00key": "a\x00b", "nan": float("nan"), "inf": float("-inf"), "deep": ["\x00"]}
    decoded = decode(batch([span(attributes=odd, name="n\x00")]))
    one = decoded.spans[0]
    assert one.name == "n\ufffd"
    assert one.attributes == {"nul\ufffdkey": "a\ufffdb", "nan": "NaN", "inf": "-Infinity", "deep": ["\ufffd"]}


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (RESOURCE, ("shop", "prod")),
        ({}, ("unknown", "default")),
        ({"service.name": "unknown_service:python", "deployment.environment": "old"}, ("unknown", "old")),
        ({"service.name": 7, "deployment.environment.name": ""}, ("unknown", "default")),
        ({"service.name": "x" * 300}, ("x" * 255, "default")),
    ],
)
def test_application_and_environment(resource: dict[str, Any], expected: tuple[str, str]) -> None:
    one = decode(batch([span()], resource=resource)).spans[0]
    assert (one.application, one.environment) == expected


def otlp_json(message: Any, hex_ids: bool = True) -> bytes:
    def fix(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: base64.b64decode(item).hex()
                if hex_ids and key in ("traceId", "spanId", "parentSpanId")
                else fix(item)
                for key, item in value.items()
            }
        return [fix(item) for item in value] if isinstance(value, list) else value

    return json.dumps(fix(MessageToDict(message))).encode()


def test_json_says_what_protobuf_says() -> None:
    message = traces(
        [call(1, events=[{"name": "e", "attributes": {"a": [1, {"b": "c"}]}}]), span(2, parent=1, status=(2, "bad"))]
    )
    by_json = decode(OtlpBatch("spans", otlp_json(message), "json", NOW_NS))
    assert by_json == decode(OtlpBatch("spans", message.SerializeToString(), "protobuf", NOW_NS))


def test_json_of_javascript_with_half_a_character() -> None:
    document = otlp_json(traces([span(name="cut X")])).replace(b"cut X", b"cut \\ud83d")
    assert decode(OtlpBatch("spans", document, "json", NOW_NS)).spans[0].name == "cut ?"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"resourceSpans": 5}', b"[" * 100_000, b'{"a":' * 5000, b"\xff"]
)
def test_json_that_is_none(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode(OtlpBatch("spans", body, "json", NOW_NS))


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    resource.resource.attributes.extend(pairs(RESOURCE))
    record = resource.scope_logs.add().log_records.add()
    record.time_unix_nano, record.severity_number, record.trace_id = NOW_NS, 9, b"t" * 16
    record.attributes.extend(pairs({"event.name": "gen_ai.choice"}))
    record.body.CopyFrom(any_value({"index": 0}))
    return request


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.extend(pairs({**RESOURCE, "service.instance.id": "i-1"}))
    scope = resource.scope_metrics.add()
    gauge, total, histogram, exponential, summary, own = (scope.metrics.add() for _ in range(6))
    gauge.name = "g"
    gauge.gauge.data_points.add(time_unix_nano=NOW_NS, as_double=1.5)
    total.name = "s"
    total.sum.aggregation_temporality, total.sum.is_monotonic = 1, True
    total.sum.data_points.add(time_unix_nano=NOW_NS, as_int=7)
    histogram.name, histogram.unit = "h", "s"
    histogram.histogram.aggregation_temporality = 2
    histogram.histogram.data_points.add(
        time_unix_nano=NOW_NS, count=3, sum=4.0, explicit_bounds=[1.0], bucket_counts=[1, 2]
    )
    exponential.name = "e"
    point = exponential.exponential_histogram.data_points.add(time_unix_nano=NOW_NS, count=2, scale=3)
    point.positive.bucket_counts.extend([1, 1])
    summary.name = "q"
    summary.summary.data_points.add(time_unix_nano=NOW_NS, count=2, sum=3.0)
    own.name = "sentinelops.sdk.spans.dropped"
    own.sum.aggregation_temporality, own.sum.is_monotonic = 2, True
    own.sum.data_points.add(time_unix_nano=NOW_NS, as_int=4, attributes=pairs({"reason": "queue_full"}))
    return request


def test_log_records() -> None:
    decoded = decode(OtlpBatch("log_records", logs().SerializeToString(), "protobuf", NOW_NS))
    (record,) = decoded.log_records
    assert (record.event_name, record.body, record.trace_id, record.span_id) == (
        "gen_ai.choice",
        {"index": 0},
        b"t" * 16,
        None,
    )
    again = decode(OtlpBatch("log_records", otlp_json(logs()), "json", NOW_NS + 1)).log_records[0]
    assert again.record_id == record.record_id
    assert len(record.record_id) == 16


def test_messages_of_one_call_with_one_time_keep_their_order() -> None:
    """As JavaScript's instrumentation of OpenAI writes them; each counts, also one that is said twice."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    for number, text in ((1, "yes"), (1, "sure?"), (2, "other"), (1, "yes"), (1, "yes")):
        record = scope.log_records.add(
            time_unix_nano=NOW_NS, event_name="gen_ai.user.message", span_id=bytes([number] * 8)
        )
        record.body.string_value = text
    scope.log_records.add(time_unix_nano=NOW_NS, event_name="app.started", span_id=b"\x01" * 8)
    body = request.SerializeToString()
    read = decode(OtlpBatch("log_records", body, "protobuf", NOW_NS)).log_records
    assert [record.timestamp_ns - NOW_NS for record in read] == [0, 1000, 0, 2000, 3000, 0]
    assert len({record.record_id for record in read}) == 6
    again = decode(OtlpBatch("log_records", body, "protobuf", NOW_NS + 1)).log_records
    assert [record.record_id for record in again] == [record.record_id for record in read]


def test_metric_points_and_what_an_sdk_says_of_itself() -> None:
    decoded = decode(OtlpBatch("metric_points", metrics().SerializeToString(), "protobuf", NOW_NS))
    assert [(p.name, p.kind, p.value, p.monotonic, p.cumulative) for p in decoded.metric_points] == [
        ("g", "gauge", 1.5, False, True),
        ("s", "sum", 7.0, True, False),
        ("h", "histogram", None, False, True),
        ("e", "exponential_histogram", None, False, False),
        ("q", "summary", None, False, True),
        ("sentinelops.sdk.spans.dropped", "sum", 4.0, True, True),
    ]
    assert decoded.metric_points[2].data is not None
    assert decoded.metric_points[2].data["counts"] == [1, 2]
    assert len({point.point_id for point in decoded.metric_points}) == 6
    (report,) = decoded.sdk_reports.values()
    assert (report.instance_id, report.outcome, report.reason, report.count) == ("i-1", "dropped", "queue_full", 4)


REDACTOR = Redactor()


def walk_through(body: bytes, signal: Signal, encoding: Any) -> None:
    """Any bytes end as Malformed or as records that pass the stages before the store."""
    try:
        decoded = decode(OtlpBatch(signal, body, encoding, NOW_NS), too_far)
    except Malformed:
        return
    stored = len(decoded.spans) + len(decoded.log_records) + len(decoded.metric_points)
    assert decoded.received == stored + len(decoded.refused)
    for one in decoded.spans:
        request, payload = normalise(one)
        assert REDACTOR.redact(one, request, payload)
        if request and payload:
            add_previews(request, payload)
    for record in decoded.log_records:
        assert REDACTOR.redact_log(record)


SIGNALS: list[Signal] = ["spans", "log_records", "metric_points"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from(SIGNALS), st.sampled_from(["protobuf", "json"]))
def test_noise(body: bytes, signal: Signal, encoding: str) -> None:
    walk_through(body, signal, encoding)


def test_mutated_requests() -> None:
    chance = random.Random(20261122)
    message = {"role": "user", "parts": [{"type": "text", "content": "hi"}, {"type": "tool_call", "arguments": "{}"}]}
    attributes = {"gen_ai.input.messages": json.dumps([message]), "gen_ai.response.finish_reasons": ["stop"]}
    events = [{"name": "gen_ai.choice", "attributes": {"message": '{"content":"yo"}', "finish_reason": "stop"}}]
    originals = [
        (traces([call(attributes=attributes, events=events)]), "spans"),
        (logs(), "log_records"),
        (metrics(), "metric_points"),
    ]
    for _ in range(1500):
        original, signal = chance.choice(originals)
        encoding = chance.choice(["protobuf", "json"])
        body = bytearray(original.SerializeToString() if encoding == "protobuf" else otlp_json(original))
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(body))
            change = chance.randrange(3)
            if change == 0:
                body[place] = chance.randrange(256)
            elif change == 1:
                del body[place : place + chance.randint(1, 20)]
            else:
                body[place:place] = bytes(body[chance.randrange(len(body) or 1) :][: chance.randint(1, 20)])
            if not body:
                break
        walk_through(bytes(body), signal, encoding)  # type: ignore[arg-type]


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "parts", "type", "content", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "gen_ai.operation.name",
        "gen_ai.request.model",
        "gen_ai.usage.input_tokens",
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.prompt",
        "gen_ai.prompt.0.content",
        "gen_ai.prompt.0.role",
        "gen_ai.completion.0.tool_calls.0.name",
        "gen_ai.response.finish_reasons",
        "gen_ai.system_instructions",
        "gen_ai.tool.definitions",
        "sentinelops.span.type",
        "sentinelops.tags",
        "sentinelops.sampling.weight",
        "gen_ai.response.time_to_first_chunk",
        "server.address",
        "session.id",
        "error.type",
        "traceloop.span.kind",
        "llm.request.type",
        "sentinelops.metadata.k",
        "gen_ai.prompt.",
        "gen_ai.request.",
        "sentinelops.redactions.email",
        "gen_ai.response.id",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(KEYS, ANY, max_size=8), st.booleans())
def test_attributes_of_any_shape_are_read(attributes: dict[str, Any], is_call: bool) -> None:
    body = traces([(call if is_call else span)(attributes=attributes)]).SerializeToString()
    walk_through(body, "spans", "protobuf")
