"""Traces: the list, and one trace as tree, waterfall and detail on one page."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...errors import NotFound
from ...query.filters import TRACE_FIELDS
from ...query.score_shapes import ScoreRow
from ...query.scores import scores_of_trace
from ...query.shapes import SpanContent, TracePage
from ...query.trace_columns import get_trace_columns
from ...query.traces import find_traces, get_span_content
from ..conversation import conversation, other_content
from ..render import Pages
from ..waterfall import FIRST_ROWS, Waterfall
from .common import ask

__all__ = ["routes"]

SORTS = ("timestamp", "duration_seconds", "estimated_cost", "total_tokens", "span_count")


def routes(pages: Pages) -> APIRouter:
    """Give the pages under /traces."""
    router = APIRouter()

    @router.get("/traces")
    def traces(request: Request) -> Response:
        asked = ask(pages, request, TRACE_FIELDS, "tq")
        view = asked.view
        sort = view.get("sort", "-timestamp")
        sort = sort if sort.lstrip("-") in SORTS else "-timestamp"
        found = TracePage([])
        if not asked.error:
            cursor = view.get("cursor") or None
            found = find_traces(pages.deps.database, view.scope, asked.filter, sort, cursor, pages.deps.config.rows)
        longest = max((row["duration_seconds"] for row in found.traces), default=0)
        context = asked.context | {"page": found, "sort": sort, "longest": longest, "fields": sorted(TRACE_FIELDS)}
        return pages.page(request, "traces.html", context)

    @router.get("/traces/{trace_id}")
    def trace(request: Request, trace_id: str) -> Response:
        detail = get_trace_columns(pages.deps.database, trace_id)
        if detail is None:
            raise NotFound(f"There is no trace {trace_id[:80]!r}, or retention has deleted it.")
        view = pages.view(request)
        fall = Waterfall(detail)
        chosen = view.get("span") if view.get("span") in fall else fall.first_interesting()
        span = get_span_content(pages.deps.database, pages.deps.payloads, trace_id, chosen) if chosen else None
        context = {"view": view, "trace": detail.row, "fall": fall, "rows": fall.rows(FIRST_ROWS), "chosen": chosen}
        scores = scores_of_trace(pages.deps.database, trace_id)
        context |= {"trace_scores": scores}
        return pages.page(request, "trace.html", context | _span_context(span, scores))

    @router.get("/traces/{trace_id}/spans/{span_id}")
    def span_detail(request: Request, trace_id: str, span_id: str) -> Response:
        span = get_span_content(pages.deps.database, pages.deps.payloads, trace_id, span_id)
        if span is None:
            raise NotFound(f"There is no span {span_id[:40]!r} in this trace.")
        scores = scores_of_trace(pages.deps.database, trace_id)
        context = {"view": pages.view(request)} | _span_context(span, scores)
        return pages.fragment(request, "parts/span.html", context)

    return router


def _span_context(span: SpanContent | None, scores: list[ScoreRow]) -> dict[str, Any]:
    content = span["content"] if span else None
    own = [score for score in scores if span and score["span_id"] == span["span_id"]]
    return {"span": span, "scores": own, "messages": conversation(content), "others": other_content(content)}
