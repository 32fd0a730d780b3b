"""API: who may ask, how often, and how much in one go."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..access.keys import Principal
from ..errors import Overloaded, TooLarge, Unauthorised
from .config import ApiConfig
from .deps import ApiDeps
from .problems import problem_of

__all__ = ["COOKIE", "Envelope", "Guard", "RateLimiter", "credential"]

COOKIE = "sentinelops_session"
MAX_BUCKETS = 20_000


class RateLimiter:
    """A token bucket a name; thread-safe.

    The least recently used buckets are forgotten, which only ever lets more through.
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_second, self.burst = per_second, burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # tokens, at
        self._lock = threading.Lock()

    def take(self, name: str) -> dict[str, str]:
        """Take one token; the RateLimit headers. Raises Overloaded saying when there is one again."""
        if not self.per_second:
            return {}
        now = self._clock()
        with self._lock:
            tokens, at = self._buckets.pop(name, (float(self.burst), now))
            tokens = min(self.burst, tokens + max(0.0, now - at) * self.per_second)
            taken = tokens >= 1
            tokens -= taken
            self._buckets[name] = (tokens, now)
            if len(self._buckets) > MAX_BUCKETS:
                self._buckets.popitem(last=False)
        if not taken:
            wait = (1 - tokens) / self.per_second
            raise Overloaded(
                f"more than {self.per_second:g} requests a second (bursts of {self.burst}): slow down", wait
            )
        reset = math.ceil((self.burst - tokens) / self.per_second)
        policy = f'"key";q={self.burst};w={math.ceil(self.burst / self.per_second)}'
        return {"RateLimit": f'"key";r={int(tokens)};t={reset}', "RateLimit-Policy": policy}


def credential(request: Request) -> str | None:
    """Return the key that was sent, as X-API-Key or as a Bearer token."""
    if key := request.headers.get("x-api-key"):
        return key.strip()
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


class Guard:
    """Dependencies of the routes: `read`, `score` and `admin` let a request in.

    Or they raise Unauthorised, Forbidden, Overloaded.
    """

    def __init__(self, deps: ApiDeps) -> None:
        self._deps = deps
        config = deps.config
        self._limiter = RateLimiter(config.rate_per_second, config.rate_burst)
        self._failures = RateLimiter(min(config.rate_per_second, 5.0), min(config.rate_burst, 50))

    def read(self, request: Request) -> Principal:
        """Let in who may read."""
        return self._enter(request, "read")

    def score(self, request: Request) -> Principal:
        """Let in who may say what was good: an ingest key, as a backend that collects feedback has."""
        return self._enter(request, "ingest")

    def admin(self, request: Request) -> Principal:
        """Let in who may administer."""
        return self._enter(request, "admin")

    def _enter(self, request: Request, scope: str) -> Principal:
        try:
            principal = self._who(request)
        except Unauthorised:
            # guessing is slowed by address; a good key is never held up by it
            self._failures.take(request.client.host if request.client else "unknown")
            raise
        request.state.rate_headers = self._limiter.take(principal.id)
        return principal.require(scope)

    def _who(self, request: Request) -> Principal:
        key = credential(request)
        token = request.cookies.get(COOKIE)
        if key is None and token and self._deps.sessions is not None and request.method in ("GET", "HEAD"):
            return self._deps.sessions.check(token)
        return self._deps.keys.authenticate(key)


class Envelope:
    """ASGI: bounds the body before anything reads it, and adds the headers that every answer has."""

    def __init__(self, app: ASGIApp, config: ApiConfig) -> None:
        self._app = app
        self._most = config.max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})

        async def send_more(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [
                    (name.lower().encode(), value.encode()) for name, value in state.get("rate_headers", {}).items()
                ]
                message["headers"] = [*message["headers"], (b"x-content-type-options", b"nosniff"), *headers]
            await send(message)

        try:
            body = await self._body(scope, receive)
        except TooLarge as error:
            await problem_of(error)(scope, receive, send_more)
            return
        await self._app(scope, receive if body is None else _replay(body, receive), send_more)

    async def _body(self, scope: Scope, receive: Receive) -> bytes | None:
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return None
        chunks, size = [], 0
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            if size > self._most:
                raise TooLarge(f"the body is larger than {self._most} bytes")
            if not message.get("more_body", False):
                return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
