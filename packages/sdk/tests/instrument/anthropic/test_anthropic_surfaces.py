"""One call, one token-bearing span, the right numbers: on every surface of the client, sync and async."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from anthropic_support.surfaces import HELLO, SURFACES, Surface, run_either
from openai_support.fake import Spans
from sentinelops.instrument import uninstrument


def text_of(attributes: dict[str, Any]) -> str:
    return "".join(
        part["content"]
        for message in json.loads(attributes.get("gen_ai.output.messages") or "[]")
        for part in message["parts"]
        if part["type"] == "text"
    )


EXPECTED = {
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
}


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_every_surface(
    surface: Surface,
    asynchronous: bool,
    client: anthropic.Anthropic,
    aclient: anthropic.AsyncAnthropic,
    provider: FakeAnthropic,
    spans: Spans,
) -> None:
    run_either(aclient if asynchronous else client, surface)
    (span,) = spans(1)
    attributes = span["attributes"]
    assert span["name"] == f"chat {surface.model}"
    assert not span["error"]
    assert {name: attributes.get(name) for name in EXPECTED} == EXPECTED
    assert attributes["gen_ai.request.model"] == surface.model
    assert "sentinelops.outcome" not in attributes
    assert ("gen_ai.response.time_to_first_chunk" in attributes) == surface.streams
    assert attributes.get("gen_ai.request.stream", False) == surface.streams
    assert attributes.get("gen_ai.output.type") == ("json" if surface.model == "json" else None)
    assert text_of(attributes) in ("Hello there", '{"city": "Oslo"}')
    assert "traceparent" not in provider.requests[-1][2]


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_what_the_host_gets_is_the_same_with_and_without_us(
    surface: Surface, client: anthropic.Anthropic, spans: Spans
) -> None:
    watched = run_either(client, surface)
    spans(1)
    uninstrument("anthropic")
    alone = run_either(client, surface)
    assert type(watched) is type(alone)
    if surface.mode != "raw_unparsed":
        assert watched == alone
    # a client that makes its own spans makes them again, and SentinelOps is where they go
    own = hasattr(anthropic._base_client, "start_api_call_span")
    names = [span["name"] for span in spans(1 + own)]
    assert names == [f"chat {surface.model}", "anthropic.messages.create"][: 1 + own]


def test_count_tokens_is_a_span_without_usage(client: anthropic.Anthropic, spans: Spans) -> None:
    messages = getattr(client.messages, "count_tokens", None) or client.beta.messages.count_tokens
    messages(model="plain", messages=[{"role": "user", "content": "Hi"}])
    (span,) = spans(1)
    assert span["name"] == "count_tokens plain"
    assert not [name for name in span["attributes"] if name.startswith("gen_ai.usage.")]
    assert span["attributes"]["anthropic.message.count_tokens.input_tokens"] == 77


def test_handing_in_a_batch_is_a_span_without_usage(client: anthropic.Anthropic, spans: Spans) -> None:
    batches = getattr(client.messages, "batches", None) or client.beta.messages.batches
    batches.create(requests=[{"custom_id": "a", "params": {"model": "plain", **HELLO}}])
    (span,) = spans(1)
    assert span["name"] == "create_batch"
    assert not [name for name in span["attributes"] if name.startswith("gen_ai.usage.")]
    assert span["attributes"]["sentinelops.batch.id"] == "batch_1"
    assert span["attributes"]["sentinelops.batch.size"] == 1


def test_legacy_completions_have_no_usage(client: anthropic.Anthropic, spans: Spans) -> None:
    client.post("/v1/complete", cast_to=object, body={"model": "claude-2", "prompt": "Hi", "max_tokens_to_sample": 9})
    (span,) = spans(1)
    assert span["name"] == "text_completion claude-2"
    assert text_of(span["attributes"]) == " Hello"
    assert not [name for name in span["attributes"] if name.startswith("gen_ai.usage.")]


@pytest.mark.parametrize(("model", "status", "code", "kind"), [
    ("limited", 429, "rate_limit_error", "RateLimitError"),
    ("wrong-key", 401, "authentication_error", "AuthenticationError"),
    ("bad", 400, "invalid_request_error", "BadRequestError"),
])  # fmt: skip
def test_errors(model: str, status: int, code: str, kind: str, client: anthropic.Anthropic, spans: Spans) -> None:
    with pytest.raises(anthropic.APIStatusError):
        client.messages.create(model=model, **HELLO)
    (span,) = spans(1)
    attributes = span["attributes"]
    assert span["error"]
    assert attributes["error.type"] == kind
    assert attributes["http.response.status_code"] == status
    assert attributes["sentinelops.error.code"] == code
    assert attributes["sentinelops.provider.request_id"] == "req_abc"
    assert not [name for name in attributes if name.startswith("gen_ai.usage.")]


def test_retries_are_one_call(provider: FakeAnthropic, spans: Spans) -> None:
    provider.failures_before_success = 2
    with anthropic.Anthropic(api_key="sk", base_url=provider.url, max_retries=3) as client:
        client.messages.create(model="plain", **HELLO)
    (span,) = spans(1)
    assert span["attributes"]["sentinelops.attempts"] == 3
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
