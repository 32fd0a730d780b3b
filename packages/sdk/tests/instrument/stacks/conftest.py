"""A provider for each test of this folder; each says what is watched."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from openai_support.fake import FakeOpenAI
from sentinelops import _guard
from sentinelops.instrument import uninstrument
from sentinelops.instrument._wire import watch
from sentinelops.instrument.langchain import _runs
from sentinelops.testing import Captured, capture


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeOpenAI]:
    server = FakeOpenAI()
    yield server
    server.stop()


@pytest.fixture
def llm(fake: FakeOpenAI) -> ChatOpenAI:
    return ChatOpenAI(model="plain", base_url=fake.url, api_key="sk-test-0123456789abcdef", max_retries=0)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def run(loop: asyncio.Runner) -> Any:
    return loop.run


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> Iterator[Captured]:
    """Nothing is watched yet; at the end no run may be left open."""
    monkeypatch.setattr(_guard, "strict", True)
    with capture() as spans:
        yield spans
        uninstrument("langchain", "openai", "http", "anthropic")
    gc.collect()
    watch.drain()
    left = _runs.live()
    _runs.forget()
    assert left == 0
