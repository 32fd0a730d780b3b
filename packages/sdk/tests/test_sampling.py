"""Sampling, from configure() to what arrives: what is thinned, what is left out, what the kept ones say they weigh."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sentinelops
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from otlp_sink import Sink
from sampling_scenes import BODIES, CHOSEN, LONG, NUMBERS, OTHER, balanced, call, seen, turn, within
from sentinelops import _configure, _runtime, semconv
from sentinelops._sampling import chance, stamped, threshold, weight_of

Start = Callable[..., None]


@pytest.fixture
def start(sink: Sink) -> Start:
    def begin(**options: Any) -> None:
        given = {"application": "shop", "environment": "test", "endpoint": sink.url, "schedule_delay_seconds": 0.01}
        sentinelops.configure(**given | {"capture_memory": False} | options)

    return begin


def test_detail_sampling_sends_every_calls_numbers_and_all_of_the_chosen_traces(sink: Sink, start: Start) -> None:
    start(sample_detail=0.5)
    turn(OTHER)
    assert seen(sink) == {"chat large": {**NUMBERS, "sentinelops.sampling.detail": False}}
    turn(CHOSEN)
    found = seen(sink)
    assert found["chat large"] == {**NUMBERS, **BODIES, "gen_ai.request.note": LONG}
    assert set(found) == {"chat large", "turn", "search"}
    assert sentinelops.stats()["sampled_out"] == {"detail": 2}
    assert balanced()


def test_a_failed_call_brings_the_whole_of_its_trace(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0)
    with within(OTHER), sentinelops.span("turn", type="agent"):
        with sentinelops.span("search", type="tool"):
            pass
        call("thin")
        call("broken", fail=True)
        call("after")
    found = seen(sink)
    assert set(found) == {"turn", "search", "chat thin", "chat broken", "chat after"}
    assert found["chat thin"]["sentinelops.sampling.detail"] is False
    assert {"gen_ai.input.messages", "error.type"} <= set(found["chat broken"])
    assert "gen_ai.input.messages" in found["chat after"]
    assert all(semconv.SAMPLING_WEIGHT not in attributes for attributes in found.values())
    assert sentinelops.stats()["sampled_out"] == {}


def test_a_slow_call_brings_the_whole_of_its_trace(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0, sample_slow_seconds=1e-9)
    turn(OTHER)
    assert set(found := seen(sink)) == {"turn", "search", "chat large"}
    assert BODIES.items() <= found["chat large"].items()


def test_a_failed_step_brings_the_steps_of_its_trace(sink: Sink, start: Start) -> None:
    start(sample_detail=0.0)
    with within(OTHER), sentinelops.span("turn"), pytest.raises(ValueError), sentinelops.span("search"):
        raise ValueError("no")
    with within(OTHER + (1 << 64)), sentinelops.span("other"):
        pass
    assert set(seen(sink)) == {"turn", "search"}


def test_call_sampling_leaves_whole_traces_out_and_weighs_the_kept(sink: Sink, start: Start) -> None:
    start(sample_calls=0.01, sample_detail=0.01)
    turn(OTHER)
    assert seen(sink) == {}
    assert sentinelops.stats()["sampled_out"] == {"calls": 1, "detail": 2}
    turn(CHOSEN)
    found = seen(sink)
    assert found["chat large"] == {
        **NUMBERS,
        **BODIES,
        "gen_ai.request.note": LONG,
        "sentinelops.sampling.weight": 100.0,
    }
    assert set(found) == {"chat large", "turn", "search"}
    states = {
        s.name: s.trace_state for r in sink.accepted for c in r.resource_spans for x in c.scope_spans for s in x.spans
    }
    assert states["chat large"] == f"ot=th:{threshold(0.01):014x}".rstrip("0")
    assert balanced()


@pytest.mark.parametrize("trace_id", [CHOSEN, OTHER], ids=["chosen", "other"])
def test_failed_and_slow_calls_are_kept_and_weigh_one_whatever_chance_says(
    sink: Sink, start: Start, trace_id: int
) -> None:
    start(sample_calls=0.01, sample_slow_seconds=5)
    late = 10**18
    with within(trace_id):
        call("broken", fail=True)
        slow = _runtime.current.start_span("chat slow", trace.SpanKind.CLIENT)  # type: ignore[union-attr]
        slow.set_attributes({semconv.OPERATION: "chat", semconv.REQUEST_MODEL: "slow"})  # type: ignore[union-attr]
        slow.end((slow.start_time or late) + 5_000_000_000)  # type: ignore[union-attr]
    found = seen(sink)
    assert set(found) == {"chat broken", "chat slow"}
    assert all(semconv.SAMPLING_WEIGHT not in attributes for attributes in found.values())


def test_the_client_metrics_count_every_call(sink: Sink, start: Start) -> None:
    start(sample_calls=0.01)
    for number in range(5):
        with within(OTHER + number):
            call()
    assert sentinelops.flush(5)
    sentinelops.shutdown()
    ((_, point),) = sink.metric("gen_ai.client.operation.duration")
    assert point.count == 5
    assert [(a, p.as_int) for a, p in sink.metric("sentinelops.sdk.spans.sampled_out")] == [({"reason": "calls"}, 5)]
    assert sink.spans() == []


def test_the_first_rule_that_fits_and_names_a_rate_decides_it(sink: Sink, start: Start) -> None:
    start(
        sample_calls=0.01,
        sampling=[
            {"match": {"model": "vip*"}, "calls": 1},
            {"match": {"tags": ["eval", "probe"]}, "calls": 0.5, "detail": 0},
            {"match": {"application": "shop", "environment": "t?st"}, "calls": 0.25},
            {"match": {"session": "*"}, "detail": 0},
        ],
    )
    with within(CHOSEN):
        call("vip-1")
        call("plain")
        with sentinelops.context(tags=["probe"]):
            call("probe")
    assert {name: a.get(semconv.SAMPLING_WEIGHT) for name, a in seen(sink).items()} == {
        "chat vip-1": None,
        "chat plain": 4.0,
        "chat probe": 2.0,
    }
    with within(OTHER):
        call("vip-2")
        call("plain-2")
    assert set(seen(sink)) == {"chat vip-1", "chat vip-2", "chat plain", "chat probe"}


def test_the_callback_decides_before_the_rules_and_sees_the_ended_span(sink: Sink, start: Start) -> None:
    asked: list[dict[str, Any]] = []

    def sampler(facts: dict[str, Any]) -> Any:
        asked.append(facts)
        return {"chat a": 0.5, "chat b": {"detail": 0}, "chat c": None}[facts["name"]]

    start(sampler=sampler, sampling=[{"match": {"model": "c"}, "calls": 0.1}])
    with within(CHOSEN), sentinelops.context(user="u", tags=["t"]):
        call("a")
        with within(CHOSEN + (1 << 64)):
            call("b")
        call("c", operation="chat")
    found = seen(sink)
    assert {name: a.get(semconv.SAMPLING_WEIGHT) for name, a in found.items()} == {
        "chat a": 2.0,
        "chat b": None,
        "chat c": 10.0,
    }
    assert found["chat b"]["sentinelops.sampling.detail"] is False
    assert asked[0].pop("duration_seconds") > 0
    assert asked[0] == {
        "application": "shop", "environment": "test", "model": "a", "name": "chat a", "operation": "chat",
        "provider": "acme", "session": None, "tags": ["t"], "user": "u", "error": None,
    }  # fmt: skip


@pytest.mark.parametrize("answer", [2, -1, "0.5", {"calls": 0}, {"rate": 1}, ZeroDivisionError], ids=str)
@pytest.mark.usefixtures("lenient")
def test_a_callback_that_fails_or_gives_no_share_has_said_nothing(sink: Sink, start: Start, answer: Any) -> None:
    def sampler(_: dict[str, Any]) -> Any:
        if isinstance(answer, type):
            raise answer
        return answer

    start(sampler=sampler, sample_calls=0.5)
    with within(CHOSEN):
        call()
    assert seen(sink)["chat large"][semconv.SAMPLING_WEIGHT] == 2.0
    assert sentinelops.stats()["internal_errors"] == {"sampler": 1}


@pytest.mark.parametrize(
    ("state", "rate", "weight", "sent"),
    [
        ("th:c", 1.0, 4.0, "ot=th:c"), ("th:c", 0.5, 4.0, "ot=th:c"), ("th:c;rv:ffffffffffffff", 0.125, 8.0, "ot=th:e;rv:ffffffffffffff"),
        ("th:0", 0.5, 2.0, "ot=th:8"), ("rv:ffffffffffffff", 0.5, 2.0, "ot=th:8;rv:ffffffffffffff"),
        ("th:zz;rv:1", 0.5, 2.0, "ot=th:8;rv:1"), ("x:1", 0.5, 2.0, "ot=th:8;x:1"),
    ],
)  # fmt: skip
def test_a_parents_threshold_is_followed(
    sink: Sink, start: Start, state: str, rate: float, weight: float, sent: str
) -> None:
    start(sample_calls=rate, sample_detail=0.001)
    with within(CHOSEN, state):
        call()
        call("broken", fail=True)
    found = seen(sink)
    assert found["chat large"][semconv.SAMPLING_WEIGHT] == weight
    upstream = chance(SpanContext(1, 1, True, TraceFlags(1), TraceState([("ot", state)])))[1]
    assert found["chat broken"].get(semconv.SAMPLING_WEIGHT, 1.0) == weight_of(upstream)
    states = {
        s.name: s.trace_state for r in sink.accepted for c in r.resource_spans for x in c.scope_spans for s in x.spans
    }
    assert states == {"chat large": sent, "chat broken": f"ot={state}"}


def test_randomness_out_of_the_tracestate_decides(sink: Sink, start: Start) -> None:
    start(sample_calls=0.5)
    with within(CHOSEN, "rv:00000000000001"):
        call("left out")
    with within(OTHER, "rv:80000000000000"):
        call("kept")
    assert set(seen(sink)) == {"chat kept"}


def test_processes_with_other_rates_keep_the_same_traces_nested() -> None:
    chances = random.Random(5)
    ids = [chances.getrandbits(128) for _ in range(20_000)]
    kept = {
        rate: {i for i in ids if chance(SpanContext(i, 1, False))[0] >= threshold(rate)} for rate in (0.01, 0.1, 0.5)
    }
    assert kept[0.01] < kept[0.1] < kept[0.5]
    for rate, those in kept.items():
        assert abs(len(those) - rate * len(ids)) < 4 * (len(ids) * rate * (1 - rate)) ** 0.5


@pytest.mark.parametrize(
    ("rate", "weight"), [(1.0, 1.0), (0.5, 2.0), (0.1, 10.0), (0.01, 100.0), (1e-6, 1e6), (0.3, 10 / 3)]
)
def test_a_threshold_says_its_weight(rate: float, weight: float) -> None:
    assert weight_of(threshold(rate)) == pytest.approx(weight, rel=1e-11)
    context = stamped(SpanContext(CHOSEN, 1, False, trace_state=TraceState([("a", "b")])), threshold(rate))
    assert chance(context)[1] == threshold(rate)
    assert context.trace_state.get("a") == "b"


class Looks(SpanProcessor):
    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.spans.append(span)


@pytest.fixture
def looked_at(start: Start, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Looks]]:
    """The application's own provider, with another processor that looks on."""
    provider, looks = TracerProvider(shutdown_on_exit=False), Looks()
    provider.add_span_processor(looks)
    monkeypatch.setattr(_configure, "_provider", lambda: provider)

    def begin(**options: Any) -> Looks:
        start(**options)
        return looks

    yield begin
    provider.shutdown()


