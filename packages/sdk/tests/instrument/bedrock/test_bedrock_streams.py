"""Streams and bodies that the host reads in its own way, breaks off, drops, or that break: one span each, nothing left."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import io
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest
import urllib3
from bedrock_support.clients import Async, Sync
from bedrock_support.fake import FakeBedrock, Reply, chunk, event, exception
from sentinelops.instrument._wire import watch

from .conftest import Spans

# a host that drops a stream leaves its socket to the garbage collector, with us and without us
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
NOVA = "amazon.nova-lite-v1:0"
LLAMA = "meta.llama3-8b-instruct-v1:0"
HI: Any = [{"role": "user", "content": [{"text": "How deep?"}]}]
FRAMES = [
    event("messageStart", {"role": "assistant"}),
    event("contentBlockDelta", {"delta": {"text": "Ve"}, "contentBlockIndex": 0}),
    event("contentBlockDelta", {"delta": {"text": "ry."}, "contentBlockIndex": 0}),
    event("contentBlockStop", {"contentBlockIndex": 0}),
    event("messageStop", {"stopReason": "end_turn"}),
    event("metadata", {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}, "metrics": {"latencyMs": 9}}),
]
BODY = {"generation": "Very. " * 700, "prompt_token_count": 9, "generation_token_count": 3, "stop_reason": "stop"}
RAW = json.dumps(BODY).encode()


@pytest.fixture
def client(fake: FakeBedrock, captured: object) -> Iterator[Any]:
    made = Sync(fake.url).client()
    yield made
    made.close()


@pytest.fixture
def aio(fake: FakeBedrock, captured: object) -> Async:
    return Async(fake.url)


def stream(client: Any) -> Any:
    return client.converse_stream(modelId=NOVA, messages=HI)["stream"]


async def astream(client: Any) -> Any:
    return (await client.converse_stream(modelId=NOVA, messages=HI))["stream"]


def facts(span: Any) -> tuple[Any, ...]:
    """status, outcome, error, tokens and text."""
    attributes = span["attributes"]
    messages = json.loads(attributes.get("gen_ai.output.messages", "[]"))
    text = "".join(part["content"] for message in messages for part in message["parts"])
    return (
        span["status"], attributes.get("sentinelops.outcome"), attributes.get("error.type"),
        attributes.get("sentinelops.error.code"), attributes.get("gen_ai.usage.output_tokens"), text,
    )  # fmt: skip


CANCELLED = ("unset", "cancelled", None, None, None)
DONE = ("unset", None, None, None, 2, "Very.")


def test_the_stream_keeps_its_type_and_its_events(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    given = stream(client)
    assert type(given).__name__ == "EventStream"
    assert isinstance(given._raw_stream, urllib3.HTTPResponse)
    assert [next(iter(item)) for item in given] == [
        "messageStart", "contentBlockDelta", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    assert list(given) == []
    assert facts(spans()[0]) == DONE


def test_broken_off_and_closed(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    given = stream(client)
    for item in given:
        if "contentBlockDelta" in item:
            break
    given.close()
    given.close()
    assert facts(spans()[0]) == (*CANCELLED, "Ve")


def test_broken_off_and_dropped(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    for item in stream(client):
        if "contentBlockDelta" in item:
            break
    assert facts(spans()[0]) == (*CANCELLED, "Ve")


def test_broken_off_and_taken_up_again(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    given = stream(client)
    assert "messageStart" in next(iter(given))
    assert len(list(given)) == 5
    assert facts(spans()[0]) == DONE


def test_left_when_the_model_had_said_all(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    for item in stream(client):
        if "messageStop" in item:
            break
    assert facts(spans()[0]) == ("unset", None, None, None, None, "Very.")


def test_never_read(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    stream(client)
    assert facts(spans()[0]) == (*CANCELLED, "")


def test_collected_in_a_cycle(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    cycle: dict[str, Any] = {"stream": stream(client)}
    cycle["self"] = cycle
    next(iter(cycle["stream"]))
    del cycle
    assert facts(spans()[0]) == (*CANCELLED, "")


def test_a_dropped_body_goes_at_once_as_without_us(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(RAW)
    gc.disable()
    try:
        client.invoke_model(modelId=LLAMA, body="{}")
        ended = threading.Event()
        while watch.live_count():
            ended.wait(0.005)
    finally:
        gc.enable()
    assert facts(spans()[0]) == (*CANCELLED, "")


@pytest.mark.parametrize(
    "code", ["throttlingException", "modelStreamErrorException", "internalServerException", "validationException"]
)
@pytest.mark.parametrize("kind", ["boto3", "aiobotocore"])
def test_an_event_that_says_the_call_failed(
    kind: str, code: str, client: Any, aio: Async, fake: FakeBedrock, spans: Spans
) -> None:
    fake.reply = Reply(frames=[*FRAMES[:2], exception(code, "Too many tokens")])

    async def read(aclient: Any) -> None:
        async for _ in await astream(aclient):
            pass

    with pytest.raises(botocore.exceptions.EventStreamError, match=code):
        list(stream(client)) if kind == "boto3" else aio.run(read)
    (span,) = spans()
    assert facts(span) == ("error", None, "EventStreamError", code, None, "Ve")
    assert span["status_message"] == f"{code}: Too many tokens"


@pytest.mark.parametrize("kind", ["boto3", "aiobotocore"])
def test_the_line_breaks_in_the_middle(kind: str, client: Any, aio: Async, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES, cut=2)

    async def read(aclient: Any) -> None:
        async for _ in await astream(aclient):
            pass

    with pytest.raises(Exception) as caught:  # noqa: PT011 - of urllib3 or aiohttp, as it came
        list(stream(client)) if kind == "boto3" else aio.run(read)
    (span,) = spans()
    assert facts(span) == ("error", None, type(caught.value).__qualname__, None, None, "Ve")


def test_a_read_time_out_under_way(fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES, hold=2)
    client = Sync(fake.url, read_timeout=0.2).client()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        list(stream(client))
    client.close()
    assert facts(spans()[0]) == ("error", None, "ReadTimeoutError", None, None, "Ve")


def test_async_break_close_and_drop(aio: Async, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)

    async def use(client: Any) -> None:
        given = await astream(client)
        async for item in given:
            if "contentBlockDelta" in item:
                break
        given.close()
        await astream(client)
        async with contextlib.AsyncExitStack() as stack:
            dropped = await astream(client)
            iterator = dropped.__aiter__()
            stack.push_async_callback(iterator.aclose)
            await anext(iterator)

    aio.run(use)
    assert sorted(facts(span)[-1] for span in spans(3)) == ["", "", "Ve"]
    assert {facts(span)[:5] for span in spans(3)} == {CANCELLED}


def test_a_cancelled_task(aio: Async, fake: FakeBedrock, spans: Spans) -> None:
    fake.replies.extend([Reply(frames=FRAMES, hold=2), Reply(BODY, hold=0)])

    async def read(client: Any, started: asyncio.Event) -> None:
        async for item in await astream(client):
            if "contentBlockDelta" in item:
                started.set()

    async def use(client: Any) -> None:
        started = asyncio.Event()
        task = asyncio.create_task(read(client, started))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        task = asyncio.create_task(client.converse(modelId=NOVA, messages=HI))
        while len(fake.requests) < 2:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    aio.run(use)
    assert [facts(span) for span in spans(2)] == [(*CANCELLED, "Ve"), (*CANCELLED, "")]


def _inside(body: Any) -> bytes:
    with body as raw:
        data: bytes = raw.read()
        return data


def _into(body: Any) -> bytes:
    buffer, data = bytearray(1_000), b""
    take = body.readinto if hasattr(body, "readinto") else body._raw_stream.readinto
    while count := take(buffer):
        data += bytes(buffer[:count])
    return data


READERS: dict[str, Callable[[Any], bytes]] = {
    "read": lambda body: body.read(),
    "read in pieces": lambda body: b"".join(iter(lambda: body.read(100), b"")),
    "exactly": lambda body: body.read(len(RAW)),
    "iterate": b"".join,
    "iter_chunks": lambda body: b"".join(body.iter_chunks(777)),
    "iter_lines": lambda body: b"".join(body.iter_lines()),
    "next": lambda body: b"".join(iter(lambda: next(body, b""), b"")),
    "readlines": lambda body: b"".join(body.readlines()),
    "json.load": lambda body: json.dumps(json.load(body)).encode(),
    "with": _inside,
    "raw.stream": lambda body: b"".join(body._raw_stream.stream(50)),
    "readinto": _into,
    "text wrapper": lambda body: io.TextIOWrapper(body).read().encode(),
}


@pytest.mark.parametrize("way", READERS)
def test_every_way_of_reading_a_body(way: str, client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(RAW)
    body = client.invoke_model(modelId=LLAMA, body="{}")["body"]
    assert type(body).__name__ == "StreamingBody"
    assert READERS[way](body) == RAW
    assert facts(spans()[0]) == ("unset", None, None, None, 3, BODY["generation"])


async def _async_with(body: Any) -> bytes:
    async with body as raw:
        data: bytes = await raw.read()
        return data


async def _all(pieces: Any) -> bytes:
    return b"".join([piece async for piece in pieces])


ASYNC_READERS: dict[str, Callable[[Any], Any]] = {
    "read": lambda body: body.read(),
    "exactly": lambda body: body.read(len(RAW)),
    "iterate": _all,
    "iter_chunks": lambda body: _all(body.iter_chunks(777)),
    "iter_lines": lambda body: _all(body.iter_lines()),
    "with": _async_with,
}


@pytest.mark.parametrize("way", ASYNC_READERS)
def test_every_way_of_reading_a_body_of_aiobotocore(way: str, aio: Async, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(RAW)

    async def use(client: Any) -> bytes:
        body = (await client.invoke_model(modelId=LLAMA, body="{}"))["body"]
        data: bytes = await ASYNC_READERS[way](body)
        return data

    assert aio.run(use) == RAW
    assert facts(spans()[0]) == ("unset", None, None, None, 3, BODY["generation"])


def test_a_body_that_is_closed_dropped_or_cut_short(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.replies.extend([Reply(RAW), Reply(RAW), Reply(RAW), Reply(RAW, short=40)])
    body = client.invoke_model(modelId=LLAMA, body="{}")["body"]
    assert body.read(10) == RAW[:10]
    body.close()
    client.invoke_model(modelId=LLAMA, body="{}")["body"].read(10)
    client.invoke_model(modelId=LLAMA, body="{}")
    with pytest.raises((botocore.exceptions.IncompleteReadError, botocore.exceptions.ResponseStreamingError)):
        client.invoke_model(modelId=LLAMA, body="{}")["body"].read()
    # a forgotten body ends when it is collected: before the last call or after it
    *left, cut = sorted((facts(span) for span in spans(4)), key=lambda said: said[0] == "error")
    assert left == [(*CANCELLED, "")] * 3
    assert cut[0] == "error"


def test_a_body_that_is_no_json(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(b"\x00\xff not json", headers={"X-Amzn-Bedrock-Input-Token-Count": "4"})
    assert client.invoke_model(modelId=LLAMA, body="{}")["body"].read() == b"\x00\xff not json"
    (span,) = spans()
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 4


def test_a_long_stream_is_folded_as_it_passes(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    piece = "word " * 200
    fake.reply = Reply(frames=[
        *(chunk({"generation": piece, "prompt_token_count": None, "generation_token_count": n, "stop_reason": None}) for n in range(2_000)),
        chunk({"generation": "", "generation_token_count": 2_000, "prompt_token_count": 5, "stop_reason": "stop"}),
    ])  # fmt: skip
    tracemalloc.start()
    try:
        result = client.invoke_model_with_response_stream(modelId=LLAMA, body="{}")["body"]
        assert sum(1 for _ in result) == 2_001
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 4_000_000
    (span,) = spans()
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 2_000


def test_many_abandoned_streams_leave_nothing(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)
    for _ in range(60):
        next(iter(stream(client)))
    spans(60)
    left = [item for item in gc.get_objects() if type(item).__name__ in ("Exchange", "SyncReading", "Events", "Answer")]
    assert not left


def test_threads(client: Any, fake: FakeBedrock, spans: Spans) -> None:
    fake.reply = Reply(frames=FRAMES)

    def work() -> None:
        for _ in range(10):
            assert len(list(stream(client))) == 6

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {facts(span) for span in spans(60)} == {DONE}
