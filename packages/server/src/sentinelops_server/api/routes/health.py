"""API routes: whether the server can do its work; open to all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from starlette.responses import Response

from ..answers import answer
from ..deps import ApiDeps

__all__ = ["Probe", "health_routes"]

PATIENCE_SECONDS = 2.0


class Probe:
    """Asks with patience: a database that is gone can hold a connection attempt longer than a health check waits."""

    def __init__(self, ask: Callable[[], bool], patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._ask = ask
        self._patience = patience_seconds
        self._lock = threading.Lock()
        self._pending: threading.Event | None = None
        self._last = False

    def __call__(self) -> bool:
        """Whether it answered well in time; callers share one question that is under way."""
        with self._lock:
            pending = self._pending
            if pending is None:
                pending = self._pending = threading.Event()
                threading.Thread(target=self._run, args=(pending,), name="health-probe", daemon=True).start()
        return pending.wait(self._patience) and self._last

    def _run(self, done: threading.Event) -> None:
        answered = False
        try:
            answered = self._ask()
        finally:
            with self._lock:
                self._last, self._pending = answered, None
            done.set()


def health_routes(deps: ApiDeps) -> APIRouter:
    """Return the route /health."""
    router = APIRouter(tags=["management"])
    probe = Probe(deps.database.ping)
    try:
        installed = version("sentinelops-server")
    except PackageNotFoundError:
        installed = "unknown"

    @router.get("/health", summary="API health check")
    def health() -> Response:
        """200 when the server can answer questions, 503 when its database does not answer. No key needed."""
        up = probe()
        state = {
            "status": "ok" if up else "unavailable",
            "version": installed,
            "database": "ok" if up else "unavailable",
        }
        response = answer({**state, "time": deps.clock()}, status=200 if up else 503)
        response.headers["Cache-Control"] = "no-store"
        if not up:
            response.headers["Retry-After"] = "5"
        return response

    return router
