"""Runs tests of a client library in the virtual environment that `make services` made for one of its versions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("SENTINELOPS_CACHE", Path.home() / ".cache" / "sentinelops")) / "clients"


def python_of(name: str) -> Path:
    """The interpreter of `.ci/clients/NAME.txt`; its absence fails the test that asks."""
    python = CACHE / name / "bin" / "python"
    assert python.exists(), f"there is no {python}: run `bash .ci/services {name}`"
    return python


def run_in(name: str, *paths: str, expect: str = "", timeout_seconds: float = 840) -> None:
    """Run pytest on `paths` (from the root of the workspace) in that environment.

    expect: "package==version prefix" that must stand there, so that a test of an old major is one.
    """
    python = python_of(name)
    if expect:
        package, _, version = expect.partition("==")
        asked = subprocess.run(
            [python, "-c", f"import importlib.metadata as m; print(m.version({package!r}))"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert asked.stdout.startswith(version), f"{python} has {package} {asked.stdout.strip()}, wanted {version}"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(ROOT / "packages" / "sdk" / "src"), str(ROOT / "packages" / "sdk" / "tests")]
        ),
        "SENTINELOPS_TEST_CLIENT": name,
    }
    command = [str(python), "-m", "pytest", *paths]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment, timeout=timeout_seconds
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    assert " passed" in done.stdout
