"""Requests: the explorer, its live tail, its saved views, and one request in full."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ...errors import Malformed, NotFound
from ...query.aggregate import aggregate
from ...query.catalog import Facet, facets
from ...query.filters import REQUEST_FIELDS, Filter, parse_filter
from ...query.requests import find_requests, get_request
from ...query.scope import Scope, TimeRange, parse_time
from ...query.scores import marks_of, scores_of_request
from ...query.shapes import RequestDetail, RequestPage
from ...query.views import delete_view, list_views, save_view
from ..conversation import conversation, other_content
from ..guard import check_csrf, safe_next
from ..render import Pages
from .common import Asked, ask

__all__ = ["routes"]

SORTS = ("timestamp", "duration_seconds", "estimated_cost", "total_tokens")
# field -> title; the first five come from rollups and are shown at once, the others when they are opened
FACETS = {
    "status": "Status",
    "model": "Model",
    "application": "Application",
    "environment": "Environment",
    "provider": "Provider",
    "operation": "Operation",
    "error_type": "Error type",
    "finish_reason": "Finish reason",
    "user_id": "User",
    "tags": "Tag",
}
_AT_ONCE = 5
_IN_ROLLUPS = frozenset({"provider", "model", "application", "environment", "status"})
_NEAR = timedelta(hours=6)  # how far the next of a list by time may be
_TAIL_LOOKS_BACK = timedelta(minutes=2)  # a call is listed by its start and arrives at its end


def routes(pages: Pages) -> APIRouter:
    """Give the pages under /requests."""
    router = APIRouter()
    router.include_router(_lists(pages))
    router.include_router(_views(pages))

    @router.get("/requests/{request_id}")
    def request_detail(request: Request, request_id: str) -> Response:
        detail = get_request(pages.deps.database, pages.deps.payloads, request_id)
        if detail is None:
            raise NotFound(f"There is no request {request_id[:80]!r}, or retention has deleted it.")
        return pages.page(request, "request.html", _detail(pages, request, detail))

    return router


def _lists(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/requests")
    def explorer(request: Request) -> Response:
        asked = ask(pages, request)
        found = _find(pages, asked) if not asked.error else RequestPage([])
        context = asked.context | {
            "page": found,
            "marks": marks_of(pages.deps.database, found.requests),
            "longest": max((row["duration_seconds"] for row in found.requests), default=0),
            "sort": _sort(asked),
            "facets": [] if asked.view.get("facets") == "off" else _facets(pages, asked),
            "views": list_views(pages.deps.database, "requests"),
            "fields": sorted(REQUEST_FIELDS),
            "params": dict(request.query_params),
        }
        return pages.page(request, "requests.html", context)

    @router.get("/requests/facet")
    def facet(request: Request, field: str) -> Response:
        if field not in FACETS:
            raise Malformed(f"{field[:40]!r} is not a field with a list of values")
        view = pages.view(request)
        values = facets(pages.deps.database, field, view.scope, limit=12)
        return pages.fragment(request, "parts/facet.html", {"view": view, "name": field, "values": values})

    @router.get("/requests/tail")
    def tail(request: Request, after: str) -> Response:
        """Rows that started after, or shortly before, `after`: the module leaves out those it already shows."""
        asked = ask(pages, request)
        if asked.error:
            raise Malformed(asked.error)
        since = parse_time(after, "after") - _TAIL_LOOKS_BACK
        span = TimeRange(min(since, asked.view.now - _TAIL_LOOKS_BACK), asked.view.now + timedelta(seconds=5))
        scope = Scope(span, asked.view.scope.application, asked.view.scope.environment)
        found = find_requests(pages.deps.database, pages.deps.payloads, scope, asked.filter, limit=200)
        context = {
            "view": asked.view,
            "rows": found.requests,
            "marks": marks_of(pages.deps.database, found.requests),
            "longest": max((r["duration_seconds"] for r in found.requests), default=0),
        }
        return pages.fragment(request, "parts/request_rows.html", context)

    return router


def _facets(pages: Pages, asked: Asked) -> list[tuple[str, str, list[Facet] | None]]:
    """Give (field, title, values) of the facet column; None for values that are looked up when they are opened."""
    return [
        (name, title, _values(pages, asked, name) if index < _AT_ONCE else None)
        for index, (name, title) in enumerate(FACETS.items())
    ]


def _values(pages: Pages, asked: Asked, name: str) -> list[Facet]:
    """Count the values of a field: within the search when rollups can answer that, which is cheap, else of the range.

    A field that the search names has all its values, so that another one can be chosen.
    """
    database, scope, search = pages.deps.database, asked.view.scope, asked.filter
    if search is None or search.text or not search.fields <= _IN_ROLLUPS or name in search.fields:
        return facets(database, name, scope, limit=8)
    rows = aggregate(database, scope, [name], ["count"], search, "-count", limit=8)
    return [Facet(value=row[name], count=row["count"]) for row in rows if row[name] is not None]


def _sort(asked: Asked) -> str:
    sort = asked.view.get("sort", "-timestamp")
    return sort if sort.lstrip("-") in SORTS else "-timestamp"


def _find(pages: Pages, asked: Asked) -> RequestPage:
    rows = pages.deps.config.rows
    cursor = asked.view.get("cursor") or None
    return find_requests(
        pages.deps.database, pages.deps.payloads, asked.view.scope, asked.filter, _sort(asked), cursor, rows
    )


def _views(pages: Pages) -> APIRouter:
    router = APIRouter(dependencies=[Depends(check_csrf)])

    @router.post("/requests/views")
    def save(name: Annotated[str, Form()], query: Annotated[str, Form()] = "") -> Response:
        save_view(pages.deps.database, "requests", name, query, now=pages.deps.clock)
        return RedirectResponse(f"/requests?{query}" if query else "/requests", status_code=303)

    @router.post("/requests/views/{view_id}/delete")
    def delete(view_id: str, back: Annotated[str, Form()] = "/requests") -> Response:
        delete_view(pages.deps.database, view_id)
        return RedirectResponse(safe_next(back), status_code=303)

    return router


def _detail(pages: Pages, request: Request, detail: RequestDetail) -> dict[str, Any]:
    newer, older = _neighbours(pages, request, detail)
    return {
        "view": pages.view(request),
        "r": detail,
        "scores": scores_of_request(pages.deps.database, detail["trace_id"], detail["span_id"]),
        "messages": conversation(detail["content"]),
        "others": other_content(detail["content"]),
        "costs": _cost_lines(detail["cost_details"]),
        "newer": newer,
        "older": older,
    }


def _cost_lines(details: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the classes of token a cost is made of; values that are not of this shape are left to the raw view."""
    lines = []
    for name, item in details.items():
        if isinstance(item, dict):
            lines.append(
                {"name": name.replace("_", " "), **{k: item.get(k) for k in ("tokens", "usd_per_million", "usd")}}
            )
    for line in lines:
        for key in ("tokens", "usd_per_million", "usd"):
            line[key] = _number(line[key])
    return lines


