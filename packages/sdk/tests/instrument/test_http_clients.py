"""The HTTP hook, in an environment with the HTTP clients and the provider clients that stand on them."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("http")
def test_plain_clients_and_provider_clients() -> None:
    run_in("http", "packages/sdk/tests/instrument/http", timeout_seconds=840)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.service("http-old")
def test_provider_clients_of_the_major_before() -> None:
    providers = "packages/sdk/tests/instrument/http/test_http_providers.py"
    # LiteLLM has no major before; it is asked in the environment of the newest
    run_in(
        "http-old", providers, f"--deselect={providers}::test_litellm_whichever_way_it_sends", expect="mistralai==1."
    )
