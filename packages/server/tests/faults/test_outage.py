"""PostgreSQL away for a while, and a full disk: senders are told to come back, and all is well when they do."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from faults.books import check
from faults.flood import UNLIMITED, Flood
from faults.test_kill import postmaster
from serving import ServerProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, **UNLIMITED) as running:
        yield running


def turned_away(flood: Flood) -> int:
    with flood.lock:
        return flood.acknowledged.answers["503"] + flood.acknowledged.answers["429"]


def test_while_postgres_is_killed_again_and_again_senders_are_told_to_come_back(server):
    with Flood(server) as flood:
        flood.wait_for_more(200)
        before = turned_away(flood)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            process = wait_for(lambda: _running(server), bool, 30, "PostgreSQL is started again")
            process.kill()
            process.wait()
        wait_for(lambda: turned_away(flood) - before, lambda count: count >= 3, 30, "senders are turned away")
        flood.wait_for_more(400)
        flood.stop()
    assert flood.acknowledged.without_retry_after == 0
    check(server, flood.acknowledged.ids, flood.acknowledged.offered)


def _running(server: ServerProcess) -> psutil.Process | None:
    try:
        return postmaster(server)
    except (FileNotFoundError, IndexError, ValueError, psutil.NoSuchProcess):
        return None


def test_a_postgres_that_hangs_is_told_within_bounds_and_recovers(server):
    with Flood(server) as flood:
        flood.wait_for_more(200)
        first = postmaster(server)
        frozen = [first, *first.children(recursive=True)]
        for process in frozen:
            process.suspend()
        try:
            before = turned_away(flood)
            wait_for(lambda: turned_away(flood) - before, lambda count: count >= 3, 60, "senders are turned away")
            assert httpx.get(f"{server.addresses['api']}/health", timeout=60).status_code == 503
        finally:
            for process in frozen:
                process.resume()
        flood.wait_for_more(400)
        flood.stop()
    assert flood.acknowledged.without_retry_after == 0
    check(server, flood.acknowledged.ids, flood.acknowledged.offered)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 GB, more than the flood fills by itself on a slow day; mounting it takes root, which the container of the tests has."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g,mode=755", "none", folder], check=False)
    if mounted.returncode:
        pytest.skip(
            "a full disk is mounted for it: run the tests as root, in a container with the capability SYS_ADMIN"
        )
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_full_disk_is_told_and_senders_succeed_when_there_is_room_again(small_disk):
    with ServerProcess(small_disk, **UNLIMITED) as server, Flood(server) as flood:
        flood.wait_for_more(200)
        ballast = small_disk / "ballast"
        with ballast.open("wb") as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
                    file.flush()
            except OSError:
                pass  # full
        before = turned_away(flood)
        wait_for(lambda: turned_away(flood) - before, lambda count: count >= 3, 90, "senders are turned away")
        assert os.statvfs(small_disk).f_bavail == 0
        ballast.unlink()
        flood.wait_for_more(400, 90)
        flood.stop()
        check(server, flood.acknowledged.ids, flood.acknowledged.offered)
    assert flood.acknowledged.without_retry_after == 0
    assert server.process is not None
    assert server.process.returncode == 0
