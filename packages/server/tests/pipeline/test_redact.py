"""Redaction: everywhere text can stand, never more than privacy.redact would, and closed when it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otlp_bytes import batch, call, span
from sentinelops import privacy
from sentinelops_server.model import LLMRequest, LogRecord, Payload, Span
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode
from sentinelops_server.pipeline.redact import WITHHELD, RedactConfig, Redactor

REDACTOR = Redactor()
KEY = "sk-proj-abcdefghijklmnop1234567890"
MAIL = "jo@example.com"


def prepared(fields: dict[str, Any]) -> tuple[Span, LLMRequest | None, Payload | None]:
    one = decode(batch([fields])).spans[0]
    return (one, *normalise(one))


def messages(text: Any) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}])


def tool_call(arguments: Any) -> str:
    part = {"type": "tool_call", "name": "f", "arguments": json.dumps(arguments)}
    return json.dumps([{"role": "assistant", "parts": [part]}])


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": {"gen_ai.input.messages": messages(f"mail {MAIL} please")}},
        {"attributes": {"gen_ai.input.messages": messages(f"line\n{KEY}")}},
        {"attributes": {"gen_ai.system_instructions": f"key {KEY}"}},
        {"attributes": {"gen_ai.output.messages": tool_call({"to": MAIL, "nested": json.dumps({"x": f"\n{KEY}"})})}},
        {"attributes": {"gen_ai.tool.call.result": json.dumps({"rows": [[MAIL]]})}},
        {"attributes": {"sentinelops.input": json.dumps({MAIL: 1})}},
        {"attributes": {"sentinelops.input": json.dumps({"card": 4111111111111111})}},
        {"attributes": {"sentinelops.metadata.note": MAIL}},
        {"attributes": {"sentinelops.tags": [MAIL]}},
        {"attributes": {"url.full": f"https://x.test/?api_key={KEY}"}},
        {"attributes": {"nested": {"deep": [{"er": MAIL}]}}},
        {"attributes": {"dump": json.dumps({"a": f"x\n{KEY}"})}},
        {"status": (2, f"no such user {MAIL}")},
        {"events": [{"name": "exception", "attributes": {"exception.message": MAIL, "exception.stacktrace": KEY}}]},
        {"events": [{"name": "gen_ai.user.message", "attributes": {"content": MAIL}}]},
        {"name": f"chat with {MAIL}"},
        {"attributes": {f"note to {MAIL}": "x"}},
        {"attributes": {"card": 4111111111111111}},
        {"attributes": {"gen_ai.request.instructions": f"key {KEY}"}},
        {"attributes": {"gen_ai.response.text": MAIL}},
        {"attributes": {"openai.response.output_text": MAIL}},
        {"attributes": {"otel.status_description": f"bad key {KEY}"}},
        {"attributes": {"gen_ai.tool.name": f"mail to {MAIL}"}},
        {"attributes": {"error.type": f"no such user {MAIL}"}},
        {"events": [{"name": f"mail to {MAIL} sent"}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_call", [True, False])
def test_private_text_is_found_wherever_it_stands(fields: dict[str, Any], is_call: bool) -> None:
    read_span, request, payload = prepared((call if is_call else span)(**fields))
    assert REDACTOR.redact(read_span, request, payload)
    kept = repr((read_span, request, payload))
    for private in (MAIL, KEY, "4111111111111111"):
        assert private not in kept
    assert "[email]" in kept or "[secret]" in kept or "[card]" in kept


NAMED = {
    "password": "Blue-Giraffe-42", "apiKey": "abc123def456", "mobilePhone": "612345678", "pesel": "44051401359",
    "lat": 52.520008, "rows": [{"client_secret": "q1w2e3r4t5y6"}], "phones": [612345678],
}  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": {"gen_ai.output.messages": tool_call(NAMED)}},
        {"attributes": {"gen_ai.input.messages": messages(NAMED)}},
        {"attributes": {"sentinelops.input": json.dumps(NAMED)}},
        {"attributes": {"sentinelops.input": json.dumps({"body": json.dumps({"in": json.dumps(NAMED)})})}},
        {"attributes": {f"db.{key}": value for key, value in NAMED.items() if key not in ("rows", "phones")}},
        {"attributes": {f"sentinelops.metadata.{key}": value for key, value in NAMED.items() if key != "rows"}},
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_call", [True, False])
def test_a_value_that_only_its_name_tells_to_be_private_is_found(fields: dict[str, Any], is_call: bool) -> None:
    read_span, request, payload = prepared((call if is_call else span)(**fields))
    assert REDACTOR.redact(read_span, request, payload)
    kept = repr((read_span, request, payload))
    for private in ("Giraffe", "abc123def456", "612345678", "44051401359", "52.520008", "q1w2e3r4t5y6"):
        assert private not in kept


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ({"mail": "jo\\u0040example.com"}, {"mail": "[email]"}),
        (['Answer: {"url":"postgres:\\/\\/app:hunter2x@db\\/x"}'], ['Answer: {"url":"postgres:\\/\\/app:[secret]@db\\/x"}']),
        (["https://x.test/?to=jo%40example.com&tel=%2B49%2030%20901820"], ["https://x.test/?to=[email]&tel=[phone]"]),
        (["4111\u00a01111\u202f1111\u20091111"], ["[card]"]),
        (["j\u200bo@exam\u00adple.com"], ["[email]"]),
    ],
)  # fmt: skip
def test_the_first_look_sees_through_escapes(value: Any, clean: Any) -> None:
    assert REDACTOR.redact_value(value, {}) == clean


def test_counts_are_the_requests_and_names_stay() -> None:
    attributes = {
        "gen_ai.input.messages": messages(f"{MAIL} and {MAIL}"),
        "sentinelops.redactions.email": 1,
        "user.id": MAIL,
        "server.address": "10.1.2.3",
        "gen_ai.response.id": "chatcmpl-4111111111111111",
    }
    read_span, request, payload = prepared(call(attributes=attributes))
    assert REDACTOR.redact(read_span, request, payload)
    assert request is not None
    assert request.redactions == {"email": 3, "input_messages.email": 2}
    assert (request.user_id, request.server_address) == (MAIL, "10.1.2.3")
    assert read_span.attributes["gen_ai.response.id"] == "chatcmpl-4111111111111111"


def test_a_span_that_is_no_request_keeps_its_counts_as_attributes() -> None:
    read_span, request, payload = prepared(span(attributes={"sentinelops.input": json.dumps(MAIL)}))
    assert REDACTOR.redact(read_span, request, payload)
    assert read_span.attributes["sentinelops.redactions.email"] == 1


def test_off_keeps_everything() -> None:
    read_span, request, payload = prepared(call(attributes={"gen_ai.input.messages": messages(MAIL)}))
    assert Redactor(RedactConfig("off")).redact(read_span, request, payload)
    assert MAIL in repr(payload)
    with pytest.raises(ValueError, match="mode"):
        RedactConfig("loose")  # type: ignore[arg-type]


def test_each_type_has_its_action_and_hashes_agree_with_the_sdk() -> None:
    config = RedactConfig(actions=("email=hash", "ip=keep", "card=drop"), key="a key of many characters")
    value = ["Jo@Example.com from 10.1.2.3", {"card": 4111111111111111}]
    mark, counts = privacy.redact(MAIL, rules=config.rules())
    found: dict[str, int] = {}
    assert Redactor(config).redact_value(value, found) == [f"{mark} from 10.1.2.3", {"card": None}]
    assert (found, counts) == ({"email": 1, "card": 1}, {"email": 1})
    assert Redactor(config).redact_value([mark], {}) == [mark]
    assert "many characters" not in repr(config)


@pytest.mark.parametrize(
    ("actions", "key", "said"),
    [
        (("email=burn",), None, "burn"),
        (("mail=hash",), None, "mail"),
        (("email=hash",), None, "key"),
        (("email",), None, "email=hash"),
        (("secret=keep",), None, "never kept"),
        ((), "short", "16"),
    ],
)
def test_bad_actions_stop_the_start(actions: tuple[str, ...], key: str | None, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RedactConfig(actions=actions, key=key)


@pytest.mark.parametrize("cut", [3, 9, 20, len(KEY) - 1])
def test_a_secret_cut_in_two_text_parts_is_found(cut: int) -> None:
    parts = [{"type": "text", "content": text} for text in ("the key " + KEY[:cut], KEY[cut:] + " ends")]
    body = json.dumps([{"role": "user", "parts": parts}])
    read_span, request, payload = prepared(call(attributes={"gen_ai.input.messages": body}))
    assert REDACTOR.redact(read_span, request, payload)
    assert payload is not None
    texts = [part["content"] for part in payload.content["input_messages"][0]["parts"]]
    assert texts == ["the key [secret]", " ends"]
    assert request is not None
    assert request.redactions == {"secret": 1, "input_messages.model_key": 1}


def test_log_bodies_and_command_lines() -> None:
    record = LogRecord(b"", 1, None, None, 9, None, "a", "e", {"m": MAIL}, {"k": KEY})
    assert REDACTOR.redact_log(record)
    assert (record.body, record.attributes) == ({"m": "[email]"}, {"k": "[secret]"})
    record = LogRecord(b"", 1, None, None, 9, f"login of {MAIL}", "a", "e", 1, {})
    assert REDACTOR.redact_log(record)
    assert record.event_name == "login of [email]"
    resource = {"service.name": "x", "host.ip": ["10.1.2.3"], "process.command_args": ["run", f"--key={KEY}"]}
    assert REDACTOR.redact_labels(resource)
    assert resource == {"service.name": "x", "host.ip": ["10.1.2.3"], "process.command_args": ["run", "--key=[secret]"]}


def test_it_fails_closed() -> None:
    def broken(_: str) -> bool:
        raise RuntimeError("broken check")

    redactor = Redactor(detectors=[privacy.Detector("any", "any", "jo@", None, broken)])
    attributes = {
        "gen_ai.input.messages": messages(MAIL), "note": MAIL, "gen_ai.request.model": "m", "card": 4111111111111111,
        "gen_ai.request.instructions": MAIL, "gen_ai.response.text": MAIL, "otel.status_description": MAIL,
        "error.type": f"for {MAIL}",
    }  # fmt: skip
    read_span, request, payload = prepared(call(attributes=attributes, status=(2, MAIL)))
    assert not redactor.redact(read_span, request, payload)
    assert MAIL not in repr((read_span, request))
    assert "4111111111111111" not in repr(read_span)
    assert request is not None
    assert (request.error, request.prompt_tokens) == (WITHHELD, 100)
    record = LogRecord(b"", 1, None, None, 9, None, "a", "e", MAIL, {})
    assert not redactor.redact_log(record)
    assert record.body == WITHHELD


def test_a_set_that_gives_up_is_a_failure_not_a_clean_text() -> None:
    redactor = Redactor()
    redactor._set = type("Silent", (), {"Match": lambda self, text: []})()
    read_span, request, payload = prepared(call(attributes={"note": MAIL}))
    assert not redactor.redact(read_span, request, payload)
    assert MAIL not in repr(read_span)


PIECES = st.sampled_from(
    [MAIL, KEY, "4111 1111 1111 1111", "10.1.2.3", "hello", "\n", "é", '"', "{", "a@b", "+1 (415) 555-0132", "52.52000",
     "13.40000", "-0.12345678", ", ", "; ", " ", "tel ", "pesel ", "44051401359", "030 123456", "0171-2233445", "nhs", "-",
     "943 476 5919", "1.2.3.4.5", "20:15:28", "fe80::1", "lat: 52.52", "İ"]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=8).map("".join))
def test_the_first_look_never_misses_what_the_detectors_find(text: str) -> None:
    expected, counts = privacy.redact(text)
    found: dict[str, int] = {}
    # text that is JSON itself is looked into, and may lose more than the plain look would take
    if not (text[:1] in '{["' and "\\" in text):
        assert REDACTOR.redact_value([text], found) == [expected]
        assert found == counts
