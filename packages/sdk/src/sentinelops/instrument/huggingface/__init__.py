"""Watches `huggingface_hub`, 0.31 to 2: InferenceClient and AsyncInferenceClient, every task, every provider.

Each method of a task is one model call, whatever it sends: text_generation may ask again with fewer parameters, video
providers are polled. The requests themselves pass `_inner_post`, answers pass `hf_raise_for_status`.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

from ..._guard import warn_once
from . import _doors

__all__ = ["instrument", "uninstrument"]

_originals: list[tuple[Any, str, Any, Any]] = []  # class or module, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around the client's functions; True when calls are watched."""
    if _doors.state.active:
        return True
    sync = import_module("huggingface_hub.inference._client")
    asynchronous = import_module("huggingface_hub.inference._generated._async_client")
    clients = (sync.InferenceClient, asynchronous.AsyncInferenceClient)
    if any(not callable(client.__dict__.get("_inner_post")) for client in clients):
        warn_once(
            "huggingface.version",
            "sentinelops: this version of huggingface_hub is not known (no _inner_post); its calls are not recorded.",
        )
        return False
    if not _originals:
        _wrap_client(clients[0], _doors.wrap_method, _doors.wrap_post)
        _wrap_client(clients[1], _doors.wrap_async_method, _doors.wrap_async_post)
        for module in (sync, asynchronous):
            if callable(module.__dict__.get("hf_raise_for_status")):
                _put(module, "hf_raise_for_status", _doors.wrap_raise)
        if callable(clients[1].__dict__.get("_get_client_session")):
            _put(clients[1], "_get_client_session", _doors.wrap_session)
    _doors.state.active = True
    return True


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    was, _doors.state.active = _doors.state.active, False
    if all(owner.__dict__.get(name) is ours for owner, name, _, ours in _originals):
        for owner, name, original, _ in _originals:
            setattr(owner, name, original)
        _originals.clear()
    return was


def methods_of(client: type) -> list[str]:
    """Names of the methods that send something to a model: those whose own code calls `_inner_post`."""
    return [
        name
        for name, value in client.__dict__.items()
        if not name.startswith("_")
        and inspect.isfunction(value)
        and "_inner_post" in inspect.unwrap(value).__code__.co_names
    ]


def _wrap_client(client: type, method: Any, post: Any) -> None:
    _put(client, "_inner_post", post)
    for name in methods_of(client):
        _put(client, name, method)


def _put(owner: Any, name: str, wrap: Any) -> None:
    original = owner.__dict__[name]
    ours = wrap(original)
    setattr(owner, name, ours)
    _originals.append((owner, name, original, ours))
