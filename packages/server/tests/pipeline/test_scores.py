"""Evaluations on the line: which score an event becomes, what it is about, and that it may come first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_bytes import NOW_NS, RESOURCE, batch, call, pairs, span
from sentinelops_server.model import OtlpBatch, Outcome, Score, Span
from sentinelops_server.pipeline.dialects.base import ReportedScore
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import RedactConfig, Redactor
from sentinelops_server.pipeline.scores import redact_scores, scores_of_span
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store

EVENT = "gen_ai.evaluation.result"
TRACE, SPAN = (1).to_bytes(16, "big"), (1).to_bytes(8, "big")


def evaluation(
    trace: int = 0,
    span: int = 0,
    resource: Mapping[str, Any] | None = None,
    time_ns: int = NOW_NS,
    named: bool = True,
    **said: Any,
) -> OtlpBatch:
    """One log record; keywords with __ for dots are attributes, `name`, `value`, `label`, `why` those of an evaluation."""
    short = {"name": "name", "value": "score.value", "label": "score.label", "why": "explanation"}
    attributes = {
        f"gen_ai.evaluation.{short[key]}" if key in short else key.replace("__", "."): value
        for key, value in said.items()
    }
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.extend(pairs(RESOURCE if resource is None else resource))
    record = logs.scope_logs.add().log_records.add(
        time_unix_nano=time_ns,
        trace_id=trace.to_bytes(16, "big") if trace else b"",
        span_id=span.to_bytes(8, "big") if span else b"",
        event_name=EVENT if named else "",
    )
    record.attributes.extend(pairs(attributes if named else {**attributes, "event.name": EVENT}))
    return OtlpBatch("log_records", request.SerializeToString(), received_ns=NOW_NS)


@pytest.fixture
def line(database: Database) -> Pipeline:
    return Pipeline(Store(database), Redactor(), Pricer(), Meter(), clock=lambda: NOW_NS)


def stored(database: Database) -> list[dict[str, Any]]:
    return database.fetch(
        "SELECT name, type, value, label, comment, source, scope, encode(trace_id, 'hex') AS trace,"
        " encode(span_id, 'hex') AS span, session_id, application, environment, of_trace, pending, user_id, metadata"
        " FROM scores ORDER BY name, score_id"
    )


ABOUT_A_SPAN = {
    "name": "correct", "type": "numeric", "value": 0.75, "label": "pass", "comment": "mail [email]", "source": "judge",
    "scope": "span", "trace": TRACE.hex(), "span": SPAN.hex(), "session_id": None, "application": "shop",
    "environment": "prod", "of_trace": True, "pending": False, "user_id": "bob@example.com", "metadata": {"run": "7"},
}  # fmt: skip
SAID = {
    "name": "correct", "value": 0.75, "label": "pass", "why": "mail bob@example.com", "user__id": "bob@example.com",
    "sentinelops__score__source": "judge", "sentinelops__metadata__run": "7",
}  # fmt: skip


@pytest.mark.parametrize("named", [True, False], ids=["by event name", "by attribute"])
@pytest.mark.parametrize("first", ["span", "score"])
def test_an_evaluation_event_is_a_score_of_its_span_whichever_comes_first(
    line: Pipeline, database: Database, named: bool, first: str
) -> None:
    event = evaluation(1, 1, named=named, **SAID)
    order = [batch([call()]), event] if first == "span" else [event, batch([call()])]
    for one in order:
        assert line.process([one]) == [Outcome(1, 1, 0)]
    assert stored(database) == [ABOUT_A_SPAN]
    assert line.process([event]) == [Outcome(1, 0, 1)]
    assert stored(database) == [ABOUT_A_SPAN]


def test_a_score_waits_for_its_span(line: Pipeline, database: Database) -> None:
    line.process([evaluation(1, 2, resource={}, name="helpful", value=True)])
    (before,) = stored(database)
    assert (before["pending"], before["application"], before["type"], before["value"]) == (True, None, "boolean", 1.0)
    line.process([batch([span(3, trace=9)])])  # another trace
    assert stored(database) == [before]
    line.process([batch([call(2, parent=1)])])
    (after,) = stored(database)
    assert (after["pending"], after["application"], after["environment"]) == (False, "shop", "prod")
    assert not after["of_trace"]  # its span has a parent


@pytest.mark.parametrize("first", ["call", "score"])
def test_an_answer_is_found_by_the_providers_id(line: Pipeline, database: Database, first: str) -> None:
    event = evaluation(resource={}, name="good", value=1, gen_ai__response__id="resp-1")
    answered = batch([call(4, trace=3, parent=1, attributes={"gen_ai.response.id": "resp-1"})])
    for one in (answered, event) if first == "call" else (event, answered):
        line.process([one])
    (score,) = stored(database)
    assert (score["scope"], score["trace"], score["span"]) == ("span", f"{3:032x}", f"{4:016x}")
    assert (score["application"], score["pending"]) == ("shop", False)
    line.process([event])
    assert stored(database) == [score]


def test_what_an_event_without_a_span_is_about(line: Pipeline, database: Database) -> None:
    line.process([
        evaluation(5, 0, name="a trace", label="good"),
        evaluation(name="a session", value="0.5", session__id="s1"),
        evaluation(name="a conversation", why="fine", gen_ai__conversation__id="c1"),
    ])  # fmt: skip
    shown = {s["name"]: (s["scope"], s["type"], s["session_id"], s["of_trace"], s["pending"]) for s in stored(database)}
    assert shown == {
        "a trace": ("trace", "categorical", None, True, False),
        "a session": ("session", "numeric", "s1", False, False),
        "a conversation": ("session", "comment", "c1", False, False),
    }


@pytest.mark.parametrize(
    "said",
    [
        {"value": 1},
        {"name": "x"},
        {"name": "x", "value": "nan"},
        {"name": " ", "value": 1},
        {"name": "n" * 201, "value": 1},
    ],
    ids=["no name", "nothing said", "no number", "blank", "too long"],
)
def test_an_event_that_is_no_score_is_kept_as_a_log_record_and_counted(
    database: Database, said: dict[str, Any]
) -> None:
    meter = Meter()
    line = Pipeline(Store(database), Redactor(), Pricer(), meter, clock=lambda: NOW_NS)
    assert line.process([evaluation(1, 1, **said)]) == [Outcome(1, 1, 0)]
    assert stored(database) == []
    assert database.fetch_one("SELECT count(*) AS n FROM log_records") == {"n": 1}
    assert b'sentinelops_problems_total{kind="score_unreadable"} 1.0' in meter.exposition()[0]


def test_an_evaluation_about_nothing_is_none(line: Pipeline, database: Database) -> None:
    line.process([evaluation(name="x", value=1)])
    assert stored(database) == []


def test_the_last_word_wins_and_an_old_one_changes_nothing(line: Pipeline, database: Database) -> None:
    for at, value in ((10, 0.1), (30, 0.3), (20, 0.2), (30, 0.4)):
        line.process([evaluation(1, 1, time_ns=NOW_NS + at * 1_000_000, name="x", value=value)])
    assert [score["value"] for score in stored(database)] == [0.4]
    line.process([
        evaluation(1, 1, name="x", value=5, sentinelops__score__id="mine"),
        evaluation(1, 1, name="x", value=6, sentinelops__score__source="human"),
        evaluation(1, 1, name="x", value=7, user__id="u2"),
    ])  # fmt: skip
    assert sorted(score["value"] for score in stored(database)) == [0.4, 5, 6, 7]


def test_a_span_carries_evaluations(line: Pipeline, database: Database) -> None:
    said = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.label": "warm"}
    event = {"name": EVENT, "time_unix_nano": NOW_NS - 5, "attributes": said}
    line.process([batch([call(events=[event])])])
    (score,) = stored(database)
    assert (score["name"], score["label"], score["source"], score["scope"]) == ("tone", "warm", "evaluator", "span")
    assert (score["trace"], score["span"], score["application"]) == (TRACE.hex(), SPAN.hex(), "shop")


def test_what_a_dialect_reports_is_a_score() -> None:
    about = Span(TRACE, SPAN, None, "x", 1, 5, 9, application="shop", environment="prod", session_id="s")
    reported = [ReportedScore("good", 0.5, None, "why"), ReportedScore("", 1.0), ReportedScore("none")]
    assert scores_of_span(about, reported) == [
        Score(
            "good", 9, 0.5, None, "why", "numeric", "evaluator", TRACE, SPAN, "s", application="shop", environment="prod"
        )
    ]  # fmt: skip


def test_a_redactor_that_fails_withholds_the_text() -> None:
    class Broken(Redactor):
        def redact_value(self, *_: Any) -> Any:
            raise RuntimeError

    score = Score("x", 1, 1.0, "label", "secret words", metadata={"a": "b"})
    assert not redact_scores(Broken(), [score])
    assert (score.label, score.comment, score.metadata) == (None, "[withheld: redaction failed]", {})
    kept = Score("x", 1, comment="a@b.co")
    assert redact_scores(Redactor(RedactConfig("off")), [kept])
    assert kept.comment == "a@b.co"


def test_annotations_of_openinference_are_scores(line: Pipeline, database: Database) -> None:
    said = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "evaluations.0.evaluation.name": "toxic",
        "evaluations.0.evaluation.score": 0.25,
        "evaluations.0.evaluation.label": "no",
        "evaluations.0.evaluation.explanation": "polite to bob@example.com",
    }
    line.process([batch([span(7, trace=2, attributes=said)])])
    (score,) = stored(database)
    shown = {name: score[name] for name in ("name", "value", "label", "comment", "source", "scope", "span", "of_trace")}
    assert shown == {
        "name": "toxic",
        "value": 0.25,
        "label": "no",
        "comment": "polite to [email]",
        "source": "evaluator",
        "scope": "span",
        "span": f"{7:016x}",
        "of_trace": True,
    }
