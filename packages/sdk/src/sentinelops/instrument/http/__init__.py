"""Watches model calls that go over plain HTTP: httpx, httpx2, requests and aiohttp, to hosts that serve models."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from ..._guard import warn_once
from .. import _lazy

__all__ = ["instrument", "uninstrument"]

# module -> (class or none, its function, our module, what wraps it)
_PLACES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "httpx": (("Client", "send", "_httpx", "wrap_send"), ("AsyncClient", "send", "_httpx", "wrap_async_send")),
    "httpx2": (("Client", "send", "_httpx", "wrap_send"), ("AsyncClient", "send", "_httpx", "wrap_async_send")),
    "requests": (("Session", "send", "_requests", "wrap_send"),),
    "aiohttp": (("ClientSession", "_request", "_aiohttp", "wrap_request"),),
    "mistralai.client._hooks.tracing": (("", "get_traced_request_and_span", "_mistral", "wrap_traced_request"),),
    "mistralai._hooks.tracing": (("", "get_traced_request_and_span", "_mistral", "wrap_traced_request"),),  # major 1
}
_state = {"active": False}
_originals: dict[tuple[str, str, str], tuple[Any, Any, Any]] = {}  # -> owner, what was there, what we put there


def _active() -> bool:
    return _state["active"]


def instrument() -> bool:
    """Wrap the clients that are loaded, the others as soon as they are; True."""
    _state["active"] = True
    for package in _PLACES:
        _lazy.when_imported(package, _wrapping(package), owner="http.clients")
    return True


def _wrapping(package: str) -> Callable[[], None]:
    return lambda: _wrap(package)


def _wrap(package: str) -> None:
    from importlib import import_module

    for owner_name, name, module, wrapper in _PLACES[package]:
        key = (package, owner_name, name)
        module_there = sys.modules.get(package)
        owner: Any = getattr(module_there, owner_name, None) if owner_name else module_there
        original = getattr(owner, "__dict__", {}).get(name)
        if owner is None or not callable(original):
            warn_once(
                f"http.{package}",
                "sentinelops: this version of %s is not known (no %s.%s); model calls over it are not recorded.",
                package, owner_name, name,
            )  # fmt: skip
        elif key not in _originals:
            ours = getattr(import_module(f"{__name__}.{module}"), wrapper)(original, _active)
            setattr(owner, name, ours)
            _originals[key] = (owner, original, ours)


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    was, _state["active"] = _state["active"], False
    _lazy.forget("http.clients")
    for key, (owner, original, ours) in list(_originals.items()):
        if owner.__dict__.get(key[2]) is ours:
            setattr(owner, key[2], original)
            del _originals[key]
    return was
