"""The spool on disk: bounded, private, in order, and good at bad files."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sentinelops
from otlp_sink import Reply, Sink
from sentinelops import _spool
from sentinelops._spool import Spool


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinelops._sender.backoff_seconds", lambda attempt, chance: 0.01)


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.spool"))


def test_batches_wait_on_disk_and_are_replayed_in_order(sink: Sink, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "spool"
    sink.reply = Reply(503, {"Retry-After": "0.05"})
    sentinelops.configure(endpoint=sink.url, spool_dir=str(folder), schedule_delay_seconds=0.01)
    for number in range(3):
        with sentinelops.span(f"s{number}"):
            pass
        sink.wait(lambda: len(sink.traces) > 0)
    sink.wait(lambda: len(sink.traces) > 3)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files(folder)} == {0o600}
    assert sentinelops.stats()["spooled"] >= 1
    sink.reply = Reply()
    assert sentinelops.flush(8)
    assert [span["name"] for span in sink.spans()] == ["s0", "s1", "s2"]
    stats = sentinelops.stats()
    assert (stats["created"], stats["sent"], stats["dropped"], stats["spooled"], files(folder)) == (3, 3, {}, 0, [])


def test_a_process_leaves_its_spans_and_the_next_one_sends_them(sink: Sink, tmp_path: Path) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        code = """
import sys, sentinelops
sentinelops.configure(endpoint=sys.argv[1], spool_dir=sys.argv[2], compression="none")
for n in range(4):
    with sentinelops.span(f"left{n}"): pass
"""
        source = str(Path(__file__).parents[1] / "src")
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        subprocess.run(
            [sys.executable, "-c", code, url, str(tmp_path)], env={"PYTHONPATH": source}, check=True, timeout=60
        )
    assert len(files(tmp_path)) == 1
    sentinelops.configure(endpoint=sink.url, spool_dir=str(tmp_path), schedule_delay_seconds=0.01)
    with sentinelops.span("mine"):
        pass
    assert sentinelops.flush(8)
    assert [span["name"] for span in sink.spans()] == ["left0", "left1", "left2", "left3", "mine"]
    assert (sentinelops.stats()["created"], sentinelops.stats()["sent"]) == (5, 5)


def test_corrupt_files_are_passed_over_and_counted(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = 2**22 + 1  # above any pid
    for number, content in enumerate((b"", b"garbage", _spool._MAGIC + b'{"spans": 7}\nbody', _spool._MAGIC + b"{}\n")):
        (tmp_path / f"{number:020d}-{gone}-dead-{number:06d}.spool").write_bytes(content)
    (tmp_path / "stranger.spool").write_bytes(b"not ours")
    sentinelops.configure(endpoint=sink.url, spool_dir=str(tmp_path), schedule_delay_seconds=0.01)
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(8)
    assert sentinelops.stats()["dropped"] == {"spool_corrupt": 1 + 1 + 7 + 1}
    assert [span["name"] for span in sink.spans()] == ["s"]
    assert [path.name for path in files(tmp_path)] == ["stranger.spool"]
    assert len([record for record in caplog.records if "corrupt" in record.getMessage()]) == 1


def test_a_full_spool_drops_and_says_so(sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sink.reply = Reply(503)
    sentinelops.configure(endpoint=sink.url, spool_dir=str(tmp_path), spool_max_bytes=10, schedule_delay_seconds=0.01)
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(8)
    assert sentinelops.stats()["dropped"] == {"spool_full": 1}
    assert "is full" in caplog.text


def test_a_spool_that_cannot_be_made_is_said_and_memory_serves(
    sink: Sink, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("x")
    sentinelops.configure(endpoint=sink.url, spool_dir=str(tmp_path / "file"), schedule_delay_seconds=0.01)
    with sentinelops.span("s"):
        pass
    assert sentinelops.flush(8)
    assert "cannot be used" in caplog.text
    assert len(sink.spans()) == 1


def test_a_file_is_adopted_by_one_process_only_and_never_from_a_living_one(tmp_path: Path) -> None:
    first, living = Spool(str(tmp_path), 10_000), os.getppid()
    assert first.put(b"body", 3, gzip=False)
    assert first.adopt() == (0, 0)
    second = Spool(str(tmp_path), 10_000)
    (tmp_path / f"{1:020d}-{living}-alive-000001.spool").write_bytes(b"theirs")
    assert second.adopt() == (3, 0)  # same pid, other token: an earlier life of this process
    assert (len(second), second.spans) == (1, 3)
    found = second.oldest()
    assert found is not None
    assert (found.body, found.spans, found.gzip) == (b"body", 3, False)
    assert first.oldest() is None
    assert first.forget() == (3, False)
    assert second.forget() == (3, False)
    assert len(files(tmp_path)) == 1


def test_a_folder_that_goes_away_is_no_exception(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    spool = Spool(str(folder), 10_000)
    folder.rmdir()
    assert spool.put(b"x", 1, gzip=True) is False
    assert spool.adopt() == (0, 0)


def test_a_draft_of_a_killed_process_is_removed_and_one_of_a_living_process_stays(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead = tmp_path / f"00000000000000000001-{int(gone.stdout)}-aaaaaaaa-000001.part"
    alive = tmp_path / f"00000000000000000001-{os.getppid()}-bbbbbbbb-000001.part"
    for path in (dead, alive):
        path.write_bytes(b"half")
    assert Spool(str(tmp_path), 1_000).adopt() == (0, 0)
    assert (dead.exists(), alive.exists()) == (False, True)
