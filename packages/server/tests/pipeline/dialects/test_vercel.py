"""Vercel's AI SDK: every row of the table of concepts, from spans of versions 4, 5, 6 and 7."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_rows import (
    BASE64,
    CALLING,
    CONCEPTS,
    MILD,
    PIXEL,
    SYSTEM,
    TOLD,
    USER,
    anything,
    files,
    kinds,
    read_all,
    row,
    rows,
)
from hypothesis import given, settings
from recorded_spans import recorded
from sentinelops_server.model import Span
from sentinelops_server.pipeline.dialects.vercel import Vercel
from sentinelops_server.pipeline.duplicates import DuplicateMarker
from sentinelops_server.pipeline.normalise import normalise

CHAT = "ai.generateText.doGenerate"
STREAM = "ai.streamText.doStream"
NEW = "chat gpt-4o"
STOPPED = {**MILD, "finish_reason": "stop"}
THOUGHT = {"type": "reasoning", "content": "Oslo in May."}
OPTIONS = {"max_tokens": 64, "stop_sequences": ["END"], "temperature": 0.2}
ROWS: list[tuple[str, str, str, Any]] = [
    ("kind", "v4_chat", CHAT, ("llm", "chat")),
    ("kind", "v5_stream", STREAM, ("llm", "chat")),
    ("kind", "v6_embeddings", "ai.embed.doEmbed", ("embedding", "embeddings")),
    ("kind", "v6_rerank", "ai.rerank.doRerank", ("rerank", "rerank")),
    ("kind", "v7_chat", NEW, ("llm", "chat")),
    ("provider", "v4_chat", CHAT, "openai"),
    ("provider", "v5_anthropic", CHAT, "anthropic"),
    ("provider", "v6_responses", CHAT, "openai"),
    ("provider", "v6_rerank", "ai.rerank.doRerank", "cohere"),
    ("provider", "v7_chat", NEW, "openai"),
    ("request model", "v4_chat", CHAT, "gpt-4o"),
    ("request model", "v5_embeddings", "ai.embedMany.doEmbed", "text-embedding-3-small"),
    ("request model", "v7_chat", NEW, "gpt-4o"),
    ("response model", "v4_chat", CHAT, "gpt-4o-2024-08-06"),
    ("response model", "v7_chat", NEW, "gpt-4o-2024-08-06"),
    ("input tokens", "v4_chat", CHAT, 40),
    ("input tokens", "v4_stream", STREAM, None),
    ("input tokens", "v4_embeddings", "ai.embed.doEmbed", 8),
    # 10 of 40 are sent: Anthropic's cached tokens stand beside the input until version 6
    ("input tokens", "v4_anthropic", CHAT, 40),
    ("input tokens", "v5_anthropic", CHAT, 40),
    ("input tokens", "v6_anthropic", CHAT, 40),
    ("input tokens", "v7_anthropic", "chat claude-sonnet-4-5", 40),
    ("output tokens", "v4_chat", CHAT, 20),
    ("output tokens", "v5_stream", STREAM, 20),
    ("output tokens", "v7_stream", NEW, 20),
    ("cache read", "v4_chat", CHAT, 16),
    ("cache read", "v4_anthropic", CHAT, 16),
    # generateText of version 5 does not tell what OpenAI had cached, nor its reasoning
    ("cache read", "v5_chat", CHAT, None),
    ("cache read", "v5_stream", STREAM, 16),
    ("cache read", "v6_chat", CHAT, 16),
    ("cache read", "v7_chat", NEW, 16),
    ("cache write", "v4_anthropic", CHAT, 14),
    ("cache write", "v5_anthropic", CHAT, 14),
    ("cache write", "v6_anthropic", CHAT, 14),
    ("cache write", "v7_anthropic", "chat claude-sonnet-4-5", 14),
    ("reasoning", "v4_chat", CHAT, 8),
    ("reasoning", "v5_chat", CHAT, None),
    ("reasoning", "v5_stream", STREAM, 8),
    ("reasoning", "v6_chat", CHAT, 8),
    ("reasoning", "v7_chat", NEW, None),
    ("input messages", "v4_chat", CHAT, [SYSTEM, {**USER, "parts": [*USER["parts"], {**PIXEL, "mimeType": "image/png"}]}]),
    ("input messages", "v5_chat", CHAT, [SYSTEM, {**USER, "parts": [*USER["parts"], {**PIXEL, "mediaType": "image/png"}]}]),
    ("input messages", "v7_chat", NEW,
     [{**USER, "parts": [*USER["parts"], {**PIXEL, "mime_type": "application/octet-stream"}]}]),
    ("input messages", "v4_embeddings", "ai.embed.doEmbed", [{"role": "user", "parts": [{"type": "text", "content": "one"}]}]),
    ("output messages", "v4_chat", CHAT, [MILD]),
    ("output messages", "v4_tool", CHAT, [CALLING]),
    ("output messages", "v6_responses", CHAT, [{**MILD, "parts": [THOUGHT, *MILD["parts"]]}]),
    ("output messages", "v7_responses", "chat gpt-5", [{**STOPPED, "parts": [THOUGHT, *MILD["parts"]]}]),
    ("finish reason", "v4_chat", CHAT, "stop"),
    ("finish reason", "v5_tool", CHAT, "tool-calls"),
    ("finish reason", "v7_tool", NEW, "tool-calls"),
    ("parameters", "v4_chat", CHAT, {**OPTIONS, "max_retries": 2}),
    ("parameters", "v6_chat", CHAT, {**OPTIONS, "max_retries": 2}),
    ("parameters", "v7_chat", NEW, OPTIONS),
    ("stream", "v4_stream", STREAM, True),
    ("stream", "v7_stream", NEW, True),
    ("stream", "v4_chat", CHAT, None),
    ("ttft", "v4_stream", STREAM, True),
    ("ttft", "v6_stream", STREAM, True),
    ("ttft", "v7_stream", NEW, True),
    ("session", "v4_chat", CHAT, "s-1"),
    ("session", "v6_tool", "ai.toolCall", "s-1"),
    ("session", "v7_chat", NEW, None),
    ("user", "v5_chat", CHAT, "u-1"),
    ("metadata", "v6_chat", CHAT, {"function_id": "travel", "team": "blue"}),
    ("error", "v4_error", CHAT, ("error", "AI_APICallError", "slow down")),
    ("error", "v7_error", "chat broken", ("error", "AI_APICallError", "slow down")),
    ("documents", "v6_rerank", "ai.rerank.doRerank", [{"id": 1, "score": 0.9, "content": "Oslo is mild."}]),
]  # fmt: skip
# read where a caller puts them into its metadata: the last test
SAID_BY_CALLERS = ("tags", "prompt template")
NONE = ("audio", "cost", "evaluation")


@pytest.mark.parametrize(("concept", "situation", "name", "expected"), ROWS)
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("vercel", situation, name, concept) == expected


@pytest.mark.parametrize("version", ["v4", "v5", "v6", "v7"])
def test_tools_and_the_conversation_with_them(version: str) -> None:
    calls = [rows(*one) for one in read_all("vercel", f"{version}_tool") if one[1] is not None]
    assert [call["tools"][0]["name"] for call in calls] == ["weather", "weather"]
    assert calls[1]["input messages"] == [USER, CALLING, TOLD]
    tool = next(payload for span, _, payload in read_all("vercel", f"{version}_tool") if span.type == "tool")
    assert tool is not None
    assert tool.content == {"tool_arguments": {"city": "Oslo"}, "tool_result": "mild"}


@pytest.mark.parametrize("concept", NONE)
def test_the_writer_has_none(concept: str) -> None:
    for situation in files("vercel"):
        for read in read_all("vercel", situation):
            assert rows(*read).get(concept) is None


def test_every_concept_has_a_row() -> None:
    assert {concept for concept, *_ in ROWS} | {"tools", *SAID_BY_CALLERS, *NONE} == set(CONCEPTS)


@pytest.mark.parametrize("version", ["v4", "v5", "v6"])
def test_wrappers_are_no_calls(version: str) -> None:
    assert kinds("vercel", f"{version}_tool") == [
        (CHAT, "llm", True), ("ai.toolCall", "tool", False), (CHAT, "llm", True), ("ai.generateText", "chain", False),
    ]  # fmt: skip
    assert kinds("vercel", f"{version}_embeddings") == [
        ("ai.embed.doEmbed", "embedding", True), ("ai.embed", "chain", False),
        ("ai.embedMany.doEmbed", "embedding", True), ("ai.embedMany", "chain", False),
    ]  # fmt: skip
    wrapper = read_all("vercel", f"{version}_chat")[1]
    assert wrapper[0].attributes["ai.response.finishReason"] == "stop"
    assert wrapper[2] is not None
    assert wrapper[2].content["output"] == "It is mild."
    assert wrapper[2].content["input"]["messages"][0]["content"][1]["image"]["sha256"] == PIXEL["sha256"]


def test_agents_and_steps_of_version_7_are_no_calls() -> None:
    assert kinds("vercel", "v7_tool") == [
        (NEW, "llm", True), ("execute_tool weather", "tool", False), ("step 1", "chain", False), (NEW, "llm", True),
        ("step 2", "chain", False), ("invoke_agent gpt-4o", "agent", False),
    ]  # fmt: skip


@pytest.mark.parametrize("situation", ["v7_embeddings", "v7_rerank"])
def test_wrappers_of_version_7_that_call_themselves_calls_are_duplicates(situation: str) -> None:
    read = [(span, normalise(span)[0]) for span in recorded("vercel", situation)]
    calls = [(span, request) for span, request in read if request is not None]
    DuplicateMarker().mark(calls)
    assert [(span.parent_span_id is None, request.duplicate_of is not None) for span, request in calls] == [
        (False, False),
        (True, True),
    ] * (len(calls) // 2)


def test_nothing_encoded_is_in_a_body() -> None:
    bodies = [str(payload) for file in files("vercel") for _, _, payload in read_all("vercel", file)]
    assert not [body for body in bodies if BASE64 in body or "137, 80, 78" in body]


def make(attributes: dict[str, Any], scope: str = "ai") -> Span:
    return Span(
        b"t" * 16, b"s" * 8, None, CHAT, 3, 1_000_000_000, 2_000_000_000, attributes=attributes, scope_name=scope
    )


def test_the_cache_beside_a_larger_input_is_added_once() -> None:
    said = {
        "ai.operationId": CHAT,
        "ai.usage.promptTokens": "100",
        "ai.response.providerMetadata": '{"anthropic":{"usage":{"cache_read_input_tokens":16}}}',
    }
    request = normalise(make(dict(said)))[0]
    assert request is not None
    assert (request.prompt_tokens, request.usage_details) == (116, {"reported_input": 100})
    request = normalise(make({**said, "ai.usage.inputTokenDetails.noCacheTokens": 84}))[0]
    assert request is not None
    assert request.prompt_tokens == 100


def test_what_callers_say_and_objects() -> None:
    reading = Vercel().read(
        make(
            {
                "operation.name": "ai.generateObject.doGenerate travel",
                "ai.telemetry.metadata.tags": ["a", "b"],
                "ai.telemetry.metadata.langfusePrompt": '{"name":"trip","version":3}',
                "ai.response.object": '{"city":"Oslo"}',
            }
        )
    )
    assert (reading.tags, reading.metadata) == (["a", "b"], {"prompt.name": "trip", "prompt.version": 3})
    assert reading.content["output_messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "content": '{"city":"Oslo"}'}]}
    ]
    assert [
        Vercel().detect(*one) for one in (("ai", {}), ("x", {"ai.operationId": 1}), ("x", {"ai.model.id": "m"}))
    ] == [
        True,
        True,
        False,
    ]


KEYS = [
    "ai.operationId", "operation.name", "ai.prompt.messages", "ai.prompt", "ai.prompt.tools", "ai.response.text",
    "ai.response.toolCalls", "ai.response.object", "ai.response.reasoning", "ai.response.providerMetadata", "ai.values",
    "ai.value", "ai.embeddings", "ai.embedding", "ai.documents", "ai.ranking", "ai.toolCall.args", "ai.toolCall.result",
    "ai.usage.tokens", "ai.usage.promptTokens", "ai.telemetry.metadata.tags", "ai.telemetry.metadata.langfusePrompt",
    "ai.telemetry.metadata.sessionId", "ai.settings.maxRetries", "ai.telemetry.functionId", "gen_ai.system", "ai.model.provider",
    "gen_ai.usage.input_tokens", "gen_ai.operation.name", "gen_ai.input.messages", "ai.response.msToFirstChunk",
]  # fmt: skip


@settings(deadline=None)
@given(attributes=anything(KEYS))
def test_no_value_makes_it_fail(attributes: dict[str, Any]) -> None:
    for operation in (CHAT, "ai.embed.doEmbed", "ai.rerank.doRerank", "ai.toolCall", attributes.get("ai.operationId")):
        Vercel().read(make({**attributes, "ai.operationId": operation}))
