"""Sampling at its limits: what waits is bounded and counted, what fails costs telemetry only, bad settings are told."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentinelops
from otlp_sink import Sink
from sampling_scenes import OTHER, balanced, call, seen, within
from sentinelops import _configure, _runtime, _sift, semconv
from sentinelops._sampling import parse_rules

Start = Callable[..., None]


@pytest.fixture
def start(sink: Sink) -> Start:
    def begin(**options: Any) -> None:
        given = {"application": "shop", "environment": "test", "endpoint": sink.url, "schedule_delay_seconds": 0.01}
        sentinelops.configure(**given | {"capture_memory": False} | options)

    return begin


def test_what_waits_is_bounded_in_number_and_time(sink: Sink, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    start(sample_detail=0.0, max_queue_spans=3)
    with within(OTHER), sentinelops.span("first"):
        for _ in range(3):
            with sentinelops.span("step"):
                pass
            assert sentinelops.flush(5)
        with sentinelops.span("one too many"):
            pass
        assert seen(sink) == {}
        assert sentinelops.stats()["sampled_out"] == {"buffer_full": 4}
        with sentinelops.span("late"):
            pass
        assert sentinelops.flush(5)
        assert sentinelops.stats()["queued"] == 1
        assert balanced()
        monkeypatch.setattr(_sift, "WAIT_SECONDS", 0.0)
    assert seen(sink) == {}
    assert sentinelops.stats()["sampled_out"] == {"buffer_full": 4, "timeout": 1, "detail": 1}


def test_what_still_waits_at_the_end_is_left_out_and_counted(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0)
    with within(OTHER), sentinelops.span("root"):
        with sentinelops.span("step"):
            pass
        assert sentinelops.flush(5)
        sentinelops.shutdown()
    assert sink.spans() == []
    assert (sentinelops.stats()["sampled_out"], sentinelops.stats()["queued"]) == ({"detail": 1}, 0)


def test_traces_that_go_out_whole_are_remembered_in_bounds(
    sink: Sink, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sift, "_MARKED_MOST", 2)
    start(sample_detail=0.0)
    for number in range(3):
        with within(OTHER + (number << 64)):
            call("broken", fail=True)
    for number in range(3):
        with within(OTHER + (number << 64)):
            call(f"then-{number}")
    found = seen(sink)
    assert [found[f"chat then-{n}"].get(semconv.SAMPLING_DETAIL) for n in range(3)] == [False, None, None]


def test_a_trace_that_was_waited_for_goes_out_in_batches(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0, max_batch_spans=2)
    with within(OTHER), sentinelops.span("root"):
        for _ in range(5):
            with sentinelops.span("step"):
                pass
        call("broken", fail=True)
    assert sentinelops.flush(5)
    assert len(sink.spans()) == 7
    assert max(len(x.spans) for r in sink.accepted for c in r.resource_spans for x in c.scope_spans) <= 2


def test_a_sampler_that_breaks_costs_the_span_and_counts_it(
    sink: Sink, start: Start, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(sample_detail=0.5)
    monkeypatch.setattr(_sift, "chance", lambda _: 1 / 0)
    call()
    assert seen(sink) == {}
    assert sentinelops.stats()["dropped"] == {"encode": 1}
    assert sentinelops.stats()["internal_errors"] == {"sampling": 1}


def test_a_child_process_begins_with_nothing_waiting(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0)
    with within(OTHER), sentinelops.span("root"):
        with sentinelops.span("step"):
            pass
        assert sentinelops.flush(5)
        exporter = _runtime.current.exporter  # type: ignore[union-attr]
        assert exporter._sift.due() is not None  # type: ignore[union-attr]
        exporter.forked()  # type: ignore[union-attr]
        assert exporter._sift.due() is None  # type: ignore[union-attr]


def test_without_sampling_nothing_of_it_is_there(sink: Sink, start: Start) -> None:
    start(sample_detail=1.0, sample_calls=1)
    assert _runtime.current.exporter._sift is None  # type: ignore[union-attr]


@pytest.mark.parametrize("told", ["text", "file"])
def test_rules_out_of_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    text = json.dumps([{"match": {"model": "m"}, "calls": 0.5}])
    (tmp_path / "rules.json").write_text(text)
    monkeypatch.setenv("SENTINELOPS_SAMPLING", text if told == "text" else str(tmp_path / "rules.json"))
    assert _configure.load(os.environ, {}).sampling == parse_rules([{"match": {"model": "m"}, "calls": 0.5}])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sample_calls": 0}, "sample_calls is 0: give a share, above 0"), ({"sample_calls": 1.5}, "give a share"),
        ({"sample_detail": -0.1}, "sample_detail is -0.1: give a share, 0 to 1"), ({"sample_slow_seconds": 0}, "above 0"),
        ({"sampling": {"calls": 1}}, "sampling is a dict: give a list"), ({"sampling": [1]}, "rule 1 needs calls or detail"),
        ({"sampling": [{"match": {}}]}, "rule 1 needs"), ({"sampling": [{"calls": 1, "x": 1}]}, "and nothing else"),
        ({"sampling": [{"calls": 1}, {"calls": True}]}, "calls of rule 2 is True"), ({"sampling": "/nowhere.json"}, "nor a file"),
        ({"sampling": [{"match": {"modle": "m"}, "calls": 1}]}, "use application"), ({"sampling": "[1"}, "neither a JSON list"),
        ({"sampling": [{"match": {"model": 5}, "calls": 1}]}, "give a text or a list"), ({"sampling": '{"calls": 1}'}, "file"),
        ({"sampler": 5}, "sampler is a int"),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_that_cannot_be_right_is_told_at_once(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        sentinelops.configure(**given)


def test_a_file_of_rules_holds_a_list(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("5")
    with pytest.raises(ValueError, match="give a list of rules"):
        parse_rules(str(tmp_path / "rules.json"))
    rules = parse_rules([{"detail": 0}])
    assert parse_rules(rules) == rules


def test_a_call_that_cannot_be_resolved_is_still_counted_and_sent(
    sink: Sink, start: Start, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(sample_detail=0.5)
    monkeypatch.setattr("sentinelops._call.resolve_call", lambda *_: 1 / 0)
    with within((1 << 120) | ((1 << 56) - 1)):
        call()
    assert set(seen(sink)) == {"chat large"}
    assert sentinelops.stats()["internal_errors"] == {"resolve": 1}
