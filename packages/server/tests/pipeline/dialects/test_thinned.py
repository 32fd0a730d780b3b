"""What detail sampling leaves of a call has all its numbers, whichever instrumentation wrote it."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any, cast

import pytest
from opentelemetry.sdk.trace import Event
from recorded_spans import SPANS, recorded, situations
from sentinelops import _facts, semconv
from sentinelops_server.model import Span, SpanEvent
from sentinelops_server.pipeline.normalise import normalise

NUMBERS = (
    "provider", "model", "operation", "status", "duration", "prompt_tokens", "completion_tokens", "total_tokens",
    "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "usage_details", "time_to_first_token", "streaming",
    "session_id", "user_id", "tags", "layer",
)  # fmt: skip
NAMES = ("response_model", "response_id", "finish_reason", "service_tier")
# those say some of these names in bodies alone
NAMED_IN_BODIES = ("langsmith", "openinference")
# of LlamaIndex's own view of an embedding nothing but the body says that it is more than a step
STEPS = ("OpenAIEmbedding.get_text_embedding_batch", "OpenAIEmbedding.get_query_embedding")
# of a program that this SDK does not run in
ELSEWHERE = ("vercel",)


def thinned(span: Span) -> Span:
    events = [Event(one.name, one.attributes, one.time_ns) for one in span.events]
    view = _facts.View(cast("Any", SimpleNamespace(attributes=span.attributes, events=events)), cast("Any", None))
    view.thin()
    left = deepcopy(span)
    left.attributes = {**view.attributes, semconv.SAMPLING_DETAIL: False}
    left.events = [SpanEvent(one.name, one.timestamp, dict(one.attributes or {})) for one in view.events]
    return left


@pytest.mark.parametrize("dialect", sorted({path.name for path in SPANS.iterdir() if path.is_dir()} - {*ELSEWHERE}))
def test_a_thinned_call_has_the_numbers_of_the_whole(dialect: str) -> None:
    seen = 0
    for situation in situations(dialect):
        for span in recorded(dialect, situation):
            whole, _ = normalise(deepcopy(span))
            if whole is None or whole.status == "error" or span.name in STEPS:
                continue  # errors are sent whole
            assert _facts.is_call(span.attributes), (situation, span.name)
            thin, _ = normalise(thinned(span))
            assert thin is not None, (situation, span.name)
            for name in NUMBERS + (() if dialect in NAMED_IN_BODIES else NAMES):
                assert getattr(thin, name) == getattr(whole, name), (situation, span.name, name)
            seen += 1
    assert seen
