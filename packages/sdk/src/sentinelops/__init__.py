"""The public door of the SDK: these names and nothing else. Everything behind them is loaded when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# Bound after its package is loaded, so that the function, not the package of the same name, is what users see.
from .instrument import instrument, uninstrument

if TYPE_CHECKING:
    from . import testing
    from ._ambient import context
    from ._configure import configure, flush, shutdown, stats
    from ._observe import observe
    from ._record import Recorder, record
    from ._score import score
    from ._span import ActiveSpan, span
    from ._threads import ThreadPoolExecutor, propagate

__all__ = [
    "ActiveSpan",
    "Recorder",
    "ThreadPoolExecutor",
    "configure",
    "context",
    "flush",
    "instrument",
    "observe",
    "propagate",
    "record",
    "score",
    "shutdown",
    "span",
    "stats",
    "testing",
    "uninstrument",
]

_HOMES = {
    "ActiveSpan": "_span",
    "Recorder": "_record",
    "ThreadPoolExecutor": "_threads",
    "configure": "_configure",
    "context": "_ambient",
    "flush": "_configure",
    "observe": "_observe",
    "propagate": "_threads",
    "record": "_record",
    "score": "_score",
    "shutdown": "_configure",
    "span": "_span",
    "stats": "_configure",
}


def __getattr__(name: str) -> Any:
    """Load a public name from the module that holds it (PEP 562)."""
    from importlib import import_module

    if name == "testing":
        return import_module(f"{__name__}.testing")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
