"""Day partitions: made before they are needed, on demand for backdated days, dropped by retention."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import date, timedelta

from .database import Database

__all__ = ["PARTITIONED", "Partitions", "days_of", "drop_before", "ensure", "refusal"]

PARTITIONED = ("spans", "request_metrics", "anomalies", "log_records", "metric_points")

DAY_NS = 86_400_000_000_000
EPOCH_DAY = date(1970, 1, 1)
LOCK = 0x50415254  # "PART": one creator at a time


def days_of(times_ns: Iterable[int]) -> set[date]:
    """Return the UTC days of Unix nanoseconds."""
    return {EPOCH_DAY + timedelta(days=day) for day in {time_ns // DAY_NS for time_ns in times_ns}}


def refusal(time_ns: int, now_ns: int, retention_days: int = 90) -> str | None:
    """Say why a record of this time cannot be kept: too_old, in_the_future, or None when it can.

    What retention would delete at once is too old; more than a day ahead is a clock that is wrong.
    """
    if time_ns > now_ns + DAY_NS:
        return "in_the_future"
    if time_ns < (now_ns // DAY_NS - retention_days) * DAY_NS:
        return "too_old"
    return None


def _name(table: str, day: date) -> str:
    return f"{table}_{day:%Y%m%d}"


class Partitions:
    """Remembers which days exist, so that a write asks PostgreSQL once a day and not once a batch."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: set[date] = set()
        self._lock = threading.Lock()

    def ensure(self, days: Iterable[date]) -> None:
        """Make the partitions of these days in all tables. Raises Temporary."""
        missing = set(days) - self._known
        if missing:
            with self._lock:
                ensure(self._database, missing)
                self._known = self._known | missing

    def forget(self) -> None:
        """Forget what is known: retention, here or in another process, has dropped a day."""
        with self._lock:
            self._known = set()


def ensure(database: Database, days: Iterable[date]) -> list[str]:
    """Make the missing partitions of these days and name them; safe from many processes. Raises Temporary."""
    wanted = {_name(table, day): (table, day) for day in sorted(days) for table in PARTITIONED}
    sql = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = ANY(%s::regclass[])"
    there = {row["name"] for row in database.fetch(sql, (list(PARTITIONED),))}
    missing = [name for name in wanted if name not in there]
    if not missing:
        return []
    made = []
    with database.transaction(statement_timeout_seconds=60) as transaction:
        transaction.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
        there = {row["name"] for row in transaction.fetch(sql, (list(PARTITIONED),))}
        for name in missing:
            if name in there:
                continue
            table, day = wanted[name]
            # attached, not created in place: that would wait for every reader and writer of the table
            transaction.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
            bounds = f"FROM ('{day}') TO ('{day + timedelta(days=1)}')"
            transaction.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES {bounds}")
            made.append(name)
    return made


def drop_before(database: Database, table: str, day: date) -> list[str]:
    """Drop the partitions of `table` wholly before `day`, and name them. Raises Temporary when readers hold one."""
    if table not in PARTITIONED:
        raise ValueError(f"{table} is not partitioned: one of {', '.join(PARTITIONED)}")
    rows = database.fetch(
        "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = %s::regclass ORDER BY 1", (table,)
    )
    dropped = []
    for row in rows:
        name = str(row["name"])
        if name < _name(table, day):
            with database.transaction(statement_timeout_seconds=60) as transaction:
                transaction.execute("SET LOCAL lock_timeout = '5s'")
                transaction.execute(f"DROP TABLE IF EXISTS {name}")
            dropped.append(name)
    return dropped
