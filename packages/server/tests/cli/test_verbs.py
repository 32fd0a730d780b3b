"""The verbs without a server: they start the database themselves, say what is wrong, and how to mend it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(*words: str, data: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    options = ["--data-dir", str(data)] if data else []
    return subprocess.run(
        [sys.executable, "-m", "sentinelops_server.cli", *words, *options],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "data"
    folder.mkdir(mode=0o700)
    return folder


def test_export_import_doctor_and_rotation_without_a_server(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl.zst"
    exported = run("export", str(file), "--json", data=data)
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout) == {"exported": 0}
    assert file.stat().st_mode & 0o777 == 0o600
    imported = run("import", str(file), "--json", data=data)
    assert imported.returncode == 0, imported.stderr
    assert json.loads(imported.stdout)["spans"] == 0
    rotated = run("payload-keys", "rotate", "--json", data=data)
    assert json.loads(rotated.stdout) == {"key_id": 2}
    revision = json.loads(run("migrate", "--json", data=data).stdout)["revision"]
    assert revision


def test_doctor_finds_files_that_others_can_read(data: Path) -> None:
    secret = data / "payload-keys.json"
    run("payload-keys", "rotate", data=data)
    secret.chmod(0o644)
    try:
        doctor = run("doctor", data=data)
        assert doctor.returncode == 1
        assert "PROBLEM  private files" in doctor.stdout
        assert f"chmod 600 {secret}" in doctor.stdout
    finally:
        secret.chmod(0o600)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("import", "nothing.jsonl"), "there is no file nothing.jsonl"),
        (("export", "-", "--since", "yesterday"), "24h, 7d"),
        (("keys", "create", "x", "--scope", "root"), "one of ingest, read, admin"),
        (("keys", "create", "x", "--scope", "read", "--expires", "soon"), "12h, 90d"),
        (("keys", "link"), "sentinelops up"),
        (("demo", "--history", "always"), "24h or 7d"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_fix(data: Path, words: tuple[str, ...], said: str) -> None:
    done = run(*words, data=data)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_is_not_made_by_looking(tmp_path: Path) -> None:
    done = run("keys", "list", data=tmp_path / "none")
    assert done.returncode == 2
    assert "sentinelops up" in done.stderr
    assert not (tmp_path / "none").exists()
    assert run("doctor", data=tmp_path / "none").returncode == 0


def test_a_setting_that_will_not_do_and_one_misspelt(tmp_path: Path) -> None:
    wrong = run("config", SENTINELOPS_RETENTION_DAYS="a lot")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "SENTINELOPS_RETENTION_DAYS" in wrong.stderr
    rows = run("config", "--json", SENTINELOPS_RETENTION_DAY="7", SENTINELOPS_DATABASE_URL="postgresql://a:hunter2@b/c")
    assert "did you mean SENTINELOPS_RETENTION_DAYS?" in rows.stderr
    assert "hunter2" not in rows.stdout
    assert {row["variable"]: row["value"] for row in json.loads(rows.stdout)}["SENTINELOPS_RETENTION_DAYS"] == 90


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql://nobody:hunter2@127.0.0.1:1/none"
    done = run("keys", "list", data=tmp_path / "data", SENTINELOPS_DATABASE_URL=url)
    assert done.returncode == 2
    assert "hunter2" not in done.stderr and "Traceback" not in done.stderr
    doctor = run("doctor", data=tmp_path / "data", SENTINELOPS_DATABASE_URL=url)
    assert doctor.returncode == 1
    assert "hunter2" not in doctor.stdout


def test_your_own_postgresql_is_used(database_url: str, tmp_path: Path) -> None:
    done = run(
        "keys", "create", "own", "--scope", "read", data=tmp_path / "data", SENTINELOPS_DATABASE_URL=database_url
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("so_")
    assert not (tmp_path / "data" / "postgres").exists()
