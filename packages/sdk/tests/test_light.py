"""The light span of a model call says what OpenTelemetry's own would have said."""

from __future__ import annotations

from typing import Any

import pytest
import sentinelops
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, DEFAULT_ON, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, TraceState
from sentinelops import _light, _runtime
from sentinelops._config import Config
from sentinelops._encode import SpanEncoder
from sentinelops._processor import Collector
from sentinelops.testing import Captured


class Same:
    """Ids that two providers both give."""

    def generate_trace_id(self) -> int:
        return 0xABC

    def generate_span_id(self) -> int:
        return 0xDEF

    def is_trace_id_random(self) -> bool:
        return True


def ended(sampler: Any, parent: SpanContext | None, *, looked_at: bool) -> list[Any]:
    """The spans of one model call, and how they were made."""
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False, id_generator=Same())  # type: ignore[arg-type]
    collector, kept = Collector(), Captured()
    collector.exporter = kept
    provider.add_span_processor(collector)
    if looked_at:
        provider.add_span_processor(SpanProcessor())
    before = _runtime.current
    config = Config(capture_content="on", capture_memory=False)
    _runtime.current = _runtime.Runtime(config, provider, provider.get_tracer("sentinelops", "1"), collector, None)
    try:
        around = trace.use_span(NonRecordingSpan(parent or trace.INVALID_SPAN_CONTEXT))
        told = sentinelops.record(provider="p", model="m")
        with around, sentinelops.context(session="s", tags=["t"]), told as call:
            call.prompt("Hi")
    finally:
        _runtime.current = before
    return kept._items


PARENTS = [
    None,
    SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1)),
    SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(3), trace_state=TraceState([("a", "b")])),
    SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(0)),
    SpanContext(0, 2, is_remote=True, trace_flags=TraceFlags(1)),
]


@pytest.mark.parametrize(
    "sampler",
    [DEFAULT_ON, ALWAYS_ON, ALWAYS_OFF, TraceIdRatioBased(1.0)],
    ids=["default", "always on", "always off", "by ratio"],
)
@pytest.mark.parametrize("parent", PARENTS, ids=[f"parent {number}" for number in range(len(PARENTS))])
def test_it_is_what_the_tracer_would_have_made(sampler: Any, parent: SpanContext | None) -> None:
    ours, theirs = (ended(sampler, parent, looked_at=looked_at) for looked_at in (False, True))
    assert len(ours) == len(theirs)
    for (light, pending), (full, nothing) in zip(ours, theirs, strict=True):
        assert isinstance(light, _light.Light) == (sampler in (DEFAULT_ON, ALWAYS_ON))
        assert (pending is not None, nothing) == (True, None)
        assert light.get_span_context() == full.get_span_context()
        resolved = pending.resolve(Config(capture_content="on").content_policy())
        written = [SpanEncoder({}, {}).encode([(light, resolved)]), SpanEncoder({}, {}).encode([(full, None)])]
        assert [failed for _, _, failed in written] == [0, 0]
        one, other = (ExportTraceServiceRequest.FromString(body) for body, _, _ in written)
        spans = [request.resource_spans[0].scope_spans[0].spans[0] for request in (one, other)]
        assert 0 < spans[0].end_time_unix_nano - spans[0].start_time_unix_nano < 60e9
        for span in spans:
            span.ClearField("start_time_unix_nano")
            span.ClearField("end_time_unix_nano")
            attributes = sorted(span.attributes, key=lambda item: item.key)
            del span.attributes[:]
            span.attributes.extend(attributes)
        assert one == other


def test_a_tracer_that_is_off_is_asked() -> None:
    class Off:
        def _is_enabled(self) -> bool:
            return False

    maker = _light.Maker(TracerProvider(shutdown_on_exit=False), Off())  # type: ignore[arg-type]
    assert maker.make("x", None) is None
