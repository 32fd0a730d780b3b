"""Query: where every record went."""

from __future__ import annotations

from ..storage.postgres.database import Database
from .scope import Scope
from .shapes import Ledger

__all__ = ["ledger"]


def ledger(database: Database, scope: Scope) -> Ledger:
    """Counts by outcome, reason and application of the hours that touch the scope, and what the SDKs report of themselves."""
    raise NotImplementedError
