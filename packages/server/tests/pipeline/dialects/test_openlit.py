"""openlit 1.45.0: every concept from recorded spans."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.openlit import OpenLIT

DIALECT = OpenLIT()
ERROR = (
    "RateLimitError: Error code: 429 - {'type': 'error', 'error': {'message': 'Rate limit reached', "
    "'type': 'rate_limit_error', 'code': 'rate_limit_exceeded'}}"
)
DEFAULTS = {"frequency_penalty": 0.0, "presence_penalty": 0.0, "top_p": 1.0, "seed": 0}
ROWS: dict[str, Row | str] = {
    "span kind": Row("chain", 0, "chain"),
    "provider": Row("anthropic", 0, "anthropic"),
    "request model": Row("chat", 0, "gpt-4o-mini"),
    "response model": Row("chat", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("anthropic", 0, 160),  # 20 on the wire: the cache is left out there, and not for OpenAI
    "output tokens": Row("anthropic", 0, 25),
    "cache read": Row("anthropic", 0, 100),
    "cache write": Row("anthropic", 0, 40),
    "reasoning": "the chat instrumentation drops the details of completion tokens",
    "audio": "the chat instrumentation drops the details of completion tokens",
    "input messages": Row("chat", 0, QUESTION),
    "output messages": Row("stream", 0, ANSWER),
    "tool calls": Row("tool_call", 0, CALL),
    "tool span": "the instrumented clients run no tools",
    "tool definitions": "the chat instrumentation drops the tools of a request",
    "finish reason": Row("tool_call", 0, "tool_calls"),
    "parameters": Row(
        "chat",
        0,
        {**DEFAULTS, "max_tokens": 50, "temperature": 0.2, "api_type": "chat_completions", "output_type": "text"},
    ),
    "stream": Row("stream", 0, True),
    "time to first token": Row("stream", 0, pytest.approx(0.047, abs=0.04)),
    "session": "it sets gen_ai.conversation.id for agent frameworks only",
    "user": Row("chat", 0, "u1"),
    "tags": "custom attributes have names of the caller's own and stay attributes",
    "metadata": "custom attributes have names of the caller's own and stay attributes",
    "cost": "without its price file, which it fetches at start, every cost is 0: tested below",
    "error": Row("error", 0, ("error", "RateLimitError", ERROR)),
    "prompt template": "its prompt hub is an API, no attribute names a prompt",
    "documents": "retrieval is instrumented in vector stores, as db.* spans",
    "evaluation": Row("score", 0, [("helpful", 0.8, "short and right")]),
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "openlit", ROWS, concept)


def test_a_call_that_does_not_stream_has_no_first_token() -> None:
    span = recorded("openlit", "chat")[0]
    assert span.attributes["gen_ai.server.time_to_first_token"] > 0
    seen = see(DIALECT, span)
    assert (seen.of_request("streaming"), seen.of_request("time_to_first_token")) == (False, None)


@pytest.mark.parametrize(("sent", "kept"), [(0, None), (0.25, 0.25), ("0.25", 0.25)])
def test_a_cost_of_nothing_is_no_cost(sent: object, kept: float | None) -> None:
    span = recorded("openlit", "chat")[0]
    span.attributes["gen_ai.usage.cost"] = sent
    assert see(DIALECT, span).reading.metadata.get("reported_cost") == kept


def test_the_system_message_is_kept_once() -> None:
    seen = see(DIALECT, recorded("openlit", "chat")[0])
    assert seen.content("system_instructions") is None


def test_details_of_older_versions() -> None:
    span = recorded("openlit", "embeddings")[0]
    span.attributes |= {
        "gen_ai.usage.output_tokens": 9, "gen_ai.usage.completion_tokens_details.reasoning_tokens": 4,
        "gen_ai.usage.prompt_tokens_details.cached_tokens": 2,
    }  # fmt: skip
    seen = see(DIALECT, span)
    assert (seen.of_request("reasoning_tokens"), seen.of_request("cache_read_tokens")) == (4, 2)
