"""Between the doors and the pipeline: a bounded queue whose workers take all that waits into one commit."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from ..errors import Overloaded, SentinelOpsError, Temporary
from ..model import OtlpBatch, Outcome

__all__ = ["GroupCommit", "GroupConfig"]

logger = logging.getLogger(__name__)

Process = Callable[[Sequence[OtlpBatch]], Sequence[Outcome | SentinelOpsError]]


@dataclass(frozen=True, slots=True)
class GroupConfig:
    """Bounds of the queue and of one group; bytes are of decompressed OTLP bodies.

    One worker is the default: a second one overlaps the waits for PostgreSQL, but costs more in handing over the
    interpreter than it gains beside a local database (docs/performance.md).
    """

    workers: int = 1
    max_queued_batches: int = 2048
    max_queued_bytes: int = 256 * 1024 * 1024
    max_group_batches: int = 256
    max_group_bytes: int = 8 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in ("workers", "max_queued_batches", "max_queued_bytes", "max_group_batches", "max_group_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")


class GroupCommit:
    """Hands batches to `process` in groups: while one group commits, the next one gathers. start() before submit()."""

    def __init__(self, process: Process, config: GroupConfig | None = None) -> None:
        self.config = config or GroupConfig()
        self._process = process
        self._waiting: deque[tuple[OtlpBatch, Future[Outcome]]] = deque()
        self._bytes = 0  # queued and under way: memory is held until the commit
        self._count = 0
        self._changed = threading.Condition()
        self._stopping = False
        self._threads: list[threading.Thread] = []

    @property
    def depth(self) -> int:
        """How many batches are waiting or under way."""
        return self._count

    @property
    def depth_bytes(self) -> int:
        """How many bytes they hold."""
        return self._bytes

    def submit(self, batch: OtlpBatch) -> Future[Outcome]:
        """Queue a batch; its future is done after the commit. Raises Overloaded (full) or Temporary (stopping)."""
        size = len(batch.body)
        future: Future[Outcome] = Future()
        with self._changed:
            if self._stopping:
                raise Temporary("the server is shutting down: send the batch again", 1.0)
            config = self.config
            # a batch that is larger than the whole queue is let in when nothing else is there
            if self._count >= config.max_queued_batches or (
                self._count and self._bytes + size > config.max_queued_bytes
            ):
                raise Overloaded(f"{self._count} batches of {self._bytes} bytes are waiting to be stored", 1.0)
            self._waiting.append((batch, future))
            self._count += 1
            self._bytes += size
            self._changed.notify()
        return future

    def start(self) -> None:
        """Start the workers."""
        self._stopping = False
        for number in range(self.config.workers):
            thread = threading.Thread(target=self._work, name=f"commit-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Finish what is queued, then end the workers; new batches are refused from now on."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads.clear()

    def _work(self) -> None:
        while group := self._take():
            try:
                answers = self._process([batch for batch, _ in group])
            except (
                Exception
            ) as error:  # the worker loop: whatever broke, the senders are told and the next group is taken
                logger.exception("a group of %d batches could not be processed", len(group))
                answers = [Temporary(f"the batch could not be processed: {type(error).__name__}")] * len(group)
            for (_, future), answer in zip(group, answers, strict=True):
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
            with self._changed:
                self._count -= len(group)
                self._bytes -= sum(len(batch.body) for batch, _ in group)

    def _take(self) -> list[tuple[OtlpBatch, Future[Outcome]]]:
        """Wait for work and take as much of it as makes one group; nothing when stopping and all is done."""
        with self._changed:
            while True:
                while not self._waiting and not self._stopping:
                    self._changed.wait()
                group = self._gather()
                if group or (self._stopping and not self._waiting):
                    return group

    def _gather(self) -> list[tuple[OtlpBatch, Future[Outcome]]]:
        config = self.config
        group: list[tuple[OtlpBatch, Future[Outcome]]] = []
        size = 0
        while self._waiting and len(group) < config.max_group_batches:
            following = len(self._waiting[0][0].body)
            if group and size + following > config.max_group_bytes:
                break
            batch, future = self._waiting.popleft()
            # from now on it cannot be cancelled: its rows will be there
            if future.set_running_or_notify_cancel():
                group.append((batch, future))
                size += following
            else:
                self._count -= 1
                self._bytes -= following
        return group
