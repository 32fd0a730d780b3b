"""How spans are read: one row of a table for each rule and spelling of docs/ingest.md."""

from __future__ import annotations

import json
from typing import Any

import pytest
from otlp_bytes import NOW_NS, batch, call, span
from sentinelops_server.analysis.messages import content_from_log_records
from sentinelops_server.model import LLMRequest, LogRecord, Payload, Span
from sentinelops_server.pipeline.normalise import add_previews, normalise
from sentinelops_server.pipeline.otlp import decode
from sentinelops_server.pipeline.providers import host_of, provider_of


def read(fields: dict[str, Any], **options: Any) -> tuple[Span, LLMRequest | None, Payload | None]:
    decoded = decode(batch([fields], **options))
    assert not decoded.refused
    request, payload = normalise(decoded.spans[0])
    return decoded.spans[0], request, payload


def read_call(attributes: dict[str, Any] | None = None, **fields: Any) -> LLMRequest:
    options = {name: fields.pop(name) for name in ("scope", "resource") if name in fields}
    request = read(call(attributes=attributes, **fields), **options)[1]
    assert request is not None
    return request


BARE = {"gen_ai.operation.name": "chat"}


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        # spellings of the model and the provider
        ({"gen_ai.system": "openai", "gen_ai.request.model": "m"}, {"provider": "openai", "model": "m"}),
        ({"gen_ai.provider.name": "groq", "gen_ai.system": "openai"}, {"provider": "groq"}),
        ({"gen_ai.system": "openai", "gen_ai.provider.name": "groq"}, {"provider": "groq"}),
        ({"llm.vendor": "Anthropic", "llm.request.model": "c"}, {"provider": "anthropic", "model": "c"}),
        ({"gen_ai.response.model": "r"}, {"model": "r", "response_model": "r"}),
        ({}, {"model": "unknown", "provider": "unknown"}),
        # usage
        (
            {"gen_ai.usage.prompt_tokens": 7, "gen_ai.usage.completion_tokens": 3},
            {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        ),
        (
            {"llm.usage.prompt_tokens": 7, "llm.usage.completion_tokens": 3, "llm.usage.total_tokens": 99},
            {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        ),
        ({"gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.input_tokens": 5}, {"prompt_tokens": 5}),
        ({"gen_ai.usage.input_tokens": "28", "gen_ai.usage.output_tokens": 28.0}, {"total_tokens": 56}),
        ({"gen_ai.usage.input_tokens": "many"}, {"prompt_tokens": None, "total_tokens": None}),
        ({"gen_ai.usage.input_tokens": -1}, {"prompt_tokens": None}),
        ({"gen_ai.usage.input_tokens": 2**40}, {"prompt_tokens": None}),
        ({}, {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None, "cache_read_tokens": None}),
        ({"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}, {"prompt_tokens": 0, "total_tokens": 0}),
        # the cache is part of the input
        (
            {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.cache_read.input_tokens": 60},
            {"prompt_tokens": 100, "cache_read_tokens": 60, "usage_details": {}},
        ),
        (
            {
                "gen_ai.usage.input_tokens": 10,
                "gen_ai.usage.cache_read.input_tokens": 60,
                "gen_ai.usage.cache_creation.input_tokens": 30,
            },
            {
                "prompt_tokens": 100,
                "cache_read_tokens": 60,
                "cache_write_tokens": 30,
                "usage_details": {"reported_input": 10},
            },
        ),
        ({"gen_ai.usage.cache_read_input_tokens": 4, "gen_ai.usage.input_tokens": 9}, {"cache_read_tokens": 4}),
        (
            {
                "gen_ai.usage.input_tokens": 90,
                "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 20,
                "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 5,
            },
            {"cache_write_tokens": 25, "usage_details": {"cache_write_5m": 20, "cache_write_1h": 5}},
        ),
        # parts of a total
        (
            {"gen_ai.usage.output_tokens": 5, "gen_ai.usage.reasoning_tokens": 9},
            {"reasoning_tokens": 5, "usage_details": {"reported_reasoning": 9}},
        ),
        (
            {"gen_ai.usage.input_tokens": 5, "gen_ai.usage.audio.input_tokens": 8},
            {"usage_details": {"audio_input": 5, "reported_audio_input": 8}},
        ),
        # time to the first token
        ({"gen_ai.response.time_to_first_chunk": 0.4}, {"time_to_first_token": 0.4, "streaming": True}),
        ({"ai.response.msToFirstChunk": 400}, {"time_to_first_token": 0.4}),
        ({"langfuse.observation.completion_start_time": "2026-11-18T11:06:39+00:00"}, {"time_to_first_token": 1.0}),
        ({"langfuse.observation.completion_start_time": '"2026-11-18T11:06:39Z"'}, {"time_to_first_token": 1.0}),
        ({"gen_ai.response.time_to_first_chunk": 400.0}, {"time_to_first_token": None}),
        ({"gen_ai.is_streaming": True}, {"streaming": True, "time_to_first_token": None}),
        # finish, tier, session, user
        ({"gen_ai.response.finish_reasons": ["stop", "length"]}, {"finish_reason": "stop"}),
        ({"gen_ai.response.finish_reasons": '["tool_calls"]'}, {"finish_reason": "tool_calls"}),
        ({"anthropic.message.stop_reason": "end_turn"}, {"finish_reason": "end_turn"}),
        ({"gen_ai.openai.response.service_tier": "flex"}, {"service_tier": "flex"}),
        ({"openai.request.service_tier": "auto"}, {"service_tier": None}),
        ({"gen_ai.conversation.id": "c1"}, {"session_id": "c1"}),
        ({"enduser.id": "u1"}, {"user_id": "u1"}),
        ({"traceloop.association.properties.session_id": "s9"}, {"session_id": "s9"}),
        # ours
        (
            {
                "llm.memory.used_bytes": -4096,
                "llm.inference.duration_seconds": 0.5,
                "sentinelops.tags": ["a", "b"],
                "sentinelops.metadata.team": "blue",
                "sentinelops.sampling.weight": 10.0,
                "sentinelops.redactions.email": 2,
            },
            {
                "memory_used": -4096.0,
                "inference_time": 0.5,
                "tags": ["a", "b"],
                "metadata": {"team": "blue"},
                "weight": 10.0,
                "redactions": {"email": 2},
            },
        ),
        ({"sentinelops.sampling.weight": -3}, {"weight": 1.0}),
        ({"gen_ai.request.temperature": 0.2, "llm.top_k": 4}, {"parameters": {"temperature": 0.2, "top_k": 4}}),
        # operations
        (
            {"gen_ai.operation.name": "embeddings", "gen_ai.usage.input_tokens": 8},
            {"operation": "embeddings", "total_tokens": 8},
        ),
        ({"gen_ai.operation.name": "completion"}, {"operation": "text_completion"}),
    ],
)
def test_a_call_is_read(attributes: dict[str, Any], expected: dict[str, Any]) -> None:
    request = read(span(attributes={**BARE, **attributes}))[1]
    assert request is not None
    assert {name: getattr(request, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("attributes", "kind", "is_request"),
    [
        ({"gen_ai.operation.name": "chat"}, "llm", True),
        ({"gen_ai.operation.name": "generate_content"}, "llm", True),
        ({"gen_ai.operation.name": "embeddings"}, "embedding", True),
        ({"llm.request.type": "rerank"}, "rerank", True),
        ({"gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1}, "llm", True),
        ({"gen_ai.request.model": "m"}, "span", False),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 1},
            "agent",
            False,
        ),
        ({"gen_ai.operation.name": "create_agent"}, "agent", False),
        ({"gen_ai.operation.name": "plan"}, "agent", False),
        ({"gen_ai.operation.name": "execute_tool"}, "tool", False),
        ({"gen_ai.operation.name": "invoke_workflow"}, "chain", False),
        ({"gen_ai.operation.name": "retrieval"}, "retrieval", False),
        ({"gen_ai.operation.name": "search_memory"}, "memory", False),
        ({"gen_ai.operation.name": "fetch_response", "gen_ai.request.model": "m"}, "span", False),
        ({"mcp.method.name": "tools/call"}, "tool", False),
        ({"traceloop.span.kind": "workflow", "llm.request.model": "m", "llm.usage.prompt_tokens": 1}, "chain", False),
        ({"sentinelops.span.type": "guardrail"}, "guardrail", False),
        ({"sentinelops.span.type": "llm"}, "llm", True),
        ({"sentinelops.span.type": ["agent"]}, "agent", False),
        ({"sentinelops.span.type": {"a": 1}, "traceloop.span.kind": [["x"]]}, "span", False),
        ({"http.request.method": "GET"}, "span", False),
    ],
)
def test_which_spans_are_requests(attributes: dict[str, Any], kind: str, is_request: bool) -> None:
    read_span, request, _ = read(span(attributes=attributes))
    assert (read_span.type, request is not None) == (kind, is_request)


@pytest.mark.parametrize(
    ("scope", "model", "expected"),
    [
        (("opentelemetry.instrumentation.genai.bedrock", "1.3b0"), "anthropic.claude", 160),
        (("opentelemetry.instrumentation.genai.bedrock", "1.4b0"), "anthropic.claude", 100),
        (("opentelemetry.instrumentation.bedrock", "0.62.4"), "anthropic.claude", 160),
        (("opentelemetry.instrumentation.bedrock", "0.62.4"), "openai.gpt-oss-120b", 100),
        (("opentelemetry.instrumentation.genai.openai", "1.3b0"), "gpt-4o", 100),
    ],
)
def test_writers_that_leave_the_cache_out_of_the_input(scope: tuple[str, str], model: str, expected: int) -> None:
    cached = {"gen_ai.usage.cache_read.input_tokens": 60, "gen_ai.request.model": model}
    assert read_call(cached, scope=scope).prompt_tokens == expected


EXCEPTION = {"name": "exception", "attributes": {"exception.type": "RateLimitError", "exception.message": "slow down"}}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("ok", None, None)),
        ({"status": (1, "")}, ("ok", None, None)),
        ({"status": (2, "bad")}, ("error", "unknown", "bad")),
        ({"status": (2, ""), "events": [EXCEPTION]}, ("error", "RateLimitError", "slow down")),
        ({"attributes": {"error.type": "Timeout"}}, ("error", "Timeout", "Timeout")),
        (
            {"attributes": {"error.type": "Timeout"}, "status": (2, "late"), "events": [EXCEPTION]},
            ("error", "Timeout", "late"),
        ),
        ({"attributes": {"sentinelops.outcome": "cancelled"}, "status": (2, "x")}, ("cancelled", None, None)),
        ({"attributes": {"error.type": "GeneratorExit"}, "status": (2, "")}, ("cancelled", None, None)),
        ({"attributes": {"error.type": "asyncio.exceptions.CancelledError"}}, ("cancelled", None, None)),
        (
            {
                "attributes": {"gen_ai.response.finish_reasons": ["error"], "gen_ai.request.stream": True},
                "status": (2, ""),
            },
            ("cancelled", None, None),
        ),
        (
            {
                "attributes": {"gen_ai.response.finish_reasons": ["error"], "gen_ai.request.stream": True},
                "events": [EXCEPTION],
            },
            ("error", "RateLimitError", "slow down"),
        ),
        ({"attributes": {"gen_ai.response.finish_reasons": ["error"]}}, ("error", "unknown", "unknown")),
    ],
)
def test_ok_error_or_cancelled(fields: dict[str, Any], expected: tuple[str, str | None, str | None]) -> None:
    request = read_call(fields.pop("attributes", None), **fields)
    assert (request.status, request.error_type, request.error) == expected


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("openai", "my.openai.azure.com", "azure.ai.openai"),
        ("openai", "https://my.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("azure.ai.inference", "x.services.ai.azure.com", "azure.ai.inference"),
        ("azure.ai.openai", "x.services.ai.azure.com", "azure.ai.openai"),
        ("anthropic", "bedrock-runtime.us-east-1.amazonaws.com", "aws.bedrock"),
        ("openai", "openrouter.ai:443", "openrouter"),
        ("openai", "127.0.0.1:8080", "openai"),
        ("openai", "evil-openrouter.ai.example.com", "openai"),
        ("google_genai", None, "gcp.gemini"),
        ("azure_ai", None, "azure.ai.inference"),
        ("vertex_ai", "us-central1-aiplatform.googleapis.com", "gcp.vertex_ai"),
        ("az.ai.openai", None, "azure.ai.openai"),
        ("openai.responses", None, "openai"),
        (" Mistral ", None, "mistral_ai"),
        ("_OTHER", None, "unknown"),
        (None, "api.deepseek.com", "deepseek"),
        (None, "http://[", "unknown"),
    ],
)
def test_the_host_names_the_provider(name: str | None, address: str | None, expected: str) -> None:
    assert provider_of(name, address) == expected


