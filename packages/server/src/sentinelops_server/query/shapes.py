"""Query: the shapes of the answers. Times are aware datetimes in UTC, unknown is None and never 0."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

__all__ = [
    "Ledger",
    "Quantiles",
    "RequestDetail",
    "RequestPage",
    "RequestRow",
    "SessionDetail",
    "SessionPage",
    "SessionRow",
    "SpanContent",
    "SpanRow",
    "Summary",
    "Timeseries",
    "TraceDetail",
    "TracePage",
    "TraceRow",
    "UserPage",
    "UserRow",
]

# Keys "avg" "p50" "p75" "p90" "p95" "p99" "p99.9"; seconds; None when no request has a value.
Quantiles = dict[str, float | None]


class Summary(TypedDict):
    """The numbers of one scope. Counts and sums are weighted by sampling weight and leave duplicates out."""

    start: datetime
    end: datetime
    count: float
    error_count: float
    cancelled_count: float
    error_rate: float | None  # 0..1; None when there are no requests
    request_rate: float  # requests a second
    prompt_tokens: float | None  # None when there are requests but no usage is known
    completion_tokens: float | None
    total_tokens: float | None
    cache_read_tokens: float
    reasoning_tokens: float
    unknown_usage_requests: float  # requests whose tokens are unknown: not in the sums
    estimated_cost: float | None  # US dollars over the requests of known price; None when none is known
    unpriced_requests: float
    kept_requests: float  # rows, not weighted: what the numbers were made of
    sampled: bool  # whether some of them stand for more than themselves, so that the numbers are estimates
    duration_seconds: Quantiles
    time_to_first_token_seconds: Quantiles
    previous: Summary | None  # the interval just before, when asked for


class Series(TypedDict):
    """One line of a chart: labels and, per metric, a value per timestamp (counts 0 in gaps, other metrics None)."""

    labels: dict[str, str | None]
    values: dict[str, list[float | None]]


class Timeseries(TypedDict):
    """`timestamps` are the aligned starts of the buckets; the range may cut the first and the last."""

    start: datetime
    end: datetime
    interval_seconds: int
    timestamps: list[datetime]
    series: list[Series]


class RequestRow(TypedDict):
    """One request in a list: the columns of request_metrics under their API names; no message bodies."""

    request_id: str
    trace_id: str
    span_id: str
    timestamp: datetime
    provider: str
    model: str
    application: str
    environment: str
    operation: str
    status: str  # ok, error, cancelled
    success: bool
    duration_seconds: float
    inference_time: float | None
    time_to_first_token_seconds: float | None
    streaming: bool
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    estimated_cost: float | None
    price_version: str | None
    memory_used: float | None
    error: str | None
    error_type: str | None
    response_model: str | None
    response_id: str | None
    finish_reason: str | None
    service_tier: str | None
    server_address: str | None
    session_id: str | None
    user_id: str | None
    tags: list[str]
    metadata: dict[str, Any]
    prompt_preview: str | None
    completion_preview: str | None
    storage_object_id: str | None
    duplicate_of: str | None
    weight: float


class RequestDetail(RequestRow):
    """One request with everything that is known of it."""

    content: dict[str, Any] | None  # Payload.content; None when there is none (content_missing says why)
    content_missing: str | None  # None, "not captured", "gone by retention"
    usage_details: dict[str, Any]
    cost_details: dict[str, Any]
    parameters: dict[str, Any]
    redactions: dict[str, int]
    span_name: str | None
    span_type: str | None
    parent_span_id: str | None
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[dict[str, Any]]
    scope: str | None


@dataclass(frozen=True, slots=True)
class RequestPage:
    """A page of requests; `next_cursor` is None at the end.

    `searched_until` is set by full text only: everything newer has been searched. When the time budget stopped the
    search, the page may be short or empty and next_cursor goes on from there.
    """

    requests: list[RequestRow]
    next_cursor: str | None = None
    searched_until: datetime | None = None


class TraceRow(TypedDict):
    """One trace in a list."""

    trace_id: str
    timestamp: datetime  # start
    duration_seconds: float
    name: str | None  # of the root span; None until it has arrived
    status: str  # error when the root failed, else ok, or unset
    application: str
    environment: str
    session_id: str | None
    user_id: str | None
    span_count: int
    error_count: int
    request_count: int
    total_tokens: int
    estimated_cost: float | None
    unpriced_requests: int


@dataclass(frozen=True, slots=True)
class TracePage:
    """A page of traces; `next_cursor` is None at the end."""

    traces: list[TraceRow]
    next_cursor: str | None = None


class SpanRow(TypedDict, total=False):
    """One span of a trace, lean. The request columns are there only on spans that are requests."""

    span_id: str
    parent_span_id: str | None
    name: str
    kind: str  # unspecified internal server client producer consumer
    type: str  # llm embedding agent tool chain retrieval rerank guardrail evaluator memory span
    status: str  # unset ok error
    status_message: str | None
    application: str
    offset_ns: int  # after the start of the trace (its start_ns)
    duration_ns: int
    has_content: bool
    provider: str
    model: str
    request_status: str
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    estimated_cost: float | None
    time_to_first_token_seconds: float | None
    attributes: dict[str, Any]  # only when asked for


class TraceDetail(TraceRow):
    """One trace: its row, its spans by start, and the span ids of the critical path from the root down."""

    start_ns: str  # Unix nanoseconds; text, since it is beyond what JSON numbers hold exactly in JavaScript
    spans: list[SpanRow]
    critical_path: list[str]


class SpanContent(TypedDict):
    """One span in full, with its message bodies when they are kept."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    timestamp: datetime
    duration_seconds: float
    name: str
    kind: str
    type: str
    status: str
    status_message: str | None
    application: str
    environment: str
    session_id: str | None
    user_id: str | None
    scope: str | None
    attributes: dict[str, Any]
    resource: dict[str, Any]
    events: list[dict[str, Any]]
    links: list[dict[str, Any]]
    content: dict[str, Any] | None
    content_missing: str | None
    request_id: str | None  # set when the span is a request


