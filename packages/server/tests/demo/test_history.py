"""The simulated past: the same for the same plan, within its bounds, with its incidents, taken by an OTLP door."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from demo.door import Door
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sentinelops import semconv as s
from sentinelops_server.demo.history import Plan, send_history, simulate
from sentinelops_server.demo.history.calls import SimulatedSpan
from sentinelops_server.demo.history.rhythm import incidents
from sentinelops_server.demo.history.send import encode

WEEK = Plan(datetime(2026, 11, 22, 21, 30, tzinfo=UTC))
DAY = replace(WEEK, days=1)


@pytest.fixture(scope="module")
def week() -> list[SimulatedSpan]:
    return [span for visit in simulate(WEEK) for span in visit]


def _requests(spans: list[SimulatedSpan]) -> list[SimulatedSpan]:
    return [span for span in spans if s.PROVIDER in span.attributes]


def test_a_plan_gives_the_same_bytes_each_time_and_another_seed_others():
    first, again, other = (
        [encode(visit) for visit in simulate(plan)] for plan in (DAY, DAY, replace(DAY, seed=DAY.seed + 1))
    )
    assert first == again
    assert not set(first) & set(other)


def test_a_week_holds_about_twenty_thousand_requests_between_its_ends(week):
    assert 18_000 < len(_requests(week)) < 23_000
    assert all(WEEK.start_ns <= span.start_ns <= span.end_ns <= WEEK.end_ns for span in week)
    assert len({(span.trace_id, span.span_id) for span in week}) == len(week)


def test_every_span_but_a_root_has_its_parent_in_its_trace_and_lies_within_it(week):
    known = {(span.trace_id, span.span_id): span for span in week}
    for span in week:
        if span.parent_id:
            parent = known[span.trace_id, span.parent_id]
            assert parent.start_ns <= span.start_ns <= span.end_ns <= parent.end_ns, span.name


def test_evenings_are_busier_than_nights_and_offices_rest_at_weekends(week):
    hours: Counter[int] = Counter()
    days: Counter[bool] = Counter()
    for span in week:
        at = datetime.fromtimestamp(span.start_ns / 1e9, UTC)
        if span.application == "checkout-assistant":
            hours[at.hour] += 1
        if span.application == "code-review":
            days[at.weekday() >= 5] += 1
    assert hours[19] > 3 * hours[3]
    assert days[False] / 5 > 4 * days[True] / 2


def test_each_incident_shows_in_the_numbers_and_only_while_it_lasts(week):
    found = incidents(WEEK)
    assert set(found) == {"latency", "cost", "rate_limit"}

    def share(name: str, provider: str, error_type: str) -> tuple[float, float]:
        calls = [span for span in _requests(week) if span.attributes[s.PROVIDER] == provider]
        inside = [span for span in calls if found[name].covers(span.start_ns)]
        outside = [span for span in calls if not found[name].covers(span.start_ns)]
        hits = [sum(span.attributes.get(s.ERROR_TYPE) == error_type for span in group) for group in (inside, outside)]
        return hits[0] / len(inside), hits[1] / len(outside)

    during, otherwise = share("rate_limit", "openai", "openai.RateLimitError")
    assert during > 0.2
    assert otherwise == 0

    first_token = {True: [], False: []}
    for span in _requests(week):
        if span.application == "checkout-assistant" and s.RESPONSE_TIME_TO_FIRST_CHUNK in span.attributes:
            waited = span.attributes[s.RESPONSE_TIME_TO_FIRST_CHUNK]
            first_token[found["latency"].covers(span.start_ns)].append(waited)
    slow, usual = (sorted(first_token[during])[len(first_token[during]) // 2] for during in (True, False))
    assert slow > 2.5 * usual

    prompts = {version: [0, 0] for version in ("v6", "v7")}
    for span in _requests(week):
        if span.application == "support-agent" and span.attributes[s.OPERATION] == "chat":
            tally = prompts[span.attributes[s.METADATA_PREFIX + "prompt_version"]]
            tally[0] += span.attributes.get(s.USAGE_INPUT_TOKENS, 0)
            tally[1] += 1
    assert prompts["v7"][0] / prompts["v7"][1] > 2.5 * prompts["v6"][0] / prompts["v6"][1]


@pytest.mark.parametrize(
    ("change", "says"),
    [({"days": 0}, "days"), ({"days": 91}, "days"), ({"scale": 0}, "scale"), ({"end": datetime(2026, 1, 1)}, "zone")],
)
def test_an_impossible_plan_is_refused_with_its_reason(change, says):
    with pytest.raises(ValueError, match=says):
        replace(WEEK, **change)


@pytest.fixture
def door() -> Iterator[Door]:
    with Door(picky=True) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_door_gets_each_span_once_with_the_key_and_a_full_door_is_tried_again(door):
    told: list[float] = []
    plan = replace(WEEK, days=0.4)
    report = send_history(plan, f"http://127.0.0.1:{door.server_port}", "k-1", told.append)
    spans = [
        (resource.resource.attributes[0].value.string_value, span.trace_id, span.span_id)
        for request in door.taken
        for resource in request.resource_spans
        for span in resource.scope_spans[0].spans
    ]
    made = [(span.application, span.trace_id, span.span_id) for visit in simulate(plan) for span in visit]
    assert sorted(spans) == sorted(made)
    assert (report.spans, report.refused) == (len(made), 1)
    assert report.requests == len(_requests([span for visit in simulate(plan) for span in visit]))
    assert door.keys == {"Bearer k-1"}
    assert door.asked == len(door.taken) + 1
    assert told == sorted(told)
    assert told[-1] == 1.0
    environments = {
        (attribute.key, attribute.value.string_value)
        for request in door.taken
        for resource in request.resource_spans
        for attribute in resource.resource.attributes
        if attribute.key == s.DEPLOYMENT_ENVIRONMENT
    }
    assert environments == {(s.DEPLOYMENT_ENVIRONMENT, "simulated")}


def test_a_refusal_stops_the_history_with_the_servers_words(door):
    door.broken = True
    with pytest.raises(RuntimeError, match="HTTP 401 the key is unknown"):
        send_history(replace(WEEK, days=0.1), f"http://127.0.0.1:{door.server_port}", "wrong")


def test_the_dear_prompt_is_the_worse_one_and_its_marks_arrive_as_evaluation_events(week):
    def mean(name: str, version: str) -> float:
        said = [
            mark[s.EVALUATION_SCORE_VALUE]
            for span in week
            if span.attributes.get(s.METADATA_PREFIX + "prompt_version") == version
            for mark in span.marks
            if mark[s.EVALUATION_NAME] == name
        ]
        assert len(said) > 30, (name, version)
        return sum(said) / len(said)

    assert mean("helpful", "v6") > mean("helpful", "v7") + 0.1
    assert mean("grounded", "v6") > mean("grounded", "v7") + 0.1

    [marked] = [span for span in week if any(s.EVALUATION_EXPLANATION in mark for mark in span.marks)][:1]
    [span] = ExportTraceServiceRequest.FromString(encode([marked])).resource_spans[0].scope_spans[0].spans
    found = [{pair.key: pair.value for pair in event.attributes} for event in span.events]
    assert [event.name for event in span.events] == [s.EVALUATION_EVENT] * len(marked.marks)
    assert found[0][s.SCORE_SOURCE].string_value == "user"
    assert found[0][s.EVALUATION_SCORE_VALUE].double_value == 0.0
