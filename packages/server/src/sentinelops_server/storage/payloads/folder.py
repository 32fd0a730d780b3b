"""Objects as files of a folder: the embedded body of the port."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import Permanent, Temporary

__all__ = ["Folder"]


@contextmanager
def _told(what: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = "free disk space" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "check the folder and its disk"
        raise Temporary(f"the payload {name} cannot be {what} ({error.strerror}): {fix}", 10.0) from error


class Folder:
    """Files below `root` (made with mode 0700). A file is written apart, synced, and only then given its name."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _path(self, name: str) -> Path:
        parts = name.split("/")
        if not name or any(part in {"", ".", ".."} or "\x00" in part for part in parts):
            raise Permanent("this is no name of a payload object")
        return self.root.joinpath(*parts)

    def put(self, name: str, data: bytes) -> None:
        """Write, sync, rename, and sync the folders, so that the name lasts as well as the bytes."""
        path = self._path(name)
        with _told("written", name):
            made = self._make_folder(path.parent)
            temporary = path.parent / f".{uuid.uuid4().hex}.part"
            try:
                descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb", buffering=0) as file:
                    view = memoryview(data)
                    while view:
                        view = view[file.write(view) :]
                    os.fsync(descriptor)
                os.rename(temporary, path)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            for folder in (path.parent, *made):
                _sync(folder)

    def _make_folder(self, folder: Path) -> list[Path]:
        """Make a folder and return the parents that got a new entry by it."""
        changed = []
        missing = []
        while not folder.exists():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(mode=0o700, exist_ok=True)
            changed.append(each.parent)
        return changed

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes | None:
        """Return a range of the file."""
        with _told("read", name):
            try:
                descriptor = os.open(self._path(name), os.O_RDONLY | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                return None
            with os.fdopen(descriptor, "rb") as file:
                file.seek(offset)
                return file.read() if length is None else file.read(length)

    def names(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield the files below a folder, unfinished ones too."""
        with _told("listed", prefix):
            start = self.root.joinpath(*prefix.split("/")) if prefix else self.root
            for folder, _, files in os.walk(start):
                for file in sorted(files):
                    path = Path(folder) / file
                    try:
                        size = path.stat().st_size
                    except FileNotFoundError:
                        continue  # renamed or deleted meanwhile
                    yield path.relative_to(self.root).as_posix(), size

    def delete(self, names: list[str]) -> None:
        """Delete the files, and the folders that they leave empty."""
        for name in names:
            with _told("deleted", name):
                path = self._path(name)
                path.unlink(missing_ok=True)
                self._remove_empty(path.parent)

    def _remove_empty(self, folder: Path) -> None:
        while folder != self.root:
            try:
                folder.rmdir()
            except OSError:
                return  # another file is in it, or it is gone
            folder = folder.parent


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
