"""Watches LangChain and LangGraph: chains, graphs, agents, tools, retrievers and models, as one tree of spans.

`instrument("langchain")` puts our handler into every run. For one run only, or one object:
`callbacks=[SentinelOpsCallbackHandler()]`; both at once see each run once.
"""

from __future__ import annotations

from typing import Any

from ..._guard import swallow
from ._patches import patches

__all__ = ["SentinelOpsCallbackHandler", "instrument", "uninstrument"]


def __getattr__(name: str) -> Any:
    if name == "SentinelOpsCallbackHandler":
        from ._handler import handler_class

        return handler_class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def instrument() -> bool:
    """Put our handler into every run from now on; True when runs are watched."""
    from ._handler import install

    patches.install()
    return install()


def uninstrument() -> bool:
    """Take it out again; handlers that the application made itself go on."""
    try:
        from ._handler import in_use, remove

        removed = remove()
        if not in_use():
            patches.remove()
        return removed
    except Exception as error:
        swallow("uninstrument.langchain", error)
        return False
