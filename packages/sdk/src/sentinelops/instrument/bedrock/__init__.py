"""Watches Amazon Bedrock through `boto3`, `botocore` and `aiobotocore`, where every operation of a client passes.

All client classes are generated and inherit `_make_api_call` of one base class (each of the two libraries has its own),
so clients made before `instrument()` are watched like those made after it. Other services pass untouched.
"""

from __future__ import annotations

import functools
from importlib.util import find_spec
from typing import Any

from ..._call import inner
from ..._guard import warn_once
from ._exchange import Exchange, begin

__all__ = ["instrument", "uninstrument"]

_active = False
_originals: list[tuple[type, str, Any, Any]] = []  # class, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around the functions of the clients; True when calls are watched."""
    global _active  # noqa: PLW0603 - whether the one client library is watched
    if _active:
        return True
    base = _base_class("botocore.client", "BaseClient")
    wrappers = [(base, "_make_api_call", _wrap), (base, "_make_request", _wrap_request)]
    if find_spec("aiobotocore") is not None:
        base = _base_class("aiobotocore.client", "AioBaseClient")
        wrappers += [(base, "_make_api_call", _wrap_async), (base, "_make_request", _wrap_async_request)]
    missing = [name for owner, name, _ in wrappers if owner is None or not callable(owner.__dict__.get(name))]
    if missing:
        warn_once(
            "bedrock.version",
            "sentinelops: this version of botocore or aiobotocore is not known (no %s); its calls are not recorded.",
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


def _base_class(module: str, name: str) -> Any:
    from importlib import import_module

    return getattr(import_module(module), name, None)


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Exchange | None:
    return begin(client, args, kwargs) if _active else None


def _leave(token: Any) -> None:
    try:
        inner.reset(token)
    except ValueError:  # a coroutine finished off in another context than it began in: there is nothing to undo there
        return


def _wrap(original: Any) -> Any:
    @functools.wraps(original)
    def _make_api_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, args, kwargs)
        if exchange is None:
            return original(self, *args, **kwargs)
        token = inner.set(exchange)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            _leave(token)
        exchange.returned(result, is_async=False)
        return result

    return _make_api_call


def _wrap_async(original: Any) -> Any:
    @functools.wraps(original)
    async def _make_api_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _begin(self, args, kwargs)
        if exchange is None:
            return await original(self, *args, **kwargs)
        token = inner.set(exchange)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            _leave(token)
        exchange.returned(result, is_async=True)
        return result

    return _make_api_call


def _arrived(result: Any) -> None:
    exchange = inner.get()
    if type(exchange) is Exchange:
        exchange.arrived(result)


def _wrap_request(original: Any) -> Any:
    @functools.wraps(original)
    def _make_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        _arrived(result)
        return result

    return _make_request


def _wrap_async_request(original: Any) -> Any:
    @functools.wraps(original)
    async def _make_request(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = await original(self, *args, **kwargs)
        _arrived(result)
        return result

    return _make_request
