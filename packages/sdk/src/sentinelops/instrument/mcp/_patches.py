"""Where the library is taken hold of, in either major; and how it is let go."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import _client, _server

_MISSING: Any = object()


class Patches:
    """Our functions in place of the library's, and what was there before."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any, Any]] = []  # owner, name, what was there, what we put there

    def install(self) -> bool:
        """Put them on, once."""
        if self._before:
            return True
        session = import_module("mcp.client.session").ClientSession
        self._put(session, "send_request", _client.send_request)
        if hasattr(session, "dispatch_input_request"):
            self._put(session, "dispatch_input_request", _client.dispatch_input_request)
            self._put(import_module("mcp.shared.jsonrpc_dispatcher"), "otel_span", _client.library_span)
            self._put(import_module("mcp.server._otel").OpenTelemetryMiddleware, "__call__", _server.middleware)
        else:
            self._put(session, "_received_request", _client.received_request)
            self._put(import_module("mcp.server.lowlevel.server").Server, "_handle_request", _server.handle_request)
        return True

    def _put(self, owner: Any, name: str, wrap: Any) -> None:
        ours = wrap(getattr(owner, name))
        self._before.append((owner, name, vars(owner).get(name, _MISSING), ours))
        setattr(owner, name, ours)

    def remove(self) -> bool:
        """Put back what was there, where nobody wrapped ours since."""
        removed = bool(self._before)
        for owner, name, before, ours in self._before:
            if vars(owner).get(name) is not ours:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        self._before = []
        return removed


patches = Patches()
