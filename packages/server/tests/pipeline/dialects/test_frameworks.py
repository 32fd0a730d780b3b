"""Frameworks that speak the conventions by themselves, each with what it means otherwise than they do."""

from __future__ import annotations

from typing import Any

import pytest
from dialect_rows import CALL, kinds, read_all, row
from recorded_spans import logged, recorded
from sentinelops_server.analysis.messages import content_from_log_records
from sentinelops_server.pipeline.duplicates import DuplicateMarker
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.providers import provider_of


@pytest.mark.parametrize(
    ("concept", "situation", "name", "expected"),
    [
        # Strands Agents names itself as the provider, and counts the first token's time in milliseconds
        ("provider", "strands", "chat", "openai"),
        ("provider", "strands_anthropic", "chat", "anthropic"),
        ("input tokens", "strands", "chat", 40),
        ("input tokens", "strands_anthropic", "chat", 40),  # the cache is inside already
        ("cache write", "strands_anthropic", "chat", 14),
        ("ttft", "strands", "chat", True),
        ("session", "strands", "chat", "s-1"),
        ("user", "strands", "chat", "u-1"),
        ("session", "adk", "generate_content openai/gpt-4o", "s-1"),
        ("cache read", "adk", "generate_content openai/gpt-4o", 16),
        # Laminar: association properties, and the answer as OpenAI's choices
        ("session", "lmnr", "openai.chat", "s-1"),
        ("user", "lmnr", "openai.chat", "u-1"),
        ("output messages", "lmnr", "openai.chat",
         [{"role": "assistant", "parts": [{"type": "text", "content": "It is mild."}], "finish_reason": "stop"}]),
        # Mastra: names of its own for cached tokens, for tools and for what stands around
        ("input tokens", "mastra", "chat gpt-4o", 80),
        ("cache read", "mastra", "chat gpt-4o", 32),
        ("reasoning", "mastra", "chat gpt-4o", 16),
        ("output messages", "mastra", "chat gpt-4o",
         [{"role": "assistant", "parts": [{"type": "text", "content": "It is mild."}]}]),
        ("kind", "mastra", "agent.traveller", ("agent", None)),
        ("kind", "mastra", "tool.execute weather", ("tool", None)),
        # Semantic Kernel writes the reprs of an enumeration
        ("finish reason", "semantic_kernel", "chat gpt-4o", "stop"),
    ],
)  # fmt: skip
def test_a_row(concept: str, situation: str, name: str, expected: Any) -> None:
    assert row("frameworks", situation, name, concept) == expected


def test_mastras_tools_have_what_went_in_and_out() -> None:
    (content,) = [
        payload.content for span, _, payload in read_all("frameworks", "mastra") if span.type == "tool" and payload
    ]
    assert (content["tool_arguments"], content["tool_result"]) == ({"city": "Oslo"}, "mild")


def test_what_stands_around_calls_is_none() -> None:
    assert kinds("frameworks", "strands") == [
        ("chat", "llm", True), ("execute_tool weather", "tool", False), ("execute_event_loop_cycle", "span", False),
        ("chat", "llm", True), ("execute_event_loop_cycle", "span", False),
        ("invoke_agent Strands Agents", "agent", False),
    ]  # fmt: skip
    calls = [name for name, _, is_call in kinds("frameworks", "adk") if is_call]
    assert calls == ["generate_content openai/gpt-4o"]


@pytest.mark.parametrize("situation", ["strands", "strands_anthropic", "adk", "semantic_kernel", "lmnr", "mastra"])
def test_each_has_a_cost(situation: str) -> None:
    """Also where the model is named with LiteLLM's route to it."""
    for _, request, _ in read_all("frameworks", situation):
        assert request is None or Pricer().price(request) is None


@pytest.mark.parametrize(("total", "expected"), [(60, 40), (90, 70), (None, 40)])
def test_a_total_tells_whether_strands_left_the_cache_out(total: int | None, expected: int) -> None:
    span = next(span for span in recorded("frameworks", "strands_anthropic") if span.name == "chat")
    span.attributes["gen_ai.usage.total_tokens"] = total
    request, _ = normalise(span)
    assert request is not None
    assert (request.prompt_tokens, request.total_tokens) == (expected, expected + 20)


@pytest.mark.parametrize(
    ("name", "address", "expected"),
    [
        ("strands-agents", None, "unknown"),
        ("Semantic_Kernel", "my.openai.azure.com", "azure.ai.openai"),
        ("api.openai.com", None, "openai"),
        ("my.openai.azure.com:443", None, "azure.ai.openai"),
        ("127.0.0.1:8080", None, "127.0.0.1:8080"),
        ("aws.bedrock", None, "aws.bedrock"),
    ],
)
def test_a_framework_or_an_address_in_the_providers_place(name: str, address: str | None, expected: str) -> None:
    assert provider_of(name, address) == expected


def test_a_framework_is_no_provider_and_an_unknown_model_has_none() -> None:
    span = next(span for span in recorded("frameworks", "strands") if span.name == "chat")
    for model, provider in (
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", "aws.bedrock"),
        ("my-model", "unknown"),
    ):
        span.attributes["gen_ai.request.model"] = model
        request, _ = normalise(span)
        assert request is not None
        assert request.provider == provider


def test_log_events_whose_body_is_json_text() -> None:
    (span,) = recorded("frameworks", "semantic_kernel")
    records = logged("frameworks", "semantic_kernel")
    assert {record.span_id for record in records} == {span.span_id}
    assert all(isinstance(record.body, str) for record in records)
    assert content_from_log_records(records) == {
        "input_messages": [
            {"role": "system", "parts": [{"type": "text", "content": "Answer briefly."}]},
            {"role": "user", "parts": [{"type": "text", "content": "How is Oslo in May?"}]},
        ],
        "output_messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "It is mild."}], "finish_reason": "stop"}
        ],
    }


def test_a_call_of_an_agent_that_a_tool_runs_is_a_call_of_its_own() -> None:
    """As in ADK before 1.17: tools, and agents behind them, stand below the call that asked for them."""
    tool, first, second = (recorded("frameworks", "strands")[number] for number in (1, 0, 3))
    tool.parent_span_id, second.parent_span_id = first.span_id, tool.span_id
    read = [(span, normalise(span)[0]) for span in (first, tool, second)]
    calls = [(span, request) for span, request in read if request is not None]
    DuplicateMarker().mark(calls, [tool])
    assert [request.duplicate_of for _, request in calls] == [None, None]


def test_old_strands_has_its_messages_in_events_in_bedrocks_shape() -> None:
    first, second = (
        payload.content for _, request, payload in read_all("frameworks", "strands_0_2") if request and payload
    )
    assert first["output_messages"] == [{"role": "assistant", "parts": [CALL], "finish_reason": "tool_use"}]
    answer = {"type": "tool_call_response", "id": "call_1", "response": [{"text": "mild"}]}
    assert [message["parts"] for message in second["input_messages"][1:]] == [[CALL], [answer]]
    assert second["output_messages"][0]["parts"] == [{"type": "text", "content": "It is mild."}]
