"""Watches Haystack through its tracer: pipelines, components, agents and their tools, as one tree of spans.

The tracer that the application enabled, or will enable, is not touched: ours stands before it and hands everything on.
"""

from __future__ import annotations

from ._patches import patches

__all__ = ["instrument", "uninstrument"]


def instrument() -> bool:
    """Watch every pipeline from now on; True when they are watched."""
    return patches.install()


def uninstrument() -> bool:
    """Put Haystack's functions back; runs under way end their spans."""
    return patches.remove()