def test_hosts() -> None:
    assert [host_of(one) for one in ("A.b:1", "https://U.v/x", "", None)] == ["a.b", "u.v", None, None]


USER = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "yo"}], "finish_reason": "stop"}
PLAIN_ANSWER = {"role": "assistant", "parts": [{"type": "text", "content": "yo"}]}
CALLING = {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}]}
TOLD = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "4"}]}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"attributes": {"gen_ai.input.messages": json.dumps([USER])}}, {"input_messages": [USER]}),
        ({"attributes": {"gen_ai.output.messages": [ANSWER]}}, {"output_messages": [ANSWER]}),
        ({"attributes": {"gen_ai.prompt": "hi"}}, {"input_messages": [USER]}),
        ({"attributes": {"gen_ai.prompt": '[{"role":"user","content":"hi"}]'}}, {"input_messages": [USER]}),
        (
            {"attributes": {"gen_ai.system_instructions": '[{"type":"text","content":"be kind"}]'}},
            {"system_instructions": [{"type": "text", "content": "be kind"}]},
        ),
        (
            {
                "attributes": {
                    "gen_ai.prompt.0.role": "user",
                    "gen_ai.prompt.0.content": "hi",
                    "gen_ai.completion.0.role": "assistant",
                    "gen_ai.completion.0.tool_calls.0.id": "c1",
                    "gen_ai.completion.0.tool_calls.0.name": "f",
                    "gen_ai.completion.0.tool_calls.0.arguments": '{"a": 1}',
                }
            },
            {"input_messages": [USER], "output_messages": [CALLING]},
        ),
        (
            {
                "events": [
                    {
                        "name": "gen_ai.content.prompt",
                        "attributes": {"gen_ai.prompt": '[{"role":"user","content":"hi"}]'},
                    },
                    {"name": "gen_ai.content.completion", "attributes": {"gen_ai.completion": "yo"}},
                ]
            },
            {"input_messages": [USER], "output_messages": [PLAIN_ANSWER]},
        ),
        (
            {
                "events": [
                    {"name": "gen_ai.user.message", "attributes": {"content": "hi"}},
                    {
                        "name": "gen_ai.assistant.message",
                        "attributes": {"tool_calls": '[{"id":"c1","function":{"name":"f","arguments":"{\\"a\\":1}"}}]'},
                    },
                    {"name": "gen_ai.tool.message", "attributes": {"content": "4", "id": "c1"}},
                    {"name": "gen_ai.choice", "attributes": {"finish_reason": "stop", "message": '{"content":"yo"}'}},
                ]
            },
            {"input_messages": [USER, CALLING, TOLD], "output_messages": [ANSWER]},
        ),
        (
            {
                "attributes": {"gen_ai.input.messages": json.dumps([USER])},
                "events": [{"name": "gen_ai.user.message", "attributes": {"content": "again"}}],
            },
            {"input_messages": [USER]},
        ),
        (
            {
                "attributes": {
                    "gen_ai.input.messages": [
                        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "result": "4"}]}
                    ]
                }
            },
            {
                "input_messages": [
                    {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "4"}]}
                ]
            },
        ),
        (
            {"attributes": {"sentinelops.input": '{"q": 1}', "sentinelops.output": "done"}},
            {"input": {"q": 1}, "output": "done"},
        ),
        (
            {"attributes": {"gen_ai.tool.call.arguments": '{"q": 1}', "gen_ai.tool.call.result": "4 apples"}},
            {"tool_arguments": {"q": 1}, "tool_result": "4 apples"},
        ),
    ],
)
def test_messages_of_every_spelling(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    read_span, _, payload = read(span(**{"attributes": {}, **fields}))
    assert payload is not None
    assert payload.content == expected
    left = json.dumps([read_span.attributes, [event.attributes for event in read_span.events]])
    for body in ('"hi"', "yo", "be kind", "done", "apples"):
        assert body not in left


def test_messages_in_log_records_are_joined() -> None:
    def log(name: str, body: Any, attributes: dict[str, Any] | None = None, time_ns: int = 1) -> LogRecord:
        return LogRecord(b"", time_ns, bytes(16), bytes(8), 9, name, "a", "e", body, attributes or {})

    events = [
        log("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "yo"}}, time_ns=3),
        log("gen_ai.user.message", {"content": "hi"}),
    ]
    assert content_from_log_records(events) == {"input_messages": [USER], "output_messages": [ANSWER]}
    details = log("gen_ai.client.inference.operation.details", None, {"gen_ai.input.messages": [CALLING]}, 2)
    assert content_from_log_records([*events, details]) == {"input_messages": [CALLING], "output_messages": [ANSWER]}
    assert content_from_log_records([log("app.event", "text")]) == {}


def test_previews_are_the_last_user_message_and_the_answer() -> None:
    messages = json.dumps([{**USER, "parts": [{"type": "text", "content": "x" * 500}]}, CALLING])
    _, request, payload = read(
        call(attributes={"gen_ai.input.messages": messages, "gen_ai.output.messages": json.dumps([CALLING])})
    )
    assert request is not None
    assert payload is not None
    add_previews(request, payload)
    assert (request.prompt_preview, request.completion_preview) == ("x" * 96, "f()")


def test_cut_attributes_are_noted() -> None:
    read_span, request, _ = read(call(dropped_attributes_count=3))
    assert request is not None
    assert request.usage_details == {"dropped_attributes": 3}
    assert read_span.attributes["otel.dropped_attributes_count"] == 3


def test_times_are_of_the_span() -> None:
    request = read_call()
    assert (request.timestamp_ns, request.duration) == (NOW_NS - 2_000_000_000, 2.0)
