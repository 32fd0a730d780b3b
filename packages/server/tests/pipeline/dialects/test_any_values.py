"""Every recorded span finds its dialect, and any value of any type under its keys can be read, and then stored."""

from __future__ import annotations

import json
from copy import deepcopy
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_spans import JSON_VALUES, recorded, situations
from sentinelops_server.model import Span
from sentinelops_server.pipeline import dialects
from sentinelops_server.pipeline.dialects.anthropic import AnthropicNative
from sentinelops_server.pipeline.dialects.base import Dialect
from sentinelops_server.pipeline.dialects.genai import GenAi
from sentinelops_server.pipeline.dialects.haystack import Haystack
from sentinelops_server.pipeline.dialects.langfuse import Langfuse
from sentinelops_server.pipeline.dialects.langsmith import LangSmith
from sentinelops_server.pipeline.dialects.litellm import LiteLLM
from sentinelops_server.pipeline.dialects.mlflow import MLflow
from sentinelops_server.pipeline.dialects.openlit import OpenLIT
from sentinelops_server.pipeline.normalise import normalise

DIALECTS: dict[str, Dialect] = {
    "anthropic": AnthropicNative(),
    "frameworks": GenAi(),
    "haystack": Haystack(),
    "langfuse": Langfuse(),
    "langsmith": LangSmith(),
    "litellm": LiteLLM(),
    "mlflow": MLflow(),
    "openlit": OpenLIT(),
}
WORDS = (
    "messages", "role", "content", "parts", "type", "text", "tool_calls", "function", "arguments", "usage", "choices",
    "message", "generations", "kwargs", "lc", "output", "replies", "meta", "documents", "input", "input_tokens", "total",
    "prompt_tokens_details", "cached_tokens", "finish_reason", "tools", "model", "id", "score", "value", "name", "data",
    "response_metadata", "usage_metadata", "tool_call", "tool_call_result", "origin", "reasoning", "system", "item",
)  # fmt: skip
# structures of the words that the readers look for, with anything in them
SHAPES = st.recursive(
    JSON_VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=5),
    max_leaves=12,
)
VALUES = JSON_VALUES | SHAPES | SHAPES.map(lambda value: json.dumps(value, default=str)) | SHAPES.map(repr)


@cache
def spans(name: str) -> list[Span]:
    return [span for situation in situations(name) for span in recorded(name, situation)]


@pytest.mark.parametrize("name", DIALECTS)
def test_the_first_in_line_that_recognises_a_span_is_its_own(name: str) -> None:
    for span in spans(name):
        first = next(one for one in dialects.DIALECTS if one.detect(span.scope_name, span.attributes))
        assert type(first) is type(DIALECTS[name])


@pytest.mark.parametrize("name", DIALECTS)
@given(data=st.data())
def test_any_value_can_be_read(name: str, data: st.DataObject) -> None:
    span = deepcopy(data.draw(st.sampled_from(spans(name))))
    keys = sorted({key for one in spans(name) for key in one.attributes})
    changed: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(keys), VALUES, min_size=1, max_size=4))
    span.attributes |= changed
    DIALECTS[name].read(span)
    request, payload = normalise(span, (DIALECTS[name],))
    # and what was read can be stored
    for kept in (payload and payload.content, request and [request.metadata, request.parameters, request.tags]):
        orjson.dumps(kept, option=orjson.OPT_NON_STR_KEYS)


@pytest.mark.parametrize("name", DIALECTS)
def test_what_is_nested_deeper_than_can_be_written_stays_text(name: str) -> None:
    deep = '{"messages": ' * 400 + "1" + "}" * 400
    for one in spans(name):
        span = deepcopy(one)
        span.attributes = {key: deep if isinstance(value, str) else value for key, value in span.attributes.items()}
        _, payload = normalise(span, (DIALECTS[name],))
        orjson.dumps(payload and payload.content)