def _number(value: Any) -> float | None:
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _neighbours(pages: Pages, request: Request, detail: RequestDetail) -> tuple[str | None, str | None]:
    """Give the one before and the one after in the list that this request was opened from, in its order.

    None where there is none, where the search is of full text (that would read payloads), or where the list is
    ordered by what is unknown of this request.
    """
    asked = ask(pages, request)
    if asked.error or (asked.filter and asked.filter.text):
        return None, None
    order = _sort(asked)
    name = order.lstrip("-")
    against = name if order.startswith("-") else f"-{name}"
    if name == "timestamp":
        return _beside(pages, asked, detail, against), _beside(pages, asked, detail, order)
    value = {field: number for field, number in detail.items() if field == name}.get(name)
    if value is None:
        return None, None
    before, after = (
        _beside(pages, asked, detail, one, parse_filter({"field": name, "op": op, "value": value}))
        for one, op in ((against, "gte" if order.startswith("-") else "lte"),
                        (order, "lte" if order.startswith("-") else "gte"))
    )  # fmt: skip
    return before, after


def _beside(pages: Pages, asked: Asked, detail: RequestDetail, order: str, bound: Filter | None = None) -> str | None:
    """Give what follows this request in `order`, among the first 20 from it on."""
    scope, here = asked.view.scope, detail["timestamp"]
    span = scope.range
    if bound is None:
        later = order == "timestamp"
        start = here if later else max(span.start, here - _NEAR)
        end = min(span.end, here + _NEAR) if later else here + timedelta(microseconds=1)
        if start >= end:
            return None
        span = TimeRange(start, end)
    wanted = bound & asked.filter if bound else asked.filter
    near = Scope(span, scope.application, scope.environment)
    rows = find_requests(pages.deps.database, None, near, wanted, order, limit=20).requests
    ids = [row["request_id"] for row in rows]
    place = ids.index(detail["request_id"]) + 1 if detail["request_id"] in ids else 0
    return ids[place] if place < len(ids) else None
