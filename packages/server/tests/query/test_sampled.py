"""Sampled calls, from the SDK's sampling through pipeline and store to the answers: unbiased, and said to be estimates."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
from otlp_bytes import NOW_NS, batch, call
from sentinelops import _metrics, _sift, semconv
from sentinelops._batch import Item
from sentinelops._call import CallRecord
from sentinelops._config import Config
from sentinelops._export import Exporter
from sentinelops._sampling import parse_rules
from sentinelops_server.model import OtlpBatch, Outcome
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.query.aggregate import aggregate
from sentinelops_server.query.ledger import ledger
from sentinelops_server.query.scope import Scope, TimeRange
from sentinelops_server.query.sessions import find_sessions, find_users
from sentinelops_server.query.summary import summary
from sentinelops_server.query.timeseries import timeseries
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store

SEEDS, TRACES = 10, 120
MODELS = ("gpt-4o", "gpt-4o-mini", "o3")
RATES = {"gpt-4o": 0.25, "gpt-4o-mini": 0.1, "o3": 0.25}
SLOW_SECONDS = 8.0
SIGMAS = 4.5
UNTIL = datetime.fromtimestamp(NOW_NS / 1e9, UTC) + timedelta(minutes=5)
SAMPLING = {"sample_calls": 0.25, "sampling": parse_rules([{"match": {"model": "*-mini"}, "calls": 0.1}])}


@dataclass(frozen=True)
class Made:
    """A call that the application made."""

    trace_id: int
    span_id: int
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    failed: bool
    session: str

    @property
    def always(self) -> bool:
        return self.failed or self.seconds >= SLOW_SECONDS


def population(seed: int) -> list[Made]:
    """Traces of 1 to 20 calls; tokens and so costs with a heavy tail, some calls failed, some slow."""
    rng = random.Random(seed)
    made = []
    for _ in range(TRACES):
        trace_id, session = rng.getrandbits(120), f"s{rng.randrange(5)}"
        for _ in range(min(20, 1 + int(rng.expovariate(0.25)))):
            prompt = int(50 * rng.paretovariate(1.3))
            made.append(
                Made(trace_id, rng.getrandbits(64), rng.choice(MODELS), min(prompt, 500_000), int(rng.lognormvariate(5, 1)),
                     rng.lognormvariate(0.3, 0.9), rng.random() < 0.06, session)
            )  # fmt: skip
    return made


def _item(one: Made, above: int) -> Item:
    record = CallRecord("chat", "openai", one.model, {}, lambda _: _described(one))
    record.error = ValueError("no") if one.failed else None
    start = NOW_NS - 3_600_000_000_000 + one.span_id % 3_000_000_000_000
    context = SpanContext(above | one.trace_id, one.span_id, False, TraceFlags(1))
    span = ReadableSpan(
        f"chat {one.model}", context, None, Resource({}), {semconv.SESSION_ID: one.session, semconv.USER_ID: one.session},
        kind=SpanKind.CLIENT, start_time=start, end_time=start + int(one.seconds * 1e9),
        instrumentation_scope=InstrumentationScope("sentinelops"),
    )  # fmt: skip
    return Item(span, record, 4096)


def _described(one: Made) -> dict[str, Any]:
    return {
        semconv.USAGE_INPUT_TOKENS: one.prompt_tokens,
        semconv.USAGE_OUTPUT_TOKENS: one.completion_tokens,
        semconv.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}],
    }


def send(pipeline: Pipeline, application: str, calls: Sequence[Made], above: int, **options: Any) -> None:
    """Through the SDK's export, less the network. above: the first bits of the trace ids, those that chance ignores."""
    config = Config(application=application, compression="none", sample_slow_seconds=SLOW_SECONDS, **options)
    exporter = Exporter(config, lambda: Resource({}))
    for first in range(0, len(calls), 500):
        exporter._encode([_item(one, above << 120) for one in calls[first : first + 500]])
    bodies = [exporter._outbox.popleft().body for _ in range(len(exporter._outbox))]
    exporter.shutdown(0.1)
    for answer in pipeline.process([OtlpBatch("spans", body, "protobuf", NOW_NS) for body in bodies]):
        assert isinstance(answer, Outcome)


@pytest.fixture
def pipeline(database: Database) -> Iterator[Pipeline]:
    yield Pipeline(Store(database), Redactor(), Pricer(), Meter(), clock=lambda: NOW_NS + 60_000_000_000)


def scope_of(application: str) -> Scope:
    return Scope(TimeRange(UNTIL - timedelta(hours=3), UNTIL), application)


