"""Own prices on their way to the pricer: the rows of the API, and those of a file, read again when it changes."""

from __future__ import annotations

import json
import logging
import os
import tomllib
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.price_tables import FILE_ID, overrides_of
from sentinelops_server.storage.postgres.database import Database

__all__ = ["OwnPrices", "PriceFileError", "read_prices"]

logger = logging.getLogger(__name__)
LIMIT_BYTES = 16 << 20
KEYS = frozenset(("provider", "model", "prices", "valid_from"))
Row = dict[str, Any]


class PriceFileError(ValueError):
    """The file of own prices cannot be used; the message names the file, the line or row, and what is wrong there."""


def read_prices(path: Path) -> list[Row]:
    """Read the rows of a file: a JSON list of objects, or TOML's `[[override]]` when its name ends in .toml.

    A row has provider ('*' for any), model (exact, or a prefix that ends in '*'), prices (dollars per million tokens by
    class) and, if it does not hold always, valid_from. Raises PriceFileError.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise PriceFileError(f"the prices file {path} cannot be read: {error.strerror}") from error
    if len(content) > LIMIT_BYTES:
        raise PriceFileError(f"the prices file {path} is larger than {LIMIT_BYTES >> 20} MiB")
    try:
        found = _parse(content.decode("utf-8"), toml=path.suffix.lower() == ".toml")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PriceFileError(f"the prices file {path} is not UTF-8 in line {line}") from error
    except (ValueError, RecursionError) as error:  # both parsers say line and column
        raise PriceFileError(f"the prices file {path} cannot be read: {error}") from error
    rows = found.get("override") if isinstance(found, dict) and set(found) == {"override"} else found
    if not isinstance(rows, list):
        raise PriceFileError(f"the prices file {path} holds no list: JSON [{{...}}, ...], or [[override]] in TOML")
    return _checked(path, rows)


def _parse(text: str, *, toml: bool) -> Any:
    # numbers stay as they are written: 0.1 is no float
    return tomllib.loads(text, parse_float=Decimal) if toml else json.loads(text, parse_float=Decimal)


def _checked(path: Path, rows: list[Any]) -> list[Row]:
    checked: list[Row] = []
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in enumerate(rows, 1):
        try:
            good = _row(row)
            overrides_of([good])  # knows the classes, and says which row
        except ValueError as error:
            raise PriceFileError(f"the prices file {path}, row {number}: {error}") from error
        first = seen.setdefault((good["provider"], good["model"], good["valid_from"]), number)
        if first != number:
            raise PriceFileError(f"the prices file {path}, row {number}: it says the same as row {first} does already")
        checked.append(good)
    return checked


def _row(row: Any) -> Row:
    if not isinstance(row, dict):
        raise ValueError("it is no object with provider, model and prices")
    if unknown := sorted(set(row) - KEYS):
        raise ValueError(f"{unknown[0]!r} is not known; those are {', '.join(sorted(KEYS))}")
    for name in ("provider", "model"):
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise ValueError(f"{name} is missing" if name not in row else f"{name} must be a text")
    names = {"provider": row["provider"].strip(), "model": row["model"].strip()}
    return {"id": FILE_ID, **names, "prices": row.get("prices"), "valid_from": _moment(row.get("valid_from"))}


def _moment(value: Any) -> datetime | None:
    """Read a date, a time (UTC where it has no zone), or one of them as text."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"valid_from must be a date such as 2026-01-31, not {value!r}") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if value is None or (isinstance(value, datetime) and value.tzinfo):
        return value
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC)
    raise ValueError(f"valid_from must be a date such as 2026-01-31, not {value!r}")


class OwnPrices:
    """Brings both sources into the pricer. At the start a bad file is an error; later the old prices stay.

    Raises PriceFileError when it is made, Temporary when the database is away. Thread-safe: a reload swaps whole lists.
    """

    def __init__(self, pricer: Pricer, database: Database, path: Path | None = None) -> None:
        self._pricer = pricer
        self._database = database
        self._path = path
        self._seen = self._stamp()
        self._rows = read_prices(path) if path is not None else []
        self._told: str | None = None
        self.reload()

    def reload(self) -> None:
        """Take the prices that hold now; what is wrong is logged once and leaves the old ones in use."""
        self._read_again()
        stored = self._database.fetch(
            "SELECT id, provider, model, prices, CASE WHEN isfinite(valid_from) THEN valid_from END AS valid_from"
            " FROM price_overrides ORDER BY id"
        )
        try:
            self._pricer.reload([*self._rows, *stored])
        except ValueError as error:
            self._tell(f"own prices are not used: {error}")

    def _read_again(self) -> None:
        if self._path is None:
            return
        stamp = self._stamp()
        if stamp == self._seen:
            return
        try:
            self._rows = read_prices(self._path)
        except PriceFileError as error:
            self._tell(f"{error}; the prices that were read before stay in use")
        else:
            logger.info("the prices file %s was read again: %d rows", self._path, len(self._rows))
            self._told = None
        self._seen = stamp

    def _tell(self, words: str) -> None:
        if words != self._told:
            self._told = words
            logger.error("%s", words)

    def _stamp(self) -> tuple[int, int, int] | None:
        """What changes when the file does, a link to it included; None while there is none."""
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