def test_other_processors_see_everything_and_we_send_the_sample(sink: Sink, looked_at: Callable[..., Looks]) -> None:
    looks = looked_at(sample_calls=0.5, sample_detail=0.0)
    turn(CHOSEN)
    turn(OTHER)
    assert seen(sink) == {
        "chat large": {**NUMBERS, "sentinelops.sampling.detail": False, "sentinelops.sampling.weight": 2.0}
    }
    assert [span.name for span in looks.spans] == ["search", "chat large", "turn"] * 2
    for span in looks.spans[1::3]:
        assert dict(span.attributes or {}).items() >= BODIES.items()
        assert semconv.SAMPLING_WEIGHT not in (span.attributes or {})
        assert span.context.trace_state == TraceState()
    assert balanced()


FOREIGN = {
    "openinference": (
        {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 5, "input.value": "Hello",
         "llm.input_messages.0.message.content": "Hello"},
        {"openinference.span.kind": "LLM", "llm.model_name": "m", "llm.token_count.prompt": 5},
    ),
    "openllmetry": (
        {"gen_ai.system": "acme", "gen_ai.request.model": "m", "gen_ai.prompt.0.content": "Hello", "llm.usage.total_tokens": 5},
        {"gen_ai.system": "acme", "gen_ai.request.model": "m", "llm.usage.total_tokens": 5},
    ),
    "conventions": (
        {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "[]", "blob": b"x" * 2000, "long": (LONG, LONG), "short": (1, 2)},
        {"gen_ai.operation.name": "chat", "short": [1, 2]},
    ),
    "agent": ({"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m"}, None),
    "chain": ({"openinference.span.kind": "CHAIN", "input.value": "Hello"}, None),
    "http": ({"http.request.method": "POST"}, None),
}  # fmt: skip


@pytest.mark.parametrize("writer", FOREIGN)
def test_spans_of_other_instrumentations_are_thinned_alike(sink: Sink, start: Start, writer: str) -> None:
    start(sample_detail=0.0)
    given, expected = FOREIGN[writer]
    tracer = trace.get_tracer("other")
    with within(OTHER), tracer.start_as_current_span("theirs", attributes=given) as span:
        span.add_event("gen_ai.content.prompt", {"gen_ai.prompt": "Hello"})
        span.add_event("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "good"})
    found = seen(sink)
    assert found == ({} if expected is None else {"theirs": {**expected, "sentinelops.sampling.detail": False}})
    if expected is not None:
        assert sink.named("theirs")["events"] == [("gen_ai.evaluation.result", {"gen_ai.evaluation.name": "good"})]
