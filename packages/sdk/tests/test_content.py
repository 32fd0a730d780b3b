"""Message bodies on their way out."""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import json
from typing import Any

import pytest
import sentinelops
from sentinelops import _content, _resolve, privacy, semconv
from sentinelops._content import ContentPolicy, blob
from sentinelops.instrument._wire.answer import without_key
from sentinelops.testing import capture

PIXELS = bytes(range(256)) * 8
ENCODED = base64.b64encode(PIXELS).decode()
KEPT = {
    "type": "blob",
    "mime_type": "image/png",
    "modality": "image",
    "sha256": hashlib.sha256(PIXELS).hexdigest(),
    "bytes": 2048,
}


def messages(content: Any, policy: ContentPolicy | None = None) -> tuple[Any, dict[str, Any]]:
    ready = (policy or ContentPolicy()).prepare({semconv.INPUT_MESSAGES: [{"role": "user", "parts": content}]})
    return json.loads(ready.pop(semconv.INPUT_MESSAGES))[0]["parts"], ready


def test_off_leaves_content_out_and_nothing_else() -> None:
    given = {semconv.INPUT_MESSAGES: ["x"], semconv.OUTPUT: 1, "other": 2, "none": None}
    assert ContentPolicy("off").prepare(given) == {"other": 2}


def test_on_changes_nothing() -> None:
    assert messages(["bob@example.com"], ContentPolicy("on")) == (["bob@example.com"], {})


def test_redact_marks_and_counts_in_every_corner() -> None:
    parts, counts = messages(
        [
            {"type": "text", "content": "bob@example.com"},
            {"type": "tool_call", "arguments": '{"password": "x", "to": "eve@example.com"}'},
            {"type": "tool_call", "arguments": "{not json"},
        ]
    )
    assert parts == [
        {"type": "text", "content": "[email]"},
        {"type": "tool_call", "arguments": {"password": "x", "to": "[email]"}},
        {"type": "tool_call", "arguments": "{not json"},
    ]
    assert counts == {"sentinelops.redactions.email": 2, "sentinelops.redactions.input_messages.email": 2}


def test_escapes_in_json_text_hide_nothing() -> None:
    inner = '{"to": "eve\\u0040example.com", "n": [4111111111111111, "\\n+49 30 901820"], "x": "a\\\\b"}'
    (text, fine, cut), ready = messages([inner, '{"line": "one\\ntwo"}', '{"to": "eve@example.com\\n'])
    assert json.loads(text) == {"to": "[email]", "n": ["[card]", "\n[phone]"], "x": "a\\b"}
    assert (fine, cut) == ('{"line": "one\\ntwo"}', '{"to": "[email]\\n')
    assert ready["sentinelops.redactions.email"] == 2
    deep = "[" * 5_000 + '"\\n eve@example.com"' + "]" * 5_000
    assert messages([deep])[0] == [deep.replace("eve@example.com", "[email]")]


def test_error_texts_obey_the_rules() -> None:
    rules = privacy.Rules({"email": "keep", "ip": "drop"})
    error = without_key(ValueError("no eve@example.com at 10.1.2.3 with sk-proj-****WXYZ"))
    assert ContentPolicy(rules=rules).text(str(error)) == "no eve@example.com at  with [secret]"
    assert ContentPolicy().text(str(error)) == "no [email] at [ip] with [secret]"


def test_a_message_is_cut_at_its_limit_and_a_secret_on_the_border_is_not_cut_in_half() -> None:
    policy = ContentPolicy("redact", 100)
    parts, counts = messages(["x" * 85 + " 4111 1111 1111 1111 " + "y" * 1000, "more"], policy)
    assert parts[0].startswith("x" * 85 + " [card] ")
    assert len(parts[0]) == 100
    assert parts[1] == ""
    assert counts["sentinelops.content.truncated"] == 85 + 21 + 1000 - 100 + len("more")
    assert messages(["a" * 100], policy)[1] == {}


def test_each_message_has_its_own_limit() -> None:
    ready = ContentPolicy("on", 5).prepare({semconv.INPUT_MESSAGES: ["12345", "12345"], semconv.OUTPUT: "123456"})
    assert ready == {
        semconv.INPUT_MESSAGES: '["12345","12345"]', semconv.OUTPUT: '"12345"', semconv.CONTENT_TRUNCATED: 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    "part",
    [
        f"data:image/png;base64,{ENCODED}",
        {"mime_type": "image/png", "data": ENCODED},
        {"media_type": "image/png", "data": PIXELS},
        {"mime_type": "image/png", "data": f"data:image/png;base64,{ENCODED}"},
    ],
)
def test_an_image_is_kept_by_hash_and_size(part: Any) -> None:
    (kept,), _ = messages([part])
    assert {key: kept[key] for key in KEPT} == KEPT
    assert ENCODED[:40] not in json.dumps(kept)


