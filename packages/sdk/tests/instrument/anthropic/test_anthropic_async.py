"""The async client: streams left early, cancelled, closed, awaited to their end; errors and retries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from anthropic_support.surfaces import HELLO
from openai_support.fake import Span, Spans
from sentinelops.instrument._wire import watch

Talk = Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]


def talk(provider: FakeAnthropic, what: Talk, **options: Any) -> Any:
    """Give what `what` returns, with a client of its own event loop."""

    async def go() -> Any:
        given = {"api_key": "sk", "base_url": provider.url, "max_retries": 0, **options}
        async with anthropic.AsyncAnthropic(**given) as client:
            return await what(client)

    return asyncio.run(go())


def left_early(span: Span) -> None:
    """It was cancelled, is no error, and has no output count, for none was told."""
    attributes = span["attributes"]
    assert not span["error"]
    assert attributes["sentinelops.outcome"] == "cancelled"
    assert attributes["gen_ai.usage.input_tokens"] == 100
    assert "gen_ai.usage.output_tokens" not in attributes
    assert watch.live_count() == 0


def whole(span: Span) -> None:
    assert not span["error"]
    assert "sentinelops.outcome" not in span["attributes"]
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20


def test_a_helper_that_is_left_early_is_cancelled(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> str:
        async with client.messages.stream(model="held", **HELLO) as stream:
            async for text in stream.text_stream:
                return text
        return ""

    assert talk(provider, what) == "Hello"
    provider.hold.set()
    left_early(spans(1)[0])


def test_a_stream_that_is_closed_is_cancelled(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        stream = await client.messages.create(model="held", stream=True, **HELLO)
        await anext(aiter(stream))
        await stream.close()

    talk(provider, what)
    provider.hold.set()
    left_early(spans(1)[0])


def test_a_task_that_is_cancelled_in_a_stream(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        reached = asyncio.Event()

        async def read() -> None:
            async with client.messages.stream(model="held", **HELLO) as stream:
                async for _ in stream.text_stream:
                    reached.set()

        task = asyncio.create_task(read())
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    talk(provider, what)
    provider.hold.set()
    left_early(spans(1)[0])


def test_a_task_that_is_cancelled_while_it_waits_for_the_answer(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        task = asyncio.create_task(client.messages.create(model="late", **HELLO))
        while not provider.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        provider.hold.set()

    talk(provider, what)
    (span,) = spans(1)
    assert not span["error"]
    assert span["attributes"]["sentinelops.outcome"] == "cancelled"
    assert not [name for name in span["attributes"] if name.startswith("gen_ai.usage.")]


def test_until_done_reads_to_the_end(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        async with client.messages.stream(model="plain", **HELLO) as stream:
            await stream.until_done()

    talk(provider, what)
    whole(spans(1)[0])


def test_until_done_of_the_sync_client(client: anthropic.Anthropic, spans: Spans) -> None:
    with client.messages.stream(model="plain", **HELLO) as stream:
        stream.until_done()
    whole(spans(1)[0])


def test_a_helper_that_is_never_entered_is_no_call(provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        manager: Any = client.messages.stream(model="plain", **HELLO)
        request = next((value for value in vars(manager).values() if asyncio.iscoroutine(value)), None)
        if request is not None:
            request.close()  # as the interpreter does, without its warning

    talk(provider, what)
    assert spans(0) == []
    assert provider.requests == []


@pytest.mark.parametrize(
    ("model", "stream", "raised", "wanted"),
    [
        ("limited", False, "RateLimitError", {"error.type": "RateLimitError", "http.response.status_code": 429}),
        ("bad", True, "BadRequestError", {"error.type": "BadRequestError", "http.response.status_code": 400}),
        ("overloads", True, "APIStatusError", {"sentinelops.error.code": "overloaded_error"}),
        ("breaks", True, None, {"error.type": "APIConnectionError"}),
    ],
)
def test_errors(
    model: str, stream: bool, raised: str | None, wanted: dict[str, Any], provider: FakeAnthropic, spans: Spans
) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        answer: Any = await client.messages.create(model=model, stream=stream, **HELLO)
        [event async for event in answer]

    with pytest.raises(getattr(anthropic, raised) if raised else Exception):
        talk(provider, what)
    (span,) = spans(1)
    assert span["error"]
    assert {name: span["attributes"].get(name) for name in wanted} == wanted


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
def test_retries_are_one_call(stream: bool, provider: FakeAnthropic, spans: Spans) -> None:
    async def what(client: anthropic.AsyncAnthropic) -> None:
        answer: Any = await client.messages.create(model="plain", stream=stream, **HELLO)
        if stream:
            [event async for event in answer]

    provider.failures_before_success = 2
    talk(provider, what, max_retries=3)
    provider.failures_before_success = 9
    with pytest.raises(anthropic.InternalServerError):
        talk(provider, what, max_retries=1)
    provider.failures_before_success = 0
    good, bad = sorted(spans(2), key=lambda span: bool(span["error"]))
    whole(good)
    assert [span["attributes"]["sentinelops.attempts"] for span in (good, bad)] == [3, 2]
    assert bad["attributes"]["http.response.status_code"] == 529
