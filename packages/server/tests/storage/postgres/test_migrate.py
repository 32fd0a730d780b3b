from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from sentinelops_server.errors import Permanent, Temporary
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.migrate import current, head, migrate


def test_from_empty_and_again(empty_database_url: str) -> None:
    assert current(empty_database_url) is None
    assert migrate(empty_database_url)[-1] == head()
    assert current(empty_database_url) == head()
    assert migrate(empty_database_url) == []


def test_two_processes_may_start_together(empty_database_url: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        applied = list(pool.map(migrate, [empty_database_url] * 2))
    assert sorted(len(one) for one in applied)[0] == 0
    assert current(empty_database_url) == head()


def test_a_newer_database_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Permanent, match="newer SentinelOps"):
        migrate(empty_database_url)


def test_no_server_is_temporary(tmp_path: object) -> None:
    with pytest.raises(Temporary, match="does not answer"):
        migrate(f"postgresql://nobody@/nothing?host={tmp_path}")


def test_a_test_starts_from_the_schema(database: Database) -> None:
    assert database.fetch_one("SELECT count(*) AS n FROM request_metrics") == {"n": 0}
    assert database.ping()
