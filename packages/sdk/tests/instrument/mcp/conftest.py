"""MCP watched, and the spans of a block."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured, capture


@pytest.fixture
def captured(clean_sdk: None) -> Iterator[Captured]:
    instrument("mcp")
    with capture() as made:
        yield made
    uninstrument("mcp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The library leaves streams of its sessions over HTTP to the collector."""
    for item in items:
        if "/instrument/mcp/" in str(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))
