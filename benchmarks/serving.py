"""The server under measurement: `sentinelops up` in a folder of its own, and what its process tree costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil


def disk_bytes(folder: Path) -> tuple[int, int]:
    """Return bytes allocated below a folder: (all but the write-ahead log, the write-ahead log)."""
    rest = log = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size = os.lstat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                continue
            if "pg_wal" in parent:
                log += size
            else:
                rest += size
    return rest, log


@dataclass
class Served:
    """A running server: addresses and keys from its ready file."""

    process: subprocess.Popen[bytes]
    folder: Path
    addresses: dict[str, str]
    start_seconds: float
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        headers = {"X-API-Key": self.addresses["api_key"]}
        self.client = httpx.Client(base_url=self.addresses["api"] + "/api/v1", headers=headers, timeout=60)

    def tree(self) -> list[psutil.Process]:
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all processes, and of those that have ended."""
        total = 0.0
        for process in self.tree():
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_bytes(self) -> int:
        """Sum of the proportional set sizes."""
        total = 0
        for process in self.tree():
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return total

    def ledger(self) -> dict[str, int]:
        answer: dict[str, Any] = self.client.get("/ledger").raise_for_status().json()
        return {key: answer[key] for key in ("received", "stored", "duplicate", "refused") if key in answer}

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


class Peak(threading.Thread):
    """Samples the memory of a server each second."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served, self.done, self.bytes = served, threading.Event(), 0

    def run(self) -> None:
        while not self.done.wait(1.0):
            self.bytes = max(self.bytes, self.served.memory_bytes())


def serve(folder: str | None = None) -> Served:
    """Start a server on free ports; returns when its ready file is there."""
    base = Path(folder or tempfile.mkdtemp(prefix="so-bench-"))
    ready, log = base / "ready.json", base / "log"
    ports = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"]
    command = [sys.executable, "-m", "sentinelops_server.cli", "up", *ports]
    command += ["--data-dir", str(base / "data"), "--ready-file", str(ready)]
    # the limit for each key would be what is measured
    environment = {**os.environ, "SENTINELOPS_API_RATE_PER_SECOND": "0"}
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
    while not ready.exists():
        if process.poll() is not None or time.monotonic() - begun > 90:
            process.kill()
            raise SystemExit(f"the server did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.02)
    return Served(process, base, json.loads(ready.read_text()), time.monotonic() - begun)


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of the values lies; nan when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def machine() -> str:
    """One line on where this was measured."""
    cpu = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in cpu if "model name" in line), "?")
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} x {model}, {psutil.virtual_memory().total >> 20} MB, load {load:.1f}, {time.strftime('%F')}"
    )