class SessionRow(TypedDict):
    """One session (a conversation): its requests within the scope, summed."""

    session_id: str
    user_id: str | None
    application: str
    first_at: datetime
    last_at: datetime
    count: float
    error_count: float
    trace_count: int
    total_tokens: float | None
    estimated_cost: float | None
    unpriced_requests: float
    sampled: bool  # whether counts and sums are estimates
    last_prompt_preview: str | None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """A page of sessions, latest first; `next_cursor` is None at the end."""

    sessions: list[SessionRow]
    next_cursor: str | None = None


class SessionDetail(SessionRow):
    """One session with its requests, oldest first (at most 1,000; `truncated` when there are more)."""

    requests: list[RequestRow]
    truncated: bool


class UserRow(TypedDict):
    """One user of the monitored application: their requests within the scope, summed."""

    user_id: str
    first_at: datetime
    last_at: datetime
    count: float
    error_count: float
    session_count: int
    total_tokens: float | None
    estimated_cost: float | None
    unpriced_requests: float
    sampled: bool  # whether counts and sums are estimates


@dataclass(frozen=True, slots=True)
class UserPage:
    """A page of users, latest first; `next_cursor` is None at the end."""

    users: list[UserRow]
    next_cursor: str | None = None


class LedgerLine(TypedDict):
    """A count with its reason."""

    signal: str
    outcome: str
    reason: str
    count: int


class LedgerApplication(TypedDict):
    """One application's counts."""

    application: str
    received: int
    stored: int
    duplicate: int
    refused: int
    dropped: int


class LedgerSdk(TypedDict):
    """What one application's SDK processes say of themselves (cumulative, over their lives)."""

    application: str
    environment: str
    outcome: str  # created, sent, retried, dropped
    reason: str
    count: int
    processes: int
    reported_at: datetime


class Ledger(TypedDict):
    """Where every record went in the hours that touch the scope. received = stored + duplicate + refused + dropped."""

    start: datetime
    end: datetime
    received: int
    stored: int
    duplicate: int
    refused: int
    dropped: int
    by_signal: dict[str, dict[str, int]]
    by_reason: list[LedgerLine]
    by_application: list[LedgerApplication]
    sdk: list[LedgerSdk]
