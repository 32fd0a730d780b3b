"""start_layer(): of a framework's call and the provider's call below it, the innermost bears the tokens."""

from __future__ import annotations

from typing import Any

import sentinelops
from opentelemetry import context as otel_context
from sentinelops._call import CallRecord, start_call
from sentinelops._layer import Layer, start_layer
from sentinelops.testing import capture


def describe(record: CallRecord) -> dict[str, Any]:
    return {
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.response.id": "r",
        "gen_ai.input.messages": [{"role": "user", "parts": []}],
        "gen_ai.conversation.id": "c",
    }


def layer(**options: Any) -> Layer:
    started = start_layer("chat", "openai", "m", request={}, describe=describe, **options)
    assert started is not None
    return started


def inner_call(**options: Any) -> None:
    call = start_call("chat", "openai", "m", request={}, describe=describe, **options)
    assert call is not None
    call.end("answer")


BEARING = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m",
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.response.id": "r",
    "gen_ai.input.messages": '[{"role":"user","parts":[]}]',
    "gen_ai.conversation.id": "c",
}


def test_alone_it_is_the_call() -> None:
    with capture() as captured:
        one = layer()
        one.attach()
        one.detach()
        one.end("answer")
        (span,) = captured.spans
    assert span["attributes"] == BEARING


def test_a_call_below_bears_the_tokens_and_is_its_child() -> None:
    with capture() as captured:
        one = layer()
        one.attach()
        with sentinelops.span("between"):
            inner_call()
        one.detach()
        one.end("answer")
        inner_call()
        spans = captured.spans
    below, _between, above, after = spans
    assert below["attributes"] == after["attributes"] == BEARING
    assert above["attributes"] == {"sentinelops.span.type": "chain", "gen_ai.conversation.id": "c"}
    assert below["trace_id"] == above["trace_id"] != after["trace_id"]


def test_of_three_the_innermost() -> None:
    with capture() as captured:
        outer = layer()
        middle = layer(context=outer.context)
        inner_call(context=middle.context)
        middle.end("answer")
        outer.end("answer")
        spans = captured.spans
    assert ["gen_ai.usage.input_tokens" in span["attributes"] for span in spans] == [True, False, False]
    assert [span["parent_id"] for span in spans] == [spans[1]["span_id"], spans[2]["span_id"], None]


def test_covered_it_has_the_steps_name() -> None:
    with capture() as captured:
        for below in (True, False):
            one = layer(step="ChatOpenAI")
            if below:
                inner_call(context=one.context)
            one.end("answer")
        names = [span["name"] for span in captured.spans]
    assert names == ["chat m", "ChatOpenAI", "chat m"]


def test_suppressed_or_unconfigured_there_is_none() -> None:
    assert start_layer("chat", "p", "m", request={}, describe=describe) is None
    with capture() as captured:
        for key in ("suppress_language_model_instrumentation", "suppress_instrumentation"):
            context = otel_context.set_value(key, True)
            assert start_layer("chat", "p", "m", request={}, describe=describe, context=context) is None
        assert captured.spans == []


def test_detached_elsewhere_it_is_silent() -> None:
    import contextvars

    with capture() as captured:
        one = layer()
        contextvars.copy_context().run(one.attach)
        one.detach()
        one.detach()
        one.end("answer", error=ValueError("no"))
        assert otel_context.get_current().get("sentinelops-layer") is None
        (span,) = captured.spans
    assert span["status"] == "error"
