"""API routes: traces, and one span in full."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from ...errors import NotFound
from ...query.filters import TRACE_FIELDS
from ...query.scores import scores_of_trace
from ...query.traces import find_traces, get_span_content, get_trace
from ..answers import answer
from ..bodies import ListBody, filter_of, scope_of
from ..deps import ApiDeps
from ..guards import Guard

__all__ = ["traces_routes"]


def traces_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /traces."""
    router = APIRouter(prefix="/traces", tags=["traces"], dependencies=[Depends(guard.read)])

    @router.post("/query", summary="Query traces with filters")
    def query_traces(body: ListBody) -> Response:
        """Return a page of traces; a field of requests holds when any request of the trace has it."""
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        filter = filter_of(body.filter, body.search, TRACE_FIELDS)
        return answer(find_traces(deps.database, scope, filter, body.order, body.cursor, body.limit))

    @router.get("/{trace_id}", summary="One trace with all its spans")
    def one_trace(trace_id: str, request: Request, attributes: bool = False) -> Response:
        """All spans by start, with critical path and scores; `attributes=true` adds the attributes of each span."""
        found = get_trace(deps.database, trace_id, attributes)
        if found is None:
            raise NotFound("there is no trace of that id: it may be older than the retention")
        return answer({**found, "scores": scores_of_trace(deps.database, trace_id)}, request)

    @router.get("/{trace_id}/spans/{span_id}", summary="One span in full")
    def one_span(trace_id: str, span_id: str, request: Request) -> Response:
        """One span with attributes, events, links and content."""
        found = get_span_content(deps.database, deps.payloads, trace_id, span_id)
        if found is None:
            raise NotFound("there is no span of that id in that trace")
        return answer(found, request)

    return router
