"""A provider and watched runs for each test of this folder."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from openai_support.fake import FakeOpenAI
from opentelemetry import trace
from sentinelops import _guard
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument.langchain import _runs
from sentinelops.testing import Captured, capture


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeOpenAI]:
    server = FakeOpenAI()
    yield server
    server.stop()


@pytest.fixture
def llm(fake: FakeOpenAI, loop: asyncio.Runner) -> Iterator[Any]:
    import openai
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="plain", base_url=fake.url, api_key="sk-test-0123456789abcdef", max_retries=0)
    yield model
    if openai.__version__.startswith("1."):  # later ones share their connections
        model.root_client.close()
        loop.run(model.root_async_client.close())


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """Runs are watched; at the end none may be left open, and nothing current."""
    monkeypatch.setattr(_guard, "strict", True)
    with capture() as spans:
        instrument("langchain")
        yield spans
        uninstrument("langchain")
    gc.collect()
    left = _runs.live()
    _runs.forget()
    assert left == 0
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.Runner]:
    """One loop for all: langchain-openai keeps its client, which belongs to a loop."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def run(loop: asyncio.Runner) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    return loop.run
