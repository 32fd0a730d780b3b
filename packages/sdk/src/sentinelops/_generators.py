"""Async generators around those of others."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

Item = TypeVar("Item")


def first_step(inner: AsyncIterator[Item]) -> Awaitable[Item]:
    """Begin a generator that the one around it closes, without the event loop's knowledge.

    A loop that ends closes every generator it knows of, all at the same time: the one around closes `inner` too, and
    one of both fails.
    """
    hooks = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, None)
    try:
        return inner.__anext__()
    finally:
        sys.set_asyncgen_hooks(*hooks)
