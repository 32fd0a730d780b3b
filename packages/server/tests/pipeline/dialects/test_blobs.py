"""What is kept of images, sounds and vectors in bodies of any vocabulary."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentinelops_server.model import Span
from sentinelops_server.pipeline.dialects import DIALECTS, GenAi
from sentinelops_server.pipeline.dialects.blobs import without_blobs

RAW = bytes(range(256)) * 8
DATA = base64.b64encode(RAW).decode()
KEPT = {"sha256": hashlib.sha256(RAW).hexdigest(), "bytes": len(RAW)}
IMAGE = {"type": "blob", "mime_type": "image/png", "modality": "image", **KEPT}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "blob", "modality": "image", "mime_type": "image/png", "content": DATA}, IMAGE),
        ({"type": "file", "mediaType": "image/png", "data": DATA}, {**IMAGE, "mediaType": "image/png"}),
        ({"type": "uri", "uri": "data:image/png;base64," + DATA}, {"type": "uri", "uri": IMAGE}),
        ({"type": "text", "content": "data:image/png;base64," + DATA}, {"type": "text", "content": IMAGE}),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
            {"type": "image", "source": {**IMAGE, "media_type": "image/png"}},
        ),
        (
            {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
            {
                "type": "input_audio",
                "input_audio": {
                    "type": "blob", "mime_type": "application/octet-stream", "modality": "file", **KEPT, "format": "wav"
                },
            },
        ),
        ({"type": "image", "image": {"type": "Buffer", "data": list(RAW)}}, {
            "type": "image", "image": {"type": "blob", "mime_type": "application/octet-stream", "modality": "file", **KEPT},
        }),
        ({"type": "tool_call_response", "response": [0.5] * 2_000}, {"type": "tool_call_response", "response": "[2000 numbers]"}),
    ],
)  # fmt: skip
def test_a_part_with_data(part: dict[str, Any], expected: dict[str, Any]) -> None:
    content = {"input_messages": [{"role": "user", "parts": [part]}]}
    assert without_blobs(content)["input_messages"][0]["parts"] == [expected]


@pytest.mark.parametrize(
    "value",
    ["data: is a word", "prose of any length " * 200, "a" * 5_000, {"type": "file", "mediaType": "text/plain", "data": "short"},
     [1, 2, 3], {"type": "Buffer", "data": ["no bytes"]}, {"type": "Buffer", "data": [999]}],
)  # fmt: skip
def test_what_holds_no_data_is_the_same_object(value: Any) -> None:
    assert without_blobs({"input": value})["input"] is value


def test_the_conventions_own_dialect_keeps_no_data_either() -> None:
    messages = json.dumps([{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": DATA}]}])
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages}
    reading = GenAi().read(Span(b"t" * 16, b"s" * 8, None, "chat", 3, 1, 2, attributes=attributes))
    assert reading.content["input_messages"][0]["parts"] == [IMAGE]


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=80) | st.just(DATA),
    lambda one: (
        st.lists(one, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "data", "mime_type", "x"]), one, max_size=3)
    ),
)


@settings(deadline=None)
@given(value=values)
def test_any_body(value: Any) -> None:
    assert DATA not in json.dumps(without_blobs({"input": value}))


def test_our_own_spans_are_asked_for_first_and_come_without_data() -> None:
    from sentinelops._export import SCOPE_NAME

    assert DIALECTS[0].detect(SCOPE_NAME, {})
    assert not DIALECTS[0].detect("sentinelops-clone", {})
    messages = [{"role": "user", "parts": [{"type": "blob", "mime_type": "image/png", "content": DATA}]}]
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": messages}
    span = Span(b"t" * 16, b"s" * 8, None, "chat", 3, 1, 2, attributes=attributes, scope_name=SCOPE_NAME)
    assert DIALECTS[0].read(span).content["input_messages"] == messages
