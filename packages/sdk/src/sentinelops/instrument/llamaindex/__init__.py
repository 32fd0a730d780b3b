"""Watches LlamaIndex through its instrumentation dispatcher: indexes, queries, retrievers, models, agents, workflows.

Two handlers stand at the root of the dispatcher; streams of models, which the dispatcher loses sight of, are wrapped.
"""

from __future__ import annotations

from ..._guard import swallow
from . import _handlers, _indexes, _streams

__all__ = ["instrument", "uninstrument"]


def instrument() -> bool:
    """Put our handlers at the root of the dispatcher; True when LlamaIndex is watched."""
    if not _handlers.install():
        return False
    _streams.install()
    _indexes.install()
    return True


def uninstrument() -> bool:
    """Take them out again, and let the models' methods and the indexes' go."""
    try:
        _indexes.remove()
        _streams.remove()
        return _handlers.remove()
    except Exception as error:
        swallow("uninstrument.llamaindex", error)
        return False