class Sample:
    """One seed: what was made (priced as the server prices it), and what the server answers to all and to a sample."""

    def __init__(self, database: Database, pipeline: Pipeline, seed: int) -> None:
        self.calls = population(seed)
        send(pipeline, f"all-{seed}", self.calls, 1)
        send(pipeline, f"some-{seed}", self.calls, 2, **SAMPLING)
        rows = database.fetch(
            "SELECT span_id, estimated_cost FROM request_metrics WHERE application = %s", [f"all-{seed}"]
        )
        self.costs = {row["span_id"]: float(row["estimated_cost"]) for row in rows}
        self.all = summary(database, scope_of(f"all-{seed}"))
        self.some = summary(database, scope_of(f"some-{seed}"))
        self.by_model = {
            row["model"]: row
            for row in aggregate(database, scope_of(f"some-{seed}"), ["model"], ["count", "estimated_cost"])
        }

    def cost(self, one: Made) -> float:
        return self.costs[one.span_id.to_bytes(8, "big")]

    def sigma(self, value: Callable[[Made], float]) -> float:
        """Of the estimated sum: the calls of a trace share its randomness, so Cov = x y (1/max(p, q) - 1)."""
        traces: dict[int, dict[float, float]] = {}
        for one in self.calls:
            if not one.always:
                sums = traces.setdefault(one.trace_id, {})
                rate = RATES[one.model]
                sums[rate] = sums.get(rate, 0.0) + value(one)
        variance = sum(
            x * y * (1 / max(p, q) - 1) for sums in traces.values() for p, x in sums.items() for q, y in sums.items()
        )
        return math.sqrt(variance)

    def z(self, estimate: float | None, value: Callable[[Made], float]) -> float:
        """How many standard errors the estimate of a sum is off."""
        assert estimate is not None
        return (estimate - sum(map(value, self.calls))) / self.sigma(value)


def check(samples: Sequence[Sample]) -> None:
    """Every estimate within its bound, and no bias in the mean of the seeds."""
    quotients: dict[str, list[float]] = {"count": [], "tokens": [], "cost": []}
    for one in samples:
        quotients["count"].append(one.z(one.some["count"], lambda _: 1.0))
        quotients["tokens"].append(one.z(one.some["total_tokens"], lambda c: c.prompt_tokens + c.completion_tokens))
        quotients["cost"].append(one.z(one.some["estimated_cost"], one.cost))
        for model, row in one.by_model.items():
            assert abs(one.z(row["count"], lambda c, m=model: float(c.model == m))) < SIGMAS  # type: ignore[misc]
            assert abs(one.z(row["estimated_cost"], lambda c, m=model, s=one: s.cost(c) * (c.model == m))) < SIGMAS  # type: ignore[misc]
        assert one.some["error_count"] == sum(c.failed for c in one.calls)
        check_rate(one)
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            check_quantile(one, one.some["duration_seconds"][name], share)
    for name, values in quotients.items():
        assert max(map(abs, values)) < SIGMAS, name
        assert abs(sum(values)) / math.sqrt(len(values)) < SIGMAS, name


def check_rate(one: Sample) -> None:
    errors, count = sum(c.failed for c in one.calls), len(one.calls)
    rate, off = one.some["error_rate"], SIGMAS * one.sigma(lambda _: 1.0)
    assert rate is not None
    assert errors / (count + off) < rate < errors / max(count - off, 1)


def check_quantile(one: Sample, found: float | None, share: float) -> None:
    """The part of all calls that lies at or below what was found, the sketch's 1% aside, is the share, give or take."""
    assert found is not None
    count = len(one.calls)
    off = SIGMAS * one.sigma(lambda c: (c.seconds <= found) - share) / count
    low = sum(c.seconds < found / 1.011 for c in one.calls) / count
    high = sum(c.seconds <= found * 1.011 for c in one.calls) / count
    assert low - off <= share <= high + off


def samples_of(database: Database, pipeline: Pipeline) -> list[Sample]:
    return [Sample(database, pipeline, seed) for seed in range(SEEDS)]


def test_the_numbers_of_a_sample_are_those_of_all_calls_within_chance(database: Database, pipeline: Pipeline) -> None:
    samples = samples_of(database, pipeline)
    check(samples)
    for one in samples:
        kept, count = one.some["kept_requests"], len(one.calls)
        assert (one.all["sampled"], one.all["kept_requests"], one.all["count"]) == (False, count, count)
        assert one.some["sampled"]
        assert kept < count / 2


def _errors_by_chance_weigh_more(self: Any, sight: Any, always: bool, sift: Any = _sift.Sift._call) -> Any:
    if always and sight.randomness >= sight.calls_at:
        return [self._whole(sight, sight.calls_at)]
    return sift(self, sight, always)


def _nobody_weighs(self: Any, sight: Any, view: Any, kept_at: int) -> Any:
    return view.as_span(), sight.resolved


