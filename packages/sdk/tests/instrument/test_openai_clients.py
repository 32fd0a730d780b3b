"""The same tests with the previous major of the client."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("openai-2")
def test_the_previous_major_passes_the_same_tests() -> None:
    # the real model is not of that environment: it is asked by the same tests with the present major
    run_in(
        "openai-2",
        "packages/sdk/tests/instrument/openai",
        "--ignore=packages/sdk/tests/instrument/openai/test_openai_real_model.py",
        expect="openai==2.",
        timeout_seconds=840,
    )
