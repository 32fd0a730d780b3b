"""Query: the requests themselves, in lists and one by one."""

from __future__ import annotations

from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope
from .shapes import RequestDetail, RequestPage

__all__ = ["find_requests", "get_request"]


def find_requests(
    database: Database,
    payloads: PayloadStore | None,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> RequestPage:
    """A page of requests. Raises Malformed (cursor of another query, limit outside 1..1000, unknown order).

    order: timestamp duration_seconds estimated_cost total_tokens, "-" before it for descending (unknown values last). Duplicates
    are left out unless the filter names duplicate_of. Full text goes newest first whatever the order.
    """
    raise NotImplementedError


def get_request(database: Database, payloads: PayloadStore | None, request_id: str) -> RequestDetail | None:
    """One request with content, cost details, span attributes; None when there is no such request."""
    raise NotImplementedError
