"""Signing in: by the one-time link that the server prints, or by an API key; and out again."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from ...errors import Forbidden, Unauthorised
from ..guard import COOKIE, check_csrf, safe_next, set_session
from ..render import HEADERS, Pages

__all__ = ["routes"]


def routes(pages: Pages) -> APIRouter:
    """Give the page at /signin, and /signout."""
    router = APIRouter()

    @router.get("/signin")
    def signin(request: Request, token: str = "", next: str = "/") -> Response:
        if not token:
            return _form(pages, request, "", next)
        try:
            return _enter(pages, pages.deps.sessions.redeem(token), next)
        except Unauthorised:
            message = "This link was used already or is too old. Ask the server for a new one, or use an API key."
            return _form(pages, request, message, next, 401)

    @router.post("/signin")
    def signin_with_key(request: Request, key: Annotated[str, Form()], next: Annotated[str, Form()] = "/") -> Response:
        # another site may not sign a browser in under its own key
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("This form was sent by another site.")
        try:
            principal = pages.deps.keys.authenticate(key.strip(), "read")
        except Unauthorised:
            return _form(pages, request, "This key is not known, or it was revoked or has expired.", next, 401)
        except Forbidden:
            return _form(pages, request, "This key may not read: it can only send.", next, 403)
        return _enter(pages, pages.deps.sessions.create(principal.scopes), next)

    @router.post("/signout", dependencies=[Depends(check_csrf)])
    def signout(request: Request) -> Response:
        pages.deps.sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse("/signin", status_code=303, headers=HEADERS)
        answer.delete_cookie(COOKIE, path="/")
        return answer

    return router


def _form(pages: Pages, request: Request, error: str, after: str, status: int = 200) -> Response:
    return pages.page(request, "signin.html", {"error": error, "after": safe_next(after)}, status)


def _enter(pages: Pages, token: str, after: str) -> Response:
    answer = RedirectResponse(safe_next(after), status_code=303, headers=HEADERS)
    set_session(answer, pages.deps, token)
    return answer
