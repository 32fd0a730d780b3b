"""Giving way in the export thread: a batch may not hold the interpreter while the host's threads want it."""

from __future__ import annotations

import time

_LEAST, _MOST = 0.0002, 0.0016
_ALONE = 0.0005  # a sleep of nothing takes a tenth of it; longer: somebody else had the interpreter


class Turns:
    """Sleeps for nothing every fifth of a millisecond, and less often while nobody is there to take the turn.

    A sleep costs the processor 20 microseconds, a tenth of the work between two of them.
    """

    def __init__(self) -> None:
        self._every = _LEAST
        self._at = time.monotonic()

    def give(self) -> None:
        """Give way if it is time."""
        now = time.monotonic()
        if now - self._at < self._every:
            return
        time.sleep(0)
        self._at = time.monotonic()
        self._every = min(2 * self._every, _MOST) if self._at - now < _ALONE else _LEAST
