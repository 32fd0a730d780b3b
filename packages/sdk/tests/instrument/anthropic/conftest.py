"""A provider, a receiver and an instrumented client for each test of this folder."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from openai_support.fake import Sink, Span, Spans
from sentinelops import _configure, _guard
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import watch


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeAnthropic]:
    server = FakeAnthropic()
    yield server
    server.stop()


@pytest.fixture
def provider(fake: FakeAnthropic) -> Iterator[FakeAnthropic]:
    fake.requests.clear()
    fake.failures_before_success = 0
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
    """SentinelOps configured and watching anthropic; failures of ours are raised unless a test says otherwise."""
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
        schedule_delay_seconds=0.01,
    )
    instrument("anthropic")
    yield receiver
    uninstrument("anthropic")
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


@pytest.fixture
def client(provider: FakeAnthropic) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="sk-ant-test-0123456789", base_url=provider.url, max_retries=0) as made:
        yield made


@pytest.fixture
def aclient(provider: FakeAnthropic) -> anthropic.AsyncAnthropic:
    return anthropic.AsyncAnthropic(api_key="sk-ant-test-0123456789", base_url=provider.url, max_retries=0)
