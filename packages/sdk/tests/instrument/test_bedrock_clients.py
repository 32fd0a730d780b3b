"""The same tests with the oldest and the newest client libraries that are supported, each with boto3 and aiobotocore."""

from __future__ import annotations

import pytest
from client_venvs import run_in


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "expect"),
    [
        pytest.param("bedrock-oldest", "botocore==1.34.116", marks=pytest.mark.service("bedrock-oldest"), id="oldest"),
        pytest.param("bedrock-newest", "botocore==1.", marks=pytest.mark.service("bedrock-newest"), id="newest"),
    ],
)
def test_bedrock_with(name: str, expect: str) -> None:
    run_in(name, "packages/sdk/tests/instrument/bedrock", expect=expect, timeout_seconds=840)
