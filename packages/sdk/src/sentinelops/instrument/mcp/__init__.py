"""Watches MCP: requests of clients, what servers ask of them, and requests that servers in this process answer.

The context travels in `params._meta`, so that one tree spans both processes.
"""

from __future__ import annotations

from ._patches import patches

__all__ = ["instrument", "uninstrument"]


def instrument() -> bool:
    """Watch every session and server from now on; True when they are watched."""
    return patches.install()


def uninstrument() -> bool:
    """Put the library's functions back."""
    return patches.remove()
