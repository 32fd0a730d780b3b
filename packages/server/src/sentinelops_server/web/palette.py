"""Colours of names: the same model has the same colour on every page, whatever else is shown beside it."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["COLOURS", "colour"]

COLOURS = 8


def colour(name: str) -> str:
    """Give the class of one of the eight categorical colours (`c0`..`c7`), from the name alone."""
    digest = blake2b(name.encode("utf-8", "replace"), digest_size=4, person=b"colours-7247").digest()
    return f"c{digest[0] % COLOURS}"
