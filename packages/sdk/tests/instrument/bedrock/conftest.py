"""A Bedrock, watched clients of both libraries, and the spans they leave."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import pytest
from bedrock_support.clients import Async, Bedrock, Sync
from bedrock_support.fake import FakeBedrock
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import watch
from sentinelops.testing import Captured, capture

Spans = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def server() -> Iterator[FakeBedrock]:
    running = FakeBedrock()
    yield running
    running.stop()


@pytest.fixture
def fake(server: FakeBedrock) -> Iterator[FakeBedrock]:
    server.reset()
    yield server
    server.released.set()


@pytest.fixture
def captured() -> Iterator[Captured]:
    """Watching, everything kept."""
    gc.collect()
    watch.drain()
    with capture() as found:
        instrument("bedrock")
        yield found
        uninstrument("bedrock")
        watch._end_all()


@pytest.fixture
def spans(captured: Captured) -> Spans:
    """spans(n): the n spans that ended, no more and no fewer."""

    def wait(count: int = 1) -> Any:
        gc.collect()
        watch.drain()
        deadline, pause = monotonic() + 10, threading.Event()
        while len(captured.spans) < count and monotonic() < deadline:
            pause.wait(0.005)
        assert len(captured.spans) == count, [span["name"] for span in captured.spans]
        assert watch.live_count() == 0
        return captured.spans

    return wait


@pytest.fixture(params=[Sync, Async], ids=["boto3", "aiobotocore"])
def bedrock(request: pytest.FixtureRequest, fake: FakeBedrock) -> Bedrock:
    made: Bedrock = request.param(fake.url)
    return made
