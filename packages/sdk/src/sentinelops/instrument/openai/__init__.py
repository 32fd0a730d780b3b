"""Watches the `openai` client, majors 1 to 3, at the one place all its calls pass: `request` of its base client.

Plain, raw and streaming answers, parse and stream helpers, retries and every client class (OpenAI, Azure, Bedrock,
their async twins) go through it, so what is captured does not depend on which of the client's many doors was used.
"""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

from ..._guard import warn_once
from . import _exchange

__all__ = ["instrument", "uninstrument"]

_current: ContextVar[_exchange.Exchange | None] = ContextVar("sentinelops.openai", default=None)
_active = False
_originals: list[tuple[type, str, Any, Any]] = []  # class, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around the client's functions; True when calls are watched."""
    global _active  # noqa: PLW0603 - whether the one client library is watched
    if _active:
        return True
    from openai import _base_client

    wrappers = (
        (_base_client.SyncAPIClient, "request", _wrap_request),
        (_base_client.SyncAPIClient, "_process_response", _wrap_process_response),
        (_base_client.AsyncAPIClient, "request", _wrap_async_request),
        (_base_client.AsyncAPIClient, "_process_response", _wrap_async_process_response),
    )
    missing = [f"{owner.__name__}.{name}" for owner, name, _ in wrappers if not callable(owner.__dict__.get(name))]
    if missing:
        warn_once(
            "openai.version",
            "sentinelops: this version of the openai client is not known (no %s); its calls are not recorded.",
            ", ".join(missing),
        )
        return False
    if not _originals:
        for owner, name, wrap in wrappers:
            original = owner.__dict__[name]
            ours = wrap(original)
            setattr(owner, name, ours)
            _originals.append((owner, name, original, ours))
    _active = True
    return True


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    global _active  # noqa: PLW0603 - whether the one client library is watched
    was, _active = _active, False
    if all(owner.__dict__.get(name) is ours for owner, name, _, ours in _originals):
        for owner, name, original, _ in _originals:
            setattr(owner, name, original)
        _originals.clear()
    return was


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _exchange.Exchange | None:
    return _exchange.begin(client, args, kwargs) if _active else None


def _leave(token: Any) -> None:
    try:
        _current.reset(token)
    except ValueError:  # a coroutine finished off in another context than it began in: there is nothing to undo there
        return


def _wrap_request(original: Any) -> Any:
    @functools.wraps(original)
    def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, args, kwargs)
        if exchange is None and _current.get() is None:
            return original(self, *args, **kwargs)
        token = _current.set(exchange)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            if exchange is not None:
                exchange.failed(error)
            raise
        finally:
            _leave(token)
        if exchange is not None:
            exchange.returned(result)
        return result

    return request


def _wrap_async_request(original: Any) -> Any:
    @functools.wraps(original)
    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, args, kwargs)
        if exchange is None and _current.get() is None:
            return await original(self, *args, **kwargs)
        token = _current.set(exchange)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            if exchange is not None:
                exchange.failed(error)
            raise
        finally:
            _leave(token)
        if exchange is not None:
            exchange.returned(result)
        return result

    return request


def _arrived(kwargs: dict[str, Any], *, is_async: bool) -> None:
    exchange = _current.get()
    response = kwargs.get("response")
    if exchange is not None and response is not None:
        exchange.arrived(
            response, stream=bool(kwargs.get("stream")), retries=kwargs.get("retries_taken") or 0, is_async=is_async
        )


def _wrap_process_response(original: Any) -> Any:
    @functools.wraps(original)
    def _process_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        _arrived(kwargs, is_async=False)
        return original(self, *args, **kwargs)

    return _process_response


def _wrap_async_process_response(original: Any) -> Any:
    @functools.wraps(original)
    async def _process_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        _arrived(kwargs, is_async=True)
        return await original(self, *args, **kwargs)

    return _process_response
