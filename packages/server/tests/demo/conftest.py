"""One model server for all tests of the demo."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sentinelops_server.demo.model import ModelAddresses, ModelServer


@pytest.fixture(scope="session")
def model() -> Iterator[ModelAddresses]:
    with ModelServer() as addresses:
        yield addresses
