"""MLflow 3.17.2: every concept from recorded spans, in its own attributes and translated by itself."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, WEATHER, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.mlflow import MLflow

DIALECT = MLflow()
ROWS: dict[str, Row | str] = {
    "span kind": Row("chain", 0, "chain"),
    "provider": Row("chain", 2, "anthropic"),
    "request model": Row("chat", 0, "gpt-4o-mini"),
    "response model": Row("chat", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("chain", 2, 160),
    "output tokens": Row("chain", 2, 25),
    "cache read": Row("chain", 2, 100),
    "cache write": Row("chain", 2, 40),
    "reasoning": Row("chat", 0, 12),
    "audio": Row("chat", 0, {"audio_input": 10, "audio_output": 5}),
    "input messages": Row("chat", 0, QUESTION),
    "output messages": Row("stream", 0, ANSWER),
    "tool calls": Row("tool_call", 0, CALL),
    "tool span": Row("chain", 3, ({"city": "Paris"}, "sunny in Paris")),
    "tool definitions": Row("tool_call", 0, [{"type": "function", "function": WEATHER}]),
    "finish reason": Row("tool_call", 0, "tool_calls"),
    "parameters": Row("chat", 0, {"temperature": 0.2, "max_tokens": 50}),
    "stream": Row("stream", 0, True),
    "time to first token": Row("stream", 0, pytest.approx(0.049, abs=0.04)),
    "session": "trace metadata is not exported over OTLP (only Databricks' own exporter sets session.id)",
    "user": "trace metadata is not exported over OTLP (only Databricks' own exporter sets user.id)",
    "tags": "its tags are pairs, which are metadata here",
    "metadata": Row("chain", 0, {"team": "weather"}),
    "cost": Row("chain", 2, 0.003),
    "error": Row("error", 0, ("error", "RateLimitError", "Error code: 429 - Rate limit reached")),
    "prompt template": "mlflow.linkedPrompts needs a prompt of its registry; the shape is tested below",
    "documents": Row("chain", 1, [{"page_content": "Paris is sunny", "metadata": {"score": 0.9}, "id": "d1"}]),
    "evaluation": "assessments go to its own API and never stand on spans",
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "mlflow", ROWS, concept)


def test_embeddings_have_their_usage_in_the_answer() -> None:
    seen = see(DIALECT, recorded("mlflow", "embeddings")[0])
    assert (seen.span.type, seen.of_request("prompt_tokens"), seen.of_request("total_tokens")) == ("embedding", 8, 8)


@pytest.mark.parametrize(("situation", "layer"), [("chat", False), ("langchain", True)])
def test_frameworks_give_way_to_clients(situation: str, layer: bool) -> None:
    assert see(DIALECT, recorded("mlflow", situation)[0]).reading.layer is layer


def test_what_only_other_exporters_write_is_read() -> None:
    span = recorded("mlflow", "chain")[0]
    span.attributes |= {
        "mlflow.linkedPrompts": '[{"name": "weather", "version": "3"}]', "session.id": "s1", "user.id": "u1",
    }  # fmt: skip
    seen = see(DIALECT, span)
    assert CONCEPTS["prompt template"](seen) == ("weather", "3")
    assert (seen.span.session_id, seen.span.user_id) == ("s1", "u1")


def test_its_own_translation_to_the_conventions() -> None:
    types = [see(DIALECT, span).span.type for span in recorded("mlflow", "semconv_chain")]
    assert types == ["chain", "retrieval", "llm", "tool"]
    seen = see(DIALECT, recorded("mlflow", "semconv_stream")[0])
    assert (seen.reading.model, seen.reading.response_model) == ("gpt-4o-mini", "gpt-4o-mini-2024-07-18")
    assert seen.of_request("streaming") is True
    assert seen.of_request("time_to_first_token") == pytest.approx(0.049, abs=0.04)
    assert CONCEPTS["tool calls"](see(DIALECT, recorded("mlflow", "semconv_tool_call")[0])) == CALL


def test_a_translated_embedding_is_a_call_without_usage() -> None:
    seen = see(DIALECT, recorded("mlflow", "semconv_embeddings")[0])
    assert (seen.of_request("operation"), seen.of_request("prompt_tokens")) == ("embeddings", None)


def test_tools_and_messages_where_mlflow_sets_them_itself() -> None:
    span = recorded("mlflow", "langchain")[0]
    span.attributes["mlflow.chat.tools"] = '[{"type": "function", "function": {"name": "f"}}]'
    seen = see(DIALECT, span)
    assert seen.content("tool_definitions") == [{"type": "function", "function": {"name": "f"}}]
    assert "mlflow.chat.tools" not in seen.span.attributes


def test_the_messages_of_an_agent() -> None:
    span = recorded("mlflow", "chain")[0]
    span.attributes["mlflow.spanType"] = '"AGENT"'
    span.attributes["mlflow.spanInputs"] = '{"messages": [{"role": "user", "content": "x"}]}'
    seen = see(DIALECT, span)
    assert (seen.span.type, CONCEPTS["input messages"](seen)) == ("agent", [("user", "x")])
    assert seen.content("output") == "sunny in Paris"


def test_before_3_5_an_event_has_its_time_in_microseconds() -> None:
    span = recorded("mlflow", "v32_stream")[0]
    assert see(DIALECT, span).of_request("time_to_first_token") == pytest.approx(0.0074, abs=0.0001)
