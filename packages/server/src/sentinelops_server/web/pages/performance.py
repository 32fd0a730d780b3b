"""Performance: what is slow? Percentiles by model, time to first token, and the slowest calls themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...query.aggregate import aggregate
from ...query.requests import find_requests
from ...query.summary import summary
from ...query.timeseries import timeseries
from ..charts import Chart, Frame, Line, lines
from ..render import Pages
from .common import Asked, ask
from .overview import filled

__all__ = ["routes"]

_PERCENTILES = ("p50", "p75", "p90", "p95", "p99", "p99.9")
_METRICS = (
    "count",
    *(f"{p}_duration_seconds" for p in _PERCENTILES),
    "p50_time_to_first_token_seconds",
    "p95_time_to_first_token_seconds",
    "completion_tokens",
    "sum_duration_seconds",
)
_GROUPS = {"model": ("provider", "model"), "application": ("application", "environment"), "operation": ("operation",)}


def routes(pages: Pages) -> APIRouter:
    """Give the page at /performance."""
    router = APIRouter()

    @router.get("/performance")
    def performance(request: Request) -> Response:
        asked = ask(pages, request)
        by = asked.view.get("by", "model")
        by = by if by in _GROUPS else "model"
        context = asked.context | {
            "by": by,
            "groups": list(_GROUPS),
            "rows": [],
            "percentiles": _PERCENTILES,
            "charts": [],
            "slowest": [],
        }
        if not asked.error:
            context |= _content(pages, asked, by)
        return pages.page(request, "performance.html", context)

    return router


def _content(pages: Pages, asked: Asked, by: str) -> dict[str, Any]:
    database, scope = pages.deps.database, asked.view.scope
    rows = aggregate(database, scope, _GROUPS[by], _METRICS, asked.filter, "-p95_duration_seconds", 50)
    for row in rows:
        spent, tokens = row["sum_duration_seconds"], row["completion_tokens"]
        row["tokens_per_second"] = tokens / spent if spent and tokens else None
    slowest = find_requests(database, None, scope, asked.filter, "-duration_seconds", limit=12).requests if rows else []
    numbers = summary(database, scope, asked.filter, compare=asked.view.compared) if rows else None
    return {"numbers": numbers, "rows": rows, "slowest": slowest, "charts": _charts(pages, asked) if rows else []}


def _charts(pages: Pages, asked: Asked) -> list[Chart]:
    view, database = asked.view, pages.deps.database
    names = [f"{p}_duration_seconds" for p in ("p50", "p90", "p99")] + [
        f"{p}_time_to_first_token_seconds" for p in ("p50", "p95")
    ]
    whole = timeseries(database, view.scope, names, (), view.step_seconds, asked.filter)
    models = timeseries(
        database, view.scope, ["p95_duration_seconds", "count"], ["model"], view.step_seconds, asked.filter
    )
    times, values = whole["timestamps"], whole["series"][0]["values"] if whole["series"] else {}
    value = {name: filled(values.get(name), len(times)) for name in names}
    loudest = sorted(models["series"], key=lambda s: -sum(v or 0 for v in s["values"]["count"]))[:6]
    latency = [Line(p, c, value[f"{p}_duration_seconds"]) for p, c in (("p50", "p50"), ("p90", "p95"), ("p99", "p99"))]
    first = [Line(p, p, value[f"{p}_time_to_first_token_seconds"]) for p in ("p50", "p95")]
    by_model = [
        Line(name, pages.palette.colour(name), s["values"]["p95_duration_seconds"])
        for s in loudest
        for name in [s["labels"]["model"] or "unknown"]
    ]
    return [
        lines(Frame(view, "latency", "Latency of all requests", "seconds", times, latency), band=(0, 1)),
        lines(Frame(view, "ttft", "Time to first token", "seconds", times, first), band=(0, 1)),
        lines(Frame(view, "models", "p95 latency by model", "seconds", models["timestamps"], by_model)),
    ]
