"""Watches the OpenAI Agents SDK (package `agents`) through the processor that its own tracing is open for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ._processor import Processor

__all__ = ["instrument", "uninstrument"]

_ours = Processor()
_added: list[Any] = []  # providers of the host's own make that have our processor


def instrument() -> bool:
    """Add our processor beside those that are there; the host's export to OpenAI stays as it is.

    Called again after the host replaced the processors, it adds ours again.
    """
    _ours.active = True
    tracing = import_module("agents.tracing")
    provider = tracing.get_trace_provider()
    if not _has_ours(provider):
        tracing.add_trace_processor(_ours)
        _added.append(provider)
    return True


def uninstrument() -> bool:
    """Listen no more; the processor stays where it is, and does nothing."""
    was, _ours.active = _ours.active, False
    return was


def _has_ours(provider: Any) -> bool:
    there = getattr(getattr(provider, "_multi_processor", None), "_processors", None)
    if isinstance(there, tuple):
        return any(one is _ours for one in there)
    return any(known is provider for known in _added)
