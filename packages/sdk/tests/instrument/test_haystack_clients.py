"""Haystack's tests with its newest version, and with the oldest that is supported."""

from __future__ import annotations

import pytest
from client_venvs import run_in

TESTS = "packages/sdk/tests/instrument/haystack"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("haystack-newest")
def test_the_newest_haystack() -> None:
    run_in("haystack-newest", TESTS, expect="haystack-ai==3.")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("haystack-oldest")
def test_the_oldest_haystack() -> None:
    run_in("haystack-oldest", TESTS, expect="haystack-ai==2.20.")
