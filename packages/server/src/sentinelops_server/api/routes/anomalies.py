"""API routes: what detection has found."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ...errors import NotFound
from ...query.anomalies import ANOMALY_FIELDS, find_anomalies, get_anomaly
from ..answers import answer
from ..bodies import ListBody, filter_of, scope_of
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["anomalies_routes"]


def anomalies_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /anomalies."""
    router = APIRouter(prefix="/anomalies", tags=["anomalies"], dependencies=[Depends(guard.read)])

    @router.post("/query", summary="Query detected anomalies")
    def query_anomalies(body: ListBody) -> Response:
        """Return a page of anomalies."""
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        filter = filter_of(body.filter, body.search, ANOMALY_FIELDS)
        return answer(find_anomalies(deps.database, scope, filter, body.order, body.cursor, body.limit))

    @router.get("/{anomaly_id}", summary="One anomaly")
    def one_anomaly(anomaly_id: str, request: Request) -> Response:
        """One anomaly with its details."""
        found = get_anomaly(deps.database, anomaly_id)
        if found is None:
            raise NotFound("there is no anomaly of that id")
        return answer(found, request)

    return router
