"""What the pages are handed by the assembly: stores to ask, doors to check, and what to tell of the installation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ..pipeline.redact import Redactor

if TYPE_CHECKING:
    from ..access.keys import Keys
    from ..access.sessions import Sessions
    from ..storage.payloads import PayloadStore
    from ..storage.postgres.database import Database

__all__ = ["WebConfig", "WebDeps"]


@dataclass(frozen=True, slots=True)
class WebConfig:
    """How the pages behave. `rows` a page (1..500), `session_days` a sign-in lasts in the browser (1..365)."""

    rows: int = 50
    session_days: int = 30
    secure_cookies: bool = False  # true behind TLS: the browser then never sends the session in clear
    otlp_endpoint: str = ""  # as an application reaches it, "http://host:4318"; empty: the host of the page, port 4318

    def __post_init__(self) -> None:
        if not 1 <= self.rows <= 500:
            raise ValueError(f"rows must be between 1 and 500, not {self.rows}")
        if not 1 <= self.session_days <= 365:
            raise ValueError(f"session_days must be between 1 and 365, not {self.session_days}")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class WebDeps:
    """What the pages need. `facts` are shown under settings as they are: {"Retention": {"Rows": "90 days"}}."""

    database: Database
    payloads: PayloadStore | None
    keys: Keys
    sessions: Sessions
    clock: Callable[[], datetime] = _now
    config: WebConfig = field(default_factory=WebConfig)
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    version: str = ""
    reload_prices: Callable[[], object] | None = None  # called when own prices have changed
    redactor: Redactor = field(default_factory=Redactor)  # of the comments that people write
