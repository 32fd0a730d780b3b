"""Users of the monitored application: who uses it, what for, and what it costs."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...errors import NotFound
from ...query.filters import parse_filter
from ...query.requests import find_requests
from ...query.scope import Scope, TimeRange
from ...query.sessions import find_sessions, find_users, get_user
from ...query.shapes import UserPage
from ..render import Pages
from .common import ask

__all__ = ["routes"]


def routes(pages: Pages) -> APIRouter:
    """Give the pages under /users."""
    router = APIRouter()

    @router.get("/users")
    def users(request: Request) -> Response:
        asked = ask(pages, request)
        found = UserPage([])
        if not asked.error:
            cursor = asked.view.get("cursor") or None
            found = find_users(pages.deps.database, asked.view.scope, asked.filter, cursor, pages.deps.config.rows)
        most = max((row["estimated_cost"] or 0 for row in found.users), default=0)
        return pages.page(request, "users.html", asked.context | {"page": found, "most": most})

    @router.get("/users/{user_id:path}")
    def user(request: Request, user_id: str) -> Response:
        database, view = pages.deps.database, pages.view(request)
        found = get_user(database, user_id)
        if found is None:
            raise NotFound(f"There is no user {user_id[:80]!r}, or retention has deleted their requests.")
        theirs = parse_filter({"field": "user_id", "op": "eq", "value": user_id})
        life = Scope(TimeRange(found["first_at"], max(view.now, found["last_at"])))
        rows = find_requests(database, None, life, theirs, limit=25).requests
        context = {
            "view": view,
            "u": found,
            "rows": rows,
            "longest": max((row["duration_seconds"] for row in rows), default=0),
            "sessions": find_sessions(database, life, theirs, limit=12).sessions,
        }
        return pages.page(request, "user.html", context)

    return router
