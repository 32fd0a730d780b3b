"""Opens the stores: for a server, and for a verb of the command line, whether a server runs or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from sentinelops_server.settings import Settings
from sentinelops_server.storage.embedded import EmbeddedPostgres, running_url
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.migrate import migrate

from .files import private_folder
from .lock import DataDirLock

__all__ = ["Stores", "StoresError", "connect", "open_stores"]


class StoresError(Exception):
    """The data cannot be reached; `fix` says what to do."""

    def __init__(self, cause: str, fix: str = "") -> None:
        super().__init__(cause)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Stores:
    """Rows, payloads, and the keys that seal them."""

    database: Database
    payloads: PayloadStore
    keyring: KeyRing

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()


def connect(settings: Settings, url: str) -> Stores:
    """Migrate forward, then open. Raises Temporary when PostgreSQL does not answer."""
    migrate(url)
    database = Database(replace(settings.postgres, url=url))
    database.open()
    keyring = KeyRing(settings.server.data_dir / "payload-keys.json")
    return Stores(database, PayloadStore(settings.payloads, keyring), keyring)


@contextmanager
def open_stores(settings: Settings, on_progress: Callable[[str], None]) -> Iterator[Stores]:
    """Open the stores for a while: the running server's database, or the embedded one started for the purpose."""
    data_dir = settings.server.data_dir
    if settings.server.database_url:
        private_folder(data_dir)
        yield from _use(connect(settings, settings.server.database_url))
        return
    lock = DataDirLock(data_dir)
    if lock.holder() is not None:
        url = running_url(data_dir)
        if url is None:
            raise StoresError(f"the server on {data_dir} is still starting", "try again in a few seconds")
        yield from _use(connect(settings, url))
        return
    if not data_dir.exists():
        raise StoresError(f"there is no data folder {data_dir}", "run `sentinelops up` first, or say which: --data-dir")
    lock.acquire()
    postgres = EmbeddedPostgres(data_dir)
    try:
        on_progress("no server runs on this data folder: starting its database")
        yield from _use(connect(settings, postgres.start(on_progress=on_progress)))
    finally:
        postgres.stop()
        lock.release()


def _use(stores: Stores) -> Iterator[Stores]:
    try:
        yield stores
    finally:
        stores.close()
