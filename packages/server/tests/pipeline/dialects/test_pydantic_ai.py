"""pydantic-ai and Logfire: every row of the table of concepts, from pydantic-ai 2.68 and 0.4, Logfire 5 and 3, and evals."""

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
    USER,
    anything,
    files,
    kinds,
    read_all,
    row,
    rows,
)
from hypothesis import given, settings
from sentinelops_server.model import Span
from sentinelops_server.pipeline.dialects.pydantic_ai import PydanticAi

CHAT = "chat gpt-4o"
CLAUDE = "chat claude-sonnet-4-5"
EMBED = "embeddings text-embedding-3-small"
LOGFIRE = "Chat Completion with {request_data[model]!r}"
HALF = "streaming response from {request_data[model]!r} took {duration:.2f}s"
STOPPED = {**MILD, "finish_reason": "stop"}
STRICT = {**SCHEMA, "additionalProperties": False}
TOLD = {"role": "user", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "mild"}]}
LIMIT = "status_code: 429, model_name: broken, body: {'type': 'rate_limit_error', 'message': 'slow down', 'code': 'rate_limit_exceeded'}"
ROWS: list[tuple[str, str, str, Any]] = [
    ("kind", "chat", CHAT, ("llm", "chat")),
    ("kind", "chat", "invoke_agent traveller", ("agent", None)),
    ("kind", "embeddings", EMBED, ("embedding", "embeddings")),
    ("kind", "old_tool", CHAT, ("llm", "chat")),
    ("kind", "logfire_openai", LOGFIRE, ("llm", "chat")),
    ("kind", "old_logfire", LOGFIRE, ("llm", "chat")),
    ("provider", "chat", CHAT, "openai"),
    ("provider", "anthropic", CLAUDE, "anthropic"),
    ("provider", "old_logfire", LOGFIRE, "openai"),
    ("request model", "chat", CHAT, "gpt-4o"),
    ("request model", "old_logfire", LOGFIRE, "gpt-4o"),
    ("response model", "chat", CHAT, "gpt-4o-2024-08-06"),
    ("input tokens", "chat", CHAT, 40),
    ("input tokens", "anthropic", CLAUDE, 40),
    ("input tokens", "embeddings", EMBED, 8),
    ("input tokens", "logfire_openai", HALF, 40),
    ("output tokens", "chat", CHAT, 20),
    ("output tokens", "logfire_openai", HALF, 20),
    ("output tokens", "old_logfire", HALF, None),
    ("cache read", "chat", CHAT, 16),
    ("cache read", "old_tool", CHAT, 16),
    ("cache read", "logfire_openai", LOGFIRE, 16),
    ("cache read", "old_logfire", LOGFIRE, 16),
    ("cache write", "anthropic", CLAUDE, 14),
    ("reasoning", "chat", CHAT, 8),
    ("reasoning", "old_tool", CHAT, 8),
    ("reasoning", "logfire_openai", LOGFIRE, 8),
    ("reasoning", "old_logfire", LOGFIRE, 8),
    ("audio", "chat", CHAT, (3, 2)),
    ("audio", "logfire_openai", LOGFIRE, (3, 2)),
    # one count for both directions: of which, nobody knows
    ("audio", "old_tool", CHAT, None),
    ("input messages", "chat", CHAT, [SYSTEM, {**USER, "parts": [*USER["parts"], PIXEL]}]),
    ("input messages", "old_tool", CHAT, [SYSTEM, USER]),
    ("input messages", "old_logfire", LOGFIRE, [SYSTEM, USER]),
    ("input messages", "embeddings", EMBED, [{"role": "user", "parts": [{"type": "text", "content": "one"}]}]),
    ("input messages", "tool", "invoke_agent traveller",
     [SYSTEM, USER, {**CALLING, "finish_reason": "tool_call"}, TOLD, STOPPED]),
    ("output messages", "chat", CHAT, [STOPPED]),
    ("output messages", "tool", CHAT, [{**CALLING, "finish_reason": "tool_call"}]),
    ("output messages", "old_tool", CHAT, [CALLING]),
    ("output messages", "logfire_openai", HALF, [STOPPED]),
    ("output messages", "old_logfire", HALF, [MILD]),
    ("output messages", "responses", "chat gpt-5",
     [{**CALLING, "parts": [{"type": "reasoning", "content": "Oslo in May."}, *CALLING["parts"]], "finish_reason": "stop"}]),
    ("tools", "tool", CHAT, [{"type": "function", "name": "weather", "description": "Of a city.", "parameters": STRICT}]),
    ("finish reason", "chat", CHAT, "stop"),
    ("finish reason", "tool", CHAT, "tool_call"),
    ("finish reason", "logfire_openai", LOGFIRE, "stop"),
    ("parameters", "chat", CHAT, {"max_tokens": 64, "temperature": 0.2}),
    ("parameters", "old_logfire", LOGFIRE, {"temperature": 0.2}),
    ("stream", "stream", CHAT, True),
    ("stream", "logfire_openai", HALF, True),
    ("stream", "chat", CHAT, None),
    ("ttft", "stream", CHAT, True),
    ("session", "chat", CHAT, "s-1"),
    ("session", "tool", "execute_tool weather", "s-1"),
    ("cost", "chat", CHAT, 0.00028),
    ("cost", "embeddings", EMBED, 1.6e-07),
    ("error", "error", "chat broken",
     ("error", "pydantic_ai.exceptions.ModelRateLimitError", "ModelRateLimitError: " + LIMIT)),
    ("evaluation", "evals", "case: {case_name}",
     [("length", 0.75, None, "a little short"), ("right", 1.0, None, None), ("tone", None, "polite", None)]),
]  # fmt: skip
# read where a caller puts them: the test of Logfire's tags; prompts are those of the conventions
SAID_BY_CALLERS = ("tags", "metadata", "prompt template")
NONE = ("user", "documents")


