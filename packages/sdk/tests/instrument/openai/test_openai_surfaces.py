"""One call, one span, the right numbers: on every surface of the client, sync and async."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from openai_support.fake import FakeOpenAI, Spans
from openai_support.surfaces import SURFACES, Surface, run_either

EXPECTED = {
    "chat.completions": (100, 20, "chat"),
    "responses": (100, 20, "chat"),
    "embeddings": (8, None, "embeddings"),
    "completions": (3, 1, "text_completion"),
}


def text_of(attributes: dict[str, Any]) -> str:
    import json

    return "".join(
        part["content"]
        for message in json.loads(attributes.get("gen_ai.output.messages") or "[]")
        for part in message["parts"]
        if part["type"] == "text"
    )


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_every_surface(
    surface: Surface, asynchronous: bool, client: openai.OpenAI, aclient: openai.AsyncOpenAI, spans: Spans
) -> None:
    run_either(aclient if asynchronous else client, surface)
    (span,) = spans(1)
    attributes = span["attributes"]
    prompt, completion, operation = EXPECTED[surface.resource]
    if surface.resource == "completions" and surface.streams:
        completion = 2
    assert span["name"] == f"{operation} {surface.model}"
    assert not span["error"]
    assert attributes["gen_ai.operation.name"] == operation
    assert attributes["gen_ai.request.model"] == surface.model
    assert attributes["gen_ai.usage.input_tokens"] == prompt
    assert attributes.get("gen_ai.usage.output_tokens") == completion
    assert attributes["sentinelops.provider.request_id"] == "req_abc"
    assert attributes["llm.inference.duration_seconds"] == 0.25
    assert "sentinelops.outcome" not in attributes
    assert ("gen_ai.response.time_to_first_chunk" in attributes) == surface.streams
    assert attributes.get("gen_ai.request.stream", False) == surface.streams
    if surface.resource != "embeddings":
        assert text_of(attributes) in ("Hello there", '{"city": "Oslo"}', " there", " there")
        assert attributes["gen_ai.response.finish_reasons"] == ["stop"]


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_what_the_host_gets_is_the_same_with_and_without_us(
    surface: Surface, client: openai.OpenAI, spans: Spans
) -> None:
    from sentinelops.instrument import uninstrument

    watched = run_either(client, surface)
    spans(1)
    uninstrument("openai")
    alone = run_either(client, surface)
    assert type(watched) is type(alone)
    if isinstance(alone, list):
        assert [type(item) for item in watched] == [type(item) for item in alone]
    if surface.mode != "raw_unparsed":
        assert watched == alone
    spans(1)


def test_the_request_is_the_same_with_and_without_us(client: openai.OpenAI, provider: FakeOpenAI, spans: Spans) -> None:
    from sentinelops.instrument import uninstrument

    chosen = [surface for surface in SURFACES if surface.mode in ("plain", "stream", "helper", "streaming")]
    for surface in chosen:
        run_either(client, surface)
    spans(len(chosen))
    uninstrument("openai")
    for surface in chosen:
        run_either(client, surface)
    half = len(provider.requests) // 2
    assert provider.requests[:half] == provider.requests[half:]
