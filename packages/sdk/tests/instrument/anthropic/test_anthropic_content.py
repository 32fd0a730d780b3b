"""What a span says about the call, whole records: parameters, messages, usage; of a plain answer and of a stream."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import anthropic
import pytest
from anthropic_support.surfaces import NEWEST, City
from openai_support.fake import Span, Spans
from sentinelops import context

VOLATILE = ("llm.memory.used_bytes", "llm.inference.duration_seconds", "gen_ai.response.time_to_first_chunk",
            "server.address", "server.port", "service.name", "deployment.environment.name")  # fmt: skip
CONTENT = ("messages", "definitions", "instructions")
PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 40
HI = [{"role": "user", "content": "Hi"}]
EPHEMERAL = {"type": "ephemeral", "ttl": "1h"}
BASE = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "anthropic",
    "gen_ai.request.max_tokens": 50,
    "gen_ai.response.id": "msg_1",
    "gen_ai.response.finish_reasons": ["end_turn"],
    "gen_ai.usage.input_tokens": 100,
    "gen_ai.usage.output_tokens": 20,
    "gen_ai.usage.cache_read.input_tokens": 60,
    "gen_ai.usage.cache_write.input_tokens": 30,
    "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 20,
    "anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 10,
    "anthropic.response.service_tier": "standard",
    "sentinelops.provider.request_id": "req_abc",
    "http.response.status_code": 200,
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
}


def said(*parts: dict[str, Any], reason: str = "end_turn") -> dict[str, Any]:
    return {
        "gen_ai.response.finish_reasons": [reason],
        "gen_ai.output.messages": [{"role": "assistant", "parts": list(parts), "finish_reason": reason}],
    }


def text(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "content": content, **more}


HELLO = said(text("Hello there"))
REDACTED = {"type": "reasoning", "content": "[redacted by the provider]"}
ANSWERED: dict[str, dict[str, Any]] = {
    "plain": HELLO,
    "thinks": {
        **said({"type": "reasoning", "content": "Let me see"}, REDACTED, REDACTED, text("Hello there")),
        "gen_ai.usage.reasoning.output_tokens": 12,
    },
    "calls": said(
        text("I look."),
        {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Oslo", "days": 3}},
        {"type": "tool_call", "id": "t2", "name": "now", "arguments": {}},
        reason="tool_use",
    ),
    "searches": {
        **said(
            {"type": "server_tool_call", "id": "s1", "name": "web_search",
             "server_tool_call": {"type": "web_search", "input": {"query": "oslo"}}},
            {"type": "server_tool_call_response", "id": "s1", "server_tool_call_response": {
                "type": "web_search",
                "content": [{"type": "web_search_result", "url": "https://a.example", "title": "A"}]}},
            {"type": "server_tool_call", "id": "s2", "name": "web_fetch",
             "server_tool_call": {"type": "web_fetch", "input": {"url": "https://a.example"}}},
            {"type": "server_tool_call_response", "id": "s2", "server_tool_call_response": {
                "type": "web_fetch",
                "content": {"type": "web_fetch_tool_error", "error_code": "url_not_accessible"}}},
            text("It is cold", citations=[
                {"type": "web_search_result_location", "cited_text": "cold", "url": "https://a.example", "title": "A"},
                {"type": "char_location", "cited_text": "Oslo", "document_index": 0, "document_title": "D",
                 "start_char_index": 0, "end_char_index": 4}]),
        ),
        "sentinelops.usage.web_searches": 2,
        "sentinelops.usage.web_fetches": 1,
    },
    "mcp": said(
        {"type": "server_tool_call", "id": "m1", "name": "lookup",
         "server_tool_call": {"type": "lookup", "input": {"id": 7}, "server_name": "crm"}},
        {"type": "server_tool_call_response", "id": "m1", "server_tool_call_response": {
            "type": "mcp", "content": [{"type": "text", "text": "gone"}], "is_error": True}},
    ),
    "runs": {
        **said(
            {"type": "server_tool_call", "id": "c1", "name": "code_execution",
             "server_tool_call": {"type": "code_execution", "input": {"code": "1+1"}}},
            {"type": "server_tool_call_response", "id": "c1", "server_tool_call_response": {
                "type": "code_execution",
                "content": {"type": "code_execution_result", "stdout": "2", "stderr": "", "return_code": 0,
                            "content": []}}},
        ),
        "anthropic.container.id": "container_1",
    },
    "refuses": {
        **said({"type": "refusal", "content": "Not this."}, reason="refusal"),
        "anthropic.message.refusal.category": "cyber",
    },
    "stops": {**said(text("Hello there"), reason="stop_sequence"), "anthropic.message.stop_sequence": "END"},
    "priority": {**HELLO, "anthropic.response.service_tier": "priority"},
    "fast": {**HELLO, "anthropic.response.service_tier": "fast"},
    "compacts": {
        **HELLO,
        "anthropic.usage.compaction.input_tokens": 500,
        "anthropic.usage.compaction.output_tokens": 40,
        "anthropic.usage.advisor.input_tokens": 7,
        "anthropic.usage.advisor.output_tokens": 4,
    },
}  # fmt: skip


def record(span: Span) -> dict[str, Any]:
    """Every attribute of the span, content parsed; without clocks and addresses."""
    return {
        name: json.loads(value) if name.endswith(CONTENT) and isinstance(value, str) else value
        for name, value in span["attributes"].items()
        if name not in VOLATILE
    }


def of(model: str, *, stream: bool, **more: Any) -> dict[str, Any]:
    """The record that a call with only `Hi` leaves."""
    named = {"gen_ai.request.model": model, "gen_ai.response.model": model}
    return {
        **BASE,
        **named,
        **ANSWERED.get(model, HELLO),
        **({"gen_ai.request.stream": True} if stream else {}),
        **more,
    }


def ask(client: anthropic.Anthropic, model: str = "plain", *, stream: bool = False, **more: Any) -> None:
    arguments: dict[str, Any] = {"model": model, "max_tokens": 50, "messages": HI, **more}
    if stream:
        list(client.messages.create(stream=True, **arguments))
    else:
        client.messages.create(**arguments)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("model", ANSWERED)
def test_answers(model: str, stream: bool, client: anthropic.Anthropic, spans: Spans) -> None:
    ask(client, model, stream=stream)
    (span,) = spans(1)
    assert record(span) == of(model, stream=stream)
    assert "SSSS" not in json.dumps(span["attributes"])  # what is sealed is not kept


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_an_answer_without_a_cache_says_none(stream: bool, client: anthropic.Anthropic, spans: Spans) -> None:
    ask(client, "uncached", stream=stream)
    (span,) = spans(1)
    expected = of("uncached", stream=stream, **{"gen_ai.usage.input_tokens": 10})
    dropped = ("cache_read", "cache_write", "cache_creation", "service_tier")
    assert record(span) == {
        name: value for name, value in expected.items() if not any(word in name for word in dropped)
    }


def test_parameters(client: anthropic.Anthropic, spans: Spans) -> None:
    ask(
        client,
        stop_sequences=["END"],
        metadata={"user_id": "u-1"},
        extra_body={
            "temperature": 0.5, "top_p": 0.9, "top_k": 3,
            "thinking": {"type": "enabled", "budget_tokens": 1024},
            "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {"type": "object"}}},
            "service_tier": "auto",
        },
    )  # fmt: skip
    (span,) = spans(1)
    assert record(span) == of("plain", stream=False) | {
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 3,
        "gen_ai.request.stop_sequences": ["END"],
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "anthropic.thinking.type": "enabled",
        "anthropic.thinking.budget_tokens": 1024,
        "anthropic.request.service_tier": "auto",
        "user.id": "u-1",
    }


def test_a_user_whom_the_host_named_stays(client: anthropic.Anthropic, spans: Spans) -> None:
    with context(user="mine"):
        ask(client, metadata={"user_id": "theirs"})
    (span,) = spans(1)
    assert span["attributes"]["user.id"] == "mine"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_betas(stream: bool, client: anthropic.Anthropic, spans: Spans) -> None:
    answer = client.beta.messages.create(
        model="plain", max_tokens=50, messages=HI, betas=["one-2026", "two-2026"], stream=stream,  # type: ignore[arg-type]
    )  # fmt: skip
    if stream:
        list(answer)
    (span,) = spans(1)
    assert record(span) == of("plain", stream=stream, **{"anthropic.beta": ["one-2026", "two-2026"]})


def test_messages_and_tools(client: anthropic.Anthropic, spans: Spans) -> None:
    data = base64.b64encode(PNG).decode()
    picture = {"type": "base64", "media_type": "image/png", "data": data}
    ask(
        client,
        system=[{"type": "text", "text": "Be brief.", "cache_control": EPHEMERAL}],
        messages=[
            {"role": "user", "content": [
                text_block("Look", cache_control=EPHEMERAL),
                {"type": "image", "source": picture},
                {"type": "image", "source": {"type": "url", "url": "https://a.example/x.png"}},
                {"type": "document", "title": "T", "context": "C",
                 "source": {"type": "base64", "media_type": "application/pdf", "data": data}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Plain"}},
                {"type": "document", "source": {"type": "content", "content": [text_block("In it")]}},
                {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
                {"type": "search_result", "source": "s", "title": "R", "content": [text_block("Found")]},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "Hm", "signature": "S" * 200},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "42"}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t2", "is_error": True,
                 "content": [text_block("a"), text_block("b")]},
                {"type": "tool_result", "tool_use_id": "t3", "content": [{"type": "image", "source": picture}]}]},
        ],
        tools=[
            {"name": "f", "description": "d", "input_schema": {"type": "object"}, "cache_control": EPHEMERAL},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
        ],
    )  # fmt: skip
    (span,) = spans(1)
    blob = {"type": "blob", "sha256": hashlib.sha256(PNG).hexdigest(), "bytes": len(PNG)}
    image = {**blob, "modality": "image", "mime_type": "image/png"}
    assert record(span) == of("plain", stream=False) | {
        "gen_ai.system_instructions": [text("Be brief.", cache_control=EPHEMERAL)],
        "gen_ai.input.messages": [
            {"role": "user", "parts": [
                text("Look", cache_control=EPHEMERAL),
                image,
                {"type": "uri", "modality": "image", "uri": "https://a.example/x.png"},
                {**blob, "modality": "file", "mime_type": "application/pdf", "title": "T", "context": "C"},
                text("Plain", mime_type="text/plain"),
                {"type": "document", "parts": [text("In it")]},
                {"type": "file", "modality": "file", "file_id": "file_1"},
                {"type": "search_result", "source": "s", "title": "R", "parts": [text("Found")]}]},
            {"role": "assistant", "parts": [
                {"type": "reasoning", "content": "Hm"},
                {"type": "tool_call", "id": "t1", "name": "f", "arguments": {"a": 1}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "t1", "response": "42"}]},
            {"role": "tool", "parts": [
                {"type": "tool_call_response", "id": "t2", "response": "ab", "status": "error"},
                {"type": "tool_call_response", "id": "t3", "response": [image]}]},
        ],
        "gen_ai.tool.definitions": [
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"},
             "cache_control": EPHEMERAL},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}],
    }  # fmt: skip


def text_block(content: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": content, **more}


@pytest.mark.parametrize("helper", ["body", "parse", "stream"] if NEWEST else ["body"])
def test_structured_output(helper: str, client: anthropic.Anthropic, spans: Spans) -> None:
    if helper == "body":
        ask(client, "json", extra_body={"output_format": {"type": "json_schema", "schema": {"type": "object"}}})
    elif helper == "parse":
        answer = client.messages.parse(model="json", max_tokens=50, messages=HI, output_format=City)  # type: ignore[arg-type]
        assert answer.parsed_output == City(city="Oslo")
    else:
        with client.messages.stream(model="json", max_tokens=50, messages=HI, output_format=City) as stream:  # type: ignore[arg-type]
            assert stream.get_final_message().parsed_output == City(city="Oslo")
    (span,) = spans(1)
    expected = of("json", stream=helper == "stream", **{"gen_ai.output.type": "json"})
    assert record(span) == expected | said(text('{"city": "Oslo"}'))
