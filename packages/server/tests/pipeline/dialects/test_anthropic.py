"""anthropic 2.13.0, whose client makes spans itself: every concept from recorded spans."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.anthropic import AnthropicNative

DIALECT = AnthropicNative()
ROWS: dict[str, Row | str] = {
    "span kind": Row("agent", 0, "agent"),
    "provider": Row("chat", 0, "anthropic"),
    "request model": Row("chat", 0, "claude-sonnet-4-5"),
    "response model": Row("chat", 0, "claude-sonnet-4-5-20250929"),
    "input tokens": Row("chat", 0, 160),  # the client adds the cache to the 20 of the wire
    "output tokens": Row("chat", 0, 25),
    "cache read": Row("chat", 0, 100),
    "cache write": Row("chat", 0, 40),
    "reasoning": "the recorded usage has no output_tokens_details; the official name is used: tested below",
    "audio": "the models hear and speak nothing, and the usage has no such counts",
    "input messages": Row("stream", 0, [("user", "Weather in Paris?")]),
    "output messages": Row("stream", 0, ANSWER),
    "tool calls": Row("tool_call", 0, [{**CALL[0], "id": "toolu_1"}]),
    "tool span": Row("agent", 2, ({"city": "Paris"}, [{"type": "text", "text": "sunny in Paris"}])),
    "tool definitions": "content mode leaves out the tools of a request",
    "finish reason": Row("tool_call", 0, "tool_use"),
    "parameters": Row("chat", 0, {"max_tokens": 64, "stop_sequences": ["END"]}),
    "stream": Row("stream", 0, True),
    "time to first token": Row("stream", 0, pytest.approx(0.066, abs=0.06)),
    "session": Row("chat", 0, "s1"),
    "user": "metadata.user_id of a request is left out of the span",
    "tags": "it knows no tags: set them by the SDK or in the resource",
    "metadata": "it knows no metadata of the caller's; its own is tested below",
    "cost": "it counts no money: the usage is the provider's own",
    "error": Row("error", 0, ("error", "rate_limit_error", "rate_limit_error")),
    "prompt template": "it knows no templates: prompts are the caller's",
    "documents": "it retrieves nothing: search results are parts of messages",
    "evaluation": "it evaluates nothing: scores come by other ways",
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "anthropic", ROWS, concept)


def test_types() -> None:
    assert [see(DIALECT, span).span.type for span in recorded("anthropic", "agent")] == ["agent", "llm", "tool", "llm"]


def test_what_only_anthropic_says() -> None:
    seen = see(DIALECT, recorded("anthropic", "chat")[0])
    assert seen.reading.metadata == {"organization_id": "org-1", "request_id": "req_1"}
    assert seen.of_request("service_tier") == "standard"
    assert seen.of_request("usage_details") == {"cache_write_5m": 30, "cache_write_1h": 10}
    assert seen.reading.exclusive_input is False


def test_thinking_and_compaction() -> None:
    span = recorded("anthropic", "chat")[0]
    span.attributes |= {
        "gen_ai.usage.reasoning.output_tokens": 7, "anthropic.usage.compaction.input_tokens": 900,
        "anthropic.thinking.budget_tokens": 1024, "anthropic.session.id": "other",
    }  # fmt: skip
    seen = see(DIALECT, span)
    assert (seen.of_request("reasoning_tokens"), seen.of_request("usage_details")["compaction_input"]) == (7, 900)
    assert seen.reading.parameters["thinking.budget_tokens"] == 1024
    assert seen.span.session_id == "s1"


def test_a_client_for_another_cloud_is_the_same_dialect() -> None:
    assert DIALECT.detect("com.anthropic.sdk.python.bedrock", {})
    assert not DIALECT.detect("opentelemetry.instrumentation.genai.anthropic", {})
