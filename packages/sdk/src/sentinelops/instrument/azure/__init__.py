"""Watches `azure-ai-inference`: its chat, embedding and image embedding clients, sync and aio.

Their methods are the place: below them azure-core retries, and each attempt would look like a call of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any

from ..._call import inner
from ..._guard import swallow, warn_once
from .._wire.stainless import leave
from ._exchange import AzureExchange, started

__all__ = ["instrument", "uninstrument"]

PLACES = (
    ("ChatCompletionsClient", "complete", "chat"),
    ("EmbeddingsClient", "embed", "embeddings"),
    ("ImageEmbeddingsClient", "embed", "embeddings"),
)
_state = {"active": False}
_originals: list[tuple[Any, str, Any, Any]] = []  # class, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around the clients' functions; True when calls are watched."""
    if _state["active"]:
        return True
    if not _originals:
        for module, wrap in (("azure.ai.inference", _wrap), ("azure.ai.inference.aio", _wrap_async)):
            place = import_module(module)
            for owner, name, operation in PLACES:
                _replace(getattr(place, owner, None), name, operation, wrap)
    _state["active"] = bool(_originals)
    return _state["active"]


def _replace(owner: Any, name: str, operation: str, wrap: Callable[[Any, str], Any]) -> None:
    original = getattr(owner, "__dict__", {}).get(name)
    if not callable(original):
        warn_once("azure.version", "sentinelops: this version of azure-ai-inference is not known; not all is recorded.")
        return
    ours = wrap(original, operation)
    setattr(owner, name, ours)
    _originals.append((owner, name, original, ours))


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    was, _state["active"] = _state["active"], False
    if all(owner.__dict__.get(name) is ours for owner, name, _, ours in _originals):
        for owner, name, original, _ in _originals:
            setattr(owner, name, original)
        _originals.clear()
    return was


def _begin(client: Any, operation: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AzureExchange | None:
    if not _state["active"]:
        return None
    try:
        return started(client, operation, args, kwargs)
    except Exception as error:
        swallow("azure.begin", error)
        return None


def _plain(original: Any) -> Any:
    """Look behind the library's own instrumentor: two spans of one call would count its tokens twice."""
    return getattr(original, "_original", original)


def _wrap(original: Any, operation: str) -> Any:
    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, operation, args, kwargs)
        if exchange is None:
            return original(self, *args, **kwargs)
        token = inner.set(exchange)
        try:
            result = _plain(original)(self, *args, **exchange.hooked(kwargs))
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        exchange.came(result)
        return result

    return call


def _wrap_async(original: Any, operation: str) -> Any:
    @functools.wraps(original)
    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, operation, args, kwargs)
        if exchange is None:
            return await original(self, *args, **kwargs)
        token = inner.set(exchange)
        try:
            result = await _plain(original)(self, *args, **exchange.hooked(kwargs))
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        exchange.came(result)
        return result

    return call
