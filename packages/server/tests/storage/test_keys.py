from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sentinelops_server.errors import Permanent
from sentinelops_server.storage.keys import KeyRing


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_made_once_private_and_read_again(path: Path) -> None:
    first = KeyRing(path).active()
    assert len(first.secret) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KeyRing(path).active() == first
    assert repr(first) == "DataKey(key_id=1)"


def test_rotation_keeps_the_old_key_and_is_seen_by_other_processes(path: Path) -> None:
    server, command = KeyRing(path), KeyRing(path)
    old = server.active()
    assert command.rotate() == 2
    assert server.active().key_id == 2
    assert server.active().secret != old.secret
    assert server.get(1) == old
    assert server.key_ids() == [1, 2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_two_that_start_together_agree(path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        rings = list(pool.map(lambda _: KeyRing(path), range(8)))
    assert len({ring.active().secret for ring in rings}) == 1


def test_rotations_at_once_lose_no_key(path: Path) -> None:
    rings = [KeyRing(path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(KeyRing.rotate, rings)) == [2, 3, 4, 5]
    assert KeyRing(path).key_ids() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_can_read_is_refused(path: Path, mode: int) -> None:
    KeyRing(path)
    os.chmod(path, mode)
    with pytest.raises(Permanent, match="can be read by others"):
        KeyRing(path)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"active": 2, "keys": {"1": "c2VjcmV0"}}', '{"active": 1, "keys": {"1": "c2VjcmV0"}}']
)
def test_a_damaged_file_is_named_and_never_shown(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(Permanent, match="restore it from the backup") as caught:
        KeyRing(path)
    assert "c2VjcmV0" not in str(caught.value)


def test_an_unknown_key_is_named(path: Path) -> None:
    with pytest.raises(Permanent, match="no key 9"):
        KeyRing(path).get(9)
