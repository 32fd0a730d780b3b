"""kill -9 of the server and of PostgreSQL at random moments under load: nothing is lost, nothing counts twice."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from faults.books import check, payloads_open
from faults.flood import UNLIMITED, Flood
from serving import ServerProcess, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ROUNDS = 20


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, **UNLIMITED) as running:
        yield running


def postmaster(server: ServerProcess) -> psutil.Process:
    """Return the supervised PostgreSQL's first process."""
    pid = int((server.folder / "data" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    return psutil.Process(pid)


def kill_server(server: ServerProcess) -> None:
    """End the server as a power cut would, as far as its own process goes, and start it again."""
    assert server.process is not None
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server.start()


def kill_postgres(server: ServerProcess) -> None:
    """End PostgreSQL's first process; the server must bring it back by itself."""
    process = postmaster(server)
    process.kill()
    wait_for(lambda: _alive(process), lambda alive: not alive)


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # between the two questions
        return False


def kill_backend(server: ServerProcess) -> None:
    """End one of PostgreSQL's workers in the middle of its work: PostgreSQL then restarts all of them."""
    children = [child for child in postmaster(server).children() if "sentinelops" in " ".join(child.cmdline())]
    if children:
        os.kill(random.choice(children).pid, signal.SIGKILL)


def kill_both(server: ServerProcess) -> None:
    """End PostgreSQL, then the server before it can react."""
    assert server.process is not None
    process = postmaster(server)
    server.process.send_signal(signal.SIGSTOP)
    process.kill()
    kill_server(server)


def test_twenty_rounds_of_kill_lose_nothing_and_count_nothing_twice(server):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    faults = [kill_server, kill_postgres, kill_backend, kill_both]
    with Flood(server) as flood:
        for number in range(ROUNDS):
            flood.wait_for_more(rng.randrange(1, 400))
            faults[number % len(faults)](server)
        flood.wait_for_more(400)
        flood.stop()
    stored = check(server, flood.acknowledged.ids, flood.acknowledged.offered)
    payloads_open(server)
    # the rounds must have hit senders in the middle of a batch, or they have shown nothing
    interrupted = sum(count for status, count in flood.acknowledged.answers.items() if status != "200")
    assert interrupted >= ROUNDS / 2, flood.acknowledged.answers
    assert stored >= ROUNDS * 20
    assert flood.acknowledged.without_retry_after == 0
    told = " ".join(flood.acknowledged.said)
    assert "Traceback" not in told
    assert "password" not in told
