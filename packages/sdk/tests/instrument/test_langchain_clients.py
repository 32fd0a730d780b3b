"""LangChain and LangGraph, the oldest and the newest versions that are supported."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "expect"),
    [
        pytest.param("langchain-newest", "langchain-core==1.", marks=pytest.mark.service("langchain-newest")),
        pytest.param("langchain-oldest", "langchain-core==0.3.86", marks=pytest.mark.service("langchain-oldest")),
    ],
    ids=["newest", "oldest"],
)
def test_every_supported_version_passes_the_same_tests(name: str, expect: str) -> None:
    run_in(name, "packages/sdk/tests/instrument/langchain", expect=expect, timeout_seconds=840)
