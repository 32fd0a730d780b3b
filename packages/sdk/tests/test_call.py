"""start_call() and record(): what instruments stand on; and how values become OTLP."""

from __future__ import annotations

import asyncio
import enum
import logging
import ssl
from pathlib import Path
from typing import Any

import pytest
import sentinelops
from opentelemetry import context as otel_context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Link, SpanContext, TraceFlags
from otlp_sink import Reply, Sink, value
from sentinelops import _encode, _guard, _memory, _processor
from sentinelops._call import SUPPRESS_KEY, CallRecord, start_call
from sentinelops._http import Connection
from sentinelops._metrics import ClientMetrics
from sentinelops.testing import capture


def describe(record: CallRecord) -> dict[str, Any]:
    return {"gen_ai.response.id": record.response, "seen": len(record.request["messages"]), "none": None}


def begin(**options: Any) -> Any:
    return start_call("chat", "p", "m", request={"messages": ["a"]}, describe=describe, **options)


def test_a_call_ends_once_and_keeps_what_was_said_first() -> None:
    with capture() as captured:
        messages = ["a"]
        call = start_call("chat", "p", None, request={"messages": messages}, describe=describe, streaming=True)
        assert call is not None
        messages.append("added by the application later")
        call.first_token()
        call.first_token()
        call.set_model("found out", provider="q")
        assert call.ended is False
        call.end("r1")
        call.end("r2", error=ValueError())
        assert call.ended
        (span,) = captured.spans
    assert span["name"] == "chat"
    assert span["attributes"].pop("gen_ai.response.time_to_first_chunk") > 0
    assert span["attributes"] == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "q", "gen_ai.request.model": "found out",
        "gen_ai.request.stream": True, "gen_ai.response.id": "r1", "seen": 1,
    }  # fmt: skip
    assert span["status"] == "unset"


def test_a_cancelled_call_is_no_error() -> None:
    with capture(capture_memory=True) as captured:
        begin().end(cancelled=True)
        with pytest.raises(asyncio.CancelledError), sentinelops.record(provider="p", model="x"):
            raise asyncio.CancelledError
    assert [(s["attributes"]["sentinelops.outcome"], s["status"]) for s in captured.spans] == [
        ("cancelled", "unset")
    ] * 2


@pytest.mark.parametrize("key", [SUPPRESS_KEY, "suppress_instrumentation"])
def test_a_suppressed_call_is_silent(key: str) -> None:
    with capture():
        token = otel_context.attach(otel_context.set_value(key, True))
        assert begin() is None
        otel_context.detach(token)
        assert begin() is not None
    assert begin() is None


def test_a_call_that_cannot_begin_or_end_is_swallowed(lenient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture(capture_memory=True):
        assert start_call("chat", "p", "m", request=3, describe=describe) is None  # type: ignore[arg-type]
        call = begin()
        monkeypatch.setattr(_memory, "rss_bytes", lambda: 1 / 0)
        call.end()
    assert sentinelops.stats()["internal_errors"] == {"call.start": 1, "call.end": 1}


def test_recorded_messages_of_every_shape() -> None:
    async def main() -> None:
        async with sentinelops.record(provider="p", model="m") as call:
            call.prompt(
                [{"role": "user", "content": ["a", {"type": "text", "text": "b"}, {"type": "image", "file_id": "f"}]},
                 {"role": "assistant", "parts": []}, {"role": "tool", "content": None, "tool_call_id": "t"}, "c"]
            )  # fmt: skip
            call.completion({"content": "d"})
            call.usage(prompt_tokens=None)
            call.inference_seconds(None)

    with capture() as captured:
        asyncio.run(main())
        assert captured.messages("chat m") == [
            {"role": "user", "parts": [
                {"type": "text", "content": "a"}, {"type": "text", "content": "b"}, {"type": "image", "file_id": "f"}]},
            {"role": "assistant", "parts": []},
            {"role": "tool", "parts": [], "tool_call_id": "t"},
            {"role": "user", "parts": [{"type": "text", "content": "c"}]},
        ]  # fmt: skip
        assert captured.messages("chat m", "gen_ai.output.messages") == [
            {"role": "assistant", "parts": [{"type": "text", "content": "d"}]}
        ]
        with pytest.raises(AssertionError, match="there are"):
            captured.named("other")


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a", "a"), ("\ud800", "?"), (True, True), (7, 7), (2**70, str(2**70)), (1.5, 1.5), (b"x", b"x"), ([1, "a"], [1, "a"]),
        ((), []), ({"k": [None, 1]}, {"k": [None, 1]}), ({"k": None}, {}), (Level.HIGH, 3), (None, None), (3 + 4j, "(3+4j)"),
    ],
)  # fmt: skip
def test_every_value_becomes_otlp(given: Any, sent: Any) -> None:
    encoded = AnyValue()
    _encode.set_value(encoded, given)
    assert value(AnyValue.FromString(encoded.SerializeToString())) == sent


@pytest.mark.parametrize("key", ["k", "a.long.name." * 12, "ünï", "\ud800"])
@pytest.mark.parametrize(
    "given",
    [
        "", "short", "long " * 100, "\ud800" * 100, "é" * 70, True, False, 1, 0, 1.0, -1, -(2**63), 2**63, 2**63 - 1, 0.0, -0.0,
        float("inf"), ["stop"], ["stop", "length"], [True], [1], [], ("a",), ["\ud800"], b"x", {"a": 1}, Level.HIGH,
    ],
)  # fmt: skip
def test_what_is_written_by_hand_reads_as_what_the_library_writes(key: str, given: Any) -> None:
    wanted = KeyValue(key=key.encode("utf-8", "replace").decode())
    _encode.set_value(wanted.value, given)
    for _ in range(2):  # the second time from memory
        span = Span.FromString(_encode._attribute(key, given))
        assert list(span.attributes) == [wanted]


