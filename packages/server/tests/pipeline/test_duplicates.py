"""A call seen by two instrumentations counts once: within a batch and across batches."""

from __future__ import annotations

from typing import Any

import pytest
from otlp_bytes import NOW_NS, batch, call, span
from sentinelops_server.pipeline.duplicates import DuplicateMarker
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode


def marked(*spans: dict[str, Any], marker: DuplicateMarker | None = None) -> dict[int, str | None]:
    decoded = decode(batch(spans))
    read = [(one, normalise(one)[0]) for one in decoded.spans]
    calls = [(one, request) for one, request in read if request is not None]
    for one, request in calls:
        request.layer = "layer" in one.attributes
    others = [one for one, request in read if request is None]
    marker = marker or DuplicateMarker()
    marker.mark(calls, others)
    marker.remember(calls)
    return {
        int.from_bytes(request.span_id, "big"): request.duplicate_of and request.duplicate_of[-1]
        for _, request in calls
    }


POOR = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([call(1), call(2)], {1: None, 2: None}),
        ([call(1), call(2, parent=1)], {1: "2", 2: None}),
        ([call(1), span(2, parent=1, attributes=POOR)], {1: None, 2: "1"}),
        ([call(1), call(2, parent=1, attributes={"gen_ai.request.model": "other"})], {1: None, 2: None}),
        (
            [
                call(1, attributes={"gen_ai.response.id": "a"}),
                call(2, parent=1, attributes={"gen_ai.response.id": "b"}),
            ],
            {1: None, 2: None},
        ),
        (
            [call(1, attributes={"gen_ai.response.id": "a"}), call(2, attributes={"gen_ai.response.id": "a"})],
            {1: "2", 2: None},
        ),
        (
            [call(1, attributes={"gen_ai.response.id": "a"}), call(2, trace=2, attributes={"gen_ai.response.id": "a"})],
            {1: None, 2: None},
        ),
        ([call(1), span(3, parent=1), call(2, parent=3)], {1: None, 2: None}),
    ],
)
def test_a_call_seen_twice_counts_once(spans: list[dict[str, Any]], expected: dict[int, str | None]) -> None:
    assert marked(*spans) == expected


def test_a_parent_that_comes_later_is_the_duplicate_of_its_stored_child() -> None:
    marker = DuplicateMarker()
    assert marked(call(2, parent=1), marker=marker) == {2: None}
    assert marked(call(1), marker=marker) == {1: "2"}
    assert marked(call(2, parent=1), marker=marker) == {2: None}  # a replay is itself


FRAMEWORK = {"layer": True, "gen_ai.request.model": "router"}


def layer(number: int, **options: Any) -> dict[str, Any]:
    return call(number, attributes=FRAMEWORK, **options)


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        # a framework's view gives way to any call below it, of whatever model and however deep
        ([[layer(1), call(2, parent=1)]], {1: "2", 2: None}),
        ([[layer(1), span(3, parent=1), span(4, parent=3), call(2, parent=4)]], {1: "2", 2: None}),
        ([[call(2, parent=3)], [span(3, parent=1)], [layer(1)]], {1: "2", 2: None}),
        ([[call(2, parent=3)], [span(3, parent=1), layer(1)]], {1: "2", 2: None}),
        # two attempts below it are two calls
        ([[layer(1), call(2, parent=1), call(3, parent=1)]], {1: "2", 2: None, 3: None}),
        # a view of a view of a call
        ([[layer(1), layer(2, parent=1), call(3, parent=2)]], {1: "3", 2: "3", 3: None}),
        ([[call(3, parent=2)], [layer(2, parent=1)], [layer(1)]], {1: "3", 2: "3", 3: None}),
        # alone it is the call; and it stays the one that counts when the other comes after it was stored
        ([[layer(1)], [call(2, parent=1)]], {1: None, 2: "1"}),
        ([[layer(1), span(3, parent=1)]], {1: None}),
        # only what is below it
        ([[layer(1, parent=5), call(2, parent=5), span(5)]], {1: None, 2: None}),
    ],
)
def test_a_frameworks_view_gives_way(batches: list[list[dict[str, Any]]], expected: dict[int, str | None]) -> None:
    marker = DuplicateMarker()
    found: dict[int, str | None] = {}
    for spans in batches:
        found |= marked(*spans, marker=marker)
    assert found == expected


def test_a_frameworks_view_stays_where_the_call_below_knows_no_tokens() -> None:
    assert marked(layer(1), span(2, parent=1, attributes=POOR)) == {1: None, 2: "1"}


