"""The HTTP doors' sockets and loops: a thread, a loop and a thread pool each, so neither starves the other."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn

__all__ = ["HttpDoor", "PortInUse", "bind"]

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
logger = logging.getLogger(__name__)


class PortInUse(Exception):
    """A door cannot listen; the message names the port, the option that moves it, and the fix."""


def bind(host: str, port: int, option: str) -> socket.socket:
    """Bind a listening socket; port 0 takes a free one. `option` is the flag that moves this door."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(2048)
        sock.set_inheritable(False)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is already in use; stop what uses it, "
                f"or choose another: {option} PORT (0 means a free one)"
            ) from None
        raise PortInUse(
            f"cannot listen on {host} port {port}: {error.strerror}; choose another with {option} or --host"
        ) from None
    return sock


class HttpDoor:
    """One ASGI application on one bound socket, served from its own thread."""

    def __init__(self, name: str, app: Asgi, sock: socket.socket, shutdown_seconds: float) -> None:
        self.name = name
        self.port: int = sock.getsockname()[1]
        self._sock = sock
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=max(1, int(shutdown_seconds)),
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name=f"door-{name}", daemon=True)
        self.failed: BaseException | None = None

    def start(self) -> None:
        """Begin to answer. The socket listens since bind(), so callers who come early wait, and are not refused."""
        self._thread.start()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=_loop) as runner:
                runner.run(self._server.serve(sockets=[self._sock]))
        except BaseException as error:
            self.failed = error
            logger.exception("the %s door ended", self.name)

    def stop(self, timeout: float) -> None:
        """Take no new calls, answer those under way, end the thread. Safe to call twice, or before start."""
        self._server.should_exit = True
        if self._thread.ident is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                self._server.force_exit = True
                self._thread.join(2.0)
        self._sock.close()


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:  # not built for every platform; asyncio's own loop does the same, slower
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
