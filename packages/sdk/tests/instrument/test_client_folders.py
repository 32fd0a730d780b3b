"""No folder of tests is left behind: each is run here or in an environment of its own."""

from __future__ import annotations

import re
from pathlib import Path

from client_venvs import ROOT

HERE = Path(__file__).parent


def test_every_folder_is_run_in_an_environment_that_has_its_library() -> None:
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and list(path.glob("test_*.py"))}
    runners = "\n".join(path.read_text() for path in HERE.glob("test_*_clients.py"))
    named = set(re.findall(r"packages/sdk/tests/instrument/(\w+)", runners))
    assert folders - named - {"openai"} == set()
    assert "openai" in named


def test_every_environment_is_used_and_pinned() -> None:
    folder = ROOT / ".ci" / "clients"
    wanted = {path.stem for path in folder.glob("*.in")}
    pinned = {path.stem for path in folder.glob("*.txt")} - {"common"}
    assert wanted == pinned
    sources = "\n".join(path.read_text() for path in ROOT.glob("packages/*/tests/**/*.py"))
    for more in ("tests", "benchmarks"):
        sources += "\n".join(path.read_text() for path in (ROOT / more).glob("**/*.py"))
    assert {name for name in wanted if f'"{name}"' not in sources} == set()
