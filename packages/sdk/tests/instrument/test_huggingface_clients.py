"""The Inference client in its newest major and its oldest supported version, each with the libraries it sends with."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("huggingface-newest")
def test_the_newest_major() -> None:
    run_in("huggingface-newest", "packages/sdk/tests/instrument/huggingface", expect="huggingface_hub==2.")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("huggingface-oldest")
def test_the_oldest_supported_version() -> None:
    run_in("huggingface-oldest", "packages/sdk/tests/instrument/huggingface", expect="huggingface_hub==0.31.")
