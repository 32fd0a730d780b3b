"""What every verb shares: settings, the way to the data, and how results and failures are said."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinelops_server.settings import Settings
    from sentinelops_server.storage.keys import KeyRing
    from sentinelops_server.storage.payloads import PayloadStore
    from sentinelops_server.storage.postgres.database import Database

__all__ = ["Failure", "Rooms", "emit", "open_rooms", "report", "say", "settings_from"]


class Failure(Exception):
    """The verb could not be done: what the cause is, and what to do about it. Exit code 2."""

    def __init__(self, cause: str, fix: str = "") -> None:
        super().__init__(cause)
        self.cause = cause
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Rooms:
    """The stores, opened for one verb."""

    settings: Settings
    database: Database
    payloads: PayloadStore
    keyring: KeyRing


def say(text: str) -> None:
    """Progress and remarks go to stderr, so that stdout stays data."""
    print(text, file=sys.stderr, flush=True)


def emit(value: Any) -> None:
    """Print one JSON document on stdout."""
    print(json.dumps(value, indent=2, default=str), flush=True)


def report(failure: Failure) -> None:
    """Say cause and fix in two lines; the stack only when debugging was asked for."""
    say(f"error: {failure.cause}")
    if failure.fix:
        say(f"  fix: {failure.fix}")
    if os.environ.get("SENTINELOPS_LOG_LEVEL", "").lower() == "debug":
        traceback.print_exc()


def settings_from(**overrides: Any) -> Settings:
    """Read the settings from the environment and the flags that were given; misspelt variables are said."""
    from sentinelops_server.settings import SettingsError, load

    try:
        settings = load(os.environ, overrides)
    except SettingsError as error:
        raise Failure(str(error), "see docs/configuration.md, or `sentinelops config`") from error
    for warning in settings.warnings:
        say(f"warning: {warning}")
    return settings


@contextmanager
def open_rooms(settings: Settings, *, progress: bool = True) -> Iterator[Rooms]:
    """Open the stores: the running server's database, else it is started for this verb."""
    from sentinelops_server.app.stores import StoresError, open_stores

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        with open_stores(settings, on_progress=say if progress else lambda _: None) as stores:
            yield Rooms(settings, stores.database, stores.payloads, stores.keyring)
    except StoresError as error:
        raise Failure(str(error), error.fix) from error
