"""Query: traces, in lists and one by one, and one span in full."""

from __future__ import annotations

from ..storage.payloads import PayloadStore
from ..storage.postgres.database import Database
from .filters import Filter
from .scope import Scope
from .shapes import SpanContent, TraceDetail, TracePage

__all__ = ["find_traces", "get_span_content", "get_trace"]


def find_traces(
    database: Database,
    scope: Scope,
    filter: Filter | None = None,
    order: str = "-timestamp",
    cursor: str | None = None,
    limit: int = 50,
) -> TracePage:
    """A page of traces; `filter` parsed with fields=TRACE_FIELDS. order: timestamp duration_seconds estimated_cost total_tokens
    span_count. Raises Malformed.
    """
    raise NotImplementedError


def get_trace(database: Database, trace_id: str, attributes: bool = False) -> TraceDetail | None:
    """All spans of a trace (lower-case hex id), without bodies; None when there is no such trace."""
    raise NotImplementedError


def get_span_content(
    database: Database, payloads: PayloadStore | None, trace_id: str, span_id: str
) -> SpanContent | None:
    """One span with attributes, events, links and content; None when there is no such span."""
    raise NotImplementedError
