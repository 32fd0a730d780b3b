"""The OTLP/HTTP door: three paths, protobuf and JSON, compressed or not; it answers after the commit."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from ..errors import Malformed, SentinelOpsError, Temporary, TooLarge, Unauthorised
from ..model import OtlpBatch, Outcome, Signal
from .answers import as_json, http_status_of, response_of, retry_after_of, status_of
from .decompress import ENCODINGS, decompress

__all__ = ["OtlpHttpConfig", "key_of", "otlp_app"]

Submit = Callable[[OtlpBatch], "Future[Outcome]"]
Authenticate = Callable[[str | None], Any]
Encoding = Literal["protobuf", "json"]

PATHS: dict[str, Signal] = {
    "/v1/traces": "spans",
    "/v1/logs": "log_records",
    "/v1/metrics": "metric_points",
}
CONTENT_TYPES: dict[str, Encoding] = {
    "application/x-protobuf": "protobuf",
    "application/protobuf": "protobuf",
    "application/json": "json",
}
MEDIA: dict[Encoding, str] = {"protobuf": "application/x-protobuf", "json": "application/json"}
# below this, decompressing takes less time than handing it to a thread
INLINE_BYTES = 32 * 1024


@dataclass(frozen=True, slots=True)
class OtlpHttpConfig:
    """Limits of a request in bytes and seconds. `cors_origins`: browsers of these origins may send (default: none)."""

    max_body_bytes: int = 16 * 1024 * 1024
    max_decompressed_bytes: int = 64 * 1024 * 1024
    body_timeout_seconds: float = 30.0
    commit_timeout_seconds: float = 8.0  # OpenTelemetry exporters give up after 10: they are told before
    cors_origins: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.max_body_bytes < 1 or self.max_decompressed_bytes < 1:
            raise ValueError("max_body_bytes and max_decompressed_bytes must be above 0")
        if self.body_timeout_seconds <= 0 or self.commit_timeout_seconds <= 0:
            raise ValueError("body_timeout_seconds and commit_timeout_seconds must be above 0")
        if any(origin != "*" and "://" not in origin for origin in self.cors_origins):
            raise ValueError("cors_origins must be origins such as https://app.example.com, or *")


class _UnsupportedMedia(SentinelOpsError):
    """The content type or encoding is none that OTLP knows."""


def key_of(headers: Any) -> str | None:
    """Return the API key of a request: `Authorization: Bearer K`, `X-API-Key: K` or `api-key: K`."""
    authorization = headers.get("authorization")
    if authorization:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() == "bearer" and key.strip():
            return str(key).strip()
    return headers.get("x-api-key") or headers.get("api-key") or None


def otlp_app(submit: Submit, authenticate: Authenticate, config: OtlpHttpConfig | None = None) -> Starlette:
    """Build the door. `authenticate` gets the key or None and raises Unauthorised or Forbidden; it may block."""
    config = config or OtlpHttpConfig()

    def endpoint(signal: Signal) -> Callable[[Request], Awaitable[Response]]:
        async def export(request: Request) -> Response:
            encoding = CONTENT_TYPES.get(_media_type(request), "protobuf")
            try:
                outcome = await _export(request, signal, submit, authenticate, config)
            except ClientDisconnect:
                return Response(status_code=499)
            except SentinelOpsError as error:
                return _error(error, encoding)
            return _answer(response_of(signal, outcome), encoding, 200)

        return export

    async def unknown(request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        paths = ", ".join(PATHS)
        message = f"{request.method} {request.url.path} is not here: OTLP is sent with POST to {paths}"
        headers = {"allow": "POST"} if status == 405 else {}
        return Response(json.dumps({"message": message}), status, headers, "application/json")

    middleware = []
    if config.cors_origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(config.cors_origins),
                allow_methods=["POST"],
                allow_headers=["authorization", "x-api-key", "api-key", "content-type", "content-encoding"],
                max_age=7200,
            )
        )
    routes = [Route(path, endpoint(signal), methods=["POST"]) for path, signal in PATHS.items()]
    return Starlette(routes=routes, middleware=middleware, exception_handlers={404: unknown, 405: unknown})


async def _export(
    request: Request, signal: Signal, submit: Submit, authenticate: Authenticate, config: OtlpHttpConfig
) -> Outcome:
    """Check first what costs least: the key, the headers, then the body."""
    await run_in_threadpool(authenticate, key_of(request.headers))
    encoding = _encoding(request)
    compression = request.headers.get("content-encoding", "").strip().lower()
    if compression not in ENCODINGS and compression not in ("", "identity"):
        raise _UnsupportedMedia(f"content-encoding {compression[:64]!r} is not known: use gzip, deflate or none")
    body = await _body(request, config)
    if compression and len(body) > INLINE_BYTES:
        body = await run_in_threadpool(decompress, body, compression, config.max_decompressed_bytes)
    else:
        body = decompress(body, compression, config.max_decompressed_bytes)
    future = submit(OtlpBatch(signal, body, encoding, time.time_ns()))
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), config.commit_timeout_seconds)
    except TimeoutError:
        raise Temporary("the commit takes too long: send the batch again, nothing is stored twice", 5.0) from None


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _encoding(request: Request) -> Encoding:
    media_type = _media_type(request)
    encoding = CONTENT_TYPES.get(media_type)
    if encoding is None:
        raise _UnsupportedMedia(
            f"content-type {media_type[:64]!r} is not OTLP: use application/x-protobuf or application/json"
        )
    return encoding


async def _body(request: Request, config: OtlpHttpConfig) -> bytes:
    limit = config.max_body_bytes
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise TooLarge(f"the body of {length} bytes is over the limit of {limit} bytes: send smaller batches")
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(config.body_timeout_seconds):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"the body is over the limit of {limit} bytes: send smaller batches")
                chunks.append(chunk)
    except TimeoutError:
        raise Malformed(f"the body did not arrive within {config.body_timeout_seconds:g} s") from None
    return b"".join(chunks)


def _error(error: SentinelOpsError, encoding: Encoding) -> Response:
    status = 415 if isinstance(error, _UnsupportedMedia) else http_status_of(error)
    headers = {}
    seconds = retry_after_of(error)
    if seconds is not None:
        headers["retry-after"] = str(max(1, math.ceil(seconds)))
    if isinstance(error, Unauthorised):
        headers["www-authenticate"] = "Bearer"
    return _answer(status_of(error), encoding, status, headers)


def _answer(message: Any, encoding: Encoding, status: int, headers: dict[str, str] | None = None) -> Response:
    content = message.SerializeToString() if encoding == "protobuf" else json.dumps(as_json(message)).encode()
    return Response(content, status, headers, MEDIA[encoding])
