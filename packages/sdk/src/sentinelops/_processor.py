"""Our seat in the TracerProvider: puts the context's session, user and tags on every span, and hands ended spans on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import Status, StatusCode

from . import _ambient
from ._guard import swallow

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ._content import ContentPolicy
    from ._runtime import Pending
    from ._score import GivenScore


class Sink(Protocol):
    """Where ended spans go: the Exporter, or what a test captures."""

    def offer(self, span: ReadableSpan, pending: Pending | None) -> None:
        """Take an ended span; never waits."""

    def offer_score(self, score: GivenScore) -> None:
        """Take a score; never waits."""

    def flush(self, timeout_seconds: float = ...) -> bool:
        """Whether all that was taken is done with."""

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Stop."""

    def forked(self) -> None:
        """Begin anew in a forked child."""


def apply(span: Span, pending: Pending, policy: ContentPolicy) -> None:
    """Put on a live span what `pending` knows: other processors look at it when it ends."""
    resolved = pending.resolve(policy)
    span.set_attributes(resolved.attributes)
    if resolved.error_message is not None:
        span.set_status(Status(StatusCode.ERROR, resolved.error_message))
    if resolved.exception is not None:
        span.add_event("exception", resolved.exception)


class Collector(SpanProcessor):
    """Ended spans go to the exporter by reference; nothing is serialised here.

    `pending` holds, between end_call() and on_end() of the same thread, what a span still has to say.
    """

    def __init__(self) -> None:
        self.exporter: Sink | None = None
        self.pending: dict[int, Pending] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Add the session, user, tags and metadata in force."""
        try:
            attributes = _ambient.attributes()
            if attributes:
                span.set_attributes(attributes)
        except Exception as failure:
            swallow("span.start", failure)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a sampled span."""
        try:
            context = span.context
            pending = self.pending.pop(context.span_id, None) if self.pending else None
            if self.exporter is not None and context.trace_flags & 1:
                self.exporter.offer(span, pending)
        except Exception as failure:
            swallow("span.end", failure)

    def take(self, span: ReadableSpan, pending: Pending) -> None:
        """Queue a span that no processor saw."""
        if self.exporter is not None:
            self.exporter.offer(span, pending)

    def shutdown(self) -> None:
        """The application shuts its provider down: send what is left, within the exit budget."""
        try:
            if self.exporter is not None:
                self.exporter.shutdown()
        except Exception as failure:
            swallow("shutdown", failure)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Whether everything queued so far was sent or dropped in time."""
        try:
            return self.exporter is None or self.exporter.flush(timeout_millis / 1000)
        except Exception as failure:
            swallow("flush", failure)
            return False

    def forked(self) -> None:
        """In a forked child: spans that end here are ours, what the parent had queued is the parent's."""
        self.pending.clear()
        if self.exporter is not None:
            self.exporter.forked()
