"""Batches that wait on disk while the server is away: bounded, private to the user, replayed in order."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
import zlib
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"SENTINELOPS-SPOOL-1\n"
_SUFFIX = ".spool"
_DRAFT = ".part"


@dataclass(frozen=True, slots=True)
class Spooled:
    """A batch read back: body as it is sent (compressed when `gzip`), and how many spans, or scores, are in it."""

    body: bytes
    spans: int
    gzip: bool
    scores: bool = False


class Spool:
    """A folder of batches, oldest first. Files are 0600 in a folder that is made 0700.

    A file's name says when it was made and by which process: `TIME-PID-TOKEN-NUMBER.spool`. Files whose process is gone
    are adopted (`adopt`), each by exactly one living process, because a rename has one winner.
    """

    def __init__(self, folder: str, max_bytes: int) -> None:
        self._folder = Path(folder)
        self._max_bytes = max_bytes
        self._pid = os.getpid()
        self._token = secrets.token_hex(4)
        self._number = 0
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._folder.stat().st_uid == os.getuid():
            self._folder.chmod(0o700)
        self._files: list[tuple[Path, int, int, bool]] = []  # path, size, spans, whether those are scores

    def __len__(self) -> int:
        return len(self._files)

    @property
    def spans(self) -> int:
        """How many spans wait here."""
        return sum(spans for _, _, spans, scores in self._files if not scores)

    def put(self, body: bytes, spans: int, *, gzip: bool, scores: bool = False) -> bool:
        """Keep a batch; False when it would not fit, or the disk refuses."""
        about = {"spans": spans, "gzip": gzip, "crc": zlib.crc32(body), "bytes": len(body), "scores": scores}
        head = json.dumps(about).encode() + b"\n"
        size = len(_MAGIC) + len(head) + len(body)
        if self._used() + size > self._max_bytes:
            return False
        self._number += 1
        path = self._folder / f"{time.time_ns():020d}-{self._pid}-{self._token}-{self._number:06d}{_SUFFIX}"
        draft = path.with_suffix(_DRAFT)
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_MAGIC + head + body)
            draft.rename(path)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink()
            return False
        self._files.append((path, size, spans, scores))
        return True

    def _used(self) -> int:
        """Bytes in the folder, whoever wrote them: the bound is the folder's."""
        total = 0
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_size
        return total

    def oldest(self) -> Spooled | None:
        """The batch to send next; None when it is corrupt or gone. Either way it stays until `forget`."""
        path, size, _, _ = self._files[0]
        try:
            with path.open("rb") as file:
                return _parse(file.read(size + 1))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self) -> tuple[int, bool]:
        """Delete the oldest, sent or hopeless; how many spans it was said to hold, and whether those are scores."""
        path, _, spans, scores = self._files.pop(0)
        with contextlib.suppress(OSError):
            path.unlink()
        return spans, scores

    def adopt(self) -> tuple[int, int]:
        """Take over what dead processes left; how many spans and scores that is (a corrupt file counts as a span)."""
        adopted = [0, 0]
        try:
            found = sorted(path for path in self._folder.iterdir() if path.suffix in (_SUFFIX, _DRAFT))
        except OSError:
            return 0, 0
        for path in found:
            made, pid, token, *_ = (*path.stem.split("-"), "", "", "")
            if not pid.isdigit() or token == self._token or (int(pid) != self._pid and _alive(int(pid))):
                continue
            if path.suffix == _DRAFT:  # its process was killed while it wrote: nobody counted these spans as spooled
                with contextlib.suppress(OSError):
                    path.unlink()
                continue
            self._number += 1
            mine = self._folder / f"{made}-{self._pid}-{self._token}-{self._number:06d}{_SUFFIX}"
            try:
                path.rename(mine)
                size = mine.stat().st_size
            except OSError:
                continue  # another process was faster
            spans, scores = _spans(mine)
            self._files.append((mine, size, spans, scores))
            adopted[scores] += spans
        self._files.sort()
        return adopted[0], adopted[1]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _spans(path: Path) -> tuple[int, bool]:
    """What the head of a file says it holds, and whether those are scores; one span when it does not say."""
    try:
        with path.open("rb") as file:
            file.readline(64)
            said = json.loads(file.readline(1_024))
            return max(1, int(said["spans"])), said.get("scores") is True
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return 1, False


def _parse(content: bytes) -> Spooled | None:
    head, newline, body = content.removeprefix(_MAGIC).partition(b"\n")
    if not content.startswith(_MAGIC) or not newline:
        return None
    described = json.loads(head)
    if len(body) != described["bytes"] or zlib.crc32(body) != described["crc"]:
        return None
    return Spooled(body, int(described["spans"]), bool(described["gzip"]), described.get("scores") is True)
