"""For your tests and ours: see the spans your code makes, as plain dicts, without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from ._runtime import Pending
    from ._score import GivenScore


class CapturedSpan(TypedDict):
    """A span as it would be sent. Times: nanoseconds since 1970. status: "unset", "ok" or "error"."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start_ns: int
    end_ns: int
    status: str
    status_message: str
    attributes: dict[str, Any]
    events: list[dict[str, Any]]


class CapturedScore(TypedDict):
    """A score as it would be sent; without ids it is about the session in its attributes."""

    trace_id: str | None
    span_id: str | None
    time_ns: int
    attributes: dict[str, Any]


class Captured:
    """What was captured so far, in order of the spans' ends."""

    def __init__(self) -> None:
        self._items: list[tuple[ReadableSpan, Pending | None]] = []
        self._spans: list[CapturedSpan] = []
        self._scores: list[GivenScore] = []
        self._policy: Any = None

    @property
    def spans(self) -> list[CapturedSpan]:
        """Every span that ended."""
        while self._items:
            span, pending = self._items.pop(0)
            resolved = None if pending is None else pending.resolve(self._policy)
            self._spans.append(_plain(span, resolved))
        return self._spans

    @property
    def scores(self) -> list[CapturedScore]:
        """Every score that was given."""
        return [
            {
                "trace_id": None if score.trace_id is None else f"{score.trace_id:032x}",
                "span_id": None if score.span_id is None else f"{score.span_id:016x}",
                "time_ns": score.time_ns,
                "attributes": {k: v for k, v in score.resolve(self._policy).items() if v is not None},
            }
            for score in self._scores
        ]

    def named(self, name: str) -> CapturedSpan:
        """The only span of this name; AssertionError, saying which there are, when there is none or more than one."""
        found = [span for span in self.spans if span["name"] == name]
        assert len(found) == 1, f"{len(found)} spans are named {name!r}; there are {[s['name'] for s in self.spans]}"  # noqa: S101
        return found[0]

    def messages(self, name: str, attribute: str = "gen_ai.input.messages") -> Any:
        """A content attribute of the only span of this name, parsed."""
        return json.loads(self.named(name)["attributes"][attribute])

    def offer(self, span: ReadableSpan, pending: Pending | None) -> None:
        """Called by the span processor."""
        self._items.append((span, pending))

    def offer_score(self, score: GivenScore) -> None:
        """Called by score()."""
        self._scores.append(score)

    def flush(self, timeout_seconds: float = 0) -> bool:
        """Nothing waits."""
        return True

    def shutdown(self, timeout_seconds: float | None = None) -> None:
        """Nothing to stop."""

    def forked(self) -> None:
        """Nothing to begin anew."""


@contextmanager
def capture(
    *,
    capture_content: Literal["on", "off", "redact"] = "on",
    max_content_chars: int = 16_384,
    capture_memory: bool = False,
) -> Iterator[Captured]:
    """`with capture() as captured: ...; captured.spans`: the SDK on, but for this block only, and nothing sent.

    What was configured before is in force again afterwards. Instruments work as they are (call instrument() as usual).
    """
    from opentelemetry.sdk.trace import TracerProvider

    from . import _runtime
    from ._config import Config
    from ._export import SCOPE_NAME
    from ._processor import Collector

    captured = Captured()
    config = Config(capture_content=capture_content, max_content_chars=max_content_chars, capture_memory=capture_memory)
    captured._policy = config.content_policy()  # noqa: SLF001 - one module
    provider = TracerProvider(shutdown_on_exit=False)
    collector = Collector()
    collector.exporter = captured
    provider.add_span_processor(collector)
    before = _runtime.current
    _runtime.current = _runtime.Runtime(config, provider, provider.get_tracer(SCOPE_NAME), collector, None)
    try:
        yield captured
    finally:
        _runtime.current = before


def _plain(span: ReadableSpan, resolved: Any) -> CapturedSpan:
    attributes = {**(span.attributes or {}), **(resolved.attributes if resolved else {})}
    failed = resolved is not None and resolved.error_message is not None
    events = [{"name": event.name, "attributes": dict(event.attributes or {})} for event in span.events]
    if resolved is not None and resolved.exception is not None:
        events.append({"name": "exception", "attributes": dict(resolved.exception)})
    context = span.context
    return {
        "name": span.name,
        "kind": span.kind.name.lower(),
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
        "parent_id": None if span.parent is None else f"{span.parent.span_id:016x}",
        "start_ns": span.start_time or 0,
        "end_ns": span.end_time or 0,
        "status": "error" if failed else span.status.status_code.name.lower(),
        "status_message": resolved.error_message if failed else span.status.description or "",
        "attributes": {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()},
        "events": events,
    }
