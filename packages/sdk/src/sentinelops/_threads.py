"""Carrying the context (span, session, user, tags) into threads."""

from __future__ import annotations

import concurrent.futures
import contextvars
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def propagate(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, running under the context of the moment propagate() was called, in whatever thread.

    `Thread(target=propagate(work))`, `loop.run_in_executor(None, propagate(work))`. May be called many times, at once
    too.
    """
    context = contextvars.copy_context()

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return run


class ThreadPoolExecutor(concurrent.futures.ThreadPoolExecutor):
    """The standard one, but what is submitted (or mapped) runs under the submitter's context."""

    def submit(self, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> concurrent.futures.Future[R]:
        """As the standard submit()."""
        return super().submit(propagate(fn), *args, **kwargs)
