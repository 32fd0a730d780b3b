"""From a span to the server's answer, over a real socket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest
import sentinelops
from otlp_sink import Reply, Sink, partial
from sentinelops import _export, _guard, _http, _memory, _runtime, semconv


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backoff at its shortest: chance is an argument."""
    monkeypatch.setattr("sentinelops._sender.jitter", lambda: 0.0)
    monkeypatch.setattr("sentinelops._sender.backoff_seconds", lambda attempt, chance: 0.01 * attempt)


@pytest.fixture
def start(sink: Sink) -> Callable[..., None]:
    def begin(**options: Any) -> None:
        given = {"application": "shop", "environment": "test", "endpoint": sink.url, "api_key": "so_ingest_1"}
        sentinelops.configure(**given | {"schedule_delay_seconds": 0.01} | options)

    return begin


def one_span(name: str = "step") -> None:
    with sentinelops.span(name):
        pass


def test_a_whole_model_call_arrives(sink: Sink, start: Callable[..., None]) -> None:
    start()
    with (
        sentinelops.context(session="s1", user="u1", tags=["a"], metadata={"plan": "pro", "n": 2}),
        sentinelops.span("turn", type="agent") as turn,
        sentinelops.record(provider="acme", model="large", server_address="api.acme.test", server_port=443) as call,
    ):
        call.prompt([{"role": "user", "content": "write to bob@example.com"}])
        call.first_token()
        call.completion("done")
        call.usage(prompt_tokens=12, completion_tokens=3, cache_read_tokens=4, odd=5)
        call.finish_reason("stop")
        call.response(id="r1", model="large-2")
        call.parameters(temperature=0.5)
        call.inference_seconds(0.25)
    assert sentinelops.flush(5)
    span = sink.named("chat large")
    attributes = span.pop("attributes")
    first = attributes.pop(semconv.RESPONSE_TIME_TO_FIRST_CHUNK)
    memory = attributes.pop(semconv.MEMORY_USED_BYTES)
    assert 0 < first < span.pop("seconds")
    assert memory % 4096 == 0
    assert attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.request.model": "large",
        "server.address": "api.acme.test",
        "server.port": 443,
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "sentinelops.metadata.odd": 5,
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.response.id": "r1",
        "gen_ai.response.model": "large-2",
        "gen_ai.request.temperature": 0.5,
        "llm.inference.duration_seconds": 0.25,
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"write to [email]"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"done"}]}]',
        "sentinelops.redactions.email": 1,
        "sentinelops.redactions.input_messages.email": 1,
        "session.id": "s1",
        "user.id": "u1",
        "sentinelops.tags": ["a"],
        "sentinelops.metadata.plan": "pro",
        "sentinelops.metadata.n": 2,
    }
    resource = span.pop("resource")
    assert (resource["service.name"], resource["deployment.environment.name"]) == ("shop", "test")
    assert resource["service.instance.id"]
    assert span.pop("span_id") != span.pop("parent_id") == turn.span_id
    assert span == {
        "name": "chat large",
        "kind": 3,
        "trace_id": turn.trace_id,
        "status": (0, ""),
        "events": [],
        "links": [],
        "flags": span["flags"],
        "scope": "sentinelops",
    }
    sent = sink.headers[0]
    assert (sent["authorization"], sent["content-type"], sent["content-encoding"], sent[":path"]) == (
        "Bearer so_ingest_1",
        "application/x-protobuf",
        "gzip",
        "/v1/traces",
    )
    assert sentinelops.stats() == {
        "created": 2,
        "sent": 2,
        "retried": 0,
        "dropped": {},
        "sampled_out": {},
        "queued": 0,
        "spooled": 0,
        "internal_errors": {},
        "scores": {"created": 0, "sent": 0, "retried": 0, "dropped": {}, "queued": 0, "spooled": 0},
    }


def test_one_connection_carries_many_batches_and_is_reopened_when_the_server_closed_it(
    sink: Sink, start: Callable[..., None]
) -> None:
    start(compression="none")
    for _ in range(3):
        one_span()
        assert sentinelops.flush(5)
    assert sink.connections == 1
    sink.replies.append(Reply(headers={"Connection": "close"}))
    one_span()
    assert sentinelops.flush(5)
    one_span()
    assert sentinelops.flush(5)
    assert sink.connections == 2
    assert sentinelops.stats()["sent"] == 5


@pytest.mark.parametrize(
    ("status", "reason", "told"),
    [(401, "unauthorised", "key was refused"), (403, "unauthorised", "ingest scope"), (400, "rejected", "400"),
     (404, "rejected", "404"), (413, "too_large", "too large"), (500, "rejected", "500")],
)  # fmt: skip
def test_what_is_refused_is_dropped_counted_and_said_once(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture, status: int, reason: str, told: str
) -> None:
    start()
    sink.reply = Reply(status)
    with caplog.at_level(logging.WARNING, "sentinelops"):
        for _ in range(2):
            one_span()
            assert sentinelops.flush(5)
    assert sentinelops.stats()["dropped"] == {reason: 2}
    (record,) = caplog.records
    assert told in record.getMessage()
    assert "so_ingest_1" not in record.getMessage()


