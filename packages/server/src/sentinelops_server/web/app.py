"""The pages as one router, and what makes an application answer people instead of machines when something fails."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from ..errors import Forbidden, Malformed, NotFound, Overloaded, SentinelOpsError, Temporary, TooLarge, Unauthorised
from .deps import WebDeps
from .guard import guard
from .pages import (
    costs,
    exports,
    overview,
    performance,
    prices,
    requests,
    scores,
    sessions,
    settings,
    signin,
    traces,
    users,
)
from .render import HEADERS, Pages

__all__ = ["install", "web_router"]

_STATUS = (
    (Unauthorised, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (TooLarge, 413),
    (Malformed, 400),
    (Overloaded, 429),
    (Temporary, 503),
)
_WORDS = {
    400: ("This address cannot be read", "Change what the message names, or start again from the overview."),
    401: ("Sign in first", "Use the link that the server printed when it started, or an API key with the read scope."),
    403: ("Not allowed", "Sign in as somebody who may."),
    404: ("There is no such page", "It may have been deleted by retention, or the address is incomplete."),
    405: ("Not here", "This address does not answer that kind of call."),
    429: ("Too much at once", "Wait a moment and reload."),
    500: (
        "Something broke on our side",
        "Reload the page. When it happens again, the server's log has the cause under this time.",
    ),
    503: ("The answer did not come in time", "Reload, or ask for a shorter time range."),
}


def web_router(deps: WebDeps, pages: Pages | None = None) -> APIRouter:
    """All pages and their static files; everything but sign-in and static files asks for a session."""
    pages = pages or Pages(deps)
    router = APIRouter(include_in_schema=False)
    router.include_router(_static(pages))
    router.include_router(signin.routes(pages))
    for room in (overview, performance, costs, prices, exports, scores, requests, traces, sessions, users, settings):
        router.include_router(room.routes(pages), dependencies=[Depends(guard(deps))])
    return router


def install(app: FastAPI, deps: WebDeps) -> None:
    """Add the pages to `app`, with error pages for browsers (other clients get the same in JSON)."""
    pages = Pages(deps)
    app.include_router(web_router(deps, pages))
    app.add_exception_handler(SentinelOpsError, _on_error(pages))
    app.add_exception_handler(HTTPException, _on_http(pages))
    app.add_exception_handler(Exception, _on_bug(pages))


def _static(pages: Pages) -> APIRouter:
    router = APIRouter()

    @router.get("/static/{name}")
    def static(name: str, request: Request) -> Response:
        asset = pages.assets.find(name)
        if asset is None:
            raise NotFound(f"There is no static file {name!r}: reload the page that asked for it.")
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept-Encoding",
        }
        body = asset.body
        if "gzip" in request.headers.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = asset.zipped, "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)

    return router


Handler = Callable[[Request, Exception], Response]


def _answer(pages: Pages, request: Request, status: int, message: str) -> Response:
    title, advice = _WORDS.get(status, ("That did not work", "Go back and try again."))
    if "text/html" not in request.headers.get("accept", ""):
        problem = {"type": "about:blank", "title": title, "status": status, "detail": message}
        return JSONResponse(problem, status_code=status, media_type="application/problem+json", headers=HEADERS)
    return pages.page(
        request, "error.html", {"status": status, "title": title, "message": message, "advice": advice}, status
    )


def _on_error(pages: Pages) -> Handler:
    def handle(request: Request, error: Exception) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 400)
        if status == 401 and request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"/signin?next={quote(target, safe='')}", status_code=303, headers=HEADERS)
        answer = _answer(pages, request, status, str(error))
        if isinstance(error, Temporary):
            answer.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
        return answer

    return handle


def _on_http(pages: Pages) -> Handler:
    def handle(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        message = f"Nothing answers at {request.url.path}." if status == 404 else str(getattr(error, "detail", ""))
        return _answer(pages, request, status, message)

    return handle


def _on_bug(pages: Pages) -> Handler:
    def handle(request: Request, error: Exception) -> Response:
        # the cause is for the log, where the server's own handler writes it; never for the page
        return _answer(pages, request, 500, "The page could not be made because of a fault in the server.")

    return handle
