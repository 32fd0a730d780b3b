"""Scores: how good it was, by name, over time and by model, what scored lowest; and the thumb of who is signed in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ...access.keys import audit
from ...errors import Malformed
from ...model import Score, check_score
from ...pipeline.scores import redact_scores
from ...query.aggregate import aggregate
from ...query.filters import Filter, parse_filter
from ...query.rows import span_key
from ...query.score_shapes import ScoreName
from ...query.scores import SCORE_FIELDS, add_scores, find_scores, score_groups, score_names, score_series
from ..charts import Chart, Frame, Line, bars, lines
from ..guard import check_csrf, safe_next
from ..render import Pages
from .common import Asked, ask

__all__ = ["routes"]

_GROUPS = {"model": ("provider", "model"), "application": ("application", "environment"), "operation": ("operation",)}
_THUMBS = {"up": 1.0, "down": 0.0}


def routes(pages: Pages) -> APIRouter:
    """Give the page at /scores, and the form that requests, traces and sessions have."""
    router = APIRouter()

    @router.get("/scores")
    def scores(request: Request) -> Response:
        asked = ask(pages, request)
        names = score_names(pages.deps.database, asked.view.scope)
        chosen = next((one for one in names if one["name"] == asked.view.get("name")), names[0] if names else None)
        by = asked.view.get("by", "model")
        by = by if by in _GROUPS else "model"
        context = asked.context | {"names": names, "chosen": chosen, "by": by, "groups": list(_GROUPS), "rows": []}
        if chosen is not None and not asked.error:
            context |= _content(pages, asked, chosen, by)
        return pages.page(request, "scores.html", context)

    @router.post("/scores", dependencies=[Depends(check_csrf)])
    def give(request: Request, form: Annotated[dict[str, str], Depends(_form)]) -> Response:
        score = _given(request, form, int(pages.deps.clock().timestamp() * 1e9))
        redact_scores(pages.deps.redactor, [score])
        add_scores(pages.deps.database, [score], pages.deps.clock())
        audit("score.give", request.state.principal.id, score_id=score.score_id, name=score.name)
        return RedirectResponse(safe_next(form["back"]), status_code=303)

    return router


def _form(  # noqa: PLR0913, PLR0917 - the fields of the form
    name: Annotated[str, Form(max_length=200)] = "helpful",
    thumb: Annotated[str, Form(max_length=10)] = "",
    comment: Annotated[str, Form(max_length=10_000)] = "",
    trace_id: Annotated[str, Form(max_length=32)] = "",
    span_id: Annotated[str, Form(max_length=16)] = "",
    session_id: Annotated[str, Form(max_length=255)] = "",
    back: Annotated[str, Form(max_length=4000)] = "/scores",
) -> dict[str, str]:
    return {
        "name": name, "thumb": thumb, "comment": comment.strip(), "trace_id": trace_id, "span_id": span_id,
        "session_id": session_id, "back": back,
    }  # fmt: skip


def _given(request: Request, form: dict[str, str], now_ns: int) -> Score:
    """One score of one person for each thing and name: a second thumb replaces the first. Raises Malformed."""
    key = span_key(form["trace_id"], form["span_id"] or "0" * 16) if form["trace_id"] else None
    if form["trace_id"] and key is None:
        raise Malformed("trace_id is 32 and span_id 16 hexadecimal digits")
    score = Score(
        form["name"], now_ns, _THUMBS.get(form["thumb"]), None, form["comment"] or None, "boolean", "human",
        key[0] if key else None, key[1] if key and form["span_id"] else None, form["session_id"] or None,
        user_id=request.state.principal.id,
    )  # fmt: skip
    try:
        return check_score(score)
    except ValueError as error:
        raise Malformed(str(error)) from error


def _content(pages: Pages, asked: Asked, chosen: ScoreName, by: str) -> dict[str, Any]:
    database, scope, name = pages.deps.database, asked.view.scope, chosen["name"]
    metrics = [f"count_score.{name}", f"avg_score.{name}", f"min_score.{name}", f"max_score.{name}"]
    rows = aggregate(database, scope, _GROUPS[by], metrics, asked.filter, f"-{metrics[0]}", 50)
    shown = [
        {**row, "count": row[metrics[0]], "average": row[metrics[1]], "low": row[metrics[2]], "high": row[metrics[3]]}
        for row in rows
    ]
    of_name = parse_filter({"field": "name", "op": "eq", "value": name}, SCORE_FIELDS)
    worst = parse_filter({"and": [{"field": "name", "op": "eq", "value": name},
                                  {"field": "value", "op": "exists", "value": True}]}, SCORE_FIELDS)  # fmt: skip
    distribution = score_groups(database, scope, name)
    return {
        "rows": shown,
        "distribution": distribution,
        "most": max((group["count"] for group in distribution), default=0),
        "charts": [_over_time(pages, asked, chosen)],
        "lowest": _listed(pages, asked, worst, "value") if chosen["valued"] else [],
        "newest": _listed(pages, asked, of_name, "-timestamp"),
    }


def _listed(pages: Pages, asked: Asked, filter: Filter | None, order: str) -> list[Any]:
    return find_scores(pages.deps.database, asked.view.scope, filter, order, limit=12).scores


def _over_time(pages: Pages, asked: Asked, chosen: ScoreName) -> Chart:
    view = asked.view
    times, found = score_series(pages.deps.database, view.scope, chosen["name"], view.step_seconds)
    if not chosen["valued"]:
        counts = Line("scores", "accent", [count for count, _ in found])
        return bars(Frame(view, "score", f"{chosen['name']}, how often", "count", times, [counts]))
    kind, title = ("percent", "share of thumbs up") if chosen["thumbs"] else ("score", "mean")
    line = Line(title, "p50", [average for _, average in found])
    return lines(Frame(view, "score", f"{chosen['name']}, {title}", kind, times, [line]))
