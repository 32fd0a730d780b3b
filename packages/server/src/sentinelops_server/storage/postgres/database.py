"""The one way to PostgreSQL: a pool of connections, plain SQL in, dictionaries out, errors that say who must act."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

import psycopg
from psycopg import errors as pg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ...errors import Permanent, Temporary

__all__ = ["Database", "PostgresConfig", "Transaction", "translate"]

Params = Sequence[Any] | Mapping[str, Any] | None
Connection = psycopg.Connection[dict[str, Any]]
Read = TypeVar("Read")
GONE = (None, "57P01", "57P02", "57P03")  # the connection broke, or the server is going down or coming up


def mask_url(url: str) -> str:
    """Return the url with its password replaced by ***, for messages and repr."""
    masked = re.sub(r"(://[^:/@]*:)[^@]*@", r"\1***@", url)
    return re.sub(r"(password=)('[^']*'|\S+)", r"\1***", masked)


@dataclass(frozen=True)
class PostgresConfig:
    """How to reach PostgreSQL 12 or newer, and how many connections to hold.

    `statement_timeout_seconds` (default 10) ends a read that takes too long; `connect_timeout_seconds` (default 10) is
    how long a caller waits for a connection. `prepare_threshold` None turns prepared statements off, as PgBouncer
    before 1.21 needs.
    """

    url: str = field(repr=False)
    pool_min: int = 1
    pool_max: int = 16
    statement_timeout_seconds: float = 10.0
    connect_timeout_seconds: float = 10.0
    prepare_threshold: int | None = 5

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("the database url is empty: give postgresql://user:password@host:port/name")
        if not 0 <= self.pool_min <= self.pool_max or self.pool_max < 1:
            raise ValueError(
                f"pool_min {self.pool_min} and pool_max {self.pool_max}: 0 <= pool_min <= pool_max, at least 1"
            )
        if self.statement_timeout_seconds <= 0 or self.connect_timeout_seconds <= 0:
            raise ValueError("statement_timeout_seconds and connect_timeout_seconds must be above 0")

    def __repr__(self) -> str:
        return f"PostgresConfig(url={mask_url(self.url)!r}, pool_min={self.pool_min}, pool_max={self.pool_max})"


def translate(error: Exception) -> Exception:
    """Return our error that says who must act on one of psycopg; any other comes back as it is."""
    if isinstance(error, pg.QueryCanceled):
        return Temporary("the query took longer than the statement timeout: narrow the time range or the filter")
    if isinstance(error, (pg.DiskFull, pg.InsufficientResources)):
        return Temporary(f"PostgreSQL has no room: {_first_line(error)}; free disk space or memory", 10.0)
    if isinstance(error, (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable)):
        return Temporary(f"PostgreSQL could not order this with other writers: {_first_line(error)}")
    if isinstance(error, PoolTimeout):
        return Temporary("no connection to PostgreSQL became free in time: it is down, or overloaded")
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError, pg.InternalError_)):
        return Temporary(f"PostgreSQL does not answer: {_first_line(error)}")
    if isinstance(error, pg.InsufficientPrivilege):
        return Permanent(f"the database role lacks a right: {_first_line(error)}")
    return error


def _raise(error: Exception) -> NoReturn:
    translated = translate(error)
    if translated is error:
        raise error
    raise translated from error


def _first_line(error: Exception) -> str:
    return mask_url((str(error).strip() or type(error).__name__).splitlines()[0])


class Transaction:
    """One open transaction: the same questions as `Database`, committed together."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def fetch(
        self, sql: str, params: Params = None, prepare: bool | None = None, binary: bool = False
    ) -> list[dict[str, Any]]:
        """Return all rows of a query as dictionaries.

        `prepare` False: planned anew for these params each time. `binary`: cheaper to read where there are arrays.
        """
        return self.connection.execute(sql.encode(), params or None, prepare=prepare, binary=binary).fetchall()

    def fetch_one(self, sql: str, params: Params = None) -> dict[str, Any] | None:
        """Return the first row, or None."""
        return self.connection.execute(sql.encode(), params or None).fetchone()

    def execute(self, sql: str, params: Params = None) -> int:
        """Run one statement; the number of rows it touched."""
        return self.connection.execute(sql.encode(), params or None).rowcount


