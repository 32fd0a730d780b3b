"""Makes the application's role and database in a fresh embedded PostgreSQL; run on every start."""

from __future__ import annotations

import psycopg
from psycopg import sql

__all__ = ["ensure_application"]


def ensure_application(admin_url: str, role: str, password: str, database: str) -> None:
    """Make `role` (it may log in, and is no superuser) and `database`, which it owns, where they are missing."""
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(password)
                )
            )
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), sql.Identifier(role))
            )