def test_a_circle_of_parents_ends() -> None:
    assert marked(call(1, parent=2), span(2, parent=3), span(3, parent=1)) == {1: None}


THREE = [
    pytest.param([span(3, parent=2, attributes=POOR), span(2, parent=1, attributes=POOR), span(1, attributes=POOR)],
                 {1: "3", 2: "3", 3: None}, id="alike"),
    pytest.param([span(3, parent=2, attributes=POOR), span(2, parent=1, attributes=POOR), call(1)],
                 {1: None, 2: "1", 3: "1"}, id="the outermost knows most"),
    pytest.param([span(3, parent=2, attributes=POOR), call(2, parent=1), span(1, attributes=POOR)],
                 {1: "2", 2: None, 3: "2"}, id="the middle knows most"),
    pytest.param([call(3, parent=2), call(2, parent=1), call(1, attributes={"layer": True})],
                 {1: "3", 2: "3", 3: None}, id="below a framework"),
]  # fmt: skip


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(("spans", "expected"), THREE)
def test_a_call_seen_three_times_counts_once(
    spans: list[dict[str, Any]], expected: dict[int, str | None], backwards: bool
) -> None:
    assert marked(*(reversed(spans) if backwards else spans)) == expected


def test_a_third_view_that_comes_later_is_the_duplicate_of_the_stored_one() -> None:
    marker = DuplicateMarker()
    alike = [span(3, parent=2, attributes=POOR), span(2, parent=1, attributes=POOR)]
    assert marked(*alike, marker=marker) == {2: "3", 3: None}
    assert marked(span(1, attributes=POOR), marker=marker) == {1: "3"}


def test_two_calls_below_one_that_gives_way_stay_two() -> None:
    spans = [call(2, parent=1), call(3, parent=1), span(1, attributes=POOR)]
    assert marked(*spans) == {1: "2", 2: None, 3: None}


OURS, THEIRS = ("sentinelops", "1"), ("opentelemetry.instrumentation.openai.v1", "0.62.4")
ANSWER = {"gen_ai.response.id": "a"}
LATER_NS = 10_000_000_000


def two_traces(*batches: list[tuple[dict[str, Any], tuple[str, str]]]) -> dict[int, str | None]:
    """Each span under the scope beside it; the batches come one after the other."""
    marker, found = DuplicateMarker(), {}
    for spans in batches:
        decoded = [one for item, scope in spans for one in decode(batch([item], scope=scope)).spans]
        calls = [(one, request) for one in decoded if (request := normalise(one)[0]) is not None]
        marker.mark(calls)
        marker.remember(calls)
        found |= {request.span_id[-1]: request.duplicate_of and request.duplicate_of[-1] for _, request in calls}
    return found


def test_one_answer_seen_at_once_by_two_instrumentations_in_traces_of_their_own_is_one_call() -> None:
    rich, poor = (
        call(1, attributes={**ANSWER, "gen_ai.usage.cache_read.input_tokens": 4}),
        call(2, trace=2, attributes=ANSWER),
    )
    assert two_traces([(rich, OURS), (poor, THEIRS)]) == {1: None, 2: "1"}
    assert two_traces([(poor, THEIRS), (rich, OURS)]) == {1: None, 2: "1"}
    assert two_traces([(poor, THEIRS)], [(rich, OURS)], [(poor, THEIRS)]) == {1: "2", 2: None}


def test_an_id_that_comes_again_from_one_instrumentation_or_later_is_another_call() -> None:
    first, again = call(1, attributes=ANSWER), call(2, trace=2, attributes=ANSWER)
    later = {
        **again,
        "start_time_unix_nano": again["start_time_unix_nano"] + LATER_NS,
        "end_time_unix_nano": again["end_time_unix_nano"] + LATER_NS,
    }
    calls = {1: None, 2: None}
    assert two_traces([(first, OURS), (again, OURS)]) == calls
    assert two_traces([(first, OURS)], [(again, OURS)]) == calls
    assert two_traces([(first, OURS), (later, THEIRS)]) == calls
    assert two_traces([(first, OURS)], [(later, THEIRS)]) == calls


def test_of_an_id_that_comes_again_the_newest_answer_is_known() -> None:
    moved = {
        name: NOW_NS + LATER_NS + offset for name, offset in (("start_time_unix_nano", 0), ("end_time_unix_nano", 9))
    }
    again, twin = call(2, trace=2, attributes=ANSWER) | moved, call(3, trace=3, attributes=ANSWER) | moved
    first = (call(1, attributes=ANSWER), OURS)
    assert two_traces([first], [(again, OURS)], [(twin, THEIRS)]) == {1: None, 2: None, 3: "2"}
