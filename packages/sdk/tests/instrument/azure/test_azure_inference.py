"""azure-ai-inference against a local server: one right span per call, whatever happens to it."""

from __future__ import annotations

import asyncio
import gc
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentinelops
from azure.ai import inference
from azure.ai.inference import aio
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from openai_support.fake import FakeOpenAI
from sentinelops import _guard
from sentinelops.instrument._wire import watch
from sentinelops.testing import capture

DOCS = Path(__file__).resolve().parents[5] / "docs" / "instrument-azure.md"
KEY = AzureKeyCredential("k")
HELLO: Any = [{"role": "user", "content": "Hi"}]
USAGE = {"gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
         "gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.reasoning.output_tokens": 12}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    made = FakeOpenAI()
    yield made
    made.stop()


@pytest.fixture
def provider(server: FakeOpenAI) -> Iterator[FakeOpenAI]:
    server.failures_before_success = 0
    sentinelops.instrument("azure", "http")
    yield server
    sentinelops.uninstrument("azure", "http")


def chat(provider: FakeOpenAI, **options: Any) -> inference.ChatCompletionsClient:
    return inference.ChatCompletionsClient(provider.url, KEY, retry_backoff_factor=0, **options)


def facts(span: Any) -> dict[str, Any]:
    return {name: span["attributes"].get(name) for name in USAGE}


def test_plain(provider: FakeOpenAI) -> None:
    with capture(capture_content="on") as captured, chat(provider) as client:
        answer = client.complete(messages=HELLO, model="plain", temperature=0.5)
        assert answer.choices[0].message.content == "Hello there"
    (span,) = captured.spans
    ours = span["attributes"]
    assert span["name"] == "chat plain"
    assert facts(span) == USAGE
    assert ours["gen_ai.provider.name"] == "azure.ai.inference"
    assert ours["gen_ai.response.model"] == "plain-2026-01-01"
    assert ours["gen_ai.request.temperature"] == 0.5
    assert ours["sentinelops.azure.api_version"]
    assert "Hi" in str(ours["gen_ai.input.messages"])
    assert "Hello there" in str(ours["gen_ai.output.messages"])


def test_a_stream_that_was_read_and_is_still_held(provider: FakeOpenAI) -> None:
    with capture() as captured, chat(provider) as client:
        stream: Any = client.complete(messages=HELLO, model="plain", stream=True)
        assert list(stream)
        (span,) = captured.spans
        stream.close()  # the client leaves the connection open
    assert facts(span) == USAGE


@pytest.mark.parametrize("end", ["read", "close", "forget"])
def test_stream(end: str, provider: FakeOpenAI) -> None:
    with capture() as captured, chat(provider) as client:
        stream: Any = client.complete(messages=HELLO, model="plain", stream=True)
        if end == "read":
            assert "".join(piece.choices[0].delta.content or "" for piece in stream if piece.choices) == "Hello there"
        else:
            next(stream)
            if end == "close":
                stream.close()
        del stream
        gc.collect()
        watch.drain()
    (span,) = captured.spans
    assert watch.live_count() == 0
    assert span["attributes"]["gen_ai.request.stream"] is True
    if end == "read":
        assert facts(span) == USAGE
        assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0
        assert "sentinelops.outcome" not in span["attributes"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_async(stream: bool, provider: FakeOpenAI) -> None:
    async def ask() -> None:
        async with aio.ChatCompletionsClient(provider.url, KEY) as client:
            answer: Any = await client.complete(messages=HELLO, model="plain", stream=stream)
            if stream:
                async with answer:  # the client stops at [DONE]; a connection whose end came later would stay open
                    assert [piece async for piece in answer]

    with capture() as captured:
        asyncio.run(ask())
    (span,) = captured.spans
    assert facts(span) == USAGE


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_embeddings(kind: str, provider: FakeOpenAI) -> None:
    async def ask() -> None:
        async with aio.EmbeddingsClient(provider.url, KEY) as client:
            await client.embed(input=["a"], model="embed")

    with capture() as captured:
        if kind == "sync":
            with inference.EmbeddingsClient(provider.url, KEY) as client:
                assert client.embed(input=["a"], model="embed").data[0].embedding
        else:
            asyncio.run(ask())
    (span,) = captured.spans
    assert span["name"] == "embeddings embed"
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 8


def test_an_error(provider: FakeOpenAI) -> None:
    with capture() as captured, chat(provider) as client, pytest.raises(HttpResponseError):
        client.complete(messages=HELLO, model="too-long")
    (span,) = captured.spans
    assert span["status"] == "error"
    assert span["attributes"]["http.response.status_code"] == 400
    assert span["attributes"]["error.type"] == "HttpResponseError"
    assert span["attributes"]["sentinelops.error.code"] == "context_length_exceeded"


def test_attempts_are_one_call(provider: FakeOpenAI) -> None:
    provider.failures_before_success = 2
    seen = []
    with capture() as captured, chat(provider) as client:
        client.complete(messages=HELLO, model="plain", raw_response_hook=seen.append)
    (span,) = captured.spans
    assert span["attributes"]["sentinelops.attempts"] == 3
    assert len(seen) == 3


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_the_librarys_own_instrumentor_is_not_doubled(first: str, provider: FakeOpenAI) -> None:
    from azure.ai.inference.tracing import AIInferenceInstrumentor

    theirs = AIInferenceInstrumentor()
    if first == "theirs":
        sentinelops.uninstrument("azure")
    theirs.instrument()
    sentinelops.instrument("azure")
    try:
        with capture() as captured, chat(provider) as client:
            client.complete(messages=HELLO, model="plain")
        assert len([one for one in captured.spans if "gen_ai.usage.input_tokens" in one["attributes"]]) == 1
    finally:
        sentinelops.uninstrument("azure")
        theirs.uninstrument()


def test_what_breaks_in_us_changes_nothing(provider: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinelops.instrument import azure
    from sentinelops.instrument.azure import _exchange

    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    for owner, name in ((azure, "started"), (_exchange.AzureExchange, "_head"), (_exchange.wire, "describe")):
        with monkeypatch.context() as patch, capture(), chat(provider) as client:
            patch.setattr(_guard, "strict", False)
            patch.setattr(owner, name, broken)
            assert client.complete(messages=HELLO, model="plain").choices[0].message.content == "Hello there"
            assert len(list(client.complete(messages=HELLO, model="plain", stream=True))) > 2  # type: ignore[arg-type]


def test_every_method_is_listed() -> None:
    rows = [line.split("|")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    listed = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    there = {
        f"{owner.__name__}.{name}"
        for owner in (inference.ChatCompletionsClient, inference.EmbeddingsClient, inference.ImageEmbeddingsClient)
        for name, value in inspect.getmembers(owner)
        if callable(value) and not name.startswith("_")
    }
    assert listed == there
