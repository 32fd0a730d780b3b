"""Messages that come as log events: what lists show of them is joined to the call, whichever comes first."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from otlp_bytes import NOW_NS, RESOURCE, batch, call, pairs
from recorded_spans import JSON_VALUES
from sentinelops_server.model import LogRecord, OtlpBatch, Outcome
from sentinelops_server.pipeline.logged import LoggedPreviews, preview_of, without_logged_blobs
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store


def event(name: str, body: dict[str, Any] | None = None, span: int = 1, **attributes: Any) -> OtlpBatch:
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add()
    logs.resource.attributes.extend(pairs(RESOURCE))
    record = logs.scope_logs.add().log_records.add(
        time_unix_nano=NOW_NS, trace_id=(1).to_bytes(16, "big"), span_id=span.to_bytes(8, "big"), event_name=name
    )
    record.attributes.extend(pairs({key.replace("__", "."): value for key, value in attributes.items()}))
    for pair in pairs(body or {}):
        record.body.kvlist_value.values.append(pair)
    return OtlpBatch("log_records", request.SerializeToString(), received_ns=NOW_NS)


def messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


DETAILS = event(
    "gen_ai.client.inference.operation.details",
    gen_ai__input__messages=messages("user", "Mail bob@example.com"),
    gen_ai__output__messages=messages("assistant", "Done"),
)
SINGLE = [
    event("gen_ai.system.message", {"content": "Be brief"}),
    event("gen_ai.user.message", {"content": "Mail bob@example.com"}),
    event("gen_ai.choice", {"message": {"content": "Done"}, "finish_reason": "stop"}),
]
SPAN = batch([call(1), call(2)])
NOISE = event("app.started", {"content": "nothing of ours"})


def pipeline(database: Database) -> Pipeline:
    return Pipeline(Store(database), Redactor(), Pricer(), Meter(), clock=lambda: NOW_NS)


def shown(database: Database) -> list[tuple[int, Any, Any]]:
    rows = database.fetch("SELECT span_id, prompt_preview, completion_preview FROM request_metrics ORDER BY span_id")
    return [(int.from_bytes(row["span_id"], "big"), row["prompt_preview"], row["completion_preview"]) for row in rows]


JOINED = [(1, "Mail [email]", "Done"), (2, None, None)]


@pytest.mark.parametrize("together", [True, False], ids=["one commit", "a commit each"])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("logs", [[DETAILS], SINGLE], ids=["details", "single"])
def test_in_either_order(database: Database, order: str, logs: list[OtlpBatch], together: bool) -> None:
    batches = [NOISE, *logs, SPAN] if order == "before" else [SPAN, NOISE, *logs]
    line = pipeline(database)
    answers = line.process(batches) if together else list(itertools.chain(*(line.process([one]) for one in batches)))
    assert all(isinstance(answer, Outcome) and answer.stored for answer in answers)
    assert shown(database) == JOINED
    line.process(batches)  # a replay changes nothing
    assert shown(database) == JOINED


def test_by_another_process_after_the_span(database: Database) -> None:
    pipeline(database).process([SPAN])
    pipeline(database).process([DETAILS])
    assert shown(database) == JOINED


def test_what_the_span_says_itself_stays(database: Database) -> None:
    line = pipeline(database)
    said = call(1, attributes={"gen_ai.input.messages": messages("user", "The span's own")})
    line.process([batch([said])])
    line.process([DETAILS])
    assert shown(database) == [(1, "The span's own", "Done")]


def test_pictures_in_an_event_give_way_to_what_is_kept_of_them(database: Database) -> None:
    picture = "data:image/png;base64," + "iVBORw0KGgo" * 20
    asked = [{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": "QUJD" * 40}]}]
    pipeline(database).process(
        [
            event("gen_ai.user.message", {"content": [{"type": "image_url", "image_url": {"url": picture}}]}),
            event("gen_ai.client.inference.operation.details", gen_ai__input__messages=json.dumps(asked)),
            event("app.started", {"content": picture}),
        ]
    )
    rows = database.fetch("SELECT event_name, body, attributes FROM log_records ORDER BY event_name")
    kept = {row["event_name"]: json.dumps([row["body"], row["attributes"]]) for row in rows}
    assert picture in kept.pop("app.started")
    assert len(kept) == 2
    for text in kept.values():
        assert "sha256" in text
        assert "iVBORw0KGgo" not in text
        assert "QUJDQUJD" not in text


@given(JSON_VALUES, st.dictionaries(st.sampled_from(["input_messages", "gen_ai.input.messages", "a"]), JSON_VALUES))
def test_no_event_fails(body: Any, attributes: dict[str, Any]) -> None:
    record = LogRecord(b"", 1, b"t" * 16, b"s" * 8, 9, "gen_ai.user.message", "shop", "prod", body, attributes)
    without_logged_blobs(record)
    assert set(record.attributes) == set(attributes)
    preview_of(record)


def test_what_waits_is_bounded(database: Database) -> None:
    line = pipeline(database)
    line._logged = LoggedPreviews(memory=1)
    line.process([DETAILS, event("gen_ai.user.message", {"content": "of another"}, span=9), SPAN])
    assert shown(database)[0] == (1, "Mail [email]", "Done")  # stored in the same commit, so by its row
    line.process([event("gen_ai.user.message", {"content": "three"}, span=3)])
    line.process([event("gen_ai.user.message", {"content": "four"}, span=4)])
    line.process([batch([call(3), call(4)])])
    assert shown(database)[2:] == [(3, None, None), (4, "four", None)]