def test_audio_by_format_raw_bytes_and_long_base64() -> None:
    (audio, raw, long, nested), _ = messages(
        [
            {"format": "wav", "data": ENCODED},
            PIXELS,
            ENCODED,
            {"image_url": {"url": f"data:image/png;base64,{ENCODED}"}},
        ]
    )
    assert (audio["mime_type"], audio["modality"], audio["bytes"]) == ("audio/wav", "audio", 2048)
    assert raw["sha256"] == long["sha256"] == KEPT["sha256"]
    assert nested["image_url"]["url"] == KEPT
    assert blob("not base64 at all!")["bytes"] == 18
    assert blob(bytearray(b"x"), "text/plain")["modality"] == "text"


def test_prose_is_never_taken_for_base64() -> None:
    for text in ("word " * 1000, "a" * 5000, "x" * 5000 + "\n"):
        assert messages([text], ContentPolicy("on"))[0] == [text]


def test_every_kind_of_value_becomes_json() -> None:
    @dataclasses.dataclass
    class Point:
        x: int
        y: Any

    class Model:
        def model_dump(self) -> dict[str, int]:
            return {"m": 1}

    class Colour(enum.StrEnum):
        RED = "red"

    class Number(enum.IntEnum):
        ONE = 1

    deep: Any = "end"
    for _ in range(50):
        deep = [deep]
    parts, _ = messages(
        [
            None,
            True,
            1,
            1.5,
            float("nan"),
            Point(1, (2,)),
            Model(),
            Colour.RED,
            Number.ONE,
            {3: 4},
            {5},
            object(),
            Point,
        ]
    )
    assert parts == [
        None, True, 1, 1.5, "nan", {"x": 1, "y": [2]}, {"m": 1}, "red", 1.0, {"3": 4}, [5],
        "<builtins.object>", "<builtins.type>",
    ]  # fmt: skip
    assert "left out" in json.dumps(messages(deep)[0])
    assert messages([[0.5] * 2000])[0] == ["[2000 numbers]"]
    assert len(messages([{}] * 3000)[0]) == 3000
    assert _content.dumps({"o": object()}) == '{"o":"<builtins.object>"}'


def test_redaction_knows_texts_again_but_not_for_ever() -> None:
    policy = ContentPolicy()
    text = "mail bob@example.com " * 1000
    first = policy.redact(text)
    assert policy.redact(text) is first
    for number in range(60):
        policy.redact(f"{number}" * 20_000)
    assert policy.redact(text) is not first
    assert sum(map(len, policy._seen)) <= 1_000_000


