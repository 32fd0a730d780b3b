from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sentinelops_server.errors import Permanent, Temporary
from sentinelops_server.storage import postmaster
from sentinelops_server.storage.embedded import EmbeddedPostgres, running_url
from sentinelops_server.storage.postmaster import processes_in

DEADLINE = 60.0


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Look until it is so; the deadline only ends a test that has failed."""
    end = time.monotonic() + DEADLINE
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, f"not in {DEADLINE} s: {what}"
        pause.wait(0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / "data"


@pytest.fixture
def server(folder: Path) -> Iterator[EmbeddedPostgres]:
    made = EmbeddedPostgres(folder)
    yield made
    made.stop()
    assert processes_in(folder / "postgres") == []


def modes(path: Path) -> list[int]:
    return [stat.S_IMODE(parent.stat().st_mode) for parent in path.parents]


def test_it_runs_below_closed_folders_and_leaves_them_closed(server: EmbeddedPostgres, folder: Path) -> None:
    before = modes(folder)
    url = server.start()
    assert server.alive()
    assert modes(folder) == before
    sockets = Path(
        parse_qs(urlsplit(url).query)["host"][0]
    )  # elsewhere when the folder's path is too long for a socket
    assert [stat.S_IMODE(one.stat().st_mode) for one in (folder, folder / "postgres", sockets)] == [0o700] * 3
    assert stat.S_IMODE((folder / "postgres-passwords.json").stat().st_mode) == 0o600
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, current_setting('data_checksums'), current_setting('fsync'),"
            " current_setting('TimeZone'), current_setting('listen_addresses'), current_setting('jit')"
            " FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, "on", "on", "UTC", "", "off")
    if os.geteuid() == 0:
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0


def test_a_password_is_asked_for(server: EmbeddedPostgres) -> None:
    url = server.start()
    password = json.loads((server.data_dir / "postgres-passwords.json").read_text())["application"]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_what_was_written_is_there_after_a_restart(server: EmbeddedPostgres, folder: Path) -> None:
    with psycopg.connect(server.start()) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    assert running_url(folder) == server.url
    server.stop()
    assert running_url(folder) is None
    with psycopg.connect(server.start()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)


def test_one_folder_one_server(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    with pytest.raises(Permanent, match="another SentinelOps uses the data folder"):
        EmbeddedPostgres(folder).start()
    assert server.alive()


def test_a_killed_server_comes_back_with_every_acknowledged_row(server: EmbeddedPostgres) -> None:
    url = server.start()
    said: list[str] = []
    server._progress = said.append
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE acknowledged (n integer)")
    written = 0
    for _ in range(3):
        pid = server.pid
        assert pid is not None
        killed = threading.Event()

        def kill(pid: int = pid, killed: threading.Event = killed, after: int = written + 50) -> None:
            wait_for(lambda: written > after, "rows")  # noqa: B023 - the count goes on
            os.kill(pid, signal.SIGKILL)
            killed.set()

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(psycopg.OperationalError), psycopg.connect(url, autocommit=True) as connection:
            while True:
                connection.execute("INSERT INTO acknowledged VALUES (%s)", (written,))
                written += 1
        assert killed.wait(DEADLINE)
        wait_for(lambda pid=pid: server.alive() and server.pid != pid, "another postmaster")  # type: ignore[misc]
        with psycopg.connect(url) as connection:
            row = connection.execute("SELECT count(DISTINCT n) FROM acknowledged WHERE n < %s", (written,)).fetchone()
            assert row == (written,)
            last = connection.execute("SELECT max(n) + 1 FROM acknowledged").fetchone()
            assert last is not None
            written = last[0]  # a row may be there that was not acknowledged; never the other way
    assert any("starting it again" in line for line in said)


WRITER = """
import sys
from pathlib import Path
import psycopg
from sentinelops_server.storage.embedded import EmbeddedPostgres
url = EmbeddedPostgres(Path(sys.argv[1])).start(lambda line: print("#", line, file=sys.stderr))
with psycopg.connect(url, autocommit=True) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS acknowledged (n integer)")
    n = connection.execute("SELECT count(*) FROM acknowledged").fetchone()[0]
    while True:
        connection.execute("INSERT INTO acknowledged VALUES (%s)", (n,))
        n += 1
        print(n, flush=True)
"""


@pytest.mark.parametrize("postmaster_too", [False, True], ids=["parent", "parent and postmaster"])
def test_when_we_are_killed_postgresql_goes_too_and_nothing_is_lost(
    server: EmbeddedPostgres, folder: Path, postmaster_too: bool
) -> None:
    acknowledged = 0
    for _ in range(2):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        first = int(writer.stdout.readline())
        assert first >= acknowledged
        for line in writer.stdout:
            acknowledged = int(line)
            if acknowledged >= first + 100:
                break
        pids = processes_in(folder / "postgres")
        assert pids
        writer.kill()
        if postmaster_too:
            os.kill(min(pids), signal.SIGKILL)
        acknowledged = max([acknowledged, *(int(line) for line in writer.stdout.read().split()[:-1])])
        writer.wait()
        writer.stdout.close()
        if not postmaster_too:
            wait_for(lambda: processes_in(folder / "postgres") == [], "PostgreSQL ends with its parent")
    with psycopg.connect(server.start()) as connection:
        row = connection.execute("SELECT count(DISTINCT n) FROM acknowledged WHERE n < %s", (acknowledged,)).fetchone()
    assert row == (acknowledged,)


def test_a_stale_pid_file_of_a_number_that_lives_again(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    content = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    server.stop()
    content[0] = str(os.getpid())  # as after a restart of a container, where small numbers come again
    (folder / "postgres" / "postmaster.pid").write_text("\n".join(content))
    server.start()
    assert server.alive()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives itself up")
@pytest.mark.parametrize(
    ("permitted", "capability"), [(1 << 2 | 1 << 1 | 1 << 8, 2), (1 << 1 | 1 << 8, 1), (1 << 1, None)]
)
def test_the_least_capability_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, permitted: int, capability: int | None
) -> None:
    monkeypatch.setattr(postmaster, "_permitted_capabilities", lambda: permitted)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    if capability is None:
        with pytest.raises(Permanent, match="cannot reach"):
            postmaster.account_for([closed / "data"])
    else:
        assert postmaster.account_for([closed / "data"]).capability == capability


def test_a_cluster_half_made_is_made_again(server: EmbeddedPostgres, folder: Path) -> None:
    (folder / "postgres.new" / "base").mkdir(parents=True)
    server.start()
    assert not (folder / "postgres.new").exists()


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    folder = tmp_path.joinpath("long" * 20, "longer" * 10)
    server = EmbeddedPostgres(folder)
    try:
        with psycopg.connect(server.start()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        sockets = Path(server.url.split("host=")[1].split("&")[0].replace("%2F", "/"))
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        server.stop()
    assert not sockets.exists()


def test_lost_passwords_are_named(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "postgres-passwords.json").unlink()
    with pytest.raises(Permanent, match=r"postgres-passwords\.json is missing"):
        server.start()


def test_another_version_is_named(server: EmbeddedPostgres, folder: Path) -> None:
    server.start()
    server.stop()
    (folder / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(Permanent, match="written by PostgreSQL 12"):
        server.start()


def test_a_start_that_fails_says_why(folder: Path) -> None:
    server = EmbeddedPostgres(folder, settings={"max_connections": "-5"})
    with pytest.raises(Temporary, match="max_connections"):
        server.start()
    assert processes_in(folder / "postgres") == []
