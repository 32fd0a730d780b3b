"""From a call of the real client to the API's answer: every number is checked against what the client saw."""

from __future__ import annotations

import pytest
from serving import Line


def test_every_call_is_there_once(line: Line) -> None:
    assert len(line.requests()) == len(line.seen)
    assert {row["environment"] for row in line.requests()} == {"test"}


@pytest.mark.parametrize("kind", ["chat", "stream", "async"])
def test_tokens_and_text_are_what_the_client_saw(line: Line, kind: str) -> None:
    for facts in line.of_kind(kind):
        row = line.by_response_id(facts["id"])
        assert row["prompt_tokens"] == facts["prompt_tokens"]
        assert row["completion_tokens"] == facts["completion_tokens"]
        assert row["total_tokens"] == facts["prompt_tokens"] + facts["completion_tokens"]
        assert row["status"] == "ok" and row["success"] is True
        detail = line.server.get(f"/requests/{row['request_id']}")
        [answer] = detail["content"]["output_messages"]
        assert "".join(part["content"] for part in answer["parts"] if part["type"] == "text") == facts["text"]


def test_time_is_what_the_client_saw(line: Line) -> None:
    [facts] = line.of_kind("chat")
    row = line.by_response_id(facts["id"])
    assert 0 < row["inference_time"] <= row["duration_seconds"] <= facts["seconds"]
    [facts] = line.of_kind("stream")
    row = line.by_response_id(facts["id"])
    assert row["streaming"] is True
    assert 0 < row["time_to_first_token_seconds"] <= facts["first_token"] <= row["duration_seconds"]


def test_the_messages_are_kept_as_they_were(line: Line) -> None:
    [facts] = line.of_kind("chat")
    detail = line.server.get(f"/requests/{line.by_response_id(facts['id'])['request_id']}")
    assert "Name one colour. \u2603" in str(detail["content"]["input_messages"])
    assert detail["finish_reason"] == facts["finish_reason"]
    assert detail["parameters"]["temperature"] == 0
    assert detail["parameters"]["seed"] == 1
    assert "local-model-needs-none" not in str(detail)


def test_a_prompt_that_is_too_long_is_a_failure_with_its_type(line: Line) -> None:
    [facts] = line.of_kind("too_long")
    [row] = [row for row in line.requests() if row["status"] == "error"]
    assert row["success"] is False
    assert row["error_type"] in {facts["error_type"], str(facts["status"])}
    assert row["error"]
    assert row["completion_tokens"] is None
    assert row["estimated_cost"] is None


def test_leaving_a_stream_early_is_no_failure_of_the_provider(line: Line) -> None:
    [row] = [row for row in line.requests() if row["status"] == "cancelled"]
    assert row["streaming"] is True
    assert row["error_type"] is None


def test_who_called_is_on_every_request(line: Line) -> None:
    for row in line.requests():
        assert (row["session_id"], row["user_id"], row["tags"]) == ("session-42", "ada", ["line"])
        assert row["metadata"]["release"] == "r7"


def test_the_model_has_no_price_and_that_is_said(line: Line) -> None:
    for row in line.requests():
        assert row["estimated_cost"] is None
        assert row["price_version"] is None
    summary = line.server.get("/metrics/summary", range="1h", application="line-test")
    assert summary["estimated_cost"] is None
    assert summary["unpriced_requests"] == len(line.seen)


def test_the_summary_adds_up(line: Line) -> None:
    summary = line.server.get("/metrics/summary", range="1h", application="line-test")
    rows = line.requests()
    assert summary["count"] == len(rows)
    assert summary["error_count"] == 1
    assert summary["cancelled_count"] == 1
    assert summary["prompt_tokens"] == sum(row["prompt_tokens"] or 0 for row in rows)
    assert summary["completion_tokens"] == sum(row["completion_tokens"] or 0 for row in rows)
    longest = max(row["duration_seconds"] for row in rows)
    assert summary["duration_seconds"]["p99.9"] == pytest.approx(longest, rel=0.02)


def test_the_two_calls_of_the_agent_are_one_trace(line: Line) -> None:
    chat, stream = (line.by_response_id(line.of_kind(kind)[0]["id"]) for kind in ("chat", "stream"))
    assert chat["trace_id"] == stream["trace_id"]
    trace = line.server.get(f"/traces/{chat['trace_id']}")
    root, first, second = trace["spans"]
    assert (root["name"], root["type"], root["parent_span_id"]) == ("converse", "agent", None)
    assert {first["parent_span_id"], second["parent_span_id"]} == {root["span_id"]}
    assert [first["span_id"], second["span_id"]] == [chat["span_id"], stream["span_id"]]


def test_embeddings_are_requests_too(line: Line) -> None:
    [facts] = line.of_kind("embeddings")
    [row] = [row for row in line.requests() if row["operation"] == "embeddings"]
    assert row["prompt_tokens"] == facts["prompt_tokens"]


def test_the_ledger_and_the_sdk_agree(line: Line) -> None:
    ledger = line.server.get("/ledger", range="24h")
    [mine] = [row for row in ledger["by_application"] if row["application"] == "line-test"]
    said = {row["outcome"]: row["count"] for row in ledger["sdk"] if row["application"] == "line-test"}
    assert mine["refused"] == mine["dropped"] == mine["duplicate"] == 0
    assert said["created"] == said["sent"] == line.stats["sent"] == line.stats["created"] == len(line.seen) + 1
    assert mine["received"] == mine["stored"] >= line.stats["sent"]  # spans, and the metrics that came with them


def test_models_and_applications_are_listed(line: Line) -> None:
    assert line.requests()[0]["model"] in [found["model"] for found in line.server.get("/models")["models"]]
    assert "line-test" in [found["application"] for found in line.server.get("/applications")["applications"]]
