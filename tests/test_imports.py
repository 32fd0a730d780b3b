"""The arrows between the rooms go one way, and what is cheap to import stays cheap."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_arrows_go_one_way() -> None:
    lint = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert lint.returncode == 0, lint.stdout[-4000:] + lint.stderr[-2000:]


def _loaded(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_help_needs_no_room() -> None:
    loaded = _loaded("import sentinelops_server.cli")
    assert loaded.isdisjoint({"fastapi", "psycopg", "uvicorn", "alembic", "obstore", "grpc", "jinja2", "openai"})


def test_the_sdk_needs_no_server_library() -> None:
    loaded = _loaded("import sentinelops")
    assert loaded.isdisjoint({"sentinelops_server", "fastapi", "psycopg", "uvicorn", "openai", "requests"})
