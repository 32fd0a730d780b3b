"""Langfuse 5.0.4: every concept from recorded spans, and its buckets."""

from __future__ import annotations

import json
from typing import Any

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, WEATHER, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.langfuse import Langfuse

DIALECT = Langfuse()
ROWS: dict[str, Row | str] = {
    "span kind": Row("agent", 0, "agent"),
    "provider": Row("langchain", 0, "openai"),
    "request model": Row("langchain", 0, "gpt-4o-mini"),
    "response model": Row("langchain", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("agent", 3, 168),  # 20 + 100 + 40 + 8: the part of 30 is inside the 40
    "output tokens": Row("agent", 3, 27),
    "cache read": Row("agent", 3, 100),
    "cache write": Row("agent", 3, 40),
    "reasoning": Row("agent", 3, 15),
    "audio": Row("agent", 3, {"audio_input": 8, "audio_output": 2}),
    "input messages": Row("chat", 0, QUESTION),
    "output messages": Row("chat", 0, ANSWER),
    "tool calls": Row("tool_call", 0, CALL),
    "tool span": Row("langchain", 2, ({"city": "Paris"}, "sunny")),
    "tool definitions": Row("tool_call", 0, [{"type": "function", "function": WEATHER}]),
    "finish reason": Row("stream", 0, "stop"),  # only of streams, as metadata
    "parameters": Row("agent", 3, {"temperature": 0.1, "max_tokens": 64}),
    "stream": Row("stream", 0, True),
    "time to first token": Row("stream", 0, pytest.approx(0.0512, abs=0.05)),
    "session": Row("chat", 0, "s1"),
    "user": Row("chat", 0, "u1"),
    "tags": Row("chat", 0, ["blue", "beta"]),
    "metadata": Row("chat", 0, {"team": "weather"}),
    "cost": Row("agent", 3, 0.003),
    "error": Row("error", 0, ("error", "unknown", "Error code: 429 - Rate limit reached")),
    "prompt template": Row("chat", 0, ("weather", 3)),
    "documents": Row("agent", 2, [{"id": "d1", "content": "Paris is sunny", "score": 0.9}]),
    "evaluation": Row("agent", 5, [("helpful", 0.8, "short and right")]),
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "langfuse", ROWS, concept)


@pytest.mark.parametrize(
    ("situation", "types"),
    [
        ("agent", ["agent", "guardrail", "retrieval", "llm", "tool", "evaluator"]),
        ("langchain", ["llm", "llm", "tool"]),
        ("embeddings", ["embedding"]),
    ],
)
def test_types(situation: str, types: list[str]) -> None:
    assert [see(DIALECT, span).span.type for span in recorded("langfuse", situation)] == types


def test_only_the_client_is_nearest_to_the_provider() -> None:
    seen = [see(DIALECT, span) for span in recorded("langfuse", "langchain")]
    assert [(one.span.name, one.reading.layer) for one in seen] == [
        ("ChatOpenAI", True), ("OpenAI-generation", False), ("weather", False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # buckets are added
        ({"input": 10, "output": 5}, {"input": 10, "output": 5}),
        ({"input": 10, "input_cached_tokens": 90, "output": 5}, {"input": 100, "cache_read": 90, "output": 5}),
        (
            {"input": 4, "cache_read_input_tokens": 6, "cache_creation_input_tokens": 5, "output": 1},
            {"input": 15, "cache_read": 6, "cache_write": 5, "output": 1},
        ),
        (
            {"input": 1, "input_cache_creation_5m": 2, "input_cache_creation_1h": 3, "output": 1},
            {"input": 6, "cache_write": 5, "cache_write_5m": 2, "cache_write_1h": 3, "output": 1},
        ),
        ({"input_text": 7, "output_text": 3}, {"input": 7, "input_text": 7, "output": 3, "output_text": 3}),
        # tiers are not tokens of their own
        ({"input": 8, "input_priority": 8, "output": 1}, {"input": 8, "output": 1}),
        # the writer's own total says that the parts are inside
        (
            {"input": 100, "input_cached_tokens": 90, "output": 5, "total": 105},
            {"input": 100, "cache_read": 90, "output": 5, "total": 105},
        ),
        (
            {"input": 10, "input_cached_tokens": 90, "output": 5, "total": 105},
            {"input": 100, "cache_read": 90, "output": 5, "total": 105},
        ),
        # free keys are kept, numbers may be text
        ({"input": "10", "output": 5.0, "searches": 2}, {"input": 10, "output": 5, "searches": 2}),
        # what a provider said itself
        (
            {
                "prompt_tokens": 9,
                "completion_tokens": 4,
                "total_tokens": 13,
                "prompt_tokens_details": {"cached_tokens": 8},
            },
            {"input": 9, "output": 4, "total": 13, "cache_read": 8},
        ),
        ({"input": -1, "output": "many"}, {}),
        ([1, 2], {}),
    ],
)
def test_usage_details(usage: Any, expected: dict[str, int]) -> None:
    span = recorded("langfuse", "agent")[3]
    span.attributes["langfuse.observation.usage_details"] = json.dumps(usage)
    assert see(DIALECT, span).reading.usage == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("0.5", [("judge", 0.5, None)]),
        ("true", [("judge", 1.0, None)]),
        ('{"score": "0.25", "reasoning": "so"}', [("judge", 0.25, "so")]),
        ('[{"name": "a", "value": 1}, {"name": "b", "value": 0}]', [("a", 1.0, None), ("b", 0.0, None)]),
        ('{"other": 1}', []),
        ("null", []),
    ],
)
def test_what_an_evaluator_returned_is_its_score(output: str, expected: list[Any]) -> None:
    span = recorded("langfuse", "agent")[5]
    span.attributes["langfuse.observation.output"] = output
    assert [(one.name, one.value, one.comment) for one in see(DIALECT, span).reading.scores] == expected


def test_a_level_without_a_status_is_an_error() -> None:
    span = recorded("langfuse", "error")[0]
    span.status, span.status_message = 0, None
    request = see(DIALECT, span).request
    assert request is not None
    assert (request.status, request.error_type) == ("error", "ERROR")


def test_a_function_that_is_a_generation_keeps_its_arguments_as_its_message() -> None:
    span = recorded("langfuse", "agent")[3]
    span.attributes["langfuse.observation.input"] = '{"args": ["secret"], "kwargs": {}}'
    seen = see(DIALECT, span)
    assert seen.reading.parameters == {"temperature": 0.1, "max_tokens": 64}
    assert CONCEPTS["input messages"](seen) == [("user", '{"args":["secret"],"kwargs":{}}')]


def test_metadata_that_is_no_dict_is_kept_whole() -> None:
    span = recorded("langfuse", "chat")[0]
    span.attributes |= {"langfuse.observation.metadata": '"a word"', "langfuse.release": "r1", "langfuse.version": "v1"}
    metadata = see(DIALECT, span).reading.metadata
    assert (metadata["metadata"], metadata["release"], metadata["version"]) == ("a word", "r1", "v1")


def test_a_cost_in_parts_is_their_sum() -> None:
    span = recorded("langfuse", "agent")[3]
    span.attributes["langfuse.observation.cost_details"] = '{"input": 0.25, "output": "0.5"}'
    assert see(DIALECT, span).reading.metadata["reported_cost"] == 0.75


def test_version_3_says_what_went_wrong_without_a_status() -> None:
    request = see(DIALECT, recorded("langfuse", "v3_error")[0]).request
    assert request is not None
    assert (request.status, request.error_type) == ("error", "ERROR")
    assert request.error is not None
    assert request.error.startswith("Error code: 429")
