"""The same tests with the previous major of the client, in the environment SENTINELOPS_TEST_PYTHON_OPENAI2 names."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
PYTHON = os.environ.get("SENTINELOPS_TEST_PYTHON_OPENAI2", "")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not PYTHON and os.environ.get("SENTINELOPS_CI") != "1", reason="SENTINELOPS_TEST_PYTHON_OPENAI2 is not set"
)
def test_the_previous_major_passes_the_same_tests() -> None:
    assert PYTHON, "set SENTINELOPS_TEST_PYTHON_OPENAI2 to a Python with openai<3, pytest, pytest-timeout and this SDK"
    asked = subprocess.run(
        [PYTHON, "-c", "import openai; print(openai.__version__)"], capture_output=True, text=True, check=True
    )
    assert asked.stdout.startswith("2."), f"{PYTHON} has openai {asked.stdout.strip()}, wanted 2.x"
    command = [PYTHON, "-m", "pytest", "-q", str(HERE.parent / "openai")]
    done = subprocess.run(command, cwd=HERE.parents[4], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