def _steeper(self: Any, sight: Any, view: Any, kept_at: int, weighed: Any = _sift.Sift._weighed) -> Any:
    return weighed(self, sight, view, kept_at + ((1 << 56) - kept_at) // 4 if kept_at else 0)


@pytest.mark.parametrize(
    ("method", "wrong"),
    [("_call", _errors_by_chance_weigh_more), ("_weighed", _nobody_weighs), ("_weighed", _steeper)],
    ids=["errors weigh 1/p", "no weights", "weights a third too large"],
)
def test_wrong_weights_are_found_out(
    database: Database, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, method: str, wrong: Any
) -> None:
    monkeypatch.setattr(_sift.Sift, method, wrong)
    samples = samples_of(database, pipeline)
    with pytest.raises(AssertionError):
        check(samples)


def test_every_number_of_detail_sampling_is_exact(database: Database, pipeline: Pipeline) -> None:
    calls = population(99)
    send(pipeline, "all", calls, 1)
    send(pipeline, "thin", calls, 2, sample_detail=0.02)
    answers = [summary(database, scope_of(name)) for name in ("all", "thin")]
    assert answers[0] == answers[1]
    assert (answers[1]["count"], answers[1]["sampled"]) == (len(calls), False)


def test_everywhere_a_number_is_made_it_is_weighted(database: Database, pipeline: Pipeline) -> None:
    """One call of weight 10 by the SDK's word, one of weight 4 by its tracestate, one that stands for itself."""
    meter = pipeline._meter
    common = {semconv.SESSION_ID: "s", semconv.USER_ID: "u"}
    sent = batch(
        [
            call(1, 1, attributes={**common, semconv.SAMPLING_WEIGHT: 10.0}),
            call(2, 2, attributes=common, trace_state="a=b,ot=th:c;rv:ffffffffffffff"),
            call(3, 3, attributes=common, trace_state="ot=th:0"),
        ]
    )
    assert pipeline.process([sent]) == [Outcome(3, 3, 0)]
    scope = Scope(TimeRange(UNTIL - timedelta(hours=1), UNTIL))
    found = summary(database, scope)
    expected = {"count": 15, "kept_requests": 3, "sampled": True, "prompt_tokens": 1500, "total_tokens": 1650}
    assert {name: value for name, value in found.items() if name in expected} == expected
    assert found["estimated_cost"] == pytest.approx(15 * (100 * 2.5e-6 + 10 * 10e-6))
    series = timeseries(database, scope, ["count", "kept_requests", "total_tokens"])["series"][0]["values"]
    assert [sum(series[name]) for name in ("count", "kept_requests", "total_tokens")] == [15, 3, 1650]  # type: ignore[arg-type]
    grouped = aggregate(database, scope, ["session_id"], ["count", "sum_total_tokens", "kept_requests"])
    assert grouped == [{"session_id": "s", "count": 15, "sum_total_tokens": 1650, "kept_requests": 3}]
    (session,) = find_sessions(database, scope).sessions
    (user,) = find_users(database, scope).users
    assert [(row["count"], row["total_tokens"], row["sampled"]) for row in (session, user)] == [(15, 1650, True)] * 2
    samples = {one.name: one.value for family in meter.collect() for one in family.samples}
    assert (samples["llm_requests_total"], samples["llm_tokens_total_sum"]) == (15, 1650)
    assert samples["llm_request_duration_seconds_count"] == 15
    assert samples["llm_cost_total"] == pytest.approx(found["estimated_cost"])


def test_rollups_from_before_say_that_nothing_was_sampled(database: Database, pipeline: Pipeline) -> None:
    assert pipeline.process([batch([call(1, 1), call(2, 2)])]) == [Outcome(2, 2, 0)]
    database.execute("UPDATE rollups SET kept = NULL")
    scope = Scope(TimeRange(UNTIL - timedelta(hours=1), UNTIL))
    assert (summary(database, scope)["kept_requests"], summary(database, scope)["sampled"]) == (2, False)
    assert pipeline.process([batch([call(3, 3, attributes={semconv.SAMPLING_WEIGHT: 5.0})])]) == [Outcome(1, 1, 0)]
    found = summary(database, scope)
    assert (found["count"], found["kept_requests"], found["sampled"]) == (7, 3, True)


def test_the_ledger_shows_what_an_sdk_sampled_out_beside_what_it_sent(database: Database) -> None:
    pipeline = Pipeline(Store(database), Redactor(), Pricer(), Meter())  # the report bears the time of now
    resource = ResourceSpans()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    ledger_of: Any = {
        "created": 10,
        "sent": 4,
        "retried": 0,
        "dropped": {"timeout": 1},
        "sampled_out": {"calls": 3, "detail": 2},
    }
    body = _metrics.encode(resource.SerializeToString(), ledger_of, NOW_NS, _metrics.ClientMetrics())
    (answer,) = pipeline.process([OtlpBatch("metric_points", body, "protobuf", NOW_NS)])
    assert isinstance(answer, Outcome)
    now = datetime.now(UTC)
    shown = ledger(database, Scope(TimeRange(now - timedelta(days=400), now + timedelta(days=1))))["sdk"]
    assert {(row["outcome"], row["reason"]): row["count"] for row in shown} == {
        ("created", ""): 10, ("sent", ""): 4, ("retried", ""): 0, ("dropped", "timeout"): 1,
        ("sampled out", "calls"): 3, ("sampled out", "detail"): 2,
    }  # fmt: skip
