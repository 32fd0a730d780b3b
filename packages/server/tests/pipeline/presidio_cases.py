"""Names in payloads, with the language model: run in the environment `presidio` by test_entities.py."""

from __future__ import annotations

import json
import socket
from typing import Any, NoReturn

import pytest
from otlp_bytes import batch, call
from sentinelops_server.model import LLMRequest, Payload, Span
from sentinelops_server.pipeline.entities import CUT, LATE, Entities
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode
from sentinelops_server.pipeline.redact import RedactConfig, Redactor

KINDS = ("person", "place", "organisation")
TEXT = "Please tell Anna Schmidt that Microsoft meets in Berlin."
KEY = "a key of many characters"


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def found(text: str, config: RedactConfig | None = None, **bounds: Any) -> tuple[str, dict[str, int]]:
    config = config or RedactConfig(entities=KINDS)
    fields: dict[str, dict[str, int]] = {}
    content = Entities(config.entities, config.rules(), **bounds).redact({"input_messages": text}, fields)
    return content["input_messages"], fields["input_messages"]


def test_names_are_marked_and_counted() -> None:
    counts = {"person": 1, "organisation": 1, "place": 1}
    assert found(TEXT) == ("Please tell [person] that [organisation] meets in [place].", counts)


def test_only_the_chosen_kinds_each_with_its_action() -> None:
    config = RedactConfig(actions=("person=drop", "place=hash"), key=KEY, entities=("person", "place"))
    text, counts = found(TEXT, config)
    assert text == f"Please tell  that Microsoft meets in {config.rules().put('place', 'Berlin')}."
    assert counts == {"person": 1, "place": 1}
    assert found(TEXT, RedactConfig(actions=("all=keep",), entities=KINDS)) == (TEXT, {})


def test_what_the_patterns_marked_and_the_words_for_it_are_no_organisations() -> None:
    text = "SSN, IBAN and email [email] attached, the IP address is [ip:9f86d081]"
    assert found(text) == (text, {})


def test_names_of_tools_ids_keys_and_definitions_stay() -> None:
    part = {
        "type": "tool_call",
        "id": "Berlin",
        "name": "Anna Schmidt",
        "arguments": {"Berlin": "Anna Schmidt", "n": 3},
    }
    content = {"output_messages": [{"parts": [part]}], "tool_definitions": [{"description": TEXT}]}
    redacted = Entities(KINDS, RedactConfig().rules()).redact(content, {})
    assert redacted["tool_definitions"] == content["tool_definitions"]
    assert redacted["output_messages"][0]["parts"][0] == part | {"arguments": {"Berlin": "[person]", "n": 3}}


def test_what_is_too_long_or_too_late_is_withheld() -> None:
    text, counts = found(TEXT * 200, max_chars=len(TEXT))
    assert (text, counts["person"]) == (found(TEXT)[0] + CUT, 1)
    seconds = iter((0.0, 0.0, 9.0))
    text, _ = found((TEXT + " ") * 100, clock=lambda: next(seconds))
    assert text.endswith(LATE)
    assert "Anna" not in text


def test_a_record_is_redacted_by_patterns_and_model_and_fails_closed() -> None:
    def prepared() -> tuple[Span, LLMRequest, Payload]:
        body = json.dumps([{"role": "user", "parts": [{"type": "text", "content": f"{TEXT} jo@example.com"}]}])
        one = decode(batch([call(attributes={"gen_ai.input.messages": body, "note": "Anna Schmidt"})])).spans[0]
        request, payload = normalise(one)
        assert request is not None
        assert payload is not None
        return one, request, payload

    redactor = Redactor(RedactConfig(entities=KINDS))
    span, request, payload = prepared()
    assert redactor.redact(span, request, payload)
    marked = "Please tell [person] that [organisation] meets in [place]. [email]"
    assert payload.content["input_messages"][0]["parts"][0]["content"] == marked
    assert span.attributes["note"] == "Anna Schmidt"
    counts = {"email": 1, "person": 1, "organisation": 1, "place": 1}
    assert request.redactions == counts | {f"input_messages.{name}": 1 for name in counts}

    def broken(*_: Any, **__: Any) -> NoReturn:
        raise RuntimeError("no model")

    redactor._entities._analyze = broken  # type: ignore[union-attr]
    assert not redactor.redact(*prepared())
