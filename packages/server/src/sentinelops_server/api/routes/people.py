"""API routes: sessions (conversations) and users of the monitored applications."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ...errors import NotFound
from ...query.scores import scores_of_session
from ...query.sessions import find_sessions, find_users, get_session, get_user
from ..answers import answer
from ..bodies import ListBody, Where, filter_of, scope_of
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["people_routes"]


def people_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /sessions and /users."""
    router = APIRouter(tags=["sessions and users"], dependencies=[Depends(guard.read)])

    def page(find: Any, body: ListBody) -> Response:
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        return answer(find(deps.database, scope, filter_of(body.filter, body.search), body.cursor, body.limit))

    def narrowed(where: Where) -> Any:
        given = where.model_dump(exclude_none=True)
        return scope_of(where, deps.clock(), deps.config.default_range) if given else None

    @router.post("/sessions/query", summary="Query sessions")
    def query_sessions(body: ListBody) -> Response:
        """Return a page of sessions, latest activity first (order is not taken)."""
        return page(find_sessions, body)

    @router.get("/sessions/{session_id:path}", summary="One session with its requests")
    def one_session(session_id: str, request: Request, where: Annotated[Where, Query()]) -> Response:
        """One session over its whole life, or within the scope that is given."""
        found = get_session(deps.database, session_id, narrowed(where))
        if found is None:
            raise NotFound("there is no session of that id")
        return answer({**found, "scores": scores_of_session(deps.database, session_id)}, request)

    @router.post("/users/query", summary="Query users")
    def query_users(body: ListBody) -> Response:
        """Return a page of users, latest activity first (order is not taken)."""
        return page(find_users, body)

    @router.get("/users/{user_id:path}", summary="One user")
    def one_user(user_id: str, request: Request, where: Annotated[Where, Query()]) -> Response:
        """One user over all time, or within the scope that is given."""
        found = get_user(deps.database, user_id, narrowed(where))
        if found is None:
            raise NotFound("there is no user of that id")
        return answer(found, request)

    return router
