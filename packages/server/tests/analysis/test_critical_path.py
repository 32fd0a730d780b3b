"""Which spans a trace had to wait for."""

from __future__ import annotations

import random

from sentinelops_server.analysis.critical_path import critical_path


def test_nothing() -> None:
    assert critical_path([]) == []


def test_the_last_to_finish_is_waited_for_and_before_it_what_finished_by_its_start() -> None:
    spans = [
        ("root", None, 0, 100),
        ("first", "root", 5, 40),
        ("beside", "root", 10, 35),  # ran beside first and finished earlier
        ("second", "root", 45, 95),
        ("short", "root", 50, 60),  # ran within second's time
        ("inner", "second", 50, 90),
    ]
    assert critical_path(spans) == ["root", "first", "second", "inner"]


def test_a_child_that_outlives_its_parent_is_cut() -> None:
    spans = [("root", None, 0, 100), ("a", "root", 10, 150), ("in a", "a", 100, 140), ("early", "a", 20, 90)]
    assert critical_path(spans) == ["root", "a", "early"]


def test_orphans_and_cycles_do_not_hang() -> None:
    assert critical_path([("a", "gone", 0, 10), ("b", "gone", 0, 30), ("c", "b", 5, 20)]) == ["b", "c"]
    assert critical_path([("a", "b", 0, 10), ("b", "a", 0, 10)]) == []
    assert critical_path([("a", "a", 0, 10)]) == ["a"]


def test_a_path_covers_no_instant_twice_and_is_fast() -> None:
    rng = random.Random(2)
    spans: list[tuple[str, str | None, int, int]] = [("0", None, 0, 10**9)]
    for number in range(1, 30_000):
        _, _, low, high = spans[rng.randrange(len(spans))]
        start = rng.randrange(low, high + 1)
        spans.append((str(number), spans[rng.randrange(min(number, 50))][0], start, rng.randrange(start, 10**9 + 1)))
    parents = {span_id: parent for span_id, parent, _, _ in spans}
    times = {span_id: (start, end) for span_id, _, start, end in spans}
    path = critical_path(spans)
    assert path[0] == "0"
    assert len(path) == len(set(path))
    for one in path[1:]:
        assert parents[one] in path
        siblings = sorted((other for other in path if parents[other] == parents[one]), key=lambda other: times[other])
        for before, after in zip(siblings, siblings[1:], strict=False):
            # each sibling was over when the next began
            assert times[before][1] <= times[after][0] or times[before][1] > times[str(parents[one])][1]
