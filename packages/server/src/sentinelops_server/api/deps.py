"""API: what it is handed when it is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..access.keys import Clock, Keys
from ..access.sessions import Sessions
from ..pipeline.redact import Redactor
from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from .config import ApiConfig

__all__ = ["ApiDeps"]


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class ApiDeps:
    """The rooms behind the API.

    `reload_prices` is called after own prices changed; `meter` is not read by any route yet.

    With `sessions`, a browser that is signed in may read (GET only) by its cookie, so that a page can link to an
    export.
    """

    database: Database
    payloads: PayloadStore | None
    keys: Keys
    sessions: Sessions | None = None
    meter: object | None = None
    clock: Clock = _now
    config: ApiConfig = field(default_factory=ApiConfig)
    reload_prices: Callable[[], None] | None = None
    redactor: Redactor = field(default_factory=Redactor)  # of the comments of scores
