"""Watches `huggingface_hub`, 0.31 to 2: InferenceClient and AsyncInferenceClient, every task, every provider.

Each method of a task is one model call, whatever it sends: text_generation may ask again with fewer parameters, video
providers are polled. The requests themselves pass `_inner_post`, answers pass `hf_raise_for_status`.
Nothing is imported for the host: many use huggingface_hub to load files and never load a client.
"""

from __future__ import annotations

import inspect
import sys
from functools import partial
from types import ModuleType
from typing import Any

from ..._guard import warn_once
from .. import _lazy
from . import _doors

__all__ = ["instrument", "uninstrument"]

# module -> client, and what goes around its methods and around `_inner_post`
_PLACES: dict[str, tuple[str, Any, Any]] = {
    "huggingface_hub.inference._client": ("InferenceClient", _doors.wrap_method, _doors.wrap_post),
    "huggingface_hub.inference._generated._async_client": (
        "AsyncInferenceClient",
        _doors.wrap_async_method,
        _doors.wrap_async_post,
    ),
}
_originals: list[tuple[Any, str, Any, Any]] = []  # class or module, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around what is loaded, and around the rest as it comes; True when calls are watched."""
    if _doors.state.active:
        return True
    _doors.state.active = True
    done: list[bool] = []
    for module in _PLACES:
        _lazy.when_imported(module, partial(_watch, module, done), owner="huggingface")
    if not all(done):
        uninstrument()
    return _doors.state.active


def _watch(module: str, done: list[bool]) -> None:
    done.append(_wrap(sys.modules[module]))


def _wrap(module: ModuleType) -> bool:
    name, method, post = _PLACES[module.__name__]
    client = getattr(module, name, None)
    if client is None or not callable(client.__dict__.get("_inner_post")):
        warn_once(
            "huggingface.version",
            "sentinelops: this version of huggingface_hub is not known (no _inner_post); its calls are not recorded.",
        )
        return False
    if any(owner is client for owner, *_ in _originals):
        return True
    _put(client, "_inner_post", post)
    for task in methods_of(client):
        _put(client, task, method)
    if callable(module.__dict__.get("hf_raise_for_status")):
        _put(module, "hf_raise_for_status", _doors.wrap_raise)
    if callable(client.__dict__.get("_get_client_session")):
        _put(client, "_get_client_session", _doors.wrap_session)
    return True


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    was, _doors.state.active = _doors.state.active, False
    _lazy.forget("huggingface")
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


def _put(owner: Any, name: str, wrap: Any) -> None:
    original = owner.__dict__[name]
    ours = wrap(original)
    setattr(owner, name, ours)
    _originals.append((owner, name, original, ours))
