"""WebSocket sessions, where the package that they need is: with the present major of the client and the one before."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.timeout(900)
@pytest.mark.service("openai-realtime")
def test_sessions() -> None:
    run_in("openai-realtime", "packages/sdk/tests/instrument/openai_realtime", expect="openai==3.")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("openai-2")
def test_sessions_with_the_previous_major() -> None:
    run_in("openai-2", "packages/sdk/tests/instrument/openai_realtime", expect="openai==2.")
