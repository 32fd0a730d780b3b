"""Streams: read to the end, left early, closed, forgotten, never read, cancelled, broken; each is one span, once."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import huggingface_hub.errors
import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_support.fake import FakeHub
from huggingface_support.surfaces import HI
from openai_support.fake import Spans
from opentelemetry import context as otel_context
from sentinelops.instrument._wire import watch

OLD_SESSIONS = pytest.mark.filterwarnings(
    "ignore:Deleting 'AsyncInferenceClient':UserWarning", "ignore::ResourceWarning"
)


def _client(hub: FakeHub, name: str = "held") -> InferenceClient:
    return InferenceClient(f"{hub.root}/tgi/{name}", token="hf_test", timeout=20)  # noqa: S106


def _aclient(hub: FakeHub, name: str = "held") -> AsyncInferenceClient:
    return AsyncInferenceClient(f"{hub.root}/tgi/{name}", token="hf_test", timeout=20)  # noqa: S106


def _cancelled(span: Any) -> None:
    assert span["attributes"]["sentinelops.outcome"] == "cancelled"
    assert not span["error"]
    assert "gen_ai.usage.output_tokens" not in span["attributes"]


@pytest.mark.parametrize("how", ["break", "close", "unread"])
def test_left_early_is_cancelled_and_not_an_error(how: str, hub: FakeHub, spans: Spans) -> None:
    client = _client(hub)
    stream = client.text_generation("Hi", stream=True)
    if how != "unread":
        assert next(stream) == "Hello"
    if how == "close":
        stream.close()
    del stream
    (span,) = spans(1)
    _cancelled(span)
    assert ("gen_ai.response.time_to_first_chunk" in span["attributes"]) == (how != "unread")
    hub.hold.set()


@OLD_SESSIONS
@pytest.mark.parametrize("how", ["break", "aclose", "cancel"])
def test_left_early_asynchronously(how: str, hub: FakeHub, spans: Spans) -> None:
    async def ask() -> None:
        async with _aclient(hub) as client:
            stream = await client.text_generation("Hi", stream=True)
            if how == "break":
                async for _ in stream:
                    break
            elif how == "aclose":
                await anext(stream)
                await stream.aclose()
            else:
                await anext(stream)
                await anext(stream)
                await anext(stream)
                waiting = asyncio.ensure_future(anext(stream))
                await asyncio.sleep(0)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
            del stream
            hub.hold.set()

    asyncio.run(ask())
    (span,) = spans(1)
    _cancelled(span)


def test_a_stream_ends_at_its_done_and_not_with_its_connection(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient(hub.root + "/v1", token="hf_test")  # noqa: S106
    stream = client.chat_completion(HI, model="plain", stream=True)
    chunks = list(stream)
    (span,) = spans(1)  # the iterator is still held, and the client not closed
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert len(chunks) == 5
    assert stream is not None


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@OLD_SESSIONS
def test_a_failure_inside_a_stream(asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    async def ask() -> None:
        async with _aclient(hub, "failing") as client:
            async for _ in await client.text_generation("Hi", stream=True):
                pass

    with pytest.raises(huggingface_hub.errors.GenerationError, match="Out of memory") as kept:
        if asynchronous:
            asyncio.run(ask())
        else:
            client = _client(hub, "failing")
            list(client.text_generation("Hi", stream=True))
    (span,) = spans(1)  # although the exception, and with it the iterator, is still held
    assert kept.tb is not None
    assert span["error"]
    assert span["message"] == "Out of memory"
    assert span["attributes"]["sentinelops.error.code"] == "generation"
    assert span["attributes"]["error.type"] == "generation"


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@OLD_SESSIONS
def test_a_line_that_goes_dead(asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    async def ask() -> None:
        async with _aclient(hub, "dying") as client:
            async for _ in await client.text_generation("Hi", stream=True):
                pass

    with pytest.raises(Exception) as caught:  # noqa: PT011 - of three HTTP libraries
        if asynchronous:
            asyncio.run(ask())
        else:
            client = _client(hub, "dying")
            list(client.text_generation("Hi", stream=True))
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["error.type"] in (type(caught.value).__qualname__, "APIConnectionError")
    assert '"content":"Hello"' in span["attributes"]["gen_ai.output.messages"]


def test_many_abandoned_streams_leave_nothing(hub: FakeHub, spans: Spans) -> None:
    hub.hold.set()
    for number in range(40):
        client = _client(hub)  # forgotten by the client, it closes its connections
        stream = client.text_generation("Hi", stream=True)
        if number % 2:
            next(stream)
        del stream
    gc.collect()
    watch.drain()
    assert watch.live_count() == 0
    assert len(spans(40)) == 40


def test_nothing_stays_attached_between_the_pieces(hub: FakeHub, spans: Spans) -> None:
    hub.hold.set()
    before = otel_context.get_current()
    client = _client(hub, "plain")
    for _ in client.text_generation("Hi", stream=True):
        assert otel_context.get_current() == before
    spans(1)


def test_a_stream_read_in_another_thread(hub: FakeHub, spans: Spans) -> None:
    client = _client(hub, "plain")
    stream = client.text_generation("Hi", stream=True)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.extend(stream))
    reader.start()
    reader.join(10)
    assert read == ["Hello", " there", "</s>"]
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 3
