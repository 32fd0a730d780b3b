"""What goes round by the clock: retention once an hour by whichever process leads, own prices once a minute by each."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from sentinelops_server.errors import SentinelOpsError
from sentinelops_server.jobs.leader import Leader
from sentinelops_server.jobs.retention import run_retention
from sentinelops_server.settings import Settings

from .line import Line
from .stores import Stores

__all__ = ["Round", "Rounds", "start_rounds"]

logger = logging.getLogger(__name__)


class Round:
    """Calls `work` every `interval_seconds` in a thread, first at once. What fails now, the next round does."""

    def __init__(self, name: str, interval_seconds: float, work: Callable[[], object]) -> None:
        self.name = name
        self.done = 0
        self.failed = 0
        self._interval = interval_seconds
        self._work = work
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"round-{name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Let the round under way end, then no more."""
        self._stopping.set()
        self._thread.join(15.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._work()
                self.done += 1
            except (SentinelOpsError, OSError) as error:
                self.failed += 1
                logger.warning("%s could not be done, and is tried again later: %s", self.name, error)
            self._stopping.wait(self._interval)


class Rounds:
    """All rounds of one process."""

    def __init__(self, rounds: list[Round]) -> None:
        self.rounds = rounds

    def stop(self) -> None:
        """Stop them all."""
        for each in self.rounds:
            each.stop()


def start_rounds(settings: Settings, stores: Stores, line: Line) -> Rounds:
    """Start what goes round by the clock."""
    leader = Leader(stores.database, "retention")

    def retention() -> None:
        with leader.hold() as leads:
            if leads:
                report = run_retention(stores.database, stores.payloads, settings.retention, line.now())
                logger.debug("retention: %s", report)

    rounds = [
        Round("retention", 3600.0, retention),
        Round("prices", 60.0, line.prices.reload),
    ]
    line.meter.watch(
        "rounds_failed", "Rounds of jobs that could not be done", lambda: float(sum(each.failed for each in rounds))
    )
    for each in rounds:
        each.start()
    return Rounds(rounds)