@pytest.mark.parametrize(
    "reply", [Reply(503), Reply(429, {"Retry-After": "0"}), Reply(502), Reply(504), Reply(close=True)]
)
def test_what_may_succeed_later_is_sent_again(sink: Sink, start: Callable[..., None], reply: Reply) -> None:
    start()
    sink.replies.extend([reply, reply])
    one_span()
    assert sentinelops.flush(5)
    stats = sentinelops.stats()
    assert (stats["sent"], stats["dropped"]) == (1, {})
    assert len(sink.accepted) == 1
    assert stats["retried"] >= 1
    assert len(sink.traces) == 3


def test_retry_after_is_honoured_even_by_flush(sink: Sink, start: Callable[..., None]) -> None:
    start()
    sink.replies.append(Reply(429, {"Retry-After": "1"}))
    one_span()
    sink.wait(lambda: len(sink.traces) == 1)
    began = time.monotonic()
    assert sentinelops.flush(8)
    assert time.monotonic() - began > 0.5
    assert len(sink.traces) == 2


def test_partial_success_is_counted_and_said(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    start(schedule_delay_seconds=5.0)
    sink.replies.append(partial(2, "span 1 has no trace id"))
    for _ in range(5):
        one_span()
    assert sentinelops.flush(5)
    stats = sentinelops.stats()
    assert (stats["sent"], stats["dropped"]) == (3, {"rejected": 2})
    assert "span 1 has no trace id" in caplog.text


def test_an_answer_that_is_no_protobuf_is_still_a_yes(sink: Sink, start: Callable[..., None], lenient: None) -> None:
    start()
    sink.replies.append(Reply(200, {"Content-Type": "text/html"}, b"\xff<html>"))
    one_span()
    assert sentinelops.flush(5)
    sink.replies.append(Reply(200, {"Content-Type": "application/x-protobuf"}, b"\xff\xff"))
    one_span()
    assert sentinelops.flush(5)
    assert (sentinelops.stats()["sent"], sentinelops.stats()["internal_errors"]) == (2, {"answer": 1})


def test_a_batch_that_waited_too_long_is_dropped(sink: Sink, start: Callable[..., None]) -> None:
    start(retry_max_seconds=1e-6)
    sink.reply = Reply(503)
    one_span()
    assert sentinelops.flush(5)
    assert sentinelops.stats()["dropped"] == {"timeout": 1}


def test_the_queue_is_bounded_by_count_and_by_bytes(sink: Sink, start: Callable[..., None]) -> None:
    start(max_queue_spans=10, schedule_delay_seconds=60.0)
    for _ in range(15):
        one_span()
    assert sentinelops.stats()["dropped"] == {"queue_full": 5}
    start(max_queue_bytes=100_000, schedule_delay_seconds=60.0)
    for _ in range(5):
        call = start_call("x" * 50_000)
        call.end()
    assert sentinelops.stats()["dropped"] == {"queue_full": 5 + 4}


def start_call(text: str) -> Any:
    from sentinelops._call import start_call as begin

    return begin(
        "chat",
        "p",
        "m",
        request={"messages": [{"content": text}, {"content": [{}]}], "user": "u"},
        describe=lambda r: {},
    )


def test_no_caller_waits_for_a_server_that_hangs(sink: Sink, start: Callable[..., None]) -> None:
    start(timeout_seconds=30.0, max_queue_spans=50, exit_timeout_seconds=0.3)
    sink.reply = Reply(hang=True)
    one_span()
    sink.wait(lambda: len(sink.traces) == 1)
    began = time.perf_counter()
    for _ in range(200):
        one_span()
    each = (time.perf_counter() - began) / 200
    assert each < 0.05
    assert sentinelops.flush(0.05) is False
    began = time.perf_counter()
    sentinelops.shutdown()
    assert time.perf_counter() - began < 2
    stats = sentinelops.stats()
    assert stats["queued"] == 0
    assert stats["dropped"] == {"queue_full": 150, "shutdown": 51}


def test_shutdown_sends_what_is_left_and_later_spans_are_counted(sink: Sink, start: Callable[..., None]) -> None:
    start(schedule_delay_seconds=60.0)
    one_span()
    runtime = _runtime.current
    sentinelops.shutdown()
    assert [span["name"] for span in sink.spans()] == ["step"]
    assert runtime is not None
    runtime.exporter.shutdown()
    _runtime.current = runtime
    one_span("late")
    assert sentinelops.stats()["dropped"] == {"shutdown": 1}


def test_the_ledger_and_the_client_metrics_are_sent(sink: Sink, start: Callable[..., None]) -> None:
    start(metrics_interval_seconds=0.05)
    sink.replies.append(Reply(400))
    one_span()
    assert sentinelops.flush(5)
    with sentinelops.record(provider="acme", model="m") as call:
        call.first_token()
        call.usage(prompt_tokens=5, completion_tokens=2)
    with sentinelops.record(provider="acme", model="m"):
        pass
    assert sentinelops.flush(5)
    sentinelops.shutdown()
    sink.wait(lambda: bool(sink.metric(semconv.CLIENT_TOKEN_USAGE)))
    assert [(key, point.as_int) for key, point in sink.metric(semconv.SDK_SPANS_DROPPED)] == [
        ({"reason": "rejected"}, 1)
    ]
    assert [point.as_int for _, point in sink.metric(semconv.SDK_SPANS_CREATED)] == [3]
    assert [point.as_int for _, point in sink.metric(semconv.SDK_SPANS_SENT)] == [2]
    key = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "acme", "gen_ai.request.model": "m"}
    ((attributes, duration),) = sink.metric(semconv.CLIENT_OPERATION_DURATION)
    assert (attributes, duration.count, len(duration.bucket_counts), duration.explicit_bounds[0]) == (key, 2, 15, 0.01)
    tokens = {a["gen_ai.token.type"]: p.sum for a, p in sink.metric(semconv.CLIENT_TOKEN_USAGE)}
    assert tokens == {"input": 5, "output": 2}
    assert [point.count for _, point in sink.metric(semconv.CLIENT_TIME_TO_FIRST_CHUNK)] == [1]
    resource = sink.metrics[-1].resource_metrics[0].resource.attributes
    assert {"service.name", "service.instance.id"} <= {pair.key for pair in resource}


