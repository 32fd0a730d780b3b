"""`sentinelops demo` as a process: real calls are there soon after the address, and it ends when its time is over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from serving import wait_for


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = ["demo", "--for", "20", "--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"]
    words += ["--data-dir", str(tmp_path / "data"), "--ready-file", str(tmp_path / "ready.json")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sentinelops_server.cli", *words],
            stdin=subprocess.DEVNULL,
            stderr=log,
            env={**os.environ, "SENTINELOPS_PROMETHEUS": "off"},
        )
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(30)


@pytest.mark.slow
def test_real_calls_are_there_soon_and_it_ends_by_itself(demo: subprocess.Popen[bytes], tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    wait_for(lambda: ready.exists() or demo.poll() is not None, bool, 60, "the ready file")
    assert demo.poll() is None, (tmp_path / "log").read_text()
    known = json.loads(ready.read_text())
    family = [demo.pid, *(child.pid for child in psutil.Process(demo.pid).children(recursive=True))]

    def requests() -> list[dict[str, Any]]:
        answer = httpx.post(
            f"{known['api']}/api/v1/requests/query", json={"range": "1h"}, headers={"X-API-Key": known["api_key"]}
        )
        found: list[dict[str, Any]] = answer.raise_for_status().json()["requests"]
        return found

    # about 5 s after the address on an idle machine of two cores; here others may be at work
    [*_, first] = wait_for(requests, bool, 30, "the first call of the demo")
    assert first["operation"] == "chat"
    assert first["application"] in ("support-desk", "mail-summaries")
    assert demo.wait(60) == 0, (tmp_path / "log").read_text()
    assert not ready.exists()
    wait_for(lambda: [pid for pid in family if psutil.pid_exists(pid)], lambda left: not left, 10, "nothing is left")
