"""API: every error as application/problem+json (RFC 9457): what failed, and what to do; never a stack trace."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from ..errors import (
    Forbidden,
    NotFound,
    Overloaded,
    Permanent,
    SentinelOpsError,
    Temporary,
    TooLarge,
    Unauthorised,
)

__all__ = ["install", "problem", "problem_of"]

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)
# the first that fits
_STATUS: tuple[tuple[type[SentinelOpsError], int], ...] = (
    (TooLarge, 413),
    (Unauthorised, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Permanent, 400),
    (Overloaded, 429),
    (Temporary, 503),
)


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """Build a problem response. `more` are extension members."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return Response(orjson.dumps(body, default=str), status, dict(headers or {}), MEDIA_TYPE)


def problem_of(error: SentinelOpsError) -> Response:
    """Translate one of our errors: the only place where this door does."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="sentinelops"'
    if isinstance(error, Temporary):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_seconds)))
    return problem(status, str(error), headers)


def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, SentinelOpsError)
    return problem_of(error)


def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), error.headers)


def _validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [{**_place(item["loc"]), "detail": str(item["msg"])} for item in error.errors()[:50]]
    return problem(422, "the request does not fit what this endpoint takes: see errors", errors=errors)


def _place(location: tuple[Any, ...]) -> dict[str, str]:
    """Return a JSON pointer into the body, or the name of a parameter."""
    where, *path = [str(part)[:200] for part in location] or ["body"]
    if where == "body":
        return {"pointer": "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in path)}
    return {"parameter": ".".join(path)}


def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return problem(500, "the server failed on this request: its log has the reason")


def install(app: FastAPI) -> None:
    """Make an application answer every error as a problem."""
    app.add_exception_handler(SentinelOpsError, _ours)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unexpected)
