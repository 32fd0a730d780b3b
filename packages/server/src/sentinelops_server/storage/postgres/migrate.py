"""Brings a database to the schema of this release, forward only; safe when two processes start together."""

from __future__ import annotations

from pathlib import Path

import psycopg

from ...errors import Permanent
from .database import translate

__all__ = ["current", "head", "migrate"]

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x53454E54  # "SENT": one migration at a time, whoever runs it


def head() -> str:
    """Return the newest revision this release knows; each revision's file begins with its name."""
    return max(path.name.split("_", 1)[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def current(url: str) -> str | None:
    """Return the revision the database is at, None when it is empty. Raises Temporary when it cannot be reached."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            return _current(connection)
    except psycopg.Error as error:
        raise translate(error) from error


def migrate(url: str) -> list[str]:
    """Apply what is missing and name it; nothing when the database is up to date. Raises Temporary or Permanent."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            before = _current(connection)
            if before == head():
                return []  # the common case does not pay for importing Alembic
            return _upgrade(url, before)
    except psycopg.Error as error:
        raise translate(error) from error


def _current(connection: psycopg.Connection) -> str | None:
    row = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if row is None else str(row[0])


def _upgrade(url: str, before: str | None) -> list[str]:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from alembic.util.exc import CommandError
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    script = ScriptDirectory.from_config(config)
    try:
        missing = [revision.revision for revision in script.walk_revisions(before or "base", "head")]
    except CommandError as error:
        raise Permanent(
            f"the database is at revision {before}, which this release does not know: "
            "it was migrated by a newer SentinelOps"
        ) from error
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    return [revision for revision in reversed(missing) if revision != before]