@pytest.mark.parametrize(("concept", "situation", "name", "expected"), ROWS)
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("pydantic_ai", situation, name, concept) == expected


@pytest.mark.parametrize("concept", NONE)
def test_the_writer_has_none(concept: str) -> None:
    for situation in files("pydantic_ai"):
        for read in read_all("pydantic_ai", situation):
            assert rows(*read).get(concept) is None


def test_every_concept_has_a_row() -> None:
    assert {concept for concept, *_ in ROWS} | {*SAID_BY_CALLERS, *NONE} == set(CONCEPTS)


AGENT = ("invoke_agent traveller", "agent", False)


@pytest.mark.parametrize(
    ("situation", "expected"),
    [
        ("tool", [(CHAT, "llm", True), ("execute_tool weather", "tool", False), (CHAT, "llm", True), AGENT]),
        # the run's usage under the names of a call
        ("aggregated", [(CHAT, "llm", True), AGENT]),
        ("old_tool", [
            (CHAT, "llm", True), ("running tool", "tool", False), ("running tools", "chain", False), (CHAT, "llm", True),
            ("agent run", "agent", False),
        ]),
        # of a stream's two records the one with the answer is the call
        ("logfire_openai", [
            (LOGFIRE, "llm", True), (LOGFIRE, "llm", False), (HALF, "llm", True),
            ("Embedding Creation with {request_data[model]!r}", "embedding", True), ("trip", "span", False),
        ]),
        ("old_logfire", [(LOGFIRE, "llm", True), (LOGFIRE, "llm", False), (HALF, "llm", True)]),
        ("evals", [
            ("execute {task}", "chain", False), ("evaluator: {evaluator_name}", "evaluator", False),
            ("case: {case_name}", "evaluator", False), ("evaluate {name}", "chain", False),
        ]),
    ],
)  # fmt: skip
def test_what_stands_around_calls_is_none(situation: str, expected: list[tuple[str, str, bool]]) -> None:
    assert kinds("pydantic_ai", situation) == expected


def test_usage_of_a_run_stays_on_the_run() -> None:
    agent = read_all("pydantic_ai", "tool")[-1][0]
    assert agent.attributes["gen_ai.aggregated_usage.input_tokens"] == 80
    agent = read_all("pydantic_ai", "aggregated")[-1][0]
    assert agent.attributes["gen_ai.usage.input_tokens"] == 40


@pytest.mark.parametrize("situation", ["tool", "old_tool"])
def test_a_tools_own_bodies(situation: str) -> None:
    payload = next(payload for span, _, payload in read_all("pydantic_ai", situation) if span.type == "tool")
    assert payload is not None
    assert payload.content == {"tool_arguments": {"city": "Oslo"}, "tool_result": "mild"}


def test_a_stream_of_logfire_has_the_time_that_it_took() -> None:
    request = read_all("pydantic_ai", "logfire_openai")[2][1]
    assert request is not None
    assert request.duration == 0.0  # the record is written at the end, at once
    assert request.inference_time is not None
    assert 0 < request.inference_time < 1


def test_vectors_are_told_by_their_length_and_nothing_encoded_is_in_a_body() -> None:
    payload = read_all("pydantic_ai", "embeddings")[0][2]
    assert payload is not None
    assert payload.content["output"] == ["[2 numbers]"]
    bodies = [str(payload) for file in files("pydantic_ai") for _, _, payload in read_all("pydantic_ai", file)]
    assert not [body for body in bodies if BASE64 in body]


