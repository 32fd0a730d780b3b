"""Scenes that the tests of sampling play: a turn of an agent, a call, and what of them arrived."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import sentinelops
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from otlp_sink import Sink

CHOSEN = (1 << 120) | ((1 << 56) - 1)  # trace ids: the largest randomness, and the least
OTHER = 2 << 120
LONG = "x" * 2_000


def within(trace_id: int, state: str = "") -> AbstractContextManager[Any]:
    """Under a remote parent of this trace."""
    parent = SpanContext(trace_id, 7, True, TraceFlags(1), TraceState([("ot", state)]) if state else TraceState())
    return trace.use_span(NonRecordingSpan(parent))


def call(model: str = "large", *, fail: bool = False, **more: Any) -> None:
    try:
        with sentinelops.record(provider="acme", model=model, **more) as told:
            told.prompt("Hello")
            told.completion("Hi")
            told.usage(prompt_tokens=12, completion_tokens=3)
            told.finish_reason("stop")
            told.parameters(temperature=0.5, note=LONG)
            if fail:
                raise ValueError("no")
    except ValueError:
        pass


def seen(sink: Sink) -> dict[str, dict[str, Any]]:
    assert sentinelops.flush(5)
    return {span["name"]: span["attributes"] for span in sink.spans()}


def balanced() -> bool:
    stats = sentinelops.stats()
    gone = sum(stats["dropped"].values()) + sum(stats["sampled_out"].values())
    return stats["created"] == stats["sent"] + gone + stats["queued"]


def turn(trace_id: int, **options: Any) -> None:
    with (
        within(trace_id),
        sentinelops.context(session="s", user="u", tags=["t"]),
        sentinelops.span("turn", type="agent", input="Hello"),
    ):
        with sentinelops.span("search", type="tool"):
            pass
        call(**options)


NUMBERS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "large",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.request.temperature": 0.5,
    "session.id": "s",
    "user.id": "u",
    "sentinelops.tags": ["t"],
}
BODIES = {
    "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Hello"}]}]',
    "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Hi"}]}]',
}
