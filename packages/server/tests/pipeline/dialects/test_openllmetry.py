"""OpenLLMetry: every row of the table of concepts, from spans of traceloop-sdk 0.62 (new) and 0.30 (old)."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_rows import (
    BASE64,
    CALLING,
    CONCEPTS,
    MILD,
    PIXEL,
    SCHEMA,
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
from sentinelops_server.model import Span, SpanEvent
from sentinelops_server.pipeline.dialects.openllmetry import OpenLLMetry

CHAT = "openai.chat"
TOOL = {"type": "function", "name": "weather", "description": "Of a city", "parameters": SCHEMA}
STOPPED = {**MILD, "finish_reason": "stop"}
ROWS: list[tuple[str, str, str, Any]] = [
    ("kind", "new_chat", CHAT, ("llm", "chat")),
    ("kind", "old_chat", CHAT, ("llm", "chat")),
    ("kind", "old_anthropic", "anthropic.chat", ("llm", "chat")),
    ("kind", "new_embeddings", "openai.embeddings", ("embedding", "embeddings")),
    ("kind", "old_embeddings", "openai.embeddings", ("embedding", "embeddings")),
    ("provider", "new_chat", CHAT, "openai"),
    ("provider", "old_chat", CHAT, "openai"),
    ("provider", "old_langchain", "ChatOpenAI.chat", "openai"),
    ("request model", "new_chat", CHAT, "gpt-4o"),
    ("request model", "old_chat", CHAT, "gpt-4o"),
    ("response model", "new_chat", CHAT, "gpt-4o-2024-08-06"),
    ("response model", "old_chat", CHAT, "gpt-4o-2024-08-06"),
    ("input tokens", "new_chat", CHAT, 40),
    ("input tokens", "old_chat", CHAT, 40),
    ("input tokens", "old_embeddings", "openai.embeddings", 8),
    ("input tokens", "new_anthropic", "anthropic.chat", 40),
    ("input tokens", "old_anthropic", "anthropic.chat", None),
    ("output tokens", "new_chat", CHAT, 20),
    ("output tokens", "old_chat", CHAT, 20),
    ("output tokens", "old_anthropic", "anthropic.chat", None),
    # the count of the first event is added to that of the last: what it was cannot be told
    ("output tokens", "new_anthropic_stream", "anthropic.chat", 21),
    ("cache read", "new_chat", CHAT, 16),
    ("cache read", "new_anthropic", "anthropic.chat", 16),
    ("cache write", "new_anthropic", "anthropic.chat", 14),
    ("reasoning", "new_chat", CHAT, 8),
    # a picture costs the writer all of the prompt
    ("input messages", "new_chat", CHAT, None),
    ("input messages", "new_stream", CHAT, [USER]),
    ("input messages", "new_embeddings", "openai.embeddings", [
        {"role": "user", "parts": [{"type": "text", "content": "one"}]},
        {"role": "user", "parts": [{"type": "text", "content": "two"}]},
    ]),
    ("input messages", "new_workflow", CHAT, [USER, CALLING, TOLD]),
    ("input messages", "old_workflow", CHAT, [USER, CALLING, TOLD]),
    ("input messages", "old_chat", CHAT, [
        SYSTEM,
        {**USER, "parts": [*USER["parts"], {"type": "uri", "modality": "image", "uri": PIXEL}]},
    ]),
    ("output messages", "new_chat", CHAT, [STOPPED]),
    ("output messages", "old_chat", CHAT, [STOPPED]),
    ("output messages", "new_anthropic", "anthropic.chat", [
        {**STOPPED, "parts": [{"type": "reasoning", "content": "Oslo in May."}, *MILD["parts"]]}
    ]),
    ("output messages", "new_tool", CHAT, [{**CALLING, "finish_reason": "tool_call"}]),
    ("output messages", "old_tool", CHAT, [{**CALLING, "finish_reason": "tool_calls"}]),
    ("tools", "new_tool", CHAT, [TOOL]),
    ("tools", "old_tool", CHAT, [TOOL]),
    ("finish reason", "new_chat", CHAT, "stop"),
    ("finish reason", "old_tool", CHAT, "tool_calls"),
    ("finish reason", "old_anthropic", "anthropic.chat", "end_turn"),
    ("parameters", "new_chat", CHAT, {"max_tokens": 64, "temperature": 0.2}),
    ("parameters", "old_chat", CHAT, {"max_tokens": 64, "temperature": 0.2}),
    ("stream", "new_stream", CHAT, True),
    ("stream", "old_stream", CHAT, True),
    ("stream", "new_chat", CHAT, None),
    ("ttft", "new_stream", CHAT, True),
    ("ttft", "old_stream", CHAT, True),
    ("session", "new_workflow", CHAT, "s-1"),
    ("session", "old_langchain", "ChatOpenAI.chat", "s-1"),
    ("user", "new_workflow", CHAT, "u-1"),
    ("user", "new_chat", CHAT, "u-1"),
    ("user", "old_chat", CHAT, "u-1"),
    ("metadata", "new_workflow", CHAT, {"team": "blue"}),
    ("metadata", "old_workflow", CHAT, {"team": "blue"}),
    ("metadata", "new_langchain", "ChatOpenAI.chat", None),
    ("error", "new_error", CHAT, ("error", "RateLimitError", "Error code: 429 - slow down")),
    ("prompt template", "new_prompt", CHAT,
     {"version": "3", "template": "How is {{city}}?", "variables": {"city": "Oslo"}}),
    ("prompt template", "old_prompt", CHAT,
     {"version": 3, "template": "How is {{city}}?", "variables": {"city": "Oslo"}}),
    ("documents", "new_langchain", "vector_db_retrieve Shelf",
     [{"page_content": "Oslo is mild.", "metadata": {"page": 1}}]),
]  # fmt: skip
NONE = ("audio", "tags", "cost", "evaluation")


@pytest.mark.parametrize(("concept", "situation", "name", "expected"), ROWS)
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("openllmetry", situation, name, concept) == expected


@pytest.mark.parametrize("concept", NONE)
def test_the_writer_has_none(concept: str) -> None:
    for situation in files("openllmetry"):
        for read in read_all("openllmetry", situation):
            assert rows(*read).get(concept) is None


def test_every_concept_has_a_row() -> None:
    assert {concept for concept, *_ in ROWS} | set(NONE) == set(CONCEPTS)


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ("new_workflow", [
            ("weather.tool", "tool", False), ("ask.task", "chain", False), ("traveller.agent", "agent", False),
            ("trip.workflow", "chain", False), (CHAT, "llm", True),
        ]),
        ("old_workflow", [
            ("weather.tool", "tool", False), ("ask.task", "chain", False), ("traveller.agent", "agent", False),
            ("trip.workflow", "chain", False), (CHAT, "llm", True),
        ]),
        ("new_langchain", [
            ("execute_task ChatPromptTemplate", "chain", False), ("ChatOpenAI.chat", "llm", True),
            ("RunnableSequence.workflow", "chain", False), ("vector_db_retrieve Shelf", "retrieval", False),
            ("execute_tool rain", "tool", False),
        ]),
    ],
)  # fmt: skip
def test_what_stands_around_calls_is_none(situation: str, expected: list[tuple[str, str, bool]]) -> None:
    assert sorted(kinds("openllmetry", situation)) == sorted(expected)


@pytest.mark.parametrize("situation", ["new_langchain", "old_langchain"])
def test_a_tool_of_langchain_is_unwrapped(situation: str) -> None:
    payload = next(payload for span, _, payload in read_all("openllmetry", situation) if span.type == "tool")
    assert payload is not None
    assert payload.content == {"tool_arguments": {"city": "Oslo"}, "tool_result": "none"}


def test_copies_of_a_body_leave_the_row_too() -> None:
    for span, _, payload in read_all("openllmetry", "new_langchain"):
        if payload is not None:
            assert (
                not {"gen_ai.task.input", "traceloop.entity.input", "gen_ai.tool.call.arguments"}
                & span.attributes.keys()
            )


def make(attributes: dict[str, Any], scope: str = "opentelemetry.instrumentation.openai.v1") -> Span:
    return Span(
        b"t" * 16, b"s" * 8, None, CHAT, 3, 1_000_000_000, 2_000_000_000, attributes=attributes, scope_name=scope
    )


@pytest.mark.parametrize(
    ("scope", "attributes", "expected"),
    [
        ("opentelemetry.instrumentation.openai.v1", {}, True),
        ("opentelemetry.instrumentation.langchain", {}, True),
        ("opentelemetry.instrumentation.genai.openai", {}, False),
        ("opentelemetry.instrumentation.httpx", {}, False),
        ("traceloop.tracer", {}, True),
        ("mine", {"traceloop.span.kind": "task"}, True),
        ("mine", {"llm.request.type": "chat"}, True),
        ("mine", {"gen_ai.system": "openai"}, False),
    ],
)
def test_detect(scope: str, attributes: dict[str, Any], expected: bool) -> None:
    assert OpenLLMetry().detect(scope, attributes) is expected


def test_flattened_messages_in_any_order_with_gaps() -> None:
    span = make(
        {
            "llm.request.type": "chat",
            "gen_ai.prompt.12.role": "user",
            "gen_ai.prompt.12.content": "last",
            "gen_ai.prompt.3.tool_calls.10.name": "tenth",
            "gen_ai.prompt.3.tool_calls.2.name": "second",
            "gen_ai.prompt.3.role": "assistant",
            "gen_ai.prompt." + "9" * 5_000 + ".content": "no index",
            "llm.request.functions.7.name": "b",
            "llm.request.functions.1.name": "a",
        }
    )
    content = OpenLLMetry().read(span).content
    assert [message["role"] for message in content["input_messages"]] == ["assistant", "user"]
    assert [part["name"] for part in content["input_messages"][0]["parts"]] == ["second", "tenth"]
    assert [tool["name"] for tool in content["tool_definitions"]] == ["a", "b"]


def test_bedrock_leaves_the_cache_out_and_frameworks_are_layers() -> None:
    call = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "anthropic.claude"}
    assert OpenLLMetry().read(make(dict(call), "opentelemetry.instrumentation.bedrock")).exclusive_input
    assert OpenLLMetry().read(make(dict(call), "opentelemetry.instrumentation.langchain")).layer
    assert not OpenLLMetry().read(make(dict(call), "opentelemetry.instrumentation.anthropic")).layer
    stream = {**call, "gen_ai.is_streaming": True}
    assert OpenLLMetry().read(make(stream, "opentelemetry.instrumentation.anthropic")).layer


def test_nothing_encoded_is_in_a_body() -> None:
    bodies = [str(payload) for file in files("openllmetry") for _, _, payload in read_all("openllmetry", file)]
    assert bodies
    assert not [body for body in bodies if BASE64 in body]


KEYS = [
    "gen_ai.operation.name", "llm.request.type", "traceloop.span.kind", "traceloop.association.properties.session_id",
    "traceloop.association.properties.x", "traceloop.prompt.key", "traceloop.prompt.template_variables.a",
    "llm.request.functions.0.name", "llm.request.functions.x", "gen_ai.prompt.0.content", "gen_ai.prompt.0.tool_calls.1.id",
    "gen_ai.completion.0.finish_reason", "gen_ai.completion.0.content", "traceloop.entity.input", "traceloop.entity.output",
    "gen_ai.task.input", "gen_ai.tool.call.arguments", "gen_ai.usage.input_tokens", "llm.usage.prompt_tokens",
    "gen_ai.is_streaming", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system", "llm.headers",
]  # fmt: skip


@settings(deadline=None)
@given(attributes=anything(KEYS))
def test_no_value_makes_it_fail(attributes: dict[str, Any]) -> None:
    span = make(attributes)
    span.events = [SpanEvent("gen_ai.content.completion.chunk", 1_500_000_000, dict(attributes))]
    OpenLLMetry().read(span)