def make(attributes: dict[str, Any], scope: str = "logfire.openai", **fields: Any) -> Span:
    return Span(b"t" * 16, b"s" * 8, None, CHAT, 3, 1, 2, attributes=attributes, scope_name=scope, **fields)


def test_what_callers_say() -> None:
    said = {"logfire.tags": '["LLM","travel"]', "metadata": '{"team":"blue"}', "gen_ai.prompt.name": "trip"}
    said |= {"gen_ai.prompt.version": "3", "gen_ai.prompt.variable.city": "Oslo"}
    reading = PydanticAi().read(make(said))
    assert reading.tags == ["travel"]
    assert reading.metadata == {
        "team": "blue",
        "prompt.name": "trip",
        "prompt.version": "3",
        "prompt.variables": {"city": "Oslo"},
    }


def test_a_failed_call_is_no_opening_of_a_stream() -> None:
    asked = {"request_data": '{"model":"gpt-4o"}'}
    assert PydanticAi().read(make(dict(asked))).operation is None
    assert PydanticAi().read(make(dict(asked), status=2)).operation == "chat"


def test_an_openai_agent_watched_by_logfire_is_one_tree() -> None:
    assert kinds("pydantic_ai", "agents") == [
        (name, kind, kind == "llm") for name, kind in (
            ("Responses API with {gen_ai.request.model!r}", "llm"), ("Function: {name}", "tool"),
            ("Turn {turn} for agent traveller", "chain"), ("Responses API with {gen_ai.request.model!r}", "llm"),
            ("Turn {turn} for agent traveller", "chain"), ("Agent run: {name!r}", "agent"),
            ("Task: Agent workflow", "chain"), ("OpenAI Agents trace: {name}", "chain"),
        )
    ]  # fmt: skip
    read = [rows(*one) for one in read_all("pydantic_ai", "agents") if one[1] is not None]
    assert [one["output messages"] for one in read] == [[CALLING], [MILD]]
    assert [one["reasoning"] for one in read] == [8, 8]
    assert all(request.layer for _, request, _ in read_all("pydantic_ai", "agents") if request is not None)


def test_a_chat_of_an_openai_agent_has_its_details_in_its_usage() -> None:
    (read,) = [rows(*one) for one in read_all("pydantic_ai", "agents_chat") if one[1] is not None]
    assert (read["input tokens"], read["cache read"], read["reasoning"]) == (40, 16, 8)
    assert read["output messages"] == [MILD]
    assert [message["role"] for message in read["input messages"]] == ["system", "user"]


def test_how_long_the_cache_was_written_for_is_in_the_raw_usage() -> None:
    ((_, request, _),) = read_all("pydantic_ai", "logfire_anthropic")
    assert request is not None
    assert (request.prompt_tokens, request.cache_write_tokens) == (40, 14)
    assert request.usage_details == {"cache_write_5m": 14}


def test_detect_and_layers() -> None:
    scopes = ("pydantic-ai", "logfire", "logfire.openai", "pydantic-evals", "opentelemetry.instrumentation.openai.v1")
    assert [PydanticAi().detect(scope, {}) for scope in scopes] == [True, True, True, True, False]
    call = {"gen_ai.operation.name": "chat", "request_data": "{}", "response_data": "{}"}
    assert PydanticAi().read(make(call, "pydantic-ai")).layer
    assert not PydanticAi().read(make(call)).layer


KEYS = [
    "gen_ai.operation.name", "gen_ai.system", "events", "all_messages_events", "pydantic_ai.all_messages", "final_result",
    "tool_arguments", "tool_response", "agent_name", "tools", "inputs", "embeddings", "request_data", "response_data",
    "model_request_parameters", "gen_ai.usage.raw", "gen_ai.usage.details.reasoning_tokens", "gen_ai.usage.input_tokens",
    "operation.cost", "metadata", "logfire.tags", "logfire.span_type", "duration", "scores", "assertions", "labels", "case_name",
    "output", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt.name", "gen_ai.prompt.variable.x",
]  # fmt: skip


@settings(deadline=None)
@given(attributes=anything(KEYS))
def test_no_value_makes_it_fail(attributes: dict[str, Any]) -> None:
    for scope in ("pydantic-ai", "logfire.openai", "pydantic-evals"):
        PydanticAi().read(make(dict(attributes), scope))
        PydanticAi().read(make({**attributes, "gen_ai.operation.name": "embeddings"}, scope))
