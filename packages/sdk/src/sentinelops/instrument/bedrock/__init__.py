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
from . import _exchange

__all__ = ["instrument", "uninstrument"]

_NAME = "_make_api_call"
_active = False
_originals: list[tuple[type, Any, Any]] = []  # class, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around the functions of the clients; True when calls are watched."""
    global _active  # noqa: PLW0603 - whether the one client library is watched
    if _active:
        return True
    wrappers = [(_base_class("botocore.client", "BaseClient"), _wrap)]
    if find_spec("aiobotocore") is not None:
        wrappers.append((_base_class("aiobotocore.client", "AioBaseClient"), _wrap_async))
    known = [(owner, wrap) for owner, wrap in wrappers if owner is not None and callable(owner.__dict__.get(_NAME))]
    if len(known) < len(wrappers):
        warn_once(
            "bedrock.version",
            "sentinelops: this version of botocore or aiobotocore is not known (no %s); its calls are not recorded.",
            _NAME,
        )
    if not known:
        return False
    if not _originals:
        for owner, wrap in known:
            original = owner.__dict__[_NAME]
            ours = wrap(original)
            setattr(owner, _NAME, ours)
            _originals.append((owner, original, ours))
    _active = True
    return True


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    global _active  # noqa: PLW0603 - whether the one client library is watched
    was, _active = _active, False
    if all(owner.__dict__.get(_NAME) is ours for owner, _, ours in _originals):
        for owner, original, _ in _originals:
            setattr(owner, _NAME, original)
        _originals.clear()
    return was


def _base_class(module: str, name: str) -> Any:
    from importlib import import_module

    return getattr(import_module(module), name, None)


def _begin(client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _exchange.Exchange | None:
    return _exchange.begin(client, args, kwargs) if _active else None


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
