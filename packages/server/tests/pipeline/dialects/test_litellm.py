"""litellm 1.110.2, both callbacks: every concept from recorded spans."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, WEATHER, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.litellm import LiteLLM

DIALECT = LiteLLM()
ERROR = "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached"
ROWS: dict[str, Row | str] = {
    "span kind": Row("embeddings", 0, "embedding"),
    "provider": Row("embeddings", 0, "openai"),  # gen_ai.system is empty there
    "request model": Row("chat", 0, "gpt-4o-mini"),
    "response model": Row("chat", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("anthropic", 0, 160),
    "output tokens": Row("anthropic", 0, 25),
    "cache read": Row("chat", 0, 64),  # only in metadata.usage_object
    "cache write": Row("anthropic", 0, 40),
    "reasoning": Row("chat", 0, 12),
    "audio": Row("chat", 0, {"audio_input": 10, "audio_output": 5}),
    "input messages": Row("chat", 0, QUESTION),
    "output messages": Row("stream", 0, ANSWER),
    "tool calls": Row("tool_call", 0, [{**CALL[0], "id": None}]),
    "tool span": "tools run in the caller's own code (MCP tools in its proxy)",
    "tool definitions": Row("tool_call", 0, [{"type": "function", **WEATHER}]),
    "finish reason": Row("chat", 0, "stop"),
    "parameters": Row("chat", 0, {"temperature": 0.2, "max_tokens": 50}),
    "stream": Row("stream", 0, True),
    "time to first token": Row("v2_stream", 0, pytest.approx(0.4, abs=0.3)),
    "session": Row("v2_chat", 0, "s1"),
    "user": Row("chat", 0, "u1"),
    "tags": "the library drops them, its proxy writes metadata.requester_metadata: tested below",
    "metadata": "the library drops it, its proxy writes metadata.requester_metadata: tested below",
    "cost": Row("chat", 0, 3.12e-05),
    "error": Row("error", 0, ("error", "RateLimitError", ERROR)),
    "prompt template": "gen_ai.prompt.name comes from its proxy's prompt management only",
    "documents": "retrieval goes through the proxy's vector stores only",
    "evaluation": "it evaluates nothing: guardrails of its proxy are spans of their own",
}
# what the callback of LITELLM_OTEL_V2 says, concept by concept
V2: dict[str, Row | str] = {
    "span kind": Row("v2_embeddings", 0, "embedding"),
    "provider": Row("v2_chat", 0, "openai"),
    "response model": Row("v2_chat", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("v2_anthropic", 0, 160),
    "cache read": Row("v2_anthropic", 0, 100),
    "cache write": Row("v2_anthropic", 0, 40),
    "input messages": Row("v2_chat", 0, QUESTION),
    "output messages": Row("v2_stream", 0, ANSWER),
    "tool calls": Row("v2_tool_call", 0, CALL),
    "tool definitions": Row("v2_tool_call", 0, [{"type": "function", **WEATHER}]),
    "finish reason": Row("v2_tool_call", 0, "tool_calls"),
    "cost": Row("v2_chat", 0, 3.12e-05),
    "error": Row("v2_error", 0, ("error", "RateLimitError", ERROR)),
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "litellm", ROWS, concept)


@pytest.mark.parametrize("concept", V2)
def test_a_concept_is_read_from_the_newer_callback(concept: str) -> None:
    check(DIALECT, "litellm", V2, concept)


def test_the_providers_own_request_is_a_plain_span_with_content() -> None:
    seen = see(DIALECT, recorded("litellm", "tool_call")[1])
    assert (seen.span.type, seen.request, seen.reading.layer) == ("span", None, False)
    assert CONCEPTS["input messages"](seen) == QUESTION
    assert CONCEPTS["tool calls"](seen) == CALL
    assert seen.content("tool_definitions") == [{"type": "function", "function": WEATHER}]
    assert not [name for name in seen.span.attributes if name.endswith((".messages", ".choices", ".tools"))]


@pytest.mark.parametrize("situation", ["error", "v2_error"])
def test_a_failed_call_has_no_usage_no_cost_and_no_id(situation: str) -> None:
    seen = see(DIALECT, recorded("litellm", situation)[0])
    assert seen.reading.usage == {}
    assert "reported_cost" not in seen.reading.metadata
    assert seen.of_request("response_id") is None


def test_every_call_is_a_layer() -> None:
    assert see(DIALECT, recorded("litellm", "chat")[0]).reading.layer
    assert see(DIALECT, recorded("litellm", "v2_chat")[0]).reading.layer


def test_what_the_proxy_notes_about_the_caller() -> None:
    span = recorded("litellm", "chat")[0]
    del span.attributes["llm.user"]
    span.attributes |= {
        "metadata.requester_metadata": "{'session_id': 's9', 'tags': ['a', 'b'], 'team': 'weather'}",
        "metadata.user_api_key_end_user_id": "u9",
        "metadata.user_api_key_team_alias": "blue",
    }
    seen = see(DIALECT, span)
    assert (seen.span.session_id, seen.span.user_id, seen.of_request("tags")) == ("s9", "u9", ["a", "b"])
    assert seen.reading.metadata == {
        "user_api_key_team_alias": "blue", "session_id": "s9", "team": "weather", "reported_cost": 3.12e-05,
    }  # fmt: skip


def test_version_1_59() -> None:
    """Its chat is called `completion`, and under Python 3.11 its messages by the names of constants."""
    seen = see(DIALECT, next(span for span in recorded("litellm", "v159_chat") if span.name == "litellm_request"))
    assert (seen.of_request("operation"), CONCEPTS["input messages"](seen)) == ("chat", QUESTION)
    assert CONCEPTS["output messages"](seen) == ANSWER
    assert not [name for name in seen.span.attributes if name.startswith("SpanAttributes")]


@pytest.mark.parametrize(
    ("called", "expected"),
    [
        ("acompletion", ("llm", "chat")),
        ("atext_completion", ("llm", "text_completion")),
        ("aembedding", ("embedding", "embeddings")),
        ("arerank", ("rerank", "rerank")),
        ("aspeech", ("llm", "speech")),
    ],
)
def test_the_function_that_was_called_is_the_operation(called: str, expected: tuple[str, str]) -> None:
    span = next(span for span in recorded("litellm", "v159_chat") if span.name == "litellm_request")
    span.attributes["llm.request.type"] = called
    seen = see(DIALECT, span)
    assert (seen.span.type, seen.of_request("operation")) == expected
