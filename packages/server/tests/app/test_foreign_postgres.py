"""The whole server on a PostgreSQL that is not ours: it stores, answers, restarts, and outlives the restart of that."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from app.test_server import a_server, ask, found, http_exporter, send, until
from foreign_postgres import ForeignPostgres
from sentinelops_server.app.server import Server, StartError

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
