"""Overview: is it healthy? The numbers first, each with its change and the requests behind it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ...query.aggregate import aggregate
from ...query.filters import parse_filter
from ...query.requests import find_requests
from ...query.shapes import Summary
from ...query.summary import summary
from ...query.timeseries import timeseries
from ..charts import Chart, Frame, Line, bars, lines
from ..render import Pages
from .common import Asked, ask

__all__ = ["BREAKDOWN", "filled", "routes", "verdict"]

BREAKDOWN = ("count", "error_rate", "p50_duration_seconds", "p95_duration_seconds", "total_tokens", "estimated_cost",
             "unpriced_requests")  # fmt: skip
_LINES = (
    "p50_duration_seconds",
    "p95_duration_seconds",
    "p99_duration_seconds",
    "estimated_cost",
    "prompt_tokens",
    "completion_tokens",
)
_STATUSES = ("ok", "cancelled", "error")


def routes(pages: Pages) -> APIRouter:
    """Give the page at /."""
    router = APIRouter()

    @router.get("/")
    def overview(request: Request) -> Response:
        asked = ask(pages, request)
        return pages.page(
            request, "overview.html", asked.context | (_content(pages, asked) if not asked.error else {"numbers": None})
        )

    return router


def _content(pages: Pages, asked: Asked) -> dict[str, Any]:
    view, scope, database = asked.view, asked.view.scope, pages.deps.database
    numbers = summary(database, scope, asked.filter, compare=view.compared)
    if not numbers["count"] and not view.get("q"):
        return {"numbers": numbers, "empty": True}
    failed = parse_filter({"field": "status", "op": "eq", "value": "error"})
    only_failed = failed & asked.filter if failed and asked.filter else failed
    return {
        "numbers": numbers,
        "empty": False,
        "verdict": verdict(numbers),
        "charts": _charts(pages, asked),
        "models": aggregate(database, scope, ["provider", "model"], BREAKDOWN, asked.filter, "-count", 12),
        "apps": aggregate(database, scope, ["application", "environment"], BREAKDOWN, asked.filter, "-count", 12),
        "failures": find_requests(database, None, scope, only_failed, limit=8).requests
        if numbers["error_count"]
        else [],
    }


def filled(values: list[float | None] | None, length: int) -> list[float | None]:
    """Give the values of a series that may be missing from the answer."""
    return values if values is not None else [None] * length


def _charts(pages: Pages, asked: Asked) -> list[Chart]:
    view, database = asked.view, pages.deps.database
    by_status = timeseries(database, view.scope, ["count"], ["status"], view.step_seconds, asked.filter)
    whole = timeseries(database, view.scope, _LINES, (), view.step_seconds, asked.filter)
    times, length = by_status["timestamps"], len(whole["timestamps"])
    counts = {s["labels"]["status"]: s["values"]["count"] for s in by_status["series"]}
    series = whole["series"][0]["values"] if whole["series"] else {}
    value = {name: filled(series.get(name), length) for name in _LINES}
    status = [Line(s, s, counts[s]) for s in _STATUSES if s in counts]
    latency = [Line(p, p, value[f"{p}_duration_seconds"]) for p in ("p50", "p95", "p99")]
    tokens = [Line("prompt", "t0", value["prompt_tokens"]), Line("completion", "t1", value["completion_tokens"])]
    cost = [Line("cost", "accent", value["estimated_cost"])]
    return [
        bars(Frame(view, "requests", "Requests", "count", times, status)),
        lines(Frame(view, "latency", "Latency", "seconds", whole["timestamps"], latency), band=(0, 1)),
        bars(Frame(view, "cost", "Cost", "money", whole["timestamps"], cost)),
        bars(Frame(view, "tokens", "Tokens", "count", whole["timestamps"], tokens)),
    ]


def verdict(numbers: Summary) -> tuple[str, str, str]:
    """(status, word, reason) of a scope: the rule that decided is in the reason."""
    rate, before = numbers["error_rate"], numbers["previous"]
    if rate is None:
        return "unknown", "Quiet", "No request in this range."
    if rate >= 0.05:
        return "error", "Failing", "5 % or more of the requests failed."
    old_rate = before["error_rate"] if before else None
    if rate >= 0.01 and old_rate is not None and rate >= 2 * old_rate:
        return "warn", "Degraded", "Errors at least doubled against the period before."
    p95, old_p95 = numbers["duration_seconds"].get("p95"), before["duration_seconds"].get("p95") if before else None
    if p95 and old_p95 and float(p95) >= 1.5 * float(old_p95):
        return "warn", "Slower", "p95 latency is at least half again what it was in the period before."
    if rate >= 0.01:
        return "warn", "Some errors", "1 % or more of the requests failed."
    return "ok", "Healthy", "Under 1 % of the requests failed, and latency is as it was."
