"""The port to wherever payload segments are kept: objects written once, read in part, deleted by folder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

__all__ = ["ObjectStore"]


class ObjectStore(Protocol):
    """Names are paths with slashes. All methods raise Temporary when the store does not answer."""

    def put(self, name: str, data: bytes) -> None:
        """Write an object; when this returns no power cut can lose it, and until then nobody sees a part of it."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        """Return the bytes of a range, by default all; None when there is no such object."""

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield name and size of the objects whose folder begins with `prefix`."""

    def delete(self, names: list[str]) -> None:
        """Delete objects; those that are gone already are no error."""
