"""The line behind the doors: pipeline, group commit, keys and sessions, built on the stores."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sentinelops_server.access.keys import Keys
from sentinelops_server.access.sessions import Sessions
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.receiver.group import GroupCommit
from sentinelops_server.settings import Settings
from sentinelops_server.storage.postgres.store import Store

from .prices import OwnPrices
from .stores import Stores

__all__ = ["Line", "start_line"]


@dataclass(frozen=True, slots=True)
class Line:
    """What the doors are handed."""

    keys: Keys
    sessions: Sessions
    meter: Meter
    prices: OwnPrices
    commits: GroupCommit
    now: Callable[[], datetime]

    def stop(self) -> None:
        """Finish the commits under way, then end the workers."""
        self.commits.stop()


def start_line(settings: Settings, stores: Stores, clock: Callable[[], int] = time.time_ns) -> Line:
    """Build the pipeline on the stores and start its workers. `clock` is Unix nanoseconds."""
    meter = Meter(settings.meter)
    pricer = Pricer()
    prices = OwnPrices(pricer, stores.database, settings.server.prices_file)
    store = Store(stores.database, stores.payloads, retention_days=settings.pipeline.max_age_days)
    pipeline = Pipeline(store, Redactor(settings.redact), pricer, meter, clock, config=settings.pipeline)
    commits = GroupCommit(pipeline.process, settings.group)
    meter.watch("queue_batches", "Batches that wait to be committed, or are being committed", lambda: commits.depth)
    meter.watch("queue_bytes", "Bytes of OTLP that these batches hold", lambda: commits.depth_bytes)
    commits.start()

    def now() -> datetime:
        return datetime.fromtimestamp(clock() / 1e9, UTC)

    keys, sessions = Keys(stores.database, now), Sessions(stores.database, now)
    return Line(keys, sessions, meter, prices, commits, now)