@pytest.mark.parametrize("part", ["describe", "content", "message", "stack"])
def test_what_fails_costs_its_own_attributes_only(lenient: None, monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError("no text")

    error: Exception = ValueError("host")
    if part == "describe":
        monkeypatch.setattr(sentinelops.Recorder, "_describe", breaks)
    elif part == "content":
        monkeypatch.setattr(_content._Cleaner, "json", breaks)
    elif part == "message":
        error = Odd()
    else:
        monkeypatch.setattr(_resolve.traceback, "format_exception", breaks)
    with capture() as captured:
        with pytest.raises(type(error)), sentinelops.record(provider="p", model="m") as call:
            call.prompt("private words")
            raise error
        span = captured.named("chat m")
    assert span["status"] == "error"
    assert span["status_message"] == ("host" if part != "message" else Odd.__qualname__)
    assert span["attributes"]["gen_ai.request.model"] == "m"
    assert (semconv.INPUT_MESSAGES in span["attributes"]) == (part in ("message", "stack"))
    assert ("exception.stacktrace" in span["events"][0]["attributes"]) == (part != "stack")


@pytest.mark.parametrize("unit", ["AAAA", "gICA", "////"])
def test_silence_is_a_sound_too(unit: str) -> None:
    """Base64 of nothing but zeros has one letter; that a type stands beside it is enough."""
    cleaner = _content._Cleaner(_content.ContentPolicy())
    (message,) = json.loads(
        cleaner.json([{"role": "user", "parts": [{"type": "x", "data": unit * 200, "format": "wav"}]}])
    )
    assert message["parts"][0]["mime_type"] == "audio/wav"
    assert message["parts"][0]["bytes"] == 600
    assert json.loads(cleaner.json([{"text": "a" * 2_000}]))[0]["text"] == "a" * 2_000


@pytest.mark.parametrize("mode", ["on", "redact"])
def test_the_short_way_for_texts_says_the_same_as_the_long_one(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = [
        "plain",
        "bob@example.com",
        'q"\\\n\u2028',
        "é" * 50,
        "\ud800",
        "",
        "x" * 100,
        "data:image/png;base64," + "QUJD" * 40,
    ]
    given = [
        {"role": "user", "parts": [{"type": "text", "content": one} for one in text]},
        {"role": "assistant", "parts": [], "finish_reason": "stop"},
        {"role": "assistant", "parts": [{"type": "text", "content": "a"}], "finish_reason": None},
        {"role": "bob@example.com " * 10, "parts": []},
        {"role": "user", "name": "ann", "parts": [{"type": "text", "content": "a"}]},
    ]
    policy = _content.ContentPolicy(mode, 120)
    quick = _content._Cleaner(policy)
    written = quick.json(given)
    monkeypatch.setattr(_content._Cleaner, "_text_message", lambda self, value: None)
    slow = _content._Cleaner(policy)
    assert written == slow.json(given)
    assert (quick.truncated, quick.redactions, quick._items) == (slow.truncated, slow.redactions, slow._items)


def test_each_type_has_its_action_and_keys_and_numbers_are_looked_at() -> None:
    rules = privacy.Rules({"email": "hash", "ip": "keep", "card": "drop"}, "a key of many characters")
    policy = ContentPolicy("redact", 1_000, rules)
    value = {"jo@example.com": "JO@example.com", "card": 4111111111111111, "from": "10.1.2.3", "n": 123456789}
    mark = rules.put("email", "jo@example.com")
    ready = policy.prepare({"sentinelops.input": value})
    assert json.loads(ready.pop("sentinelops.input")) == {mark: mark, "card": None, "from": "10.1.2.3", "n": 123456789}
    assert ready == {
        "sentinelops.redactions.email": 2, "sentinelops.redactions.input.email": 2,
        "sentinelops.redactions.card": 1, "sentinelops.redactions.input.card": 1,
    }  # fmt: skip


def test_a_value_that_only_its_name_tells_to_be_private_is_found() -> None:
    given = {
        "password": "Blue-Giraffe-42", "apiKey": "abc123def456", "mobilePhone": "612345678", "pesel": "44051401359",
        "lat": 52.520008, "rows": [{"client_secret": "q1w2e3r4t5y6"}], "phones": [612345678], "n": 52.520008,
    }  # fmt: skip
    parts, counts = messages(
        [{"type": "tool_call", "arguments": json.dumps(given)}, json.dumps({"in": json.dumps(given)})]
    )
    assert parts[0]["arguments"] == {
        "password": "[secret]", "apiKey": "[secret]", "mobilePhone": "[phone]", "pesel": "[national_id]",
        "lat": "[coordinates]", "rows": [{"client_secret": "[secret]"}], "phones": ["[phone]"], "n": 52.520008,
    }  # fmt: skip
    for private in ("Giraffe", "abc123def456", "612345678", "44051401359", "q1w2e3r4t5y6"):
        assert private not in parts[1]
    assert counts["sentinelops.redactions.input_messages.assigned_password"] == 2
    assert messages([given], ContentPolicy("on"))[0] == [given]


def test_many_marks_do_not_bring_a_secret_that_was_cut_below_the_limit() -> None:
    before = ("key-" + "0123456789abcdef" * 2 + " ") * 20 + "some words " * 20
    text = before + "ghp_" + "aB3" * 12 + " " + "more words " * 200
    for seen in (6, 20, 39):  # characters of the token that are looked at
        limit = len(before) + seen - 512
        policy = ContentPolicy("redact", limit)
        for cut in (policy.text(text, limit), messages([text], policy)[0][0]):
            assert cut.startswith("[secret] [secret] ")
            assert "ghp_" not in cut


def test_a_secret_at_the_cut_of_a_stack_trace_is_not_sent_in_half() -> None:
    key = "ghp_" + "aB3" * 12
    for behind in (_resolve._STACK_CHARS - 10, _resolve._STACK_CHARS + 500):
        trace = "first line " * 100 + key + " " + "last line " * (behind // 10)
        kept = _resolve._last(trace, ContentPolicy())
        assert "aB3" not in kept
        assert kept.endswith("last line ")
        assert len(kept) <= _resolve._STACK_CHARS
    assert _resolve._last("short", ContentPolicy()) == "short"