def test_a_whole_span_reads_as_what_went_in() -> None:
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("lib")
    with tracer.start_as_current_span("é" * 200, attributes={f"k{n}": n * 1000 for n in range(200)}) as outer:
        outer.add_event("happened", {"x": 1})
        with pytest.raises(KeyError), tracer.start_as_current_span("inner"):
            raise KeyError("no")
    body, count, failed = _encode.SpanEncoder({}, {}).encode([(span, None) for span in kept.get_finished_spans()])
    assert (count, failed) == (2, 0)
    (container,) = ExportTraceServiceRequest.FromString(body).resource_spans
    inner, whole = container.scope_spans[0].spans
    ended = kept.get_finished_spans()[1]
    assert (whole.name, whole.kind, whole.parent_span_id) == ("é" * 200, 1, b"")
    assert (whole.start_time_unix_nano, whole.end_time_unix_nano) == (ended.start_time, ended.end_time)
    assert {item.key: item.value.int_value for item in whole.attributes} == dict(ended.attributes or {})
    assert whole.dropped_attributes_count == ended.dropped_attributes == 72
    assert whole.events[0].name == "happened"
    assert (inner.trace_id, inner.parent_span_id, inner.status.code) == (whole.trace_id, whole.span_id, 2)
    assert inner.events[0].name == "exception"


def test_links_remote_parents_and_versions_survive() -> None:
    remote = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    provider, ended = TracerProvider(shutdown_on_exit=False), []

    class Keep(_processor.SpanProcessor):
        def on_end(self, span: Any) -> None:
            ended.append(span)

    provider.add_span_processor(Keep())
    from opentelemetry.trace import NonRecordingSpan, set_span_in_context

    context = set_span_in_context(NonRecordingSpan(remote))
    provider.get_tracer("lib", "1.2").start_span("s", context, links=[Link(remote, {"a": 1})]).end()
    encoder = _encode.SpanEncoder({"service.instance.id": "x"}, {})
    body, count, failed = encoder.encode([(ended[0], None)])
    assert (count, failed) == (1, 0)
    request = ExportTraceServiceRequest.FromString(body)
    scope = request.resource_spans[0].scope_spans[0]
    (span,) = scope.spans
    assert (scope.scope.name, scope.scope.version) == ("lib", "1.2")
    assert span.parent_span_id.hex() == span.links[0].span_id.hex() == "0000000000000002"
    assert span.flags & 0x300 == 0x300


def test_series_are_bounded() -> None:
    metrics = ClientMetrics()
    for number in range(1_100):
        metrics.observe({"gen_ai.request.model": f"m{number}"}, 0.5)
    series = metrics.series["gen_ai.client.operation.duration"]
    assert len(series) == 1_001
    assert series[(("otel.metric.overflow", True),)].count == 100


def test_an_answer_longer_than_we_read_costs_the_connection_only(sink: Sink) -> None:
    sink.replies.append(Reply(200, {}, b"x" * 100_000))
    connection = Connection(sink.url, 5.0)
    assert connection.post("/v1/traces", b"", {}).ok
    assert connection.post("/v1/traces", b"", {}).ok
    assert sink.connections == 2
    connection.abandon()
    connection.abort()


def test_a_server_that_is_slow_a_port_that_is_closed_and_a_certificate_that_is_missing(
    sink: Sink, tmp_path: Path
) -> None:
    sink.replies.append(Reply(hang=True))
    assert Connection(sink.url, 0.05).post("/v1/traces", b"", {}).problem == "no answer within 0.05 s"
    missing = Connection("https://127.0.0.1:9", 1.0, str(tmp_path / "none.pem")).post("/", b"", {})
    assert (missing.status, missing.retryable) == (0, True)
    assert (
        "refused"
        in Connection("https://127.0.0.1:9", 1.0, ssl.get_default_verify_paths().cafile).post("/", b"", {}).problem
    )


def test_a_proxy_is_asked_to_connect(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"127.0.0.1:{sink.port}")
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{sink.port}")
    monkeypatch.setenv("no_proxy", "other.test")
    answer = Connection("http://receiver.test:4318", 5.0).post("/v1/traces", b"", {})
    assert "Tunnel connection failed: 501" in answer.problem
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    direct = Connection(sink.url, 5.0)
    assert direct.post("/v1/traces", b"", {}).ok
    direct.close()


def test_a_logging_handler_that_raises_does_not_reach_the_host(lenient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise RuntimeError("handler")

    monkeypatch.setattr(_guard.logger, "warning", breaks)
    with _guard.guard("x"):
        raise ValueError
    with pytest.raises(KeyboardInterrupt), _guard.guard("x"):
        raise KeyboardInterrupt
    monkeypatch.setattr(_guard, "strict", True)
    with pytest.raises(ValueError, match="seen"), _guard.guard("x"):
        raise ValueError("seen")
    assert logging.getLogger("sentinelops") is _guard.logger


def test_a_context_or_an_end_that_fails_costs_telemetry_only(lenient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_processor._ambient, "attributes", breaks)
    with capture() as captured, sentinelops.span("s"):
        pass
    assert len(captured.spans) == 1
