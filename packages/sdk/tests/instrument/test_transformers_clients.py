"""Models in this process, with the newest major of transformers and the oldest supported version."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("transformers-newest")
def test_the_newest_major() -> None:
    run_in("transformers-newest", "packages/sdk/tests/instrument/transformers", expect="transformers==5.")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("transformers-oldest")
def test_the_oldest_supported_version() -> None:
    run_in("transformers-oldest", "packages/sdk/tests/instrument/transformers", expect="transformers==4.46.")
