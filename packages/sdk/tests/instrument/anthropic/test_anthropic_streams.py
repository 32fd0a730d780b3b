"""Streams that end otherwise than they should: left early, broken, failed half way, never entered, forgotten."""

from __future__ import annotations

import gc
import tracemalloc

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from anthropic_support.surfaces import HELLO
from openai_support.fake import Sink, Spans
from sentinelops import _encode
from sentinelops.instrument._wire import watch


def test_a_helper_that_is_never_entered_is_no_call(
    client: anthropic.Anthropic, provider: FakeAnthropic, spans: Spans
) -> None:
    client.messages.stream(model="plain", **HELLO)
    assert spans(0) == []
    assert provider.requests == []


def test_a_helper_that_is_left_early_is_cancelled(
    client: anthropic.Anthropic, provider: FakeAnthropic, spans: Spans
) -> None:
    with client.messages.stream(model="held", **HELLO) as stream:
        assert next(iter(stream.text_stream)) == "Hello"
    provider.hold.set()
    (span,) = spans(1)
    attributes = span["attributes"]
    assert not span["error"]
    assert attributes["sentinelops.outcome"] == "cancelled"
    assert attributes["gen_ai.usage.input_tokens"] == 100
    assert "gen_ai.usage.output_tokens" not in attributes  # what message_start says of it is no count


def test_a_failure_in_the_stream(client: anthropic.Anthropic, spans: Spans) -> None:
    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(model="overloads", stream=True, **HELLO))
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["sentinelops.error.code"] == "overloaded_error"
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100


def test_a_failure_in_a_stream_whose_lines_the_host_reads(client: anthropic.Anthropic, spans: Spans) -> None:
    with client.messages.with_streaming_response.create(model="overloads", stream=True, **HELLO) as response:
        list(response.iter_lines())
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["error.type"] == "overloaded_error"


def test_a_connection_that_breaks(client: anthropic.Anthropic, spans: Spans) -> None:
    with pytest.raises(Exception) as raised:  # noqa: PT011 - of the HTTP library or of the client, by major
        list(client.messages.create(model="breaks", stream=True, **HELLO))
    (span,) = spans(1)
    assert span["error"]
    assert span["attributes"]["error.type"] == "APIConnectionError"
    assert raised.value is not None


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_forgotten_streams_leave_nothing(
    client: anthropic.Anthropic, provider: FakeAnthropic, sink: Sink, spans: Spans
) -> None:
    def held_after(count: int) -> int:
        """Bytes allocated in our files and still held."""
        for number in range(count):
            next(iter(client.messages.create(model="plain", stream=True, **HELLO)))
            if number % 10 == 9:
                gc.collect()
        spans(count)
        sink.spans.clear()
        provider.requests.clear()  # Python reuses our dicts for these, and counts them as ours
        _encode._known.clear()  # bounded, and not of streams
        gc.collect()
        ours = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, "*/src/sentinelops/*")])
        return sum(trace.size for trace in ours.traces)

    # httpcore takes a lock that is not reentrant; a collection inside it that closes a forgotten stream, as the client
    # of major 0 has it, waits for itself for ever, with us or without
    gc.disable()
    tracemalloc.start()
    try:
        held_after(50)
        before = held_after(50)
        after = held_after(400)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 20_000  # 50 bytes for each
    assert watch.live_count() == 0
