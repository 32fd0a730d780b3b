"""The client's WebSocket connections: the host's events pass `send`, the server's `recv_bytes`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

from ..._guard import swallow
from .. import _lazy
from ._session import Session

# module -> whether it is the Realtime API
MODULES = {
    "openai.resources.realtime.realtime": True,
    "openai.resources.beta.realtime.realtime": True,
    "openai.resources.responses.responses": False,
    "openai.resources.beta.responses.responses": False,
}
_OWNER = "openai.sockets"
_KEY = "_sentinelops_session"
_state = {"active": False}
_originals: list[tuple[Any, str, Any, Any]] = []  # class, name, what was there, what we put there


def instrument() -> None:
    """Wrap the connections that are loaded, the others as soon as they are."""
    _state["active"] = True
    for module, realtime in MODULES.items():
        _lazy.when_imported(module, functools.partial(_wrap, module, realtime), owner=_OWNER)


def uninstrument() -> None:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    _state["active"] = False
    _lazy.forget(_OWNER)
    for owner, name, original, ours in list(_originals):
        if owner.__dict__.get(name) is ours:
            if original is None:
                delattr(owner, name)  # it was the base's
            else:
                setattr(owner, name, original)
            _originals.remove((owner, name, original, ours))


def _wrap(module: str, realtime: bool) -> None:
    kind = "Realtime" if realtime else "Responses"
    place = sys.modules.get(module)
    for owner_name, wrappers in ((f"{kind}Connection", _SYNC), (f"Async{kind}Connection", _ASYNC)):
        owner = getattr(place, owner_name, None)
        if owner is None or any(known is owner for known, *_ in _originals):
            continue
        for name, wrap in wrappers:
            original = getattr(owner, name, None)
            if callable(original):
                ours = wrap(original, realtime)
                was = owner.__dict__.get(name)
                setattr(owner, name, ours)
                _originals.append((owner, name, was, ours))


def _noted(connection: Any, realtime: bool, note: Callable[[Session], None]) -> None:
    """Tell the session of this connection, and never raise."""
    if not _state["active"]:
        return
    try:
        session = connection.__dict__.get(_KEY)
        if session is None:
            session = connection.__dict__[_KEY] = Session(connection._connection, realtime=realtime)  # noqa: SLF001
        note(session)
    except Exception as error:
        swallow("openai.session", error)


def _failure(error: BaseException) -> BaseException | None:
    return None if type(error).__name__ == "ConnectionClosedOK" else error


def _closed(error: BaseException) -> bool:
    return type(error).__name__.startswith("ConnectionClosed")


def _wrap_send(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    def send(self: Any, event: Any) -> Any:
        _noted(self, realtime, lambda session: session.sent(event))
        return original(self, event)

    return send


def _wrap_async_send(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    async def send(self: Any, event: Any) -> Any:
        _noted(self, realtime, lambda session: session.sent(event))
        return await original(self, event)

    return send


def _wrap_recv(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    def recv_bytes(self: Any) -> Any:
        try:
            message = original(self)
        except BaseException as error:
            if _closed(error):
                failure = _failure(error)
                _noted(self, realtime, lambda session: session.over(failure))
            raise
        _noted(self, realtime, lambda session: session.received(message))
        return message

    return recv_bytes


def _wrap_async_recv(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    async def recv_bytes(self: Any) -> Any:
        try:
            message = await original(self)
        except BaseException as error:
            if _closed(error):
                failure = _failure(error)
                _noted(self, realtime, lambda session: session.over(failure))
            raise
        _noted(self, realtime, lambda session: session.received(message))
        return message

    return recv_bytes


def _wrap_close(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        _noted(self, realtime, lambda session: session.over(None))
        return original(self, *args, **kwargs)

    return close


def _wrap_async_close(original: Any, realtime: bool) -> Any:
    @functools.wraps(original)
    async def close(self: Any, *args: Any, **kwargs: Any) -> Any:
        _noted(self, realtime, lambda session: session.over(None))
        return await original(self, *args, **kwargs)

    return close


_SYNC = (("send", _wrap_send), ("recv_bytes", _wrap_recv), ("close", _wrap_close))
_ASYNC = (("send", _wrap_async_send), ("recv_bytes", _wrap_async_recv), ("close", _wrap_async_close))
