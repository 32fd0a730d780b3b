"""What a user installs: the wheels hold what the server needs at run time, and pip alone installs them."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, built by pip from the checkout with what is installed here."""
    folder = tmp_path_factory.mktemp("wheels")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "-w", str(folder), "packages/sdk", "packages/server"], cwd=ROOT, check=True)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def empty_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=True)
    return folder / "bin" / "python"


def install(python: Path, *what: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q", "-c", "constraints.txt", *what]
    subprocess.run(command, cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": ""})


def importable(python: Path, *modules: str) -> set[str]:
    script = "import importlib.util as u, sys; print(*[m for m in sys.argv[1:] if u.find_spec(m)])"
    done = subprocess.run([str(python), "-I", "-c", script, *modules], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_wheels_hold_all_that_is_tracked(wheels: dict[str, Path]) -> None:
    for name, folder in (("sentinelops", "packages/sdk/src/"), ("sentinelops_server", "packages/server/src/")):
        listing = subprocess.run(["git", "ls-files", folder], cwd=ROOT, capture_output=True, text=True, check=True)
        tracked = {line.removeprefix(folder) for line in listing.stdout.splitlines() if (ROOT / line).is_file()}
        held = set(zipfile.ZipFile(wheels[name]).namelist())
        assert tracked - held == set()
        assert {path for path in held if "/tests/" in path} == set()
    held = set(zipfile.ZipFile(wheels["sentinelops_server"]).namelist())
    for needed in ("web/templates/", "web/static/", "storage/postgres/migrations/sql/0001_main_line.sql"):
        assert any(path.startswith(f"sentinelops_server/{needed}") for path in held), needed


@pytest.mark.slow
def test_the_sdk_alone_brings_no_server_library(wheels: dict[str, Path], empty_venv: Path) -> None:
    install(empty_venv, str(wheels["sentinelops"]))
    server = (
        "sentinelops_server",
        "fastapi",
        "starlette",
        "psycopg",
        "uvicorn",
        "alembic",
        "obstore",
        "grpc",
        "openai",
        "rich",
    )
    assert importable(empty_venv, "sentinelops", *server) == {"sentinelops"}
    subprocess.run([str(empty_venv), "-I", "-W", "error", "-c", "import sentinelops"], check=True)


@pytest.mark.slow
def test_pip_installs_the_server_and_its_command_answers(wheels: dict[str, Path], empty_venv: Path) -> None:
    install(empty_venv, str(wheels["sentinelops"]), str(wheels["sentinelops_server"]))
    command = [str(empty_venv.parent / "sentinelops"), "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "up" in said
    migrations = "import sentinelops_server.storage.postgres.migrate as m; print(m.__name__)"
    subprocess.run([str(empty_venv), "-I", "-c", migrations], check=True, capture_output=True)
