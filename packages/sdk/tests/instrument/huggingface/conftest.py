"""A server, a receiver and an instrumented client for each test of this folder."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from huggingface_hub.inference import _common
from huggingface_support.fake import NEW, FakeHub
from openai_support.fake import Sink, Span, Spans
from sentinelops import _configure, _guard
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import watch

# what the newest is asked through; requests and aiohttp have other places for it
collect_ignore = [] if NEW else ["test_huggingface_providers.py"]


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeHub]:
    server = FakeHub()
    yield server
    server.stop()


@pytest.fixture
def hub(fake: FakeHub) -> Iterator[FakeHub]:
    _common._UNSUPPORTED_TEXT_GENERATION_KWARGS.clear()  # what the client remembers of servers, by process
    fake.requests.clear()
    fake.headers, fake.failures_before_success = {"openai-processing-ms": ""}, 0
    fake.hold.clear()
    yield fake
    fake.hold.set()


@pytest.fixture(scope="session")
def receiver() -> Iterator[Sink]:
    server = Sink()
    yield server
    server.stop()


@pytest.fixture
def sink(receiver: Sink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """SentinelOps configured and watching; failures of ours are raised unless a test says otherwise."""
    monkeypatch.setattr(_guard, "strict", True)
    gc.collect()
    watch.drain()
    receiver.spans.clear()
    receiver.status = 200
    _configure.configure(
        application="test",
        environment="test",
        endpoint=receiver.url,
        api_key="so-ingest",
        capture_content="on",
        metrics=False,
        hosts=["127.0.0.1"],  # what stands there would be seen by the HTTP hook too
        schedule_delay_seconds=0.01,
    )
    instrument("huggingface", "http")  # the HTTP hook below must stay silent in every one of these tests
    yield receiver
    uninstrument("huggingface", "http")
    watch._end_all()  # what a test broke may have left open
    watch._live.clear()
    _configure.shutdown()


@pytest.fixture
def spans(sink: Sink) -> Spans:
    """spans(n): the n spans that arrived, no more and no fewer."""

    def wait(count: int = 1) -> list[Span]:
        gc.collect()
        watch.drain()
        return sink.wait(count, _configure.flush)

    return wait
