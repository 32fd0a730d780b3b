from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import obstore.store
import pytest
from sentinelops_server.errors import Permanent, Temporary
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.payloads.base import ObjectStore
from sentinelops_server.storage.payloads.bucket import Bucket
from sentinelops_server.storage.payloads.folder import Folder
from storage.make import NOW_NS, make_payload, make_span, realistic_batch

DAY_NS = 86_400 * 10**9


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys.json")


@pytest.fixture
def payloads(tmp_path: Path, keys: KeyRing) -> PayloadStore:
    return PayloadStore(PayloadConfig(str(tmp_path / "payloads")), keys)


# -- one suite for every body of the port


BODIES: dict[str, Callable[[Path], ObjectStore]] = {
    "folder": Folder,
    "bucket in memory": lambda _: Bucket(obstore.store.MemoryStore()),
    "bucket in a folder": lambda path: Bucket(obstore.store.LocalStore(path, mkdir=True)),
}


@pytest.fixture(params=BODIES.values(), ids=BODIES.keys())
def body(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    made: ObjectStore = request.param(tmp_path / "objects")
    return made


def test_a_body_gives_back_what_it_was_given(body: ObjectStore) -> None:
    body.put("2026/11/18/a.seg", b"0123456789")
    assert body.get("2026/11/18/a.seg") == b"0123456789"
    assert body.get("2026/11/18/a.seg", 3, 4) == b"3456"
    assert body.get("2026/11/18/none.seg") is None
    assert body.get("2026/11/18/none.seg", 1, 2) is None


def test_a_body_lists_and_deletes_by_folder(body: ObjectStore) -> None:
    for name in ("2026/11/18/a.seg", "2026/11/18/b.seg", "2026/11/19/c.seg"):
        body.put(name, b"123")
    assert sorted(body.names("2026/11/18")) == [("2026/11/18/a.seg", 3), ("2026/11/18/b.seg", 3)]
    assert len(list(body.names(""))) == 3
    assert list(body.names("2026/11/20")) == []
    body.delete(["2026/11/18/a.seg", "2026/11/18/b.seg", "2026/11/18/gone.seg"])
    assert [name for name, _ in body.names("")] == ["2026/11/19/c.seg"]


def test_a_store_on_every_body(body: ObjectStore, keys: KeyRing) -> None:
    store = PayloadStore(PayloadConfig("unused"), keys, body)
    (segment,) = store.put([make_payload(make_span(n), f"hello {n}") for n in range(1, 4)])
    assert [store.get(place) for _, place in segment.places] == [
        make_payload(make_span(n), f"hello {n}").content for n in range(1, 4)
    ]
    assert store.delete_day(segment.day) == 1
    assert [store.get(place) for _, place in segment.places] == [None, None, None]


# -- the store


@pytest.mark.parametrize("count", [1, 2, 50, 300])
def test_each_payload_is_read_alone_and_all_together(payloads: PayloadStore, keys: KeyRing, count: int) -> None:
    made = realistic_batch(1, count).payloads
    segments = payloads.put(made)
    by_key = {(payload.trace_id, payload.span_id): payload.content for payload in made}
    for segment in segments:
        assert all(payloads.get(place) == by_key[key] for key, place in segment.places)
        assert all(len(place) <= 50 for _, place in segment.places)
        read = dict(payloads.read_segment(segment.object_id))
        assert read == {place: by_key[key] for key, place in segment.places}
    fresh = PayloadStore(PayloadConfig(str(payloads._objects.root)), keys)  # type: ignore[attr-defined]
    assert fresh.get(segments[0].places[-1][1]) == by_key[segments[0].places[-1][0]]


def test_a_segment_says_what_it_holds(payloads: PayloadStore) -> None:
    spans = [make_span(1, start_ns=NOW_NS), make_span(2, start_ns=NOW_NS + 5), make_span(3, start_ns=NOW_NS - DAY_NS)]
    older, newer = payloads.put([make_payload(span, f"number{span.span_id[-1]}") for span in spans])
    assert (older.day, newer.day) == (date(2026, 11, 17), date(2026, 11, 18))
    assert (newer.first_ns, newer.last_ns, len(newer.places)) == (NOW_NS, NOW_NS + 5, 2)
    assert newer.object_id.startswith("20261118/")
    assert payloads.might_contain(newer.words, "NUMBER1")
    assert not payloads.might_contain(newer.words, "number3")
    assert payloads.size_bytes() == older.size_bytes + newer.size_bytes


def test_after_a_rotation_old_payloads_still_open(payloads: PayloadStore, keys: KeyRing) -> None:
    before = payloads.put([make_payload(make_span(1), "before")])[0].places[0][1]
    keys.rotate()
    after = payloads.put([make_payload(make_span(2), "after")])[0].places[0][1]
    assert payloads.get(before) == make_payload(make_span(1), "before").content
    assert payloads.get(after) == make_payload(make_span(2), "after").content


def test_nothing_of_it_can_be_read_on_disk(payloads: PayloadStore, tmp_path: Path) -> None:
    payloads.put([make_payload(make_span(n), "the secret recipe " * 9) for n in range(1, 4)])
    files = [path for path in (tmp_path / "payloads").rglob("*") if path.is_file()]
    assert len(files) == 1
    assert b"secret" not in files[0].read_bytes()
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "payloads").stat().st_mode) == 0o700


