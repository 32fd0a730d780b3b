"""Group commit: what waits shares a commit, room is bounded, nobody waits for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import pytest
from sentinelops_server.errors import Malformed, Overloaded, SentinelOpsError, Temporary
from sentinelops_server.model import OtlpBatch, Outcome
from sentinelops_server.receiver.group import GroupCommit, GroupConfig

DEADLINE = 10.0


class Process:
    """A pipeline that commits when it is let, and remembers the groups it was given."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.entered = threading.Semaphore(0)
        self.free = threading.Semaphore(0)

    def __call__(self, batches: Sequence[OtlpBatch]) -> list[Outcome | SentinelOpsError]:
        self.groups.append([batch.body for batch in batches])
        self.entered.release()
        assert self.free.acquire(timeout=DEADLINE)
        if any(batch.body == b"crash" for batch in batches):
            raise RuntimeError("a bug")
        return [Malformed("bad") if batch.body == b"bad" else Outcome(1, 1, 0) for batch in batches]


def batch(body: bytes) -> OtlpBatch:
    return OtlpBatch("spans", body)


@pytest.fixture
def process() -> Process:
    return Process()


def started(process: Process, **limits: int) -> GroupCommit:
    group = GroupCommit(process, GroupConfig(**{"workers": 1, **limits}))
    group.start()
    return group


@pytest.fixture
def group(process: Process) -> Iterator[GroupCommit]:
    group = started(process)
    yield group
    process.free.release(100)
    group.stop()


def test_what_waits_shares_a_commit(group: GroupCommit, process: Process) -> None:
    first = group.submit(batch(b"1"))
    assert process.entered.acquire(timeout=DEADLINE)
    others = [group.submit(batch(body)) for body in (b"2", b"bad", b"4")]
    assert group.depth == 4
    assert not first.done()
    process.free.release(2)
    assert first.result(DEADLINE) == Outcome(1, 1, 0)
    assert others[0].result(DEADLINE) == others[2].result(DEADLINE) == Outcome(1, 1, 0)
    with pytest.raises(Malformed):
        others[1].result(DEADLINE)
    assert process.groups == [[b"1"], [b"2", b"bad", b"4"]]


def test_a_crash_is_told_and_the_next_group_is_taken(group: GroupCommit, process: Process) -> None:
    crashing = group.submit(batch(b"crash"))
    process.free.release()
    with pytest.raises(Temporary, match="RuntimeError"):
        crashing.result(DEADLINE)
    process.free.release()
    assert group.submit(batch(b"1")).result(DEADLINE) == Outcome(1, 1, 0)


@pytest.mark.parametrize("limits", [{"max_queued_batches": 2}, {"max_queued_bytes": 6}])
def test_room_is_bounded_and_given_back(process: Process, limits: dict[str, int]) -> None:
    group = started(process, **limits)
    futures = [group.submit(batch(b"aaa")), group.submit(batch(b"bbb"))]
    with pytest.raises(Overloaded) as raised:
        group.submit(batch(b"ccc"))
    assert raised.value.retry_after_seconds > 0
    process.free.release(10)
    assert [future.result(DEADLINE) for future in futures] == [Outcome(1, 1, 0)] * 2
    group.stop()
    assert (group.depth, group.depth_bytes) == (0, 0)


def test_one_batch_larger_than_the_queue_is_taken_alone(process: Process) -> None:
    group = started(process, max_queued_bytes=2)
    process.free.release(10)
    assert group.submit(batch(b"large")).result(DEADLINE) == Outcome(1, 1, 0)
    group.stop()


def test_groups_are_bounded_by_bytes_and_number(process: Process) -> None:
    group = started(process, max_group_batches=2, max_group_bytes=4)
    futures = [group.submit(batch(b"first"))]
    assert process.entered.acquire(timeout=DEADLINE)
    futures += [group.submit(batch(body)) for body in (b"a", b"b", b"c", b"ddd", b"ee")]
    process.free.release(10)
    for future in futures:
        future.result(DEADLINE)
    assert process.groups == [[b"first"], [b"a", b"b"], [b"c", b"ddd"], [b"ee"]]
    group.stop()


def test_stopping_finishes_what_waits_and_refuses_more(process: Process) -> None:
    group = started(process)
    futures = [group.submit(batch(b"1")), group.submit(batch(b"2"))]
    process.free.release(10)
    group.stop()
    assert all(future.result(0) == Outcome(1, 1, 0) for future in futures)
    with pytest.raises(Temporary, match="shutting down"):
        group.submit(batch(b"3"))


def test_a_batch_that_nobody_waits_for_any_more_is_left_out(group: GroupCommit, process: Process) -> None:
    group.submit(batch(b"1"))
    assert process.entered.acquire(timeout=DEADLINE)
    gone, kept = group.submit(batch(b"2")), group.submit(batch(b"3"))
    assert gone.cancel()
    process.free.release(10)
    assert kept.result(DEADLINE) == Outcome(1, 1, 0)
    assert process.groups[-1] == [b"3"]


@pytest.mark.parametrize(
    "name", ["workers", "max_queued_batches", "max_queued_bytes", "max_group_batches", "max_group_bytes"]
)
def test_limits_must_be_limits(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        GroupConfig(**{name: 0})
