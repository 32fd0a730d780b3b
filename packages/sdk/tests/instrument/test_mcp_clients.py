"""MCP's tests with its newest version, and with the oldest that is supported."""

from __future__ import annotations

import pytest
from client_venvs import run_in

TESTS = "packages/sdk/tests/instrument/mcp"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("mcp-newest")
def test_the_newest_mcp() -> None:
    run_in("mcp-newest", TESTS, expect="mcp==2.")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("mcp-oldest")
def test_the_oldest_mcp() -> None:
    run_in("mcp-oldest", TESTS, expect="mcp==1.10.")
