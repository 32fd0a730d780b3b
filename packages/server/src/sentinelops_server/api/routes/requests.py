"""API routes: the requests themselves, and their export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from ...errors import NotFound
from ...query.filters import Filter
from ...query.requests import find_requests, get_request
from ...query.scope import Scope
from ...query.scores import scores_of_request
from ...query.shapes import RequestPage, RequestRow
from ..answers import answer, encode
from ..bodies import ListBody, Where, filter_of, scope_of
from ..deps import ApiDeps
from ..export import csv_head, csv_line
from ..guards import Guard

__all__ = ["requests_routes"]

_PAGE = 1000
_EXPORTED: dict[int | str, dict[str, Any]] = {
    200: {"description": "One line a request", "content": {"text/csv": {}, "application/x-ndjson": {}}}
}


class ExportQuery(Where):
    """What to export."""

    format: Literal["csv", "jsonl"] = "csv"
    search: Annotated[str, Field(max_length=4000)] | None = None
    order: Annotated[str, Field(max_length=100)] = "-timestamp"


def requests_routes(deps: ApiDeps, guard: Guard) -> APIRouter:
    """Return the routes under /requests."""
    router = APIRouter(prefix="/requests", tags=["requests"], dependencies=[Depends(guard.read)])

    @router.post("/query", summary="Query requests with filters")
    def query_requests(body: ListBody) -> Response:
        """Return a page of requests; full text too."""
        scope = scope_of(body, deps.clock(), deps.config.default_range)
        filter = filter_of(body.filter, body.search)
        page = find_requests(deps.database, deps.payloads, scope, filter, body.order, body.cursor, body.limit)
        return answer(page)

    @router.get("/export", summary="Export requests as CSV or JSON lines", response_class=Response, responses=_EXPORTED)
    def export_requests(query: Annotated[ExportQuery, Query()]) -> Response:
        """All requests of a scope, streamed; text cells of CSV cannot become formulas."""
        scope = scope_of(query, deps.clock(), deps.config.default_range)
        filter = filter_of(None, query.search)
        # the first page is read before the answer begins, so that an error is still an error
        first = find_requests(deps.database, deps.payloads, scope, filter, query.order, None, _PAGE)
        rows = _all(deps, (scope, filter, query.order), first)
        csv = query.format == "csv"
        media = "text/csv; charset=utf-8" if csv else "application/x-ndjson"
        name = f'attachment; filename="sentinelops-requests.{query.format}"'
        lines = _csv(rows) if csv else (encode(row) + b"\n" for row in rows)
        return StreamingResponse(
            lines, media_type=media, headers={"Content-Disposition": name, "Cache-Control": "no-store"}
        )

    @router.get("/{request_id}", summary="One request in full")
    def one_request(request_id: str, request: Request) -> Response:
        """One request: messages, cost details, parameters, span attributes, scores."""
        found = get_request(deps.database, deps.payloads, request_id)
        if found is None:
            raise NotFound("there is no request of that id: it may be older than the retention")
        scores = scores_of_request(deps.database, found["trace_id"], found["span_id"])
        return answer({**found, "scores": scores}, request)

    return router


def _all(deps: ApiDeps, what: tuple[Scope, Filter | None, str], page: RequestPage) -> Iterator[RequestRow]:
    scope, filter, order = what
    left = deps.config.max_export_rows
    while True:
        yield from page.requests[:left]
        left -= len(page.requests)
        if page.next_cursor is None or left <= 0:
            return
        page = find_requests(deps.database, deps.payloads, scope, filter, order, page.next_cursor, _PAGE)


def _csv(rows: Iterator[RequestRow]) -> Iterator[bytes]:
    yield csv_head()
    for row in rows:
        yield csv_line(row)
