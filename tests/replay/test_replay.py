"""Recorded provider traffic through the real clients: every call with known usage is recorded right."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from client_venvs import CACHE, ROOT, python_of

RECORDINGS = CACHE.parent / "recordings"
# the least that each client must have replayed, so that an empty folder is not a success
CLIENTS = {
    "azure": 55,
    "openai": 2_050,
    "anthropic": 930,
    "bedrock": 215,
    "huggingface": 60,
    "httpx": 3_400,
    "httpx2": 3_400,
}


@pytest.mark.slow
@pytest.mark.service("replay")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("client", sorted(CLIENTS))
def test_every_call_with_known_usage_is_right(client: str) -> None:
    lists = (ROOT / "tests/replay").glob("recordings*.txt")
    wanted = [line for path in lists for line in path.read_text().splitlines() if "==" in line]
    there = list(RECORDINGS.glob("*.tar.gz"))
    assert len(there) == len(wanted), f"{RECORDINGS} has {len(there)} of {len(wanted)} archives: run `make services`"
    command = [python_of("replay"), Path(__file__).with_name("replay.py"), RECORDINGS, "--clients", client]
    command += ["--at-least", str(CLIENTS[client])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "packages/sdk/src")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-8_000:] + done.stderr[-2_000:]
