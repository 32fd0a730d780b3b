"""The benchmark of the wrappers still runs, and says what it measured; what that is depends on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


@pytest.mark.timeout(180)
def test_the_benchmark_of_the_wrappers_runs() -> None:
    command = [sys.executable, "wrappers.py", "--here", "--quick", "--only", "openai"]
    done = subprocess.run(command, cwd=BENCHMARKS, capture_output=True, text=True, check=False, timeout=170)

    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    assert rows[0][0] == "openai: added, us"
    ours = {row[0]: row for row in rows if "**sentinelops**" in row[0]}
    assert list(ours) == [f"{case}, **sentinelops**" for case in ("chat", "stream", "responses")]
    assert [row[5:7] for row in ours.values()] == [["1", "yes"]] * 3  # one span a call, and it says the tokens
    bare = [row for row in rows if row[0].endswith("nothing (absolute)")]
    assert [len(row) for row in bare] == [9] * 3
    assert lines[-1].startswith("1 rounds of 20 calls; ")
