"""Whatever of ours breaks, the host gets the same answer, the same exception, and its stream to the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import anthropic
import pytest
from anthropic_support.surfaces import HELLO, SURFACES, Surface, run_either
from openai_support.fake import Sink, Spans
from sentinelops import _guard, _runtime
from sentinelops.instrument import anthropic as hooked
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import answer, anthropic_folders, exchange, streams, watch
from sentinelops.instrument._wire import anthropic as wire
from sentinelops.instrument.anthropic import _native


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "route": (hooked, "route_of"),
    "endpoint": (hooked, "endpoint_of"),
    "body": (hooked, "body_of"),
    "native": (_native.Native, "asked"),
    "native options": (_native.Native, "_note"),
    "native span": (_native, "NonRecordingSpan"),
    "start_call": (exchange, "start_call"),
    "start_span": (_runtime.Runtime, "start_span"),
    "answer": (exchange, "Answer"),
    "folder": (anthropic_folders.MessagesFolder, "__init__"),
    "fold": (anthropic_folders.MessagesFolder, "event"),
    "watch": (watch, "_ensure_undertaker"),
    "leave": (watch, "leave"),
    "passage": (exchange, "Passage"),
    "parse": (streams, "_parsed"),
    "end": (_runtime.Runtime, "end_call"),
    "describe": (answer, "_settled"),
    "describe a part": (wire, "usage_attributes"),
    "describe content": (wire, "request_content"),
    "keep": (answer.Answer, "keep"),
}
CHOSEN = [s for s in SURFACES if s.mode in ("plain", "stream", "raw", "streaming", "streaming_stream", "helper")]
REFUSED = Surface("messages", "plain", "bad")
BROKEN = Surface("messages", "stream", "overloads")


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_every_collaborator_may_break(
    broken: str,
    asynchronous: bool,
    client: anthropic.Anthropic,
    aclient: anthropic.AsyncAnthropic,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    either = aclient if asynchronous else client
    chosen = [*CHOSEN[asynchronous::2], REFUSED, BROKEN]  # half of the doors each
    uninstrument("anthropic")
    alone = [_outcome(lambda s=surface: run_either(either, s)) for surface in chosen]  # type: ignore[misc]
    instrument("anthropic")
    monkeypatch.setattr(*BREAKS[broken], _raises)
    assert [_outcome(lambda s=surface: run_either(either, s)) for surface in chosen] == alone  # type: ignore[misc]


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        value = call()
    except Exception as error:
        return type(error), str(error), getattr(error, "body", None)
    return repr(value) if hasattr(value, "http_response") else value


def test_a_stream_survives_when_taking_notes_fails(
    client: anthropic.Anthropic, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    uninstrument("anthropic")
    alone = list(client.messages.create(model="plain", stream=True, **HELLO))
    instrument("anthropic")
    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setitem(hooked.ROUTES, "/v1/messages", ("chat", replace(wire.MESSAGES, first_token=_raises)))
    assert list(client.messages.create(model="plain", stream=True, **HELLO)) == alone
    spans(1 + hasattr(anthropic._base_client, "start_api_call_span"))


def test_a_dead_receiver_costs_nothing(client: anthropic.Anthropic, sink: Sink) -> None:
    sink.status = 503
    for _ in range(5):
        assert client.messages.create(model="plain", **HELLO).content[0].text == "Hello there"


def test_instrument_twice_is_once_and_uninstrument_puts_back(client: anthropic.Anthropic, spans: Spans) -> None:
    from anthropic._base_client import SyncAPIClient

    ours = SyncAPIClient.request
    assert instrument("anthropic") == ("anthropic",)
    assert SyncAPIClient.request is ours
    client.messages.create(model="plain", **HELLO)
    spans(1)
    uninstrument("anthropic")
    assert SyncAPIClient.request is ours.__wrapped__  # type: ignore[attr-defined]
    assert uninstrument("anthropic") == ()


def test_an_unknown_client_is_left_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from anthropic._base_client import SyncAPIClient

    _guard.forget_warnings()
    monkeypatch.delattr(SyncAPIClient, "_process_response")
    assert instrument("anthropic") == ()
    assert "not known" in caplog.text
