"""One row a trace, kept up to date as its spans arrive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ...model import LLMRequest, Span
from .copy import timestamp
from .database import Transaction

__all__ = ["TraceSum", "add_traces", "sum_traces"]


@dataclass(slots=True)
class TraceSum:
    """What a batch adds to one trace."""

    start_ns: int
    end_ns: int
    application: str
    environment: str
    root_name: str | None = None
    root_status: int | None = None
    session_id: str | None = None
    user_id: str | None = None
    span_count: int = 0
    error_count: int = 0
    request_count: int = 0
    total_tokens: int = 0
    cost: Decimal | None = None
    unpriced_count: int = 0

    def add_span(self, span: Span) -> None:
        """Count a span; the root names the trace and says whose it is."""
        self.start_ns = min(self.start_ns, span.start_ns)
        self.end_ns = max(self.end_ns, span.end_ns)
        self.span_count += 1
        self.error_count += span.status == 2
        self.session_id = self.session_id or span.session_id
        self.user_id = self.user_id or span.user_id
        if span.parent_span_id is None and self.root_name is None:
            self.root_name, self.root_status = span.name, span.status
            self.application, self.environment = span.application, span.environment

    def add_request(self, request: LLMRequest) -> None:
        """Count a request that no other one counts for."""
        self.request_count += 1
        self.total_tokens += request.total_tokens or 0
        if request.estimated_cost is None:
            self.unpriced_count += 1
        else:
            self.cost = (self.cost or Decimal(0)) + request.estimated_cost


def sum_traces(spans: Iterable[Span], requests: Iterable[LLMRequest]) -> dict[bytes, TraceSum]:
    """Sum new spans, and the new requests among them, by trace."""
    sums: dict[bytes, TraceSum] = {}
    for span in spans:
        trace = sums.get(span.trace_id)
        if trace is None:
            trace = sums[span.trace_id] = TraceSum(span.start_ns, span.end_ns, span.application, span.environment)
        trace.add_span(span)
    for request in requests:
        if request.duplicate_of is None and request.trace_id in sums:
            sums[request.trace_id].add_request(request)
    return sums


_UPSERT = """
INSERT INTO traces AS t (trace_id, started_at, start_ns, end_ns, root_name, root_status, application, environment,
                         session_id, user_id, span_count, error_count, request_count, total_tokens, estimated_cost,
                         unpriced_count)
SELECT * FROM unnest(%b::bytea[], %b::timestamp[], %b::bigint[], %b::bigint[], %b::text[], %b::smallint[], %b::text[],
                     %b::text[], %b::text[], %b::text[], %b::integer[], %b::integer[], %b::integer[], %b::bigint[],
                     %b::float[], %b::integer[])
ON CONFLICT (trace_id) DO UPDATE SET
  started_at = least(t.started_at, excluded.started_at),
  start_ns = least(t.start_ns, excluded.start_ns),
  end_ns = greatest(t.end_ns, excluded.end_ns),
  application = CASE WHEN t.root_name IS NULL AND excluded.root_name IS NOT NULL
                     THEN excluded.application ELSE t.application END,
  environment = CASE WHEN t.root_name IS NULL AND excluded.root_name IS NOT NULL
                     THEN excluded.environment ELSE t.environment END,
  root_name = coalesce(t.root_name, excluded.root_name),
  root_status = coalesce(t.root_status, excluded.root_status),
  session_id = coalesce(t.session_id, excluded.session_id),
  user_id = coalesce(t.user_id, excluded.user_id),
  span_count = t.span_count + excluded.span_count,
  error_count = t.error_count + excluded.error_count,
  request_count = t.request_count + excluded.request_count,
  total_tokens = t.total_tokens + excluded.total_tokens,
  estimated_cost = CASE WHEN t.estimated_cost IS NULL THEN excluded.estimated_cost
                        ELSE t.estimated_cost + coalesce(excluded.estimated_cost, 0) END,
  unpriced_count = t.unpriced_count + excluded.unpriced_count
"""


def add_traces(transaction: Transaction, sums: dict[bytes, TraceSum]) -> None:
    """Add sums to the table, in the order of trace ids, so that writers wait for each other and never in a circle."""
    if not sums:
        return
    rows = [
        (
            trace_id, timestamp(t.start_ns), t.start_ns, t.end_ns, t.root_name, t.root_status, t.application,
            t.environment, t.session_id, t.user_id, t.span_count, t.error_count, t.request_count, t.total_tokens,
            None if t.cost is None else float(t.cost), t.unpriced_count,
        )
        for trace_id, t in sorted(sums.items())
    ]  # fmt: skip
    transaction.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
