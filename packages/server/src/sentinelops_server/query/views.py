"""Query: saved views, a name for a page's query string."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypedDict, cast

from ..errors import Malformed
from ..storage.postgres.database import Database
from .conditions import clean_text

__all__ = ["View", "delete_view", "list_views", "save_view"]

_COLUMNS = "view_id, page, name, query, created_at AT TIME ZONE 'UTC' AS created_at"


class View(TypedDict):
    """One saved view."""

    view_id: str
    page: str
    name: str
    query: str
    created_at: datetime


def list_views(database: Database, page: str | None = None) -> list[View]:
    """Return saved views (of one page), by name."""
    sql = f"SELECT {_COLUMNS} FROM saved_views WHERE %s::text IS NULL OR page = %s ORDER BY page, name LIMIT 1000"
    return cast(list[View], database.fetch(sql, [page, page]))


def save_view(database: Database, page: str, name: str, query: str, now: Callable[[], datetime] | None = None) -> View:
    """Save, replacing one of the same page and name.

    Raises Malformed (empty or over 200 characters; query over 4,000).
    """
    for label, value, most in (("page", page, 200), ("name", name, 200), ("query", query, 4000)):
        if len(value) > most or (label != "query" and not value.strip()):
            raise Malformed(f"{label} takes 1 to {most} characters")
        for part in range(0, len(value), 1000):
            clean_text(value[part : part + 1000], label)
    time = (now() if now else datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    with database.transaction() as transaction:
        row = transaction.fetch_one(
            "INSERT INTO saved_views (view_id, page, name, query, created_at) VALUES (%s, %s, %s, %s, %s)"
            f" ON CONFLICT (page, name) DO UPDATE SET query = excluded.query RETURNING {_COLUMNS}",
            [secrets.token_hex(8), page, name.strip(), query, time],
        )
    return cast(View, row)


def delete_view(database: Database, view_id: str) -> bool:
    """Delete one; whether there was one."""
    return database.execute("DELETE FROM saved_views WHERE view_id = %s", [clean_text(view_id, "view_id")]) > 0
