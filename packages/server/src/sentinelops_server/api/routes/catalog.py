"""API routes: what is monitored, and where every record went."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from ...query.catalog import applications, models
from ...query.ledger import ledger
from ..answers import answer
from ..bodies import Where, scope_of
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["catalog_routes"]


def catalog_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes /models, /applications and /ledger."""
    router = APIRouter(tags=["management"], dependencies=[Depends(guard.read)])

    @router.get("/models", summary="Monitored models")
    def list_models(request: Request, where: Annotated[Where, Query()]) -> Response:
        """Models seen in the scope, busiest first."""
        scope = scope_of(where, deps.clock(), deps.config.default_range)
        return answer({"models": models(deps.database, scope)}, request)

    @router.get("/applications", summary="Monitored applications")
    def list_applications(request: Request, where: Annotated[Where, Query()]) -> Response:
        """Applications seen in the scope, busiest first."""
        scope = scope_of(where, deps.clock(), deps.config.default_range)
        return answer({"applications": applications(deps.database, scope)}, request)

    @router.get("/ledger", summary="Where every record went")
    def get_ledger(where: Annotated[Where, Query()]) -> Response:
        """Received, stored, duplicate, refused and dropped records, by reason and application."""
        return answer(ledger(deps.database, scope_of(where, deps.clock(), deps.config.default_range)))

    return router
