"""Streams end exactly once, whatever the host does with them, and nothing of them stays."""

from __future__ import annotations

import asyncio
import gc
import json
import tracemalloc
from typing import Any

import openai
import pytest
from openai_support.fake import FakeOpenAI, Spans
from sentinelops import _encode
from sentinelops.instrument._wire import streams, watch

# the client's own: a stream that nobody reads or closes keeps its connection until the collector comes
FORGOTTEN_SOCKETS = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning"
)
HI: list[Any] = [{"role": "user", "content": "Hi"}]


def open_stream(client: Any, model: str = "plain") -> Any:
    return client.chat.completions.create(model=model, messages=HI, stream=True)


def outcome(span: dict[str, Any]) -> str | None:
    return span["attributes"].get("sentinelops.outcome")  # type: ignore[no-any-return]


def said(span: dict[str, Any]) -> str:
    return "".join(p["content"] for p in json.loads(span["attributes"]["gen_ai.output.messages"])[0]["parts"])


def test_type_and_methods_stay(client: openai.OpenAI, spans: Spans) -> None:
    with open_stream(client) as stream:
        assert type(stream) is openai.Stream
        assert stream.response.headers["x-request-id"] == "req_abc"
        first = next(stream)
        assert first.choices[0].delta.role == "assistant"
        assert len(list(stream)) == 4
    assert stream.response.is_closed
    assert not {"iter_bytes", "close"} & set(vars(stream.response))  # left as it was
    spans(1)


def break_off(stream: Any) -> None:
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break


def test_a_break_is_no_error(client: openai.OpenAI, spans: Spans) -> None:
    with open_stream(client, "held") as stream:
        break_off(stream)
    (span,) = spans(1)
    assert outcome(span) == "cancelled"
    assert not span["error"]
    assert said(span) == "a"
    assert "gen_ai.usage.input_tokens" not in span["attributes"]
    assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0


def test_a_break_out_of_the_helper(client: openai.OpenAI, spans: Spans) -> None:
    with client.chat.completions.stream(model="held", messages=HI) as stream:
        next(stream)
    (span,) = spans(1)
    assert outcome(span) == "cancelled"
    del stream


