"""Every revision applied on its own leads to the schema that a new database gets in one go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sentinelops_server.storage.postgres.migrate import MIGRATIONS, current, head, migrate
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

# what a schema is made of; order and object ids left out
PARTS = {
    "columns": "SELECT table_name, column_name, ordinal_position, data_type, character_maximum_length,"
    " numeric_precision, numeric_scale, is_nullable, column_default FROM information_schema.columns"
    " WHERE table_schema = 'public'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace = 'public'::regnamespace",
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    " AND prokind <> 'a'",
    "storage": "SELECT attrelid::regclass::text, attname, attstorage::text, attcompression::text FROM pg_attribute"
    " JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace AND attnum > 0",
    "tables": "SELECT relname, relkind::text, pg_get_partkeydef(oid), reloptions FROM pg_class"
    " WHERE relnamespace = 'public'::regnamespace",
    "types": "SELECT typname, typtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace",
    "extensions": "SELECT extname FROM pg_extension",
}


def schema(url: str) -> dict[str, list[Any]]:
    with psycopg.connect(url) as connection:
        return {part: sorted(connection.execute(sql).fetchall(), key=repr) for part, sql in PARTS.items()}


def config() -> Config:
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return made


def revisions() -> Iterator[str]:
    """From the first to the newest."""
    yield from reversed([one.revision for one in ScriptDirectory.from_config(config()).walk_revisions()])


def upgrade(url: str, revision: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    wanted = config()
    with engine.begin() as connection:
        wanted.attributes["connection"] = connection
        command.upgrade(wanted, revision)
    engine.dispose()


def test_step_by_step_leads_to_the_same_schema(empty_database_url: str, database_url: str) -> None:
    steps = list(revisions())
    assert steps[-1] == head()
    for revision in steps:
        upgrade(empty_database_url, revision)
        assert current(empty_database_url) == revision
    assert migrate(empty_database_url) == []
    stepwise, at_once = schema(empty_database_url), schema(database_url)
    assert {"request_metrics", "spans", "anomalies"} <= {row[0] for row in at_once["columns"]}
    for part in PARTS:
        assert stepwise[part] == at_once[part], part


def test_revisions_stand_in_one_line() -> None:
    script = ScriptDirectory.from_config(config())
    assert script.get_heads() == [head()]
    assert list(revisions()) == sorted(revisions())
