"""The real server as a process of its own, and questions to its API: what the line tests stand on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")


def wait_for(question: Callable[[], T], accept: Callable[[T], bool], seconds: float = 30.0, what: str = "") -> T:
    """Ask until the answer is accepted; fails with the last answer at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if accept(answer):
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last answer: {answer!r}"[:3000])
        # a condition is polled, nothing is waited out
        time.sleep(0.05)


class ServerProcess:
    """`sentinelops up` on free ports in a data folder of its own."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.ready_file = folder / "ready.json"
        self.log = folder / "server.log"
        self.environment = {**os.environ, **environment}
        self.process: subprocess.Popen[bytes] | None = None
        self.addresses: dict[str, str] = {}

    def start(self, seconds: float = 60.0) -> ServerProcess:
        self.ready_file.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sentinelops_server.cli", "up", "--data-dir", str(self.folder / "data")]
        command += [
            "--port",
            "0",
            "--otlp-http-port",
            "0",
            "--otlp-grpc-port",
            "0",
            "--ready-file",
            str(self.ready_file),
        ]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.environment,
                start_new_session=True,
            )

        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
            return self.ready_file.exists()

        wait_for(ready, bool, seconds, "the server's ready file")
        self.addresses = json.loads(self.ready_file.read_text())
        return self

    def stop(self) -> int:
        """Ask it to end as a user would; its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def __enter__(self) -> ServerProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()

    def get(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(
            f"{self.addresses['api']}/api/v1{path}",
            params=parameters,
            headers={"X-API-Key": self.addresses["api_key"]},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = httpx.post(
            f"{self.addresses['api']}/api/v1{path}",
            json=body or {},
            headers={"X-API-Key": self.addresses["api_key"]},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()


@dataclass
class Line:
    """The server, and what the application's own client saw of every call."""

    server: ServerProcess
    seen: list[dict[str, Any]]
    stats: dict[str, Any]

    def of_kind(self, kind: str) -> list[dict[str, Any]]:
        return [facts for facts in self.seen if facts["kind"] == kind]

    def requests(self) -> list[dict[str, Any]]:
        answer = self.server.post("/requests/query", {"range": "1h", "limit": 100, "application": "line-test"})
        rows: list[dict[str, Any]] = answer["requests"]
        return rows

    def by_response_id(self, response_id: str) -> dict[str, Any]:
        [row] = [row for row in self.requests() if row["response_id"] == response_id]
        return row
