"""Query: sessions (conversations) and the users behind them."""

from __future__ import annotations

from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope
from .shapes import SessionDetail, SessionPage, UserPage, UserRow

__all__ = ["find_sessions", "find_users", "get_session", "get_user"]


def find_sessions(
    database: Database, scope: Scope, filter: Filter | None = None, cursor: str | None = None, limit: int = 50
) -> SessionPage:
    """A page of sessions, latest activity first; `filter` is on requests. Raises Malformed."""
    raise NotImplementedError


def get_session(database: Database, session_id: str, scope: Scope | None = None) -> SessionDetail | None:
    """One session with its requests, over its whole life when no scope is given; None when there is none."""
    raise NotImplementedError


def find_users(
    database: Database, scope: Scope, filter: Filter | None = None, cursor: str | None = None, limit: int = 50
) -> UserPage:
    """A page of users, latest activity first; `filter` is on requests. Raises Malformed."""
    raise NotImplementedError


def get_user(database: Database, user_id: str, scope: Scope | None = None) -> UserRow | None:
    """One user's sums, over all time when no scope is given; None when there is none."""
    raise NotImplementedError
