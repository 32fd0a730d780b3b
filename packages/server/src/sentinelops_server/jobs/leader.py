"""One process at a time does the jobs: who holds a PostgreSQL advisory lock leads, for as long as it is connected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from ..storage.postgres.database import Database

__all__ = ["Leader"]

SPACE = 0x4A4F4253  # "JOBS": our part of the advisory locks


class Leader:
    """Leads for `name`: any number of processes may ask, one at a time is told yes."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._key = crc32(name.encode()) - 2**31
        self.name = name

    @contextmanager
    def hold(self) -> Iterator[bool]:
        """Say whether we lead, without waiting; when we do, for as long as the block runs. Raises Temporary.

        The lock belongs to a transaction that stays open for the block: when this process or its connection dies,
        PostgreSQL gives it to whoever asks next.
        """
        with self._database.transaction() as transaction:
            row = transaction.fetch_one("SELECT pg_try_advisory_xact_lock(%s, %s) AS held", (SPACE, self._key))
            yield bool(row and row["held"])
