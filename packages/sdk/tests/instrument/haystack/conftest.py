"""A provider, the spans of a block, and Haystack watched; its own telemetry stays off."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"

from collections.abc import Iterator

import pytest
from openai_support.fake import FakeOpenAI
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured, capture


@pytest.fixture(scope="session")
def server() -> Iterator[FakeOpenAI]:
    fake = FakeOpenAI()
    yield fake
    fake.stop()


@pytest.fixture
def fake(server: FakeOpenAI) -> FakeOpenAI:
    server.requests.clear()
    return server


@pytest.fixture
def captured(clean_sdk: None) -> Iterator[Captured]:
    instrument("haystack")
    with capture() as made:
        yield made
    uninstrument("haystack", "openai")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Haystack never closes the clients of its generators: their sockets are the collector's to close."""
    for item in items:
        if "/instrument/haystack/" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
