"""Objects in S3, GCS, Azure or whatever else obstore reaches: the production body of the port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import ObjectStore, from_url

from ...errors import Temporary

__all__ = ["Bucket"]


class Bucket:
    """A bucket, and a prefix in it. Credentials come from where the provider's own tools look for them."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def from_url(cls, url: str, options: dict[str, Any] | None = None) -> Bucket:
        """Open s3://bucket/prefix, gs://..., az://... or memory:///. `options` are those of obstore's stores."""
        return cls(from_url(url, **(options or {})))

    def put(self, name: str, data: bytes) -> None:
        """Write the object; the store answers when it is kept."""
        try:
            obstore.put(self._store, name, data)
        except (BaseError, OSError) as error:
            raise Temporary(f"the payload store does not take {name}: {_short(error)}") from error

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        """Return a range of the object."""
        try:
            if length is None:
                return bytes(obstore.get(self._store, name).bytes())[offset:]
            return bytes(obstore.get_range(self._store, name, start=offset, length=length))
        except (NotFoundError, FileNotFoundError):
            return None
        except (BaseError, OSError) as error:
            raise Temporary(f"the payload store does not give {name}: {_short(error)}") from error

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the objects below a prefix."""
        try:
            for page in obstore.list(self._store, prefix=prefix or None):
                for meta in page:
                    yield meta["path"], meta["size"]
        except (BaseError, OSError) as error:
            raise Temporary(f"the payload store does not list {prefix}: {_short(error)}") from error

    def delete(self, names: list[str]) -> None:
        """Delete the objects."""
        for start in range(0, len(names), 1000):
            try:
                obstore.delete(self._store, names[start : start + 1000])
            except (NotFoundError, FileNotFoundError):
                continue
            except (BaseError, OSError) as error:
                raise Temporary(f"the payload store does not delete: {_short(error)}") from error


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200]
