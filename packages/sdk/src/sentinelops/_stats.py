"""What this process made and what became of it: the SDK's own ledger, read by stats() and sent to the server."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TypedDict


class ScoresSnapshot(TypedDict):
    """Counts of scores, as those of spans: created == sent + dropped + queued."""

    created: int
    sent: int
    retried: int
    dropped: dict[str, int]
    queued: int
    spooled: int


class StatsSnapshot(TypedDict):
    """Counts of spans since the process (or its fork) began; created == sent + dropped + sampled_out + queued.

    sampled_out: left out on purpose, by sampling: "calls", "detail", "buffer_full", "timeout" (docs/sampling.md).
    """

    created: int
    sent: int
    retried: int
    dropped: dict[str, int]
    sampled_out: dict[str, int]
    queued: int
    spooled: int
    internal_errors: dict[str, int]
    scores: ScoresSnapshot


class Counts:
    """Thread-safe counters of one sort of thing: what is called spans here are scores where scores are counted."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start from zero: in a new process, so that parent and child are not counted twice."""
        self._lock = threading.Lock()
        self._created = 0
        self._sent = 0
        self._retried = 0
        self._spooled = 0
        self._dropped: Counter[str] = Counter()

    def created(self, spans: int = 1) -> None:
        """Spans that ended and were offered to us."""
        with self._lock:
            self._created += spans

    def sent(self, spans: int) -> None:
        """Spans the server acknowledged."""
        with self._lock:
            self._sent += spans

    def retried(self, spans: int) -> None:
        """Spans that were in a batch sent once more."""
        with self._lock:
            self._retried += spans

    def dropped(self, reason: str, spans: int = 1) -> None:
        """Spans lost, and why."""
        if spans:
            with self._lock:
                self._dropped[reason] += spans

    def spooled(self, spans: int) -> None:
        """Spans written to disk (positive) or taken back from it (negative)."""
        with self._lock:
            self._spooled += spans

    def adopted(self, spans: int) -> None:
        """Spans found in the spool of an earlier process: they become ours, so that the sums still balance."""
        with self._lock:
            self._created += spans
            self._spooled += spans

    def counts(self) -> ScoresSnapshot:
        """One consistent copy."""
        with self._lock:
            dropped = dict(self._dropped)
            return {
                "created": self._created,
                "sent": self._sent,
                "retried": self._retried,
                "dropped": dropped,
                "queued": self._created - self._sent - sum(dropped.values()),
                "spooled": self._spooled,
            }


class Stats(Counts):
    """Counters of spans, and `scores`. `queued` is what was created and not yet sent, dropped or sampled out."""

    def __init__(self) -> None:
        self.scores = Counts()
        super().__init__()

    def reset(self) -> None:
        """Start from zero: in a new process, so that parent and child are not counted twice."""
        super().reset()
        self.scores.reset()
        self.started_ns = time.time_ns()
        self._sampled_out: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()

    def sampled_out(self, reason: str, spans: int = 1) -> None:
        """Spans left out on purpose, and by what."""
        if spans:
            with self._lock:
                self._sampled_out[reason] += spans

    def internal_error(self, where: str) -> None:
        """A failure of ours that was swallowed."""
        with self._lock:
            self._errors[where] += 1

    def snapshot(self) -> StatsSnapshot:
        """One consistent copy."""
        with self._lock:
            dropped, sampled_out = dict(self._dropped), dict(self._sampled_out)
            return {
                "created": self._created,
                "sent": self._sent,
                "retried": self._retried,
                "dropped": dropped,
                "sampled_out": sampled_out,
                "queued": self._created - self._sent - sum(dropped.values()) - sum(sampled_out.values()),
                "spooled": self._spooled,
                "internal_errors": dict(self._errors),
                "scores": self.scores.counts(),
            }


STATS = Stats()
