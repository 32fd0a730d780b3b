"""azure-ai-inference, in the environment that has it."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.timeout(900)
@pytest.mark.service("azure")
def test_azure_ai_inference() -> None:
    run_in("azure", "packages/sdk/tests/instrument/azure", expect="azure-ai-inference==1.0.0b9")
