"""Messages that are canonical already are taken as they are: reading each of them anew says the same."""

from __future__ import annotations

import copy
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from sentinelops_server.analysis import json_text, messages

TEXT = st.text(max_size=4)
PART = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["text", "reasoning", "tool_call", "thinking", None])},
        optional={"content": TEXT | st.none(), "text": TEXT, "id": TEXT, "arguments": TEXT},
    ),
    TEXT,
    st.none(),
)
MESSAGE = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "assistant", "", None, 7]),
            "parts": st.lists(PART, max_size=3) | TEXT,
            "content": TEXT,
            "finish_reason": TEXT,
        },
    ),
    TEXT,
)


@settings(max_examples=400, deadline=None)
@given(st.lists(MESSAGE, max_size=3), st.sampled_from(["user", "assistant"]))
def test_the_short_way_says_what_the_long_way_says(value: list[Any], role: str) -> None:
    expected = [messages._message(item, role) for item in copy.deepcopy(value)]
    assert messages.canonical_messages(copy.deepcopy(value), role) == expected
    if value:
        assert messages.canonical_messages(orjson.dumps(value).decode(), role) == expected


def test_usual_messages_take_the_short_way() -> None:
    value = [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}]
    assert messages.canonical_messages(value) is value


def test_json_that_could_not_be_written_again_stays_text() -> None:
    for depth, is_parsed in ((200, True), (230, True), (240, False), (300, False), (900, False)):
        text = "[" * depth + "]" * depth
        parsed = json_text.parse_json(text)
        assert (parsed != text) == is_parsed, depth
        orjson.dumps({"input_messages": [{"role": "user", "parts": [{"type": "tool_call", "arguments": parsed}]}]})
    many = '["' + '","'.join("[" for _ in range(500)) + '"]'
    assert json_text.parse_json(many) == ["["] * 500
