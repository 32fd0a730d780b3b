"""What providers and frameworks put on a span whole: requests, answers, usage, pictures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recorded_spans import recorded, see
from sentinelops_server.pipeline.dialects.base import Dialect, Reading
from sentinelops_server.pipeline.dialects.exchange import literal, load, read_answer, read_request
from sentinelops_server.pipeline.dialects.haystack import Haystack
from sentinelops_server.pipeline.dialects.langfuse import Langfuse
from sentinelops_server.pipeline.dialects.langsmith import LangSmith
from sentinelops_server.pipeline.dialects.mlflow import MLflow
from sentinelops_server.pipeline.dialects.usage_counts import usage_counts


@pytest.mark.parametrize(
    ("usage", "expected", "exclusive"),
    [
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 8}, "output_tokens_details": {"reasoning_tokens": 2}},
            {"input": 9, "output": 4, "cache_read": 8, "reasoning": 2}, False, id="Responses",
        ),
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4, "cache_read_input_tokens": 100, "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 2}},
            {"input": 9, "output": 4, "cache_read": 100, "cache_write": 5, "cache_write_5m": 3, "cache_write_1h": 2}, True, id="Anthropic",
        ),
        pytest.param(
            {"inputTokens": 9, "outputTokens": 4, "totalTokens": 23, "cacheReadInputTokens": 10, "cacheWriteInputTokens": 0},
            {"input": 9, "output": 4, "total": 23, "cache_read": 10, "cache_write": 0}, True, id="Converse",
        ),
        pytest.param(
            {"promptTokenCount": 9, "candidatesTokenCount": 4, "thoughtsTokenCount": 6, "totalTokenCount": 19, "cachedContentTokenCount": 5},
            {"input": 9, "output": 10, "total": 19, "cache_read": 5, "reasoning": 6}, False, id="Gemini",
        ),
        pytest.param(
            {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13, "input_token_details": {"cache_read": 8, "cache_creation": 0, "ephemeral_5m_input_tokens": 1}},
            {"input": 9, "output": 4, "total": 13, "cache_read": 8, "cache_write": 1, "cache_write_5m": 1}, False, id="LangChain",
        ),
        pytest.param(
            {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}, "cache_read_input_tokens": 8},
            {"input": 9, "output": 4, "cache_read": 8}, False, id="both ways",
        ),
        pytest.param({"prompt_tokens": None, "completion_tokens": "4"}, {"output": 4}, False, id="missing"),
        pytest.param("many", {}, False, id="no usage"),
    ],
)  # fmt: skip
def test_usage_of_providers(usage: Any, expected: dict[str, int], exclusive: bool) -> None:
    assert usage_counts(usage) == (expected, exclusive)


def texts(reading: Reading, key: str) -> list[tuple[str, list[Any]]]:
    return [
        (message["role"], [part.get("content", part.get("name", part.get("response"))) for part in message["parts"]])
        for message in reading.content.get(key, [])
    ]


@pytest.mark.parametrize(
    ("answer", "expected", "reason"),
    [
        pytest.param({"choices": [{"text": "x", "finish_reason": "length"}]}, [("assistant", ["x"])], "length", id="completion"),
        pytest.param({"choices": [7, {"message": None}]}, [], None, id="odd choices"),
        pytest.param(
            {"object": "response", "output": [{"type": "reasoning", "text": "hm"}, {"type": "message", "content": [{"type": "output_text", "text": "x"}]}, {"type": "function_call", "name": "f", "arguments": "{}"}]},
            [("assistant", ["hm", "x", "f"])], None, id="Responses",
        ),
        pytest.param(
            {"role": "assistant", "content": [{"type": "text", "text": "x"}, {"type": "tool_use", "name": "f", "input": {}}], "stop_reason": "tool_use"},
            [("assistant", ["x", "f"])], "tool_use", id="Anthropic",
        ),
        pytest.param(
            {"generations": [[{"text": "x", "generation_info": {"finish_reason": "stop"}}, 3]]}, [("assistant", ["x"])], "stop", id="LangChain text",
        ),
        pytest.param(
            {"generations": [{"message": {"type": "ai", "content": "x", "response_metadata": {"stop_reason": "end_turn", "token_usage": {"prompt_tokens": 3}}}}]},
            [("assistant", ["x"])], "end_turn", id="LangChain message",
        ),
        pytest.param({"output": "x"}, [("assistant", ["x"])], None, id="a function's"),
        pytest.param({"city": "Paris"}, [("assistant", ['{"city":"Paris"}'])], None, id="any object"),
        pytest.param({"object": "list", "data": [1.0]}, [], None, id="vectors"),
        pytest.param("x", [("assistant", ["x"])], None, id="text"),
        pytest.param(None, [], None, id="none"),
    ],
)  # fmt: skip
def test_answers(answer: Any, expected: list[Any], reason: str | None) -> None:
    reading = Reading()
    read_answer(reading, answer)
    assert (texts(reading, "output_messages"), reading.finish_reason) == (expected, reason)


@pytest.mark.parametrize(
    ("request_body", "expected"),
    [
        pytest.param([{"type": "human", "content": "x"}, {"type": "ai", "content": "y"}], [("user", ["x"]), ("assistant", ["y"])], id="LangChain"),
        pytest.param([[{"lc": 1, "kwargs": {"type": "system", "content": "x"}}]], [("system", ["x"])], id="packed"),
        pytest.param(
            {"input": [{"role": "user", "content": "x"}, {"type": "function_call", "name": "f", "arguments": "{}"}, {"type": "function_call_output", "call_id": "1", "output": "y"}]},
            [("user", ["x"]), ("assistant", ["f"]), ("tool", ["y"])], id="Responses",
        ),
        pytest.param({"prompt": "x"}, [("user", ["x"])], id="completion"),
        pytest.param({"texts": ["x"]}, [("user", ['{"texts":["x"]}'])], id="any object"),
    ],
)  # fmt: skip
def test_requests(request_body: Any, expected: list[Any]) -> None:
    reading = Reading()
    read_request(reading, request_body)
    assert texts(reading, "input_messages") == expected
    assert reading.parameters == {}


def test_calls_and_answers_of_responses_are_told_together_by_their_call() -> None:
    reading = Reading()
    call = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f", "arguments": "{}"}
    read_request(reading, {"input": [call, {"type": "function_call_output", "call_id": "call_1", "output": "y"}]})
    assert [part["id"] for message in reading.content["input_messages"] for part in message["parts"]] == ["call_1"] * 2


def test_a_request_is_taken_whole() -> None:
    reading = Reading()
    request = {
        "messages": [{"role": "user", "content": "x"}], "system": "Be brief.", "model": "m", "stream": True,
        "functions": [{"name": "f"}], "top_p": 0.5, "seed": None, "context": "a long text", "extra": None,
    }  # fmt: skip
    read_request(reading, request)
    assert reading.content == {
        "input_messages": [{"role": "user", "parts": [{"type": "text", "content": "x"}]}],
        "system_instructions": [{"type": "text", "content": "Be brief."}],
        "tool_definitions": [{"name": "f"}],
        "input": {"context": "a long text"},
    }
    assert (reading.model, reading.streaming, reading.parameters) == ("m", True, {"top_p": 0.5})


@pytest.mark.parametrize(
    ("value", "loaded", "parsed"),
    [("4", 4, None), ('"x"', "x", None), ("{'a': 1}", "{'a': 1}", {"a": 1}), ([1], [1], [1]), ("[", "[", None), (3, 3, None), ("{1: {2}}", "{1: {2}}", {"1": "{2}"}), ("[1j]", "[1j]", ["1j"]), ("[" + "9" * 30 + "]", [1e30], None)],
)  # fmt: skip
def test_json_and_reprs(value: Any, loaded: Any, parsed: Any) -> None:
    assert (load(value), literal(value)) == (loaded, parsed)


PICTURE = "data:image/png;base64," + "iVBORw0KGgo" * 40
ASKED = {
    "role": "user",
    "content": [{"type": "image_url", "image_url": {"url": PICTURE}}, {"type": "text", "text": "What?"}],
}
OWN = {"role": "user", "content": [{"image": {"base64_image": PICTURE, "mime_type": "image/png"}}, {"text": "What?"}]}


@pytest.mark.parametrize(
    ("dialect", "name", "situation", "attribute", "value"),
    [
        (Langfuse(), "langfuse", "stream", "langfuse.observation.input", [ASKED]),
        (MLflow(), "mlflow", "stream", "mlflow.spanInputs", {"messages": [ASKED]}),
        (LangSmith(), "langsmith", "stream", "gen_ai.prompt", {"messages": [ASKED]}),
        (Haystack(), "haystack", "agent", "haystack.agent.step.llm.input", {"messages": [OWN]}),
    ],
    ids=["langfuse", "mlflow", "langsmith", "haystack"],
)
def test_a_picture_becomes_hash_and_size(
    dialect: Dialect, name: str, situation: str, attribute: str, value: Any
) -> None:
    span = next(span for span in recorded(name, situation) if attribute in span.attributes)
    span.attributes[attribute] = json.dumps(value)
    content = see(dialect, span).content("input_messages")
    assert "iVBOR" not in json.dumps(content)
    assert '"sha256"' in json.dumps(content)
    assert "What?" in json.dumps(content)


def test_what_is_read_deeper_than_it_can_be_written_is_left_out() -> None:
    reading = Reading()
    read_answer(reading, json.loads('{"a":' * 400 + "1" + "}" * 400))
    assert texts(reading, "output_messages") == [("assistant", ["[left out: too deep]"])]
