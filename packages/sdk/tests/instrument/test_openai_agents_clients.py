"""The OpenAI Agents SDK, in the environment that has it."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.timeout(900)
@pytest.mark.service("openai-agents")
def test_the_agents_sdk() -> None:
    run_in("openai-agents", "packages/sdk/tests/instrument/openai_agents", expect="openai-agents==0.24")
