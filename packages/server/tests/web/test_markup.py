"""Text from telemetry never becomes markup, and loses no character."""

from __future__ import annotations

import html
import re
import time
from typing import Any

import pytest
from sentinelops_server.web.conversation import conversation, other_content
from sentinelops_server.web.markup import dress, json_tree

from web.seed import HOSTILE, RTL

TAG = re.compile(r"</?([a-z0-9]+)")

TEXTS = [
    HOSTILE,
    RTL,
    f"**{HOSTILE}** `{HOSTILE}`",
    f"```html\n{HOSTILE}\n```\nafter",
    "```\nnever closed",
    "~~~~\n```\n~~~~\nout",
    "# head\n- a\n- b\n\n1. x",
    "[x](javascript:alert(1)) https://example.com/a?b=1&c=<d> http://[::1]/",
    "a\r\nb\rc\x0bd",
    "*" * 999 + "`" * 999,
    "&lt;b&gt; &amp;",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_seen_is_what_was_written(text: str) -> None:
    out = str(dress(text))
    assert html.unescape(re.sub(r"<[^>]*>", "", out)) == text
    assert {match[1] for match in TAG.finditer(out)} <= {"code", "strong", "span", "a"}


def test_only_http_links_are_links() -> None:
    out = dress("see https://example.com/x and javascript:alert(1) data:text/html,x")
    assert re.findall(r'href="([^"]*)"', out) == ["https://example.com/x"]


@pytest.mark.parametrize("text", ["**" * 60_000, "`" * 150_000, "https://" * 20_000, "```\n" * 40_000, "<" * 150_000])
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    dress(text)
    assert time.process_time() - started < 2


def test_json_is_escaped_and_bounded() -> None:
    deep: Any = HOSTILE
    for _ in range(500):
        deep = {HOSTILE: [deep]}
    assert "<script" not in json_tree(deep)
    assert "and 9800 more" in json_tree(list(range(10_000)))
    assert json_tree(None) == '<span class="j-none">null</span>'


def test_a_conversation_keeps_order_roles_and_tools() -> None:
    messages = conversation(
        {
            "system_instructions": [{"type": "text", "content": "be kind"}],
            "input_messages": [
                {"role": "developer", "parts": [{"type": "text", "content": "d"}]},
                {"role": "user", "content": "hello"},
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "id": "1", "name": "look", "arguments": '{"q": 1}'}],
                },
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "x" * 500}]},
                "not even an object",
            ],
            "output_messages": [
                {"role": "assistant", "finish_reason": "stop", "parts": [{"type": "reasoning", "content": "hm"}]}
            ],
        }
    )
    assert [m.role for m in messages] == ["system", "system", "user", "assistant", "tool", "user", "assistant"]
    assert [p.kind for m in messages for p in m.parts] == [
        "text",
        "text",
        "text",
        "call",
        "result",
        "text",
        "reasoning",
    ]
    assert messages[3].parts[0].title == "look"
    assert "j-number" in messages[3].parts[0].body
    assert messages[4].parts[0].folded
    assert messages[-1].output
    assert messages[-1].finish_reason == "stop"


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"input_messages": "text"},
        {"input_messages": {"role": 3}},
        {"output_messages": [None, [], 7, {"parts": 4}]},
    ],
)
def test_content_of_any_shape_is_shown(content: Any) -> None:
    conversation(content)


def test_what_is_no_message_is_shown_beside() -> None:
    parts = other_content({"tool_arguments": '{"a": 1}', "tool_definitions": [], "input_messages": []})
    assert [(p.title, p.folded) for p in parts] == [("Tool arguments", False), ("Tools offered", True)]
