"""A PostgreSQL that is not ours, as a platform team would run one: another build, its own cluster, a password."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
from serving import wait_for

__all__ = ["ForeignPostgres"]


def binaries() -> Path:
    """The folder of the newest one on this machine; Debian keeps them off PATH."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    assert found or on_path, "PostgreSQL is not installed (Debian's package postgresql): run `make services`"
    return found[-1].parent if found else Path(str(on_path)).parent


class ForeignPostgres:
    """Runs a cluster in a temporary folder on a free port; `url` is of a role that owns its database and no more."""

    def __init__(self) -> None:
        self._bin = binaries()
        # PostgreSQL does not run as root, and pytest's folders are closed to others
        self._user = {"user": "postgres"} if os.geteuid() == 0 else {}
        self.folder = Path(tempfile.mkdtemp(prefix="so-foreign-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            shutil.chown(self.folder, "postgres")
        password = self.folder / "password"
        password.write_text(self._password)
        password.chmod(0o644)
        words = ["-D", self.folder / "data", "-U", "owner", "-A", "scram-sha-256", "--pwfile", password, "-E", "UTF8"]
        words += ["--locale=C", "--no-sync", "--no-instructions"]
        self._run("initdb", *words)

    def _run(self, program: str, *words: object) -> None:
        command = [str(self._bin / program), *map(str, words)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, cwd=self.folder, **self._user
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def admin_url(self, database: str = "postgres") -> str:
        return f"postgresql://owner:{self._password}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        settings = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.folder}
        settings |= {"fsync": "off", "shared_buffers": "32MB"}
        command = [str(self._bin / "postgres"), "-D", str(self.folder / "data")]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, **self._user
            )
        wait_for(self._answers, bool, 30, "the foreign PostgreSQL")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            psycopg.connect(self.admin_url()).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self) -> None:
        """Shut it down as its own team would: connections are cut."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    def new_database(self, name: str) -> str:
        """Make a role and a database that it owns; returns the url with its password."""
        password = secrets.token_hex(16)
        with psycopg.connect(self.admin_url(), autocommit=True) as admin:
            admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'".encode())
            admin.execute(f"CREATE DATABASE {name} OWNER {name}".encode())
        return f"postgresql://{name}:{password}@127.0.0.1:{self.port}/{name}"

    def __enter__(self) -> ForeignPostgres:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
