"""The same tests with the previous major of the client, in a virtual environment that `make services` makes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()
ROOT = HERE.parents[4]
CACHE = Path(os.environ.get("SENTINELOPS_CACHE", Path.home() / ".cache" / "sentinelops"))
PYTHON = Path(os.environ.get("SENTINELOPS_TEST_PYTHON_OPENAI2", CACHE / "venv-openai2" / "bin" / "python"))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.service("openai2")
def test_the_previous_major_passes_the_same_tests() -> None:
    assert PYTHON.exists(), f"there is no {PYTHON}: run `make services`"
    asked = subprocess.run(
        [PYTHON, "-c", "import openai; print(openai.__version__)"], capture_output=True, text=True, check=True
    )
    assert asked.stdout.startswith("2."), f"{PYTHON} has openai {asked.stdout.strip()}, wanted 2.x: run `make services`"
    command = [str(PYTHON), "-m", "pytest", str(HERE.parent / "openai")]
    # the real model is not of that environment: it is asked by the same tests with the present major
    command += ["--ignore", str(HERE.parent / "openai" / "test_openai_real_model.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "packages" / "sdk" / "src")}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    assert " passed" in done.stdout