def test_the_hosts_own_exception_is_not_the_providers(client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(KeyError), open_stream(client, "held") as stream:
        next(stream)
        raise KeyError("mine")
    (span,) = spans(1)
    assert outcome(span) == "cancelled"
    assert not span["error"]


class Cancelled(BaseException):
    """As trio's, which is no CancelledError of asyncio."""


def test_a_task_that_another_loop_cancels(client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    def raised(*_: Any, **__: Any) -> Any:
        raise Cancelled

    stream = client.chat.completions.create(model="plain", messages=HI, stream=True)
    with monkeypatch.context() as patch, pytest.raises(Cancelled):
        patch.setattr(type(stream.response), "iter_raw", raised)
        list(stream)
    (span,) = spans(1)
    assert span["attributes"]["sentinelops.outcome"] == "cancelled"
    assert not span["error"]


def test_reading_on_in_an_except_block_is_not_an_error(client: openai.OpenAI, spans: Spans) -> None:
    stream = open_stream(client)
    try:
        client.chat.completions.create(model="limited", messages=HI)
    except openai.RateLimitError:
        list(stream)
    assert [span["error"] for span in spans(2)] == [True, False]


@FORGOTTEN_SOCKETS
@pytest.mark.parametrize("way", ["break", "close", "never read", "never entered"])
def test_streams_let_go_are_ended_and_leave_nothing(
    way: str, client: openai.OpenAI, provider: FakeOpenAI, spans: Spans
) -> None:
    count = 40 if way != "never entered" else 0
    for _ in range(40):
        if way == "never entered":
            client.chat.completions.stream(model="plain", messages=HI)
            continue
        stream = open_stream(client, "held")
        if way == "break":
            break_off(stream)
        elif way == "close":
            stream.close()
        del stream
        gc.collect()
    assert all(outcome(span) == "cancelled" for span in spans(count))
    assert watch.live_count() == 0


@FORGOTTEN_SOCKETS
def test_hundreds_of_abandoned_streams_leave_memory_flat(
    client: openai.OpenAI, provider: FakeOpenAI, sink: Any, spans: Spans
) -> None:
    def held_after(count: int) -> int:
        """Bytes allocated in our files and still held."""
        for number in range(count):
            break_off(open_stream(client))
            if number % 10 == 9:
                gc.collect()
        spans(count)
        # what the servers of this test keep stands in dicts of Python's free lists, booked to whoever made them first
        sink.spans.clear()
        provider.requests.clear()
        _encode._known.clear()  # bounded, and not of streams
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/src/sentinelops/*")])
        return sum(trace.size for trace in ours.traces)

    # httpcore takes a lock that is not reentrant; a collection inside it that closes a forgotten stream, as the client
    # of major 2 has it, waits for itself for ever, with us or without
    gc.disable()
    tracemalloc.start()
    try:
        held_after(50)
        before = held_after(50)
        after = held_after(400)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 20_000  # 50 bytes for each
    assert watch.live_count() == 0


@FORGOTTEN_SOCKETS
def test_async_streams_break_close_cancel_and_fall(aclient: openai.AsyncOpenAI, spans: Spans) -> None:
    async def broken_off() -> None:
        async for _ in await open_stream(aclient, "held"):
            break

    async def closed() -> None:
        stream = await open_stream(aclient, "held")
        await stream.close()

    async def cancelled() -> None:
        async for _ in await open_stream(aclient, "held"):
            pass

    async def go() -> None:
        async with aclient:
            await broken_off()
            await closed()
            task = asyncio.create_task(cancelled())
            while watch.live_count() < 1 or not _first_token_seen():
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await open_stream(aclient, "held")  # never read
            gc.collect()

    asyncio.run(go())
    assert [outcome(span) for span in spans(4)] == ["cancelled"] * 4
    assert not any(span["error"] for span in spans(4))
    assert watch.live_count() == 0


def _first_token_seen() -> bool:
    return any(exchange._call._first_ns for exchange in list(watch._live.values()))


def test_an_error_inside_a_stream(client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(openai.APIError, match="boom"):
        list(open_stream(client, "fails"))
    (span,) = spans(1)
    assert span["error"]
    assert span["message"] == "boom"
    assert span["attributes"]["error.type"] == "APIError"
    assert span["attributes"]["sentinelops.error.code"] == "overloaded"
    assert outcome(span) is None


def test_a_line_that_dies(client: openai.OpenAI, aclient: openai.AsyncOpenAI, spans: Spans) -> None:
    with pytest.raises(Exception):  # noqa: B017 - httpx's own in major 2, the client's in 3
        list(open_stream(client, "dies"))

    async def go() -> None:
        async with aclient:
            async for _ in await open_stream(aclient, "dies"):
                pass

    with pytest.raises(Exception):  # noqa: B017
        asyncio.run(go())
    for span in spans(2):
        assert span["error"]
        assert span["attributes"]["error.type"] == "APIConnectionError"
        assert said(span) == "Hel"


def test_a_chunk_that_is_not_json(client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(json.JSONDecodeError):
        list(open_stream(client, "garbled"))
    (span,) = spans(1)
    assert said(span) == "Hel"
    assert outcome(span) == "cancelled"


def test_no_done_at_the_end_is_still_the_end(client: openai.OpenAI, spans: Spans) -> None:
    list(open_stream(client, "no-done"))
    (span,) = spans(1)
    assert outcome(span) is None
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20


def test_enormous_streams_are_folded_on_the_way(
    client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "TEXT_CHARS", 20_000)
    most = 0
    taken = streams.Passage.take

    def take(self: Any, chunk: bytes) -> None:
        nonlocal most
        taken(self, chunk)
        most = max(most, sum(map(len, self._pieces)))

    monkeypatch.setattr(streams.Passage, "take", take)
    assert len(list(open_stream(client, "long"))) == 6_003
    (span,) = spans(1)
    assert most <= streams.FOLD_BYTES
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert said(span).startswith("word word ")


def test_events_split_anywhere_fold_the_same() -> None:
    from openai_support.answers import CHAT, STREAMS
    from sentinelops.instrument._wire.openai_folders import ChatFolder

    whole = "".join(STREAMS[CHAT, "tools"]).encode()
    bodies = []
    for size in (1, 7, 64, len(whole)):
        for ending in (b"\n", b"\r\n"):
            data = b": ping\n\n" + whole.replace(b"\n", ending)
            passage = streams.Passage(ChatFolder(), None, None)
            for start in range(0, len(data), size):
                passage.take(data[start : start + size])
            passage.settle()
            assert passage.folder is not None and passage.folder.finished
            bodies.append(passage.folder.body)
    assert all(body == bodies[0] for body in bodies)
    assert bodies[0]["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"] == '{"city": "Oslo"}'


@pytest.mark.parametrize("ending", ["", "\n", "\n\n", "\n\n\n", "\n\n\n\n\n"])
def test_any_number_of_empty_lines_may_stand_at_the_end(ending: str) -> None:
    from openai_support.answers import CHAT, STREAMS
    from sentinelops.instrument._wire.openai_folders import ChatFolder

    passage = streams.Passage(ChatFolder(), None, None)
    passage.take("".join(STREAMS[CHAT, "plain"]).rstrip().encode() + ending.encode())
    passage.settle()
    assert passage.folder is not None and passage.folder.finished
    assert passage.folder.body["usage"]["prompt_tokens"] == 100


def test_what_waits_weighs_what_the_answer_holds() -> None:
    from sentinelops._batch import weight
    from sentinelops._call import CallRecord
    from sentinelops.instrument._wire.answer import Answer, describe
    from sentinelops.instrument._wire.openai import CHAT

    record = CallRecord("chat", "openai", "m", {"messages": [{"role": "user", "content": "x" * 1_000}]}, describe)
    bare = weight(record)
    record.response = answer = Answer(CHAT)
    assert weight(record) == bare
    answer.keep(b"y" * 50_000)
    assert weight(record) == bare + 50_000
    answer.passage = streams.Passage(None, None, None)
    answer.passage.take(b"z" * 70_000)
    assert weight(record) == bare + 70_000


@FORGOTTEN_SOCKETS
def test_a_stream_open_at_a_fork_is_the_parents(client: openai.OpenAI, provider: FakeOpenAI, spans: Spans) -> None:
    import os

    stream = open_stream(client, "held")
    next(stream)
    assert watch.live_count() == 1
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        os._exit(0 if watch.live_count() == 0 else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    provider.hold.set()
    list(stream)
    (span,) = spans(1)
    assert outcome(span) is None