class Database:
    """A thread-safe pool. Placeholders are %s or %(name)s; with no params a % in the SQL is itself.

    `open` begins to connect in the background and does not fail when PostgreSQL is away: every call then raises
    Temporary.
    """

    def __init__(self, config: PostgresConfig) -> None:
        self.config = config
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            config.url,
            connection_class=psycopg.Connection[dict[str, Any]],
            kwargs={"autocommit": True, "row_factory": dict_row, "prepare_threshold": config.prepare_threshold},
            min_size=config.pool_min,
            max_size=config.pool_max,
            timeout=config.connect_timeout_seconds,
            max_idle=300.0,
            reconnect_timeout=config.connect_timeout_seconds,
            configure=self._configure,
            open=False,
            name="sentinelops",
        )

    def _configure(self, connection: Connection) -> None:
        milliseconds = int(self.config.statement_timeout_seconds * 1000)
        connection.execute(f"SET TimeZone = 'UTC'; SET statement_timeout = {milliseconds}".encode())

    def open(self) -> None:
        """Open the pool."""
        self._pool.open(wait=False)

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def __enter__(self) -> Database:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Lend a raw connection in autocommit mode, for storage.postgres alone. Raises Temporary when there is none."""
        try:
            with self._pool.connection() as connection:
                yield connection
        except (psycopg.Error, PoolTimeout) as error:
            if isinstance(error, psycopg.OperationalError) and error.sqlstate in GONE:
                self._discard_broken()
            _raise(error)

    def _discard_broken(self) -> None:
        # after a restart of PostgreSQL every idle connection is dead: find out once, not one caller after the other
        try:
            self._pool.check()
        except psycopg.Error:
            return

    def fetch(self, sql: str, params: Params = None, binary: bool = False) -> list[dict[str, Any]]:
        """All rows of a query as dictionaries, under the statement timeout. Raises Temporary."""
        return self._read(lambda transaction: transaction.fetch(sql, params, binary=binary))

    def fetch_one(self, sql: str, params: Params = None) -> dict[str, Any] | None:
        """Return the first row of a query, or None. Raises Temporary."""
        return self._read(lambda transaction: transaction.fetch_one(sql, params))

    def _read(self, run: Callable[[Transaction], Read]) -> Read:
        try:
            with self._pool.connection() as connection:
                return run(Transaction(connection))
        except psycopg.OperationalError as error:
            if isinstance(error, (pg.QueryCanceled, PoolTimeout)) or error.sqlstate not in {
                None,
                "57P01",
                "57P02",
                "57P03",
            }:
                raise translate(error) from error
            self._discard_broken()
        except psycopg.Error as error:
            _raise(error)
        with self.connection() as connection:  # the connection was dead: a read may be asked again
            return run(Transaction(connection))

    def execute(self, sql: str, params: Params = None) -> int:
        """Run one statement in its own transaction; the number of rows it touched. Raises Temporary."""
        with self.connection() as connection:
            return Transaction(connection).execute(sql, params)

    @contextmanager
    def transaction(self, statement_timeout_seconds: float | None = None) -> Iterator[Transaction]:
        """Open a transaction, committed when the block ends, rolled back when it raises. Timeout 0 means none."""
        with self.connection() as connection, connection.transaction():
            if statement_timeout_seconds is not None:
                connection.execute(f"SET LOCAL statement_timeout = {int(statement_timeout_seconds * 1000)}".encode())
            yield Transaction(connection)

    def ping(self) -> bool:
        """Whether PostgreSQL answers."""
        try:
            return self.fetch_one("SELECT 1 AS one") == {"one": 1}
        except (Temporary, Permanent):
            return False
