"""Who may look: the session cookie of the pages, or an API key; and the token that keeps other sites from posting."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import Form, Request
from fastapi.responses import Response

from ..errors import Forbidden, Unauthorised
from .deps import WebDeps

if TYPE_CHECKING:
    from ..access.keys import Principal

__all__ = ["COOKIE", "check_csrf", "csrf_token", "guard", "require_admin", "safe_next", "set_session"]

COOKIE = "sentinelops_session"


def guard(deps: WebDeps) -> Callable[[Request], None]:
    """Give a dependency that lets readers in, signed in or with a key; who it is, is in `request.state.principal`."""

    def check(request: Request) -> None:
        token = request.cookies.get(COOKIE)
        if token:
            principal = deps.sessions.check(token, "read")
        elif key := _key_of(request):
            principal = deps.keys.authenticate(key, "read")
        else:
            raise Unauthorised("Sign in to see this page.")
        request.state.principal = principal

    return check


def _key_of(request: Request) -> str:
    """An API key that came without a cookie, from curl or a script: `X-API-Key: K` or `Authorization: Bearer K`.

    It opens pages to read. A form needs the cookie it was made for, so a key changes nothing here: the API is for that.
    """
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else request.headers.get("x-api-key", "").strip()


def require_admin(request: Request) -> None:
    """Give a dependency behind `guard`: administrators only. Raises Forbidden."""
    principal: Principal = request.state.principal
    if "admin" not in principal.scopes:
        raise Forbidden("Only an administrator may do this: sign in with a link or a key that has the admin scope.")


def csrf_token(request: Request) -> str:
    """Give what every form of this session carries; worthless without the cookie."""
    session = request.cookies.get(COOKIE, "")
    return hmac.new(session.encode(), b"sentinelops form", sha256).hexdigest() if session else ""


def check_csrf(request: Request, csrf: Annotated[str, Form()] = "") -> None:
    """Give a dependency of every POST. Raises Forbidden when the form is not one of ours."""
    wanted = csrf_token(request)
    if not wanted or not hmac.compare_digest(wanted, csrf):
        raise Forbidden("This form was not sent from a page of this sign-in. Reload the page and send it again.")


def safe_next(path: str) -> str:
    """Give a place of ours to go to after sign-in: never another site."""
    parts = urlsplit(path)
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and "\\" not in path
    return path if good and path.isprintable() else "/"


def set_session(response: Response, deps: WebDeps, token: str) -> None:
    """Put the session into the browser: out of reach of scripts, not sent along by other sites."""
    response.set_cookie(
        COOKIE,
        token,
        max_age=deps.config.session_days * 86400,
        httponly=True,
        samesite="lax",
        secure=deps.config.secure_cookies,
        path="/",
    )