def test_metrics_that_are_refused_are_said_once(
    sink: Sink, start: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    start()
    sentinelops.flush()
    exporter = _runtime.current.exporter  # type: ignore[union-attr]
    exporter._sender._metrics = exporter._sender._metrics._replace(path="/v1/traces")
    sink.reply = Reply(403)
    exporter.send_metrics()
    exporter.send_metrics()
    assert len(caplog.records) == 1
    assert "metrics=False" in caplog.text


def test_a_span_that_cannot_be_encoded_costs_itself_only(
    sink: Sink, start: Callable[..., None], lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(schedule_delay_seconds=60.0)
    for name in ("good", "bad", "fine"):
        one_span(name)
    from sentinelops import _encode

    real = _encode._rest

    def breaks(span: Any, resolved: Any) -> bytes:
        if span.name == "bad":
            raise RuntimeError("no")
        return real(span, resolved)

    monkeypatch.setattr(_encode, "_rest", breaks)
    assert sentinelops.flush(5)
    assert [span["name"] for span in sink.spans()] == ["good", "fine"]
    assert sentinelops.stats()["dropped"] == {"encode": 1}


def test_a_round_that_fails_does_not_end_the_thread(
    sink: Sink, start: Callable[..., None], lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start()
    failures = iter([RuntimeError("once")])
    real = _export.Exporter._turn

    def turn(self: _export.Exporter) -> None:
        for failure in failures:
            raise failure
        real(self)

    monkeypatch.setattr(_export.Exporter, "_turn", turn)
    one_span()
    assert sentinelops.flush(5)
    assert sentinelops.stats()["internal_errors"] == {"export": 1}
    assert len(sink.spans()) == 1


def test_retry_after_as_seconds_as_date_and_as_nonsense() -> None:
    def asked(text: str) -> float | None:
        return _http.Answer(429, {"retry-after": text}).retry_after_seconds(1_000_000.0)

    assert asked("7") == 7
    assert asked("-3") == 0
    assert asked("99999") == 300
    assert asked(formatdate(1_000_030.0, usegmt=True)) == 30
    assert [asked(text) for text in ("", "soon", "nan")] == [None, None, None]


def test_backoff_doubles_to_half_a_minute() -> None:
    assert [_http.backoff_seconds(n, 1.0) for n in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]
    assert _http.backoff_seconds(1, 0.0) == 0.25
    assert 0 <= _http.jitter() < 1


def test_memory_is_unknown_where_the_platform_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _memory.rss_bytes() > 1_000_000  # type: ignore[operator]

    def refuse(*_: Any) -> bytes:
        raise OSError

    monkeypatch.setattr(_memory.os, "pread", refuse)
    assert _memory.rss_bytes() is None


def test_a_warning_is_said_once_a_kind(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        _guard.warn_once("k", "told %s", "you")
    assert [record.getMessage() for record in caplog.records] == ["told you"]
