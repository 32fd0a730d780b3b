"""Frameworks over provider clients over the HTTP hook."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("langchain-newest")
def test_whatever_is_stacked_one_span_bears_the_tokens() -> None:
    run_in("langchain-newest", "packages/sdk/tests/instrument/stacks", timeout_seconds=840)
