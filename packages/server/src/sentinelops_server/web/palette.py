"""Colours of names: the same model has the same colour on every page, whatever else is shown beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b

__all__ = ["COLOURS", "Palette"]

# in the order they are given out: neighbours in it are far apart, for colour-blind eyes too
COLOURS = ("c0", "c1", "c2", "c3", "c4", "c6", "c5", "c7")
_LOOK_AGAIN_SECONDS = 5.0


class Palette:
    """Gives each model one of eight colour classes, in the order in which models were first seen.

    So eight models have eight colours, and a new one changes none: what a name was given it keeps. A name that is not
    in the catalogue has a colour by its hash.

    `catalogue` gives the names, earliest first; it is asked when an unknown name comes, at most every 5 s. Thread-safe.
    """

    def __init__(self, catalogue: Callable[[], Sequence[str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._places: dict[str, int] = {}
        self._asked: float | None = None
        self._lock = threading.Lock()

    def colour(self, name: str) -> str:
        """Give the class of a name, `c0`..`c7`."""
        place = self._places.get(name)
        if place is None:
            self._learn()
            place = self._places.get(name)
        if place is None:
            digest = blake2b(name.encode("utf-8", "replace"), digest_size=4, person=b"colours-7247").digest()
            place = digest[0]
        return COLOURS[place % len(COLOURS)]

    def _learn(self) -> None:
        with self._lock:
            now = self._clock()
            if self._asked is not None and now - self._asked < _LOOK_AGAIN_SECONDS:
                return
            self._asked = now
            for name in self._catalogue():
                self._places.setdefault(name, len(self._places))
