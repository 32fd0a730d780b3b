"""LlamaIndex's tests with the oldest and the newest version that are supported."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "expect"),
    [
        pytest.param(
            "llamaindex-oldest", "llama-index-core==0.12.0", marks=pytest.mark.service("llamaindex-oldest"), id="oldest"
        ),
        pytest.param("llamaindex", "llama-index-core==0.", marks=pytest.mark.service("llamaindex"), id="newest"),
    ],
)
def test_llamaindex_with(name: str, expect: str) -> None:
    run_in(name, "packages/sdk/tests/instrument/llamaindex", expect=expect, timeout_seconds=840)
