"""What every room of the pages starts from: the view in the URL, its filter, and the choices of the top bar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request

from ...errors import Malformed
from ...query.catalog import applications, environments
from ...query.filters import REQUEST_FIELDS, Filter, parse_search
from ...query.scope import Scope, TimeRange
from ..render import Pages
from ..state import View

__all__ = ["Asked", "ask"]

_CHOICES_DAYS = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """The question of one page. `error` says what is wrong with the search; then `filter` is None: show nothing."""

    view: View
    filter: Filter | None
    error: str
    context: dict[str, Any]


def ask(pages: Pages, request: Request, fields: dict[str, Any] = REQUEST_FIELDS, param: str = "q") -> Asked:
    """Read the URL and the search in `param`, and look up what the top bar offers. Raises Malformed for a bad range."""
    view = pages.view(request)
    found, error = None, ""
    try:
        found = parse_search(view.get(param), fields)
    except Malformed as cause:
        error = str(cause)
    return Asked(view, found, error, {"view": view, "scopes": _choices(pages, view), "search_error": error})


def _choices(pages: Pages, view: View) -> dict[str, list[str]]:
    """Give what the last 30 days have seen, and whatever the URL names, so that it can be left again."""
    asked = view.scope.range
    wide = Scope(TimeRange(min(asked.start, view.now - timedelta(days=_CHOICES_DAYS)), max(asked.end, view.now)))
    names = [row["application"] for row in applications(pages.deps.database, wide)]
    places = environments(pages.deps.database, wide)
    for chosen, known in ((view.scope.application, names), (view.scope.environment, places)):
        if chosen and chosen not in known:
            known.append(chosen)
    return {"applications": sorted(names), "environments": sorted(places)}
