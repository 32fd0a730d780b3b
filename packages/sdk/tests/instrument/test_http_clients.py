"""The HTTP hook, in an environment with the HTTP clients and the provider clients that stand on them."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("http")
def test_plain_clients_and_provider_clients() -> None:
    run_in("http", "packages/sdk/tests/instrument/http", timeout_seconds=840)
