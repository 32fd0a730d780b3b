"""LangSmith 0.15.1 over OpenTelemetry: every concept from recorded spans."""

from __future__ import annotations

import pytest
from recorded_spans import ANSWER, CALL, CONCEPTS, QUESTION, WEATHER, Row, check, recorded, see
from sentinelops_server.pipeline.dialects.langsmith import LangSmith

DIALECT = LangSmith()
ROWS: dict[str, Row | str] = {
    "span kind": Row("chain", 3, "retrieval"),  # which the export calls embeddings
    "provider": Row("error", 0, "openai"),  # which the export calls langchain
    "request model": Row("chat", 0, "gpt-4o-mini"),
    "response model": Row("chat", 0, "gpt-4o-mini-2024-07-18"),
    "input tokens": Row("chain", 4, 160),
    "output tokens": Row("chain", 4, 25),
    "cache read": Row("chat", 0, 64),
    "cache write": Row("chain", 4, 40),
    "reasoning": Row("chat", 0, 12),
    "audio": Row("chat", 0, {"audio_input": 10, "audio_output": 5}),
    "input messages": Row("chat", 0, QUESTION),
    "output messages": Row("stream", 0, ANSWER),
    "tool calls": Row("langchain", 0, CALL),
    "tool span": Row("chain", 5, ({"city": "Paris"}, "sunny in Paris")),
    "tool definitions": Row("tool_call", 0, [{"type": "function", "function": WEATHER}]),
    "finish reason": Row("tool_call", 0, "tool_calls"),
    "parameters": Row("chat", 0, {"temperature": 0.2, "max_tokens": 50}),
    "stream": Row("stream", 0, True),
    "time to first token": "the run has a new_token event, which the export leaves out",
    "session": Row("chat", 0, "s1"),
    "user": Row("chat", 0, "u1"),
    "tags": Row("chat", 0, ["blue", "beta"]),
    "metadata": Row("chat", 0, {"team": "weather"}),
    "cost": Row("chain", 4, 0.003),
    "error": Row(
        "error",
        0,
        ("error", "RateLimitError", "RateLimitError('Error code: 429 - Rate limit reached')\n\nTraceback"),
    ),
    "prompt template": "a prompt is a run of its own, without name and version",
    "documents": Row(
        "chain", 3, [{"page_content": "Paris is sunny", "type": "Document", "metadata": {"id": "d1", "score": 0.9}}]
    ),
    "evaluation": "feedback goes to its own API and never stands on spans",
}


@pytest.mark.parametrize("concept", CONCEPTS)
def test_a_concept_is_read(concept: str) -> None:
    check(DIALECT, "langsmith", ROWS, concept)


def test_types() -> None:
    types = [see(DIALECT, span).span.type for span in recorded("langsmith", "chain")]
    assert types == ["chain", "span", "embedding", "retrieval", "llm", "tool"]


def test_the_project_is_no_session() -> None:
    span = recorded("langsmith", "error")[0]
    span.attributes["langsmith.trace.session_id"] = "the project"
    assert see(DIALECT, span).span.session_id is None


@pytest.mark.parametrize("key", ["thread_id", "session_id", "conversation_id"])
def test_the_callers_session(key: str) -> None:
    span = recorded("langsmith", "error")[0]
    span.attributes[f"langsmith.metadata.{key}"] = "s9"
    assert see(DIALECT, span).span.session_id == "s9"


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ("{'cache_read': 7}", 7),
        ('{"cache_read": 7}', 7),
        ("{'cache_read': 7" + ", 'x': 1" * 20_000 + "}", None),  # too long to be looked at
        ("__import__('os')", None),
        ("{'cache_read': __import__('os')}", None),
        ("{" * 500, None),
    ],
    ids=["repr", "json", "long", "call", "inner call", "deep"],
)
def test_details_are_a_repr_and_nothing_more(details: str, cached: int | None) -> None:
    span = recorded("langsmith", "chat")[0]
    span.attributes["gen_ai.usage.input_token_details"] = details
    del span.attributes["langsmith.metadata.usage_metadata"]
    span.attributes["gen_ai.completion"] = "null"
    assert see(DIALECT, span).of_request("cache_read_tokens") == cached


def test_a_stream_of_langchain_has_no_usage_and_none_is_made_up() -> None:
    seen = see(DIALECT, recorded("langsmith", "langchain")[1])
    assert seen.of_request("prompt_tokens") is None
    assert CONCEPTS["output messages"](seen) == ANSWER


def test_a_retriever_of_langchain_has_its_documents_in_an_object() -> None:
    span = recorded("langsmith", "chain")[3]
    span.attributes["gen_ai.completion"] = '{"documents": [{"page_content": "x"}]}'
    assert see(DIALECT, span).content("documents") == [{"page_content": "x"}]


def test_a_span_without_a_kind_is_read_by_its_operation() -> None:
    span = recorded("langsmith", "chain")[0]
    del span.attributes["langsmith.span.kind"]
    span.attributes["gen_ai.operation.name"] = "invoke_agent"
    seen = see(DIALECT, span)
    assert seen.span.type == "agent"
    assert CONCEPTS["output messages"](seen) == [("assistant", "sunny in Paris")]


def test_bodies_that_version_0_4_sends_as_bytes_are_text() -> None:
    seen = see(DIALECT, recorded("langsmith", "v04_chat")[0])
    assert (CONCEPTS["input messages"](seen), CONCEPTS["output messages"](seen)) == (QUESTION, ANSWER)
    assert seen.of_request("reasoning_tokens") == 12
