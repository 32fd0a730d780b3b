"""A span as it was sent, decoded from OTLP, and what the pipeline adds before it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .score import Score

__all__ = ["Span", "SpanEvent", "SpanLink"]


@dataclass(slots=True)
class SpanEvent:
    """An event on a span; `time_ns` is Unix nanoseconds."""

    name: str
    time_ns: int
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class SpanLink:
    """A link to another span."""

    trace_id: bytes
    span_id: bytes
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Span:
    """One span. Ids are raw bytes (16 and 8), times Unix nanoseconds.

    `resource` is shared by all spans of one ResourceSpans and must not be changed. The fields after `resource` are
    filled by the pipeline: `type` by normalise, `session_id`, `user_id` and `scores` (what the span says of itself as
    evaluations) likewise, `storage_object_id` by the payload store.
    """

    trace_id: bytes
    span_id: bytes
    parent_span_id: bytes | None
    name: str
    kind: int
    start_ns: int
    end_ns: int
    status: int = 0
    status_message: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    events: list[SpanEvent] = field(default_factory=list)
    links: list[SpanLink] = field(default_factory=list)
    scope_name: str = ""
    scope_version: str = ""
    dropped_attributes_count: int = 0
    trace_state: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    # added by the pipeline
    type: str = "span"
    application: str = "unknown"
    environment: str = "default"
    session_id: str | None = None
    user_id: str | None = None
    storage_object_id: str | None = None
    scores: list[Score] = field(default_factory=list)

    @property
    def key(self) -> tuple[bytes, bytes]:
        """What makes the span the same span when it is sent again."""
        return (self.trace_id, self.span_id)
