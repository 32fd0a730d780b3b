"""`sentinelops up` as a process: ready file, one server a folder, drain and exit code, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

FREE = ["--port", "0", "--otlp-http-port", "0", "--otlp-grpc-port", "0"]


def until(question: Callable[[], Any], seconds: float = 30.0, what: str = "") -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.02)  # a condition is polled, nothing is waited out
    return answer


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sentinelops_server.cli", *words]


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*words),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "SENTINELOPS_PROMETHEUS": "off", **environment},
    )


class Up:
    def __init__(self, folder: Path, *words: str, prometheus: str = "off") -> None:
        self.data, self.ready_file, self.log = folder / "data", folder / "ready.json", folder / "log"
        self.ready_file.unlink(missing_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command("up", *FREE, "--data-dir", str(self.data), "--ready-file", str(self.ready_file), *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "SENTINELOPS_PROMETHEUS": prometheus},
            )
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, what="the ready file")
        assert self.process.poll() is None, self.log.read_text()
        self.ready = json.loads(self.ready_file.read_text())
        self.family = [self.process.pid, *(child.pid for child in psutil.Process(self.process.pid).children(True))]

    def end(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        code = self.process.wait(30)
        assert self.process.stdout
        self.process.stdout.close()
        return code


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path)
    yield running
    if running.process.poll() is None:
        running.end()


def gone(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_ready_means_every_door_answers(up: Up) -> None:
    assert set(up.ready) == {"api", "otlp_http", "otlp_grpc", "api_key", "ingest_key"}
    assert stat.S_IMODE(up.ready_file.stat().st_mode) == 0o600
    models = httpx.get(f"{up.ready['api']}/api/v1/models", headers={"Authorization": f"Bearer {up.ready['api_key']}"})
    assert models.status_code == 200
    sent = httpx.post(
        f"{up.ready['otlp_http']}/v1/traces",
        content=b"",
        headers={"Content-Type": "application/x-protobuf", "X-API-Key": up.ready["ingest_key"]},
    )
    assert sent.status_code == 200
    said = up.log.read_text()
    assert f"{up.ready['api']}/signin?token=" in said
    assert "sentinelops.configure(" in said


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_nothing_is_left(tmp_path: Path, signum: int) -> None:
    running = Up(tmp_path)
    assert len(running.family) > 3, "PostgreSQL is a child"
    before = time.monotonic()
    assert running.end(signum) == 0, running.log.read_text()
    assert time.monotonic() - before < 10
    until(lambda: gone(running.family), 5, "no process is left")
    assert not running.ready_file.exists()
    assert "Traceback" not in running.log.read_text()


def test_a_killed_server_takes_its_children_with_it_and_starts_again(tmp_path: Path) -> None:
    running = Up(tmp_path, prometheus="auto")  # it ends too, where it is installed
    assert running.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: gone(running.family), 15, "children end with their parent")
    again = Up(tmp_path)
    assert again.ready["api_key"] == running.ready["api_key"]
    assert again.end() == 0


def test_a_second_server_is_refused_in_two_lines(up: Up) -> None:
    second = run("up", *FREE, "--data-dir", str(up.data))
    assert second.returncode == 2
    assert f"process id {up.process.pid}" in second.stderr
    assert "--data-dir" in second.stderr
    assert "Traceback" not in second.stderr
    assert httpx.get(f"{up.ready['api']}/health").status_code == 200


def test_a_port_in_use_is_refused_with_the_way_out(up: Up, tmp_path: Path) -> None:
    port = up.ready["api"].rpartition(":")[2]
    second = run("up", *FREE[2:], "--port", port, "--data-dir", str(tmp_path / "second"))
    assert second.returncode == 2
    assert f"port {port}" in second.stderr and "--port" in second.stderr
    assert "Traceback" not in second.stderr


def test_the_ready_file_of_a_killed_server_is_gone_however_the_next_start_ends(tmp_path: Path) -> None:
    killed = Up(tmp_path)
    assert killed.end(signal.SIGKILL) == -signal.SIGKILL
    assert killed.ready_file.exists()
    words = ("up", *FREE, "--data-dir", str(killed.data), "--ready-file", str(killed.ready_file))
    assert run(*words, SENTINELOPS_SESSION_DAYS="many").returncode == 2
    assert not killed.ready_file.exists()


def test_the_doctor_reads_the_prices_file(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    found = {}
    for content in ('[{"provider": "*", "model": "m", "prices": {"input": 1}}]', '[{"provider": "*", "model": "m"}]'):
        path.write_text(content)
        done = run("doctor", "--data-dir", str(tmp_path / "none"), "--json", SENTINELOPS_PRICES_FILE=str(path))
        found |= {row["state"]: row["detail"] for row in json.loads(done.stdout) if row["name"] == "prices file"}
    assert found["ok"].startswith("1 own prices")
    assert "row 1" in found["problem"]


SEEN = """
import gc, sys
from sentinelops_server.cli.common import settings_from
from sentinelops_server.cli.run import serve

def look(server, stop):
    print("garbage", gc.get_threshold()[0], gc.get_freeze_count() > 100_000)
    stop.set()

serve(settings_from(port=0, otlp_http_port=0, otlp_grpc_port=0, data_dir=sys.argv[1]), work=look)
"""


def test_a_server_looks_for_garbage_seldom_and_never_in_what_the_start_left(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", SEEN, str(tmp_path / "data")],
        capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "SENTINELOPS_PROMETHEUS": "off"},
    )  # fmt: skip
    assert "garbage 50000 True" in ended.stdout, ended.stderr


def test_json_says_the_same_as_the_ready_file(tmp_path: Path) -> None:
    running = Up(tmp_path, "--json")
    assert running.process.stdout
    assert json.loads(running.process.stdout.readline()) == running.ready
    assert running.end() == 0


def test_verbs_use_the_running_servers_data(up: Up) -> None:
    data = ("--data-dir", str(up.data))
    made = run("keys", "create", "dashboard", "--scope", "read", "--expires", "90d", *data, "--json")
    assert made.returncode == 0, made.stderr
    key = json.loads(made.stdout)
    headers = {"X-API-Key": key["secret"]}
    assert httpx.get(f"{up.ready['api']}/api/v1/models", headers=headers).status_code == 200
    listed = json.loads(run("keys", "list", *data, "--json").stdout)
    assert {row["name"] for row in listed} == {"dashboard", "local api key", "local ingest key"}
    assert key["secret"] not in json.dumps(listed)

    rotated = json.loads(run("keys", "rotate", key["key_id"], "--grace", "0s", *data, "--json").stdout)
    assert rotated["secret"] != key["secret"]
    expired = json.loads(run("keys", "expire", rotated["key_id"], "--in", "1d", *data, "--json").stdout)
    assert expired["expires_at"]
    assert run("keys", "revoke", rotated["key_id"], *data).returncode == 0
    headers = {"X-API-Key": rotated["secret"]}
    assert httpx.get(f"{up.ready['api']}/api/v1/models", headers=headers).status_code == 401

    link = run("keys", "link", *data)
    assert link.stdout.startswith(f"{up.ready['api']}/signin?token=")
    doctor = run("doctor", *data, "--json")
    assert doctor.returncode == 0, doctor.stdout
    wrong = [finding for finding in json.loads(doctor.stdout) if finding["state"] != "ok"]
    assert {finding["name"] for finding in wrong} <= {"versions"}, wrong  # run from a checkout, nothing is installed
