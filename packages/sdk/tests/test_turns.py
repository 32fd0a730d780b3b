"""How often the export thread gives way: often while somebody takes the turn, seldom while nobody does."""

from __future__ import annotations

import pytest
from sentinelops import _turns


class Clock:
    """Stands for the time module. taken: seconds that whoever takes the turn keeps it."""

    def __init__(self) -> None:
        self.now = 100.0
        self.taken = 0.00007
        self.gave_at: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds == 0
        self.gave_at.append(self.now)
        self.now += self.taken


def work(clock: Clock, turns: _turns.Turns, seconds: float) -> list[float]:
    """Work so long in steps of 50 microseconds; milliseconds between two turns that were given."""
    clock.gave_at = [clock.now]
    for _ in range(round(seconds / 0.00005)):
        clock.now += 0.00005
        turns.give()
    return [round(1e3 * (after - before), 1) for before, after in zip(clock.gave_at, clock.gave_at[1:], strict=False)]


def test_it_gives_way_less_often_while_nobody_takes_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(_turns, "time", clock)
    turns = _turns.Turns()

    alone = work(clock, turns, 0.010)
    assert alone[:4] == pytest.approx([0.2, 0.5, 0.9, 1.7], abs=0.11)
    assert max(alone) < 1.8

    clock.taken = 0.003
    shared = work(clock, turns, 0.010)
    assert shared[-3:] == pytest.approx([3.2] * 3, abs=0.11)  # a fifth of a millisecond after each
