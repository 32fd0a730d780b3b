"""Watches `transformers`, 4.46 to 5, where models run in this very process: pipelines, and `generate` called directly.

A call of a pipeline is one model call, with a list too; of a dataset or generator, which are read later, each batch is.
Nothing is imported for the host: a module of transformers that is not loaded yet is watched from its import on.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from ..._guard import warn_once
from .. import _lazy
from . import _doors

__all__ = ["instrument", "uninstrument"]

# module -> class, and its functions with what goes around them
_PLACES: dict[str, tuple[str, dict[str, Any]]] = {
    "transformers.pipelines.base": (
        "Pipeline", {"__call__": _doors.wrap_pipeline, "forward": _doors.wrap_forward},
    ),
    "transformers.generation.utils": ("GenerationMixin", {"generate": _doors.wrap_generate}),
}  # fmt: skip
_originals: list[tuple[type, str, Any, Any]] = []  # class, name, what was there, what we put there


def instrument() -> bool:
    """Put our wrappers around what is loaded, and around the rest as it comes; True when calls are watched."""
    if _doors.state.active:
        return True
    _doors.state.active = True
    done: list[bool] = []
    for module in _PLACES:
        _lazy.when_imported(module, partial(_watch, module, done), owner="transformers")
    if not all(done):
        uninstrument()
    return _doors.state.active


def _watch(module: str, done: list[bool]) -> None:
    done.append(_wrap(module))


def _wrap(module: str) -> bool:
    name, wrappers = _PLACES[module]
    owner = getattr(sys.modules[module], name, None)
    missing = [function for function in wrappers if owner is None or not callable(owner.__dict__.get(function))]
    if owner is None or missing:
        warn_once(
            "transformers.version",
            "sentinelops: this version of transformers is not known (no %s in %s); its calls are not recorded.",
            ", ".join(missing),
            name,
        )
        return False
    if not any(known is owner for known, *_ in _originals):
        for function, wrap in wrappers.items():
            original = owner.__dict__[function]
            ours = wrap(original)
            setattr(owner, function, ours)
            _originals.append((owner, function, original, ours))
    return True


def uninstrument() -> bool:
    """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
    was, _doors.state.active = _doors.state.active, False
    _lazy.forget("transformers")
    if all(owner.__dict__.get(name) is ours for owner, name, _, ours in _originals):
        for owner, name, original, _ in _originals:
            setattr(owner, name, original)
        _originals.clear()
    return was
