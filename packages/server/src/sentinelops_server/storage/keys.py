"""The data keys that seal payloads: a file of mode 0600, in which old keys stay to open what they sealed."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Permanent

__all__ = ["DataKey", "KeyRing"]

KEY_BYTES = 32  # AES-256


@dataclass(frozen=True)
class DataKey:
    """One key and the number by which payloads name it."""

    key_id: int
    secret: bytes = field(repr=False)


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let one process at a time change the keys: a rotation that overwrote another one would lose a key."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class KeyRing:
    """The keys of one file, which is made when it is missing. Another process's rotation is seen at the next use.

    Raises Permanent when the file can be read by others, or is not a key file.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._keys: dict[int, DataKey] = {}
        self._active = 0
        self._seen: tuple[int, int] | None = None
        if not self.path.exists():
            self._write({1: DataKey(1, secrets.token_bytes(KEY_BYTES))}, 1, exclusive=True)
        self._load()

    def active(self) -> DataKey:
        """Return the key that seals now."""
        with self._lock:
            self._reload_when_changed()
            return self._keys[self._active]

    def get(self, key_id: int) -> DataKey:
        """Return a key by its number. Raises Permanent when the file has no such key."""
        with self._lock:
            if key_id not in self._keys:
                self._reload_when_changed()
            try:
                return self._keys[key_id]
            except KeyError:
                raise Permanent(
                    f"{self.path} has no key {key_id}, which sealed this payload: restore the key file from the backup"
                ) from None

    def rotate(self) -> int:
        """Add a key that seals from now on, and return its number; the old ones still open what they sealed."""
        with self._lock, _only_one(self.path.parent):
            self._load()
            key_id = max(self._keys) + 1
            self._write({**self._keys, key_id: DataKey(key_id, secrets.token_bytes(KEY_BYTES))}, key_id)
            self._load()
            return key_id

    def key_ids(self) -> list[int]:
        """Return the numbers of all keys; the last one seals."""
        with self._lock:
            self._reload_when_changed()
            return sorted(self._keys)

    def _reload_when_changed(self) -> None:
        status = os.stat(self.path)
        if (status.st_mtime_ns, status.st_ino) != self._seen:
            self._load()

    def _load(self) -> None:
        with open(self.path, "rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & 0o077:
                raise Permanent(
                    f"the key file {self.path} can be read by others (mode {status.st_mode & 0o777:04o}): "
                    f"run chmod 600 {self.path}, then rotate the key"
                )
            content = file.read()
        try:
            held = json.loads(content)
            keys = {int(number): DataKey(int(number), base64.b64decode(key)) for number, key in held["keys"].items()}
            active = int(held["active"])
        except (ValueError, KeyError, TypeError, AttributeError):
            # the cause may quote the content, which is secret
            raise Permanent(f"{self.path} is not a key file: restore it from the backup") from None
        if active not in keys or any(len(key.secret) != KEY_BYTES for key in keys.values()):
            raise Permanent(f"{self.path} is damaged: restore it from the backup")
        self._keys, self._active, self._seen = keys, active, (status.st_mtime_ns, status.st_ino)

    def _write(self, keys: dict[int, DataKey], active: int, exclusive: bool = False) -> None:
        held = {number: base64.b64encode(key.secret).decode() for number, key in keys.items()}
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(json.dumps({"active": active, "keys": held}, indent=1).encode())
            file.flush()
            os.fsync(file.fileno())
        try:
            if exclusive:
                os.link(temporary, self.path)  # two processes may start together: the first one's keys are the keys
            else:
                os.replace(temporary, self.path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
