"""Starts a program as another user that dies with its parent: run as a script by `embedded`, in front of PostgreSQL.

Between fork and exec of a threaded process hardly anything is safe to do, so this small script does it in a process of
its own: it gives up root, keeps the one capability that is needed to pass folders closed to the new user (parents of
the data folder are never opened for it), asks the kernel for a signal when the parent ends, and becomes the program.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
LINUX_CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8  # to set the bit below


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32)]


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        errno = ctypes.get_errno()
        raise OSError(errno, f"{what}: {os.strerror(errno)}")


def drop(uid: int, gid: int, capability: int | None) -> None:
    """Become uid and gid, keeping at most one capability as an ambient one (it survives exec)."""
    libc = _libc()
    if capability is not None:
        # Without this bit access(2), which PostgreSQL asks before it opens, leaves capabilities out of account for
        # other users than root. With it setresuid keeps all of them, until capset below lets go of all but one.
        _check(libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0), "PR_SET_SECUREBITS")
    os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    if capability is not None:
        mask = 1 << capability
        data = (_Data * 2)(_Data(mask, mask, mask), _Data(0, 0, 0))
        _check(libc.capset(ctypes.byref(_Header(LINUX_CAPABILITY_VERSION_3, 0)), data), "capset")
        _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "PR_CAP_AMBIENT_RAISE")


def die_with(parent: int, signum: int) -> None:
    """Ask for `signum` when the parent (the thread that started us) ends; end at once when it already has."""
    if sys.platform != "linux":
        return  # elsewhere an orphan is stopped by the next start
    _check(_libc().prctl(PR_SET_PDEATHSIG, signum, 0, 0, 0), "PR_SET_PDEATHSIG")
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """Parse the arguments, become the user, become the program."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uid", type=int)
    parser.add_argument("--gid", type=int)
    parser.add_argument("--capability", type=int)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("program", nargs="+")
    options = parser.parse_args()
    if options.uid is not None:
        drop(options.uid, options.gid, options.capability)
    # changing the user clears the parent-death signal, so it is asked for last; SIGINT is PostgreSQL's fast shutdown
    die_with(options.parent, signal.SIGINT)
    os.execv(options.program[0], options.program)


if __name__ == "__main__":
    main()
