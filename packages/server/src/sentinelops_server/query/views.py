"""Query: saved views, a name for a page's query string."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict

from ..storage.postgres.database import Database

__all__ = ["View", "delete_view", "list_views", "save_view"]


class View(TypedDict):
    """One saved view."""

    view_id: str
    page: str
    name: str
    query: str
    created_at: datetime


def list_views(database: Database, page: str | None = None) -> list[View]:
    """Saved views (of one page), by name."""
    raise NotImplementedError


def save_view(database: Database, page: str, name: str, query: str, now: Callable[[], datetime] | None = None) -> View:
    """Save, replacing one of the same page and name. Raises Malformed (empty or over 200 characters; query over 4,000)."""
    raise NotImplementedError


def delete_view(database: Database, view_id: str) -> bool:
    """Whether there was one."""
    raise NotImplementedError
