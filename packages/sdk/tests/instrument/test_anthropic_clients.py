"""The wrapper of `anthropic` with the oldest and the newest client that it knows."""

from __future__ import annotations

import pytest
from client_venvs import run_in

TESTS = "packages/sdk/tests/instrument/anthropic"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("anthropic-2")
def test_the_newest_client() -> None:
    run_in("anthropic-2", TESTS, expect="anthropic==2.", timeout_seconds=840)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("anthropic-0")
def test_the_oldest_client() -> None:
    # it makes no spans of its own, so there is nothing of its own to replace
    run_in("anthropic-0", TESTS, f"--ignore={TESTS}/test_anthropic_native.py", expect="anthropic==0.40.",
           timeout_seconds=840)  # fmt: skip
