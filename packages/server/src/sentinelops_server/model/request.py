"""A request: one call to a model and its outcome, whatever instrumentation saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

__all__ = ["LLMRequest", "Payload"]


@dataclass(slots=True)
class LLMRequest:
    """One row of request_metrics. Unknown is None, never 0. Times are seconds, `timestamp_ns` Unix nanoseconds.

    `prompt_tokens` includes cache reads and writes; `completion_tokens` includes reasoning.
    `status` is ok, error, or cancelled (the caller stopped early, which is no failure of the provider).
    """

    trace_id: bytes
    span_id: bytes
    timestamp_ns: int
    provider: str
    model: str
    application: str
    environment: str
    operation: str
    status: str
    duration: float
    inference_time: float | None = None
    time_to_first_token: float | None = None
    streaming: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    usage_details: dict[str, int | float] = field(default_factory=dict)
    estimated_cost: Decimal | None = None
    cost_details: dict[str, Any] = field(default_factory=dict)  # short: analysis.cost.expand_cost shows it in full
    price_version: str | None = None
    service_tier: str | None = None
    memory_used: float | None = None
    error: str | None = None
    error_type: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    finish_reason: str | None = None
    server_address: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tags: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    prompt_preview: str | None = None
    completion_preview: str | None = None
    storage_object_id: str | None = None
    duplicate_of: str | None = None
    weight: float = 1.0
    redactions: dict[str, int] = field(default_factory=dict)
    layer: bool = False  # a framework's view of a call, which gives way to the provider's below it; not stored

    @property
    def request_id(self) -> str:
        """`<trace_id>-<span_id>`: a span id alone collides within the retention of the specified load."""
        return f"{self.trace_id.hex()}-{self.span_id.hex()}"

    @property
    def success(self) -> bool:
        """Whether the provider answered; a caller's early stop is no failure."""
        return self.status != "error"


@dataclass(slots=True)
class Payload:
    """The message bodies of one span, in the shape of the GenAI conventions, after redaction.

    `content` keys (all optional): `input_messages`, `output_messages` (lists of {role, parts: [{type, content, ...}]}),
    `system_instructions` (list of parts), `tool_definitions` (list), `tool_arguments`, `tool_result`, `documents`,
    `input`, `output` (any JSON, for spans that are not model calls).
    """

    trace_id: bytes
    span_id: bytes
    timestamp_ns: int
    content: dict[str, Any]
