"""A real Prometheus scrapes a real page, answers PromQL, comes back when killed, and ends with us."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from sentinelops_server.storage.prometheus import Prometheus

pytestmark = pytest.mark.service("prometheus")


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(b"so_test_value 42\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def scraped() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def until(question: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if answer := question():
                return answer
        except httpx.HTTPError:
            pass
        threading.Event().wait(0.05)
    raise AssertionError("not in time")


def value(url: str) -> list[Any]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": "so_test_value"})
    answer.raise_for_status()  # 503 while it replays its log
    return [series["value"][1] for series in answer.json()["data"]["result"]]


def test_it_scrapes_answers_comes_back_and_ends(tmp_path: Path, scraped: str) -> None:
    assert shutil.which("prometheus"), "prometheus is missing: run `make services`"
    prometheus = Prometheus(tmp_path / "prometheus", scraped, interval_seconds=1)
    assert prometheus.available
    prometheus.start()
    try:
        assert until(lambda: value(prometheus.url)) == ["42"]
        assert prometheus.pid is not None
        first = prometheus.pid
        prometheus.kill()
        until(lambda: prometheus.alive() and prometheus.pid != first)
        assert until(lambda: value(prometheus.url)) == ["42"]
    finally:
        prometheus.stop()
    assert not prometheus.alive()
    prometheus.stop()


def test_where_there_is_none_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not Prometheus(tmp_path, "http://127.0.0.1:1").available


OWNER = """
import sys
from pathlib import Path
from sentinelops_server.storage.prometheus import Prometheus
prometheus = Prometheus(Path(sys.argv[1]), "http://127.0.0.1:1")
prometheus.start()
while prometheus.pid is None:
    pass
print(prometheus.pid, prometheus.url, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_a_server_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", OWNER, str(tmp_path / "prometheus")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, url = owner.stdout.readline().split()
        until(lambda: httpx.get(f"{url}/-/ready").status_code == 200)
        owner.kill()
    until(lambda: not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE)
