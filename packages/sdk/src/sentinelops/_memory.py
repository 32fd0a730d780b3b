"""Resident memory of this process, cheap enough to read twice per model call."""

from __future__ import annotations

import os
import threading

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_lock = threading.Lock()
_descriptor: int | None = None
_owner = 0


def _open() -> int | None:
    """Open /proc/self/statm once per process: an inherited descriptor would still read the parent."""
    global _descriptor, _owner  # noqa: PLW0603 - one descriptor per process is the point
    with _lock:
        if _owner == os.getpid():
            return _descriptor
        if _descriptor is not None:
            os.close(_descriptor)
        try:
            _descriptor = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            _descriptor = None
        _owner = os.getpid()
        return _descriptor


def _forked() -> None:
    global _lock, _owner  # noqa: PLW0603
    _lock = threading.Lock()
    _owner = 0


def rss_bytes() -> int | None:
    """Bytes of resident memory now; None where the platform does not tell (no /proc). A page is the resolution."""
    descriptor = _descriptor if _owner else _open()
    if descriptor is None:
        return None
    try:
        return int(os.pread(descriptor, 128, 0).split(b" ", 2)[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