def test_what_was_changed_or_moved_does_not_open(payloads: PayloadStore, tmp_path: Path) -> None:
    first, second = (payloads.put([make_payload(make_span(n), "same")])[0] for n in (1, 2))
    file = tmp_path / "payloads" / first.object_id
    good = file.read_bytes()
    file.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(Permanent, match="does not open"):
        payloads.get(first.places[0][1])
    file.write_bytes((tmp_path / "payloads" / second.object_id).read_bytes())
    with pytest.raises(Permanent, match="does not open"):
        payloads.get(first.places[0][1])
    file.write_bytes(b"something else entirely")
    with pytest.raises(Permanent, match="no payload segment"):
        list(payloads.read_segment(first.object_id))


@pytest.mark.parametrize(
    "wrong", ["", "a", "a:b:c:d", "a:1:2", "../../etc/passwd:0:10:0", "/etc/passwd:0:10:0", "a//b:0:1:0"]
)
def test_a_wrong_object_id_is_refused(payloads: PayloadStore, wrong: str) -> None:
    with pytest.raises(Permanent):
        payloads.get(wrong)


def test_a_disk_that_is_full_leaves_no_part_behind(
    payloads: PayloadStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Temporary, match="free disk space"):
        payloads.put([make_payload(make_span(1))])
    assert [path for path in (tmp_path / "payloads").rglob("*") if path.is_file()] == []


def test_deleting_before_a_day(payloads: PayloadStore, tmp_path: Path) -> None:
    spans = [make_span(n, start_ns=NOW_NS - n * DAY_NS) for n in range(1, 5)]
    payloads.put([make_payload(span) for span in spans])
    (tmp_path / "payloads" / "README").write_text("not ours")
    assert payloads.delete_before(date(2026, 11, 16)) == 2
    assert payloads.delete_before(date(2026, 11, 16)) == 0
    assert not (tmp_path / "payloads" / "20261114").exists()
    assert (tmp_path / "payloads" / "README").exists()


def test_many_threads_read_at_once(payloads: PayloadStore) -> None:
    made = realistic_batch(2, 40).payloads
    by_key = {(payload.trace_id, payload.span_id): payload.content for payload in made}
    places = [place for segment in payloads.put(made) for place in segment.places] * 5
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda place: payloads.get(place[1]) == by_key[place[0]], places))


def test_the_configuration_hides_credentials() -> None:
    config = PayloadConfig("s3://bucket/prefix", {"secret_access_key": "hush"})
    assert "hush" not in repr(config)
    with pytest.raises(ValueError, match="no url"):
        PayloadConfig("")


def test_a_payload_that_its_block_does_not_have_is_refused(payloads: PayloadStore) -> None:
    (segment,) = payloads.put([make_payload(make_span(n), f"hello {n}") for n in range(1, 4)])
    object_id, offset, length, _ = segment.places[0][1].rsplit(":", 3)
    for index in (3, -1):
        with pytest.raises(Permanent, match="does not have"):
            payloads.get(f"{object_id}:{offset}:{length}:{index}")
    for wrong in (f"{object_id}:{int(offset) + 1}:{length}:0", f"{object_id}:0:9:0", f"{object_id}:{offset}:0:0"):
        with pytest.raises(Permanent, match="does not open"):
            payloads.get(wrong)


def test_large_payloads_have_blocks_of_their_own(payloads: PayloadStore) -> None:
    made = [make_payload(make_span(n), f"{n}" * 200_000) for n in range(1, 5)]
    (segment,) = payloads.put(made)
    assert [place.rsplit(":", 1)[1] for _, place in segment.places] == ["0"] * 4
    assert [payloads.get(place) for _, place in segment.places] == [payload.content for payload in made]
