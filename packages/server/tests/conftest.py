"""A real PostgreSQL for every test that asks: one server a session, one fresh migrated database a test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from sentinelops_server.storage.embedded import EmbeddedPostgres
from sentinelops_server.storage.postgres.database import Database, PostgresConfig
from sentinelops_server.storage.postgres.migrate import migrate

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with tempfile.TemporaryDirectory(prefix="so-test-") as folder:
        # durability is tested by the tests that kill the server, which start their own
        server = EmbeddedPostgres(Path(folder) / "data", settings={"fsync": "off", "shared_buffers": "64MB"})
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def template_database(postgres: EmbeddedPostgres) -> str:
    migrate(postgres.url)
    return "sentinelops"


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template_database: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template_database} OWNER sentinelops".encode())
    yield _with_database(postgres.url, name)
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def empty_database_url(postgres: EmbeddedPostgres) -> Iterator[str]:
    """A database without any table."""
    name = f"empty_{next(_numbers)}"
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 OWNER sentinelops".encode())
    yield _with_database(postgres.url, name)
    with psycopg.connect(postgres.admin_url, autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with Database(PostgresConfig(database_url, pool_max=8)) as opened:
        yield opened
