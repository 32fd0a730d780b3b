"""Sessions: conversations across traces, turn by turn, with what each turn cost."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...errors import NotFound
from ...query.scores import marks_of, scores_of_session
from ...query.sessions import find_sessions, get_session
from ...query.shapes import SessionPage
from ..render import Pages
from .common import ask

__all__ = ["routes"]


def routes(pages: Pages) -> APIRouter:
    """Give the pages under /sessions."""
    router = APIRouter()

    @router.get("/sessions")
    def sessions(request: Request) -> Response:
        asked = ask(pages, request)
        found = SessionPage([])
        if not asked.error:
            cursor = asked.view.get("cursor") or None
            found = find_sessions(pages.deps.database, asked.view.scope, asked.filter, cursor, pages.deps.config.rows)
        return pages.page(request, "sessions.html", asked.context | {"page": found})

    @router.get("/sessions/{session_id:path}")
    def session(request: Request, session_id: str) -> Response:
        found = get_session(pages.deps.database, session_id)
        if found is None:
            raise NotFound(f"There is no session {session_id[:80]!r}, or retention has deleted it.")
        turns, spent = [], None
        for row in found["requests"]:
            if row["estimated_cost"] is not None:
                spent = (spent or 0.0) + row["estimated_cost"]
            turns.append((row, spent))
        longest = max((row["duration_seconds"] for row in found["requests"]), default=0)
        return pages.page(
            request,
            "session.html",
            {
                "view": pages.view(request),
                "s": found,
                "turns": turns,
                "longest": longest,
                "scores": scores_of_session(pages.deps.database, session_id),
                "marks": marks_of(pages.deps.database, found["requests"]),
            },
        )

    return router
