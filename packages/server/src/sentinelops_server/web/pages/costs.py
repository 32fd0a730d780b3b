"""Costs: what it costs, for whom, in which class of token, and what could not be priced."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...query.aggregate import aggregate
from ...query.filters import parse_filter
from ...query.prices import list_prices
from ...query.summary import summary
from ...query.timeseries import timeseries
from ..charts import Chart, Frame, Line, bars
from ..render import Pages
from .common import Asked, ask
from .prices import CLASSES

__all__ = ["routes"]

_GROUPS = {
    "model": ("provider", "model"),
    "application": ("application", "environment"),
    "user": ("user_id",),
    "session": ("session_id",),
}
_METRICS = ("estimated_cost", "count", "unpriced_requests", "prompt_tokens", "completion_tokens", "cache_read_tokens",
            "reasoning_tokens", "avg_estimated_cost")  # fmt: skip


def routes(pages: Pages) -> APIRouter:
    """Give the page at /costs."""
    router = APIRouter()

    @router.get("/costs")
    def costs(request: Request) -> Response:
        asked = ask(pages, request)
        by = asked.view.get("by", "model")
        by = by if by in _GROUPS else "model"
        context = asked.context | {"by": by, "groups": list(_GROUPS), "numbers": None, "rows": [], "unpriced": []}
        context |= {"own": list_prices(pages.deps.database), "classes": CLASSES}
        return pages.page(request, "costs.html", context | (_content(pages, asked, by) if not asked.error else {}))

    return router


def _content(pages: Pages, asked: Asked, by: str) -> dict[str, Any]:
    database, scope = pages.deps.database, asked.view.scope
    numbers = summary(database, scope, asked.filter, compare=asked.view.compared)
    if not numbers["count"]:
        return {"numbers": numbers, "empty": True, "unpriced": []}
    rows = aggregate(database, scope, _GROUPS[by], _METRICS, asked.filter, "-estimated_cost", 50)
    unpriced = []
    if numbers["unpriced_requests"]:
        missing = parse_filter({"not": {"field": "estimated_cost", "op": "exists", "value": True}})
        narrowed = missing & asked.filter if missing and asked.filter else missing
        unpriced = aggregate(
            database, scope, ["provider", "model"], ["count", "unknown_usage_requests"], narrowed, "-count", 12
        )
    return {
        "numbers": numbers,
        "empty": False,
        "rows": rows,
        "most": max((row["estimated_cost"] or 0 for row in rows), default=0),
        "charts": [_by_model(pages, asked), _classes(pages, asked)],
        "unpriced": [row | {"fixable": row["unknown_usage_requests"] < row["count"]} for row in unpriced],
    }


def _by_model(pages: Pages, asked: Asked) -> Chart:
    view = asked.view
    found = timeseries(pages.deps.database, view.scope, ["estimated_cost"], ["model"], view.step_seconds, asked.filter)
    ranked = sorted(found["series"], key=lambda s: -sum(v or 0 for v in s["values"]["estimated_cost"]))
    ranked = [s for s in ranked if any(s["values"]["estimated_cost"])]
    series = [
        Line(
            s["labels"]["model"] or "unknown",
            pages.palette.colour(s["labels"]["model"] or ""),
            s["values"]["estimated_cost"],
        )
        for s in ranked[:7]
    ]
    if len(ranked) > 7:
        rest = [s["values"]["estimated_cost"] for s in ranked[7:]]
        series.append(
            Line(f"{len(rest)} others", "rest", [sum(v or 0 for v in column) for column in zip(*rest, strict=True)])
        )
    return bars(Frame(view, "cost", "Cost by model", "money", found["timestamps"], series))


def _classes(pages: Pages, asked: Asked) -> Chart:
    view = asked.view
    names = ["prompt_tokens", "cache_read_tokens", "completion_tokens", "reasoning_tokens"]
    found = timeseries(pages.deps.database, view.scope, names, (), view.step_seconds, asked.filter)
    empty: dict[str, list[float | None]] = {}
    values = found["series"][0]["values"] if found["series"] else empty
    column = {name: [v or 0 for v in values.get(name, [0] * len(found["timestamps"]))] for name in names}
    # cache reads are part of the prompt, reasoning is part of the completion: shown apart, they must be taken out
    fresh = [max(0, p - c) for p, c in zip(column["prompt_tokens"], column["cache_read_tokens"], strict=True)]
    said = [max(0, c - r) for c, r in zip(column["completion_tokens"], column["reasoning_tokens"], strict=True)]
    classes = [
        Line("prompt", "t0", fresh),
        Line("prompt, cached", "t2", column["cache_read_tokens"]),
        Line("completion", "t1", said),
        Line("reasoning", "t3", column["reasoning_tokens"]),
    ]
    return bars(Frame(view, "classes", "Tokens by class", "count", found["timestamps"], classes))
