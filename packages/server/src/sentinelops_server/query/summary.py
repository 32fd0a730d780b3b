"""Query: the numbers of one scope, at a glance."""

from __future__ import annotations

from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope
from .shapes import Summary

__all__ = ["summary"]


def summary(database: Database, scope: Scope, filter: Filter | None = None, compare: bool = False) -> Summary:
    """Counts, tokens, cost and latency of a scope; `compare` adds the interval just before as `previous`."""
    raise NotImplementedError
