"""A Prometheus beside the server, where its program is installed: it scrapes /metrics and keeps the series."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from . import launch

__all__ = ["Prometheus"]

CONFIG = """\
# Written at every start of the server.
global:
  scrape_interval: {interval}s
scrape_configs:
  - job_name: sentinelops
    metrics_path: /metrics
    static_configs:
      - targets: ["{target}"]
"""


class Prometheus:
    """One `prometheus` process on a free loopback port, its data below `folder`.

    `scrape` is the server's address (http://host:port); `retention_days` how long series are kept (default 15);
    `interval_seconds` the resolution (default 10).
    `available` says whether the program was found.
    """

    def __init__(self, folder: Path, scrape: str, retention_days: int = 15, interval_seconds: int = 10) -> None:
        self._folder = folder
        self._scrape = urlsplit(scrape).netloc
        self._retention_days = retention_days
        self._interval_seconds = interval_seconds
        self._program = shutil.which("prometheus")
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._stopping = threading.Event()
        self._port = 0

    @property
    def available(self) -> bool:
        """Whether a `prometheus` is on PATH."""
        return self._program is not None

    @property
    def url(self) -> str:
        """Where it answers PromQL."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and keep it running. Raises OSError when it cannot be started at all."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = CONFIG.format(interval=self._interval_seconds, target=self._scrape)
        (self._folder / "prometheus.yml").write_text(config)
        self._port = _free_port()
        self._watcher = threading.Thread(target=self._watch, name="prometheus", daemon=True)
        self._watcher.start()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def kill(self) -> None:
        """End it as a crash would; it is started again."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End it: it writes its head block, then exits. Safe to call twice."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        if self._watcher is not None:
            self._watcher.join(20.0)
            self._watcher = None
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _watch(self) -> None:
        wait = 0.5
        while not self._stopping.is_set():
            with (self._folder / "prometheus.log").open("wb") as log:
                self._process = subprocess.Popen(
                    self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            if self._stopping.is_set():
                self._process.send_signal(signal.SIGTERM)
            self._process.wait()
            self._stopping.wait(wait)
            wait = min(wait * 2, 30.0)

    def _command(self) -> list[str]:
        assert self._program is not None
        return [
            # through launch.py, so that it ends with this process however that ends
            *[sys.executable, "-I", "-S", launch.__file__, "--parent", str(os.getpid()), "--"],
            self._program,
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self._folder / 'data'}",
            f"--storage.tsdb.retention.time={self._retention_days}d",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
