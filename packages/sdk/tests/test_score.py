"""score(): what is sent, what it is about, and that nothing of it ever reaches the host."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import sentinelops
from opentelemetry import trace
from otlp_sink import Reply, Sink, partial
from sentinelops.testing import Captured, capture

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def counts() -> dict[str, Any]:
    found: dict[str, Any] = dict(sentinelops.stats()["scores"])
    return found


def only(captured: Captured) -> Any:
    assert len(captured.scores) == 1, captured.scores
    return captured.scores[0]


def test_a_score_is_the_evaluation_event_of_its_span(sink: Sink) -> None:
    sentinelops.configure(
        application="shop", environment="prod", endpoint=sink.url, api_key="so_ingest_1", schedule_delay_seconds=0.01
    )
    with sentinelops.context(session="s1", user="u1"), sentinelops.span("answer") as step:
        sentinelops.score(
            "grounded",
            0.5,
            label="partly",
            comment="ask bob@example.com",
            source="judge",
            id="run-7",
            metadata={"run": 7},
        )
    assert sentinelops.flush(5)
    (request,) = sink.logs
    (resource_logs,) = request.resource_logs
    named = {pair.key: pair.value.string_value for pair in resource_logs.resource.attributes}
    assert (named["service.name"], named["deployment.environment.name"]) == ("shop", "prod")
    (scope,) = resource_logs.scope_logs
    (record,) = scope.log_records
    assert (scope.scope.name, record.event_name) == ("sentinelops", "gen_ai.evaluation.result")
    assert (record.trace_id.hex(), record.span_id.hex()) == (step.trace_id, step.span_id)
    assert record.time_unix_nano > 0
    (sent,) = sink.scores()
    assert sent == {
        "gen_ai.evaluation.name": "grounded",
        "gen_ai.evaluation.score.value": 0.5,
        "gen_ai.evaluation.score.label": "partly",
        "gen_ai.evaluation.explanation": "ask [email]",
        "sentinelops.score.source": "judge",
        "sentinelops.score.id": "run-7",
        "session.id": "s1",
        "user.id": "u1",
        "sentinelops.metadata.run": 7,
    }
    headers = next(one for one in sink.headers if one[":path"] == "/v1/logs")
    assert headers["authorization"] == "Bearer so_ingest_1"
    assert counts() == {"created": 1, "sent": 1, "retried": 0, "dropped": {}, "queued": 0, "spooled": 0}
    assert sentinelops.stats()["created"] == 1  # the span


@pytest.mark.parametrize(("value", "sent", "kind"), [(True, 1.0, "boolean"), (False, 0.0, "boolean"), (4, 4.0, None)])
def test_a_thumb_is_a_thumb_and_a_number_a_number(value: float, sent: float, kind: str | None) -> None:
    with capture() as captured:
        sentinelops.score("helpful", value, trace_id=TRACE)
    attributes = only(captured)["attributes"]
    assert attributes["gen_ai.evaluation.score.value"] == sent
    assert type(attributes["gen_ai.evaluation.score.value"]) is float
    assert attributes.get("sentinelops.score.type") == kind
    assert attributes["sentinelops.score.source"] == "app"


def test_what_a_score_is_about() -> None:
    with capture() as captured:
        with sentinelops.span("outer") as step:

            @sentinelops.observe
            def work() -> None:
                sentinelops.score("in a function", 1)

            work()
            sentinelops.score("in a block", 1)
            with sentinelops.record(provider="acme", model="large") as call:
                pass
        sentinelops.score("of a step", 1, span=step)
        sentinelops.score("of a call", 1, span=call)
        sentinelops.score("of a request", 1, span=f"{TRACE}-{SPAN}")
        sentinelops.score("of a trace", 1, trace_id=TRACE)
        sentinelops.score("of a span", 1, trace_id=TRACE, span_id=SPAN)
        sentinelops.score("of a session", 1, session="s9")
        with sentinelops.context(session="s1"):
            sentinelops.score("of the session around", 1)
        with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(5, 6, False, trace.TraceFlags(1)))):
            sentinelops.score("of a foreign span", 1)
    ids = {span["name"]: (span["trace_id"], span["span_id"]) for span in captured.spans}
    about = {
        one["attributes"]["gen_ai.evaluation.name"]: (
            one["trace_id"],
            one["span_id"],
            one["attributes"].get("session.id"),
        )
        for one in captured.scores
    }
    work_name = next(name for name in ids if name.endswith("work"))
    assert about == {
        "in a function": (*ids[work_name], None),
        "in a block": (*ids["outer"], None),
        "of a step": (*ids["outer"], None),
        "of a call": (*ids["chat large"], None),
        "of a request": (TRACE, SPAN, None),
        "of a trace": (TRACE, None, None),
        "of a span": (TRACE, SPAN, None),
        "of a session": (None, None, "s9"),
        "of the session around": (None, None, "s1"),
        "of a foreign span": (f"{5:032x}", f"{6:016x}", None),
    }


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"name": ""}, "invalid"),
        ({"name": "x" * 201, "value": 1}, "invalid"),
        ({"name": None, "value": 1}, "invalid"),
        ({"name": "x"}, "invalid"),
        ({"name": "x", "value": float("nan")}, "invalid"),
        ({"name": "x", "value": "good"}, "invalid"),
        ({"name": "x", "value": 1, "trace_id": "abc"}, "invalid"),
        ({"name": "x", "value": 1, "trace_id": "0" * 32}, "invalid"),
        ({"name": "x", "value": 1, "trace_id": 5}, "invalid"),
        ({"name": "x", "value": 1, "span_id": SPAN, "trace_id": None}, "invalid"),
        ({"name": "x", "value": 1, "trace_id": None}, "invalid"),
        ({"name": "x", "value": 1, "span": sentinelops.span("never entered")}, "not_recorded"),
    ],
    ids=["empty", "long", "none", "nothing", "nan", "text", "short", "zero", "number", "half", "nowhere", "unrecorded"],
)
def test_what_cannot_be_a_score_is_left_out_counted_and_said_once(
    given: dict[str, Any], reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with capture() as captured:
        for _ in range(2):
            sentinelops.score(**{"trace_id": TRACE, **given})
    assert captured.scores == []
    assert counts() == {"created": 2, "sent": 0, "retried": 0, "dropped": {reason: 2}, "queued": 0, "spooled": 0}
    assert len([one for one in caplog.records if "a score was left out" in one.getMessage()]) == 1


def test_a_score_in_a_trace_that_is_sampled_out_is_counted() -> None:
    left_out = trace.NonRecordingSpan(trace.SpanContext(5, 6, False, trace.TraceFlags(0)))
    with capture() as captured, trace.use_span(left_out):
        sentinelops.score("x", 1)
    assert captured.scores == []
    assert counts()["dropped"] == {"not_recorded": 1}


def test_nothing_happens_when_the_sdk_is_off() -> None:
    sentinelops.score("x", 1, trace_id=TRACE)
    sentinelops.score("", "bad", trace_id=5)  # type: ignore[arg-type]
    assert counts()["created"] == 0


@pytest.mark.parametrize(
    ("mode", "comment", "label"),
    [("on", "a@b.example", "c@d.example"), ("redact", "[email]", "[email]"), ("off", None, "[email]")],
)
def test_comments_are_content(mode: Any, comment: str | None, label: str) -> None:
    with capture(capture_content=mode) as captured:
        sentinelops.score("x", 1, comment="a@b.example", label="c@d.example", trace_id=TRACE)
    attributes = only(captured)["attributes"]
    assert attributes.get("gen_ai.evaluation.explanation") == comment
    assert attributes["gen_ai.evaluation.score.label"] == label


def test_a_long_comment_is_cut() -> None:
    with capture(max_content_chars=10) as captured:
        sentinelops.score("x", comment="z" * 5000, trace_id=TRACE)
    assert only(captured)["attributes"]["gen_ai.evaluation.explanation"] == "z" * 10


def test_a_failure_of_ours_is_swallowed(lenient: None) -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError

    with capture() as captured:
        sentinelops.score("x", 1, trace_id=TRACE, user=Rude())  # type: ignore[arg-type]
    assert captured.scores == []
    assert sentinelops.stats()["internal_errors"] == {"score": 1}


def test_scores_wait_for_a_server_that_is_away_are_dropped_when_full_and_never_hold_up_the_host(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinelops._sender.backoff_seconds", lambda attempt, chance: 0.01)
    sink.replies.extend([Reply(503), Reply(503)])
    sentinelops.configure(endpoint=sink.url, schedule_delay_seconds=60, max_queue_spans=3, metrics=False)
    for number in range(5):
        sentinelops.score("x", number, trace_id=TRACE)
    assert sentinelops.flush(8)
    assert [one["gen_ai.evaluation.score.value"] for one in sink.scores()] == [0, 1, 2]
    assert counts() == {"created": 5, "sent": 3, "retried": 6, "dropped": {"queue_full": 2}, "queued": 0, "spooled": 0}


def test_what_the_server_refuses_is_counted_apart_from_spans(sink: Sink) -> None:
    sentinelops.configure(endpoint=sink.url, schedule_delay_seconds=60, metrics=False)
    sink.replies.append(partial(1, "too old"))
    sentinelops.score("x", 1, trace_id=TRACE)
    sentinelops.score("y", 1, trace_id=TRACE)
    assert sentinelops.flush(5)
    sink.replies.append(Reply(403))
    sentinelops.score("z", 1, trace_id=TRACE)
    assert sentinelops.flush(5)
    assert (counts()["sent"], counts()["dropped"]) == (1, {"rejected": 1, "unauthorised": 1})
    assert (sentinelops.stats()["created"], sentinelops.stats()["dropped"]) == (0, {})


def test_a_process_that_ends_leaves_its_scores_in_the_spool_and_the_next_one_sends_them(
    sink: Sink, tmp_path: Path
) -> None:
    code = (
        "import sys, sentinelops\n"
        "sentinelops.configure(endpoint='http://127.0.0.1:9', spool_dir=sys.argv[1], exit_timeout_seconds=0.3)\n"
        f"sentinelops.score('x', 1, trace_id='{TRACE}')\n"
        "with sentinelops.span('left'): pass\n"
    )
    source = str(Path(__file__).parents[1] / "src")
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": source}, check=True, timeout=60)
    assert len(list(tmp_path.glob("*.spool"))) == 2
    sentinelops.configure(endpoint=sink.url, spool_dir=str(tmp_path), schedule_delay_seconds=0.01)
    with sentinelops.span("mine"):
        pass
    assert sentinelops.flush(8)
    assert [one["gen_ai.evaluation.name"] for one in sink.scores()] == ["x"]
    assert sorted(span["name"] for span in sink.spans()) == ["left", "mine"]
    assert counts() == {"created": 1, "sent": 1, "retried": 0, "dropped": {}, "queued": 0, "spooled": 0}
    assert (sentinelops.stats()["created"], sentinelops.stats()["sent"]) == (2, 2)


def test_a_process_with_a_dead_backend_ends_in_its_time_and_counts_what_is_lost() -> None:
    sentinelops.configure(endpoint="http://127.0.0.1:9", schedule_delay_seconds=60, metrics=False)
    sentinelops.score("x", 1, trace_id=TRACE)
    sentinelops.shutdown(0.5)
    assert counts()["dropped"] == {"shutdown": 1}
    sentinelops.score("y", 1, trace_id=TRACE)
    assert counts()["created"] == 1  # off: nothing is made
