"""Settings: keys, where data lives and for how long, where every record went, and how to send the first call."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ...access.keys import SCOPES
from ...errors import Malformed
from ...query.ledger import ledger
from ..guard import check_csrf, require_admin
from ..render import Pages
from .common import ask

__all__ = ["routes"]


def routes(pages: Pages) -> APIRouter:
    """Give the page at /settings, and what an administrator may post to it."""
    router = APIRouter()

    @router.get("/settings")
    def settings(request: Request) -> Response:
        return pages.page(request, "settings.html", _context(pages, request))

    admin = APIRouter(dependencies=[Depends(require_admin), Depends(check_csrf)])

    @admin.post("/settings/keys")
    def create(
        request: Request,
        name: Annotated[str, Form()],
        scopes: Annotated[list[str], Form()],
        days: Annotated[str, Form()] = "",
    ) -> Response:
        if days and not (days.isdigit() and 1 <= int(days) <= 3650):
            raise Malformed("a key expires after 1 to 3650 days, or never")
        expires = pages.deps.clock() + timedelta(days=int(days)) if days else None
        key, secret = pages.deps.keys.create(
            name.strip()[:100] or "unnamed", scopes, expires, by=request.state.principal.id
        )
        return _show(pages, request, {"made": key, "secret": secret})

    @admin.post("/settings/keys/{key_id}/rotate")
    def rotate(request: Request, key_id: str, grace: Annotated[int, Form(ge=0, le=30 * 86400)] = 86400) -> Response:
        key, secret = pages.deps.keys.rotate(key_id, grace, by=request.state.principal.id)
        return _show(pages, request, {"made": key, "secret": secret})

    @admin.post("/settings/keys/{key_id}/revoke")
    def revoke(request: Request, key_id: str) -> Response:
        pages.deps.keys.revoke(key_id, by=request.state.principal.id)
        return RedirectResponse("/settings#keys", status_code=303)

    router.include_router(admin)
    return router


def _show(pages: Pages, request: Request, extra: dict[str, Any]) -> Response:
    """Give the page with the secret in it, this once; no browser may keep a copy."""
    answer = pages.page(request, "settings.html", _context(pages, request) | extra)
    answer.headers["Cache-Control"] = "no-store"
    del answer.headers["ETag"]
    return answer


def _context(pages: Pages, request: Request) -> dict[str, Any]:
    asked = ask(pages, request)
    return asked.context | {
        "keys": pages.deps.keys.list(),
        "ledger": ledger(pages.deps.database, asked.view.scope),
        "facts": pages.deps.facts,
        "key_scopes": SCOPES,
        "made": None,
        "secret": "",
    }
