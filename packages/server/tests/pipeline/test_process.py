"""The pipeline on a real store: what is committed, what is answered, what is counted."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from otlp_bytes import NOW_NS, batch, call, pairs, span
from sentinelops_server.errors import Malformed, Permanent, Temporary
from sentinelops_server.model import OtlpBatch, Outcome, WriteBatch, WriteResult
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.detail import decode_detail
from sentinelops_server.storage.postgres.store import Store


def pipeline_on(store: object) -> tuple[Pipeline, Meter]:
    meter = Meter()
    return Pipeline(store, Redactor(), Pricer(), meter, clock=lambda: NOW_NS), meter  # type: ignore[arg-type]


@pytest.fixture
def line(database: Database) -> tuple[Pipeline, Meter]:
    return pipeline_on(Store(database))


def sample(meter: Meter, name: str, **labels: str) -> float:
    for family in meter.collect():
        for one in family.samples:
            if one.name == name and all(one.labels.get(key) == value for key, value in labels.items()):
                return one.value
    return 0.0


def test_a_call_is_stored_priced_and_counted(line: tuple[Pipeline, Meter], database: Database) -> None:
    pipeline, meter = line
    assert pipeline.process([batch([call(), span(2, parent=1, name="work")])]) == [Outcome(2, 2, 0)]
    row = database.fetch_one("SELECT * FROM request_metrics")
    assert row is not None
    assert row["request_id"] == f"{1:032x}-{1:016x}"
    assert (row["provider"], row["model"], row["application"], row["environment"]) == (
        "openai",
        "gpt-4o",
        "shop",
        "prod",
    )
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (100, 10, 110)
    assert row["estimated_cost"] == pytest.approx(100 * 2.5e-6 + 10 * 10e-6)
    assert row["price_version"].startswith("genai-prices ")
    assert [r["type"] for r in database.fetch("SELECT type FROM spans ORDER BY span_id")] == ["llm", "span"]
    assert sample(meter, "llm_requests_total", status="ok") == 1
    assert sample(meter, "sentinelops_records_total", outcome="stored") == 2


def test_a_replay_changes_nothing(line: tuple[Pipeline, Meter], database: Database) -> None:
    pipeline, meter = line
    spans = batch([call(), call(2)])
    assert pipeline.process([spans]) == [Outcome(2, 2, 0)]
    assert pipeline.process([spans, spans]) == [Outcome(2, 0, 2), Outcome(2, 0, 2)]
    assert sample(meter, "llm_requests_total", status="ok") == 2
    assert sample(meter, "llm_tokens_total_count") == 2
    assert database.fetch_one("SELECT count(*) AS n FROM spans") == {"n": 2}
    assert database.fetch_one("SELECT sum(requests) AS n FROM rollups WHERE resolution = 1") == {"n": 2}


def test_the_same_span_twice_in_one_group_counts_once(line: tuple[Pipeline, Meter]) -> None:
    pipeline, meter = line
    assert pipeline.process([batch([call()]), batch([call()])]) == [Outcome(1, 1, 0), Outcome(1, 0, 1)]
    assert sample(meter, "llm_requests_total", status="ok") == 1


def test_a_malformed_batch_does_not_fail_its_neighbours(line: tuple[Pipeline, Meter], database: Database) -> None:
    pipeline, meter = line
    bad = OtlpBatch("spans", b"\xff\xff\xff", "protobuf", NOW_NS)
    first, second, third = pipeline.process([batch([call()]), bad, batch([call(2)])])
    assert (first, third) == (Outcome(1, 1, 0), Outcome(1, 1, 0))
    assert isinstance(second, Malformed)
    assert sample(meter, "sentinelops_problems_total", kind="malformed_request") == 1


def test_refused_spans_are_in_the_answer_the_ledger_and_the_meter(
    line: tuple[Pipeline, Meter], database: Database
) -> None:
    pipeline, meter = line
    old = call(2, start_time_unix_nano=10, end_time_unix_nano=NOW_NS)
    (outcome,) = pipeline.process([batch([call(), old, call(3, trace_id=bytes(16))])])
    assert isinstance(outcome, Outcome)
    assert (outcome.received, outcome.stored, outcome.refused) == (3, 1, 2)
    assert {refusal.reason for refusal in outcome.refusals} == {"time_out_of_range", "invalid_trace_id"}
    rows = database.fetch("SELECT outcome, reason, count FROM ledger ORDER BY outcome, reason")
    assert [(row["outcome"], row["reason"], row["count"]) for row in rows] == [
        ("received", "", 3),
        ("refused", "invalid_trace_id", 1),
        ("refused", "time_out_of_range", 1),
        ("stored", "", 1),
    ]
    assert sample(meter, "sentinelops_records_total", outcome="refused", reason="invalid_trace_id") == 1
    assert sample(meter, "sentinelops_records_total", outcome="received") == 3


def test_bodies_leave_the_row_and_previews_are_redacted(line: tuple[Pipeline, Meter], database: Database) -> None:
    pipeline, _ = line
    messages = '[{"role":"user","parts":[{"type":"text","content":"write to jo@example.com"}]}]'
    pipeline.process([batch([call(attributes={"gen_ai.input.messages": messages, "note": "ask kim@example.com"})])])
    row = database.fetch_one(
        "SELECT r.prompt_preview, r.redactions, s.detail FROM request_metrics r JOIN spans s USING (span_id)"
    )
    assert row is not None
    assert row["prompt_preview"] == "write to [email]"
    assert row["redactions"] == {"email": 1, "input_messages.email": 1}
    attributes = decode_detail(row["detail"]).attributes
    assert "gen_ai.input.messages" not in attributes
    assert attributes["note"] == "ask [email]"


class Picky:
    """A store in front of the real one that refuses batches with a certain span name, as a failing COPY would."""

    def __init__(self, store: Store, error: Exception) -> None:
        self.store, self.error, self.writes = store, error, 0

    def write(self, batch: WriteBatch) -> WriteResult:
        self.writes += 1
        if any(one.name == "poison" for one in batch.spans):
            raise self.error
        return self.store.write(batch)


def test_one_poisonous_span_is_refused_alone(database: Database) -> None:
    pipeline, meter = pipeline_on(Picky(Store(database), Permanent("no")))
    answers = pipeline.process([batch([call()]), batch([call(2), call(3, name="poison"), call(4)]), batch([call(5)])])
    assert [(a.received, a.stored, a.refused) for a in answers if isinstance(a, Outcome)] == [
        (1, 1, 0),
        (3, 2, 1),
        (1, 1, 0),
    ]
    assert database.fetch_one("SELECT count(*) AS n FROM spans") == {"n": 4}
    ledger = {
        r["outcome"]: r["count"]
        for r in database.fetch("SELECT outcome, sum(count)::int AS count FROM ledger GROUP BY 1")
    }
    assert ledger == {"received": 5, "stored": 4, "refused": 1}
    assert sample(meter, "llm_requests_total", status="ok") == 4


def test_an_unavailable_store_fails_all_and_counts_none(database: Database) -> None:
    pipeline, meter = pipeline_on(Picky(Store(database), Temporary("down", 3.0)))
    answers: Sequence[object] = pipeline.process([batch([call(name="poison")]), batch([call(2)])])
    assert all(isinstance(answer, Temporary) for answer in answers)
    assert sample(meter, "llm_requests_total") == 0
    assert sample(meter, "sentinelops_records_total") == 0


class Remembering:
    """A store that keeps the batch it was given."""

    def __init__(self) -> None:
        self.batches: list[WriteBatch] = []

    def write(self, batch: WriteBatch) -> WriteResult:
        self.batches.append(batch)
        return WriteResult()


def test_a_secret_in_a_metrics_labels_is_not_kept_and_a_failure_is_counted() -> None:
    message = ExportMetricsServiceRequest()
    metric = message.resource_metrics.add().scope_metrics.add().metrics.add(name="http.client.duration")
    point = metric.sum.data_points.add(as_int=1, time_unix_nano=NOW_NS)
    point.attributes.extend(pairs({"url": "https://x.test/?api_key=abc123def456", "server.address": "10.1.2.3"}))
    given = OtlpBatch("metric_points", message.SerializeToString())
    store = Remembering()
    pipeline, _ = pipeline_on(store)
    pipeline.process([given])
    labels = {"url": "https://x.test/?api_key=[secret]", "server.address": "10.1.2.3"}
    assert [one.attributes for one in store.batches[0].metric_points] == [labels]
    pipeline, meter = pipeline_on(store)
    pipeline._redactor._set = None
    pipeline.process([given])
    assert [one.attributes for one in store.batches[1].metric_points] == [{}]
    assert sample(meter, "sentinelops_problems_total", kind="redaction_failed") == 1
