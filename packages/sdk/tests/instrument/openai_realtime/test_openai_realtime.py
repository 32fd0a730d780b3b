"""The Realtime API and the Responses API over a WebSocket, against a real server: one span per response."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import sentinelops
from openai.resources.realtime import realtime
from openai_support.answers import CALL_ITEM, message_item, response
from sentinelops import _guard
from sentinelops.instrument._wire import watch
from sentinelops.instrument.openai import _session
from sentinelops.testing import capture
from websockets.sync.server import Server, serve

USAGE = {
    "total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
    "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "image_tokens": 0, "cached_tokens": 64,
                            "cached_tokens_details": {"text_tokens": 54, "audio_tokens": 10, "image_tokens": 0}},
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}  # fmt: skip
TOLD = {
    "gen_ai.usage.input_tokens": 132, "gen_ai.usage.output_tokens": 121, "gen_ai.usage.audio.input_tokens": 13,
    "gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.audio.cache_read.input_tokens": 10,
    "gen_ai.usage.audio.output_tokens": 91,
}  # fmt: skip
SESSION = {
    "type": "realtime", "id": "sess_1", "model": "gpt-realtime-1", "instructions": "Be kind.",
    "output_modalities": ["audio"], "audio": {"input": {"transcription": {"model": "whisper-1"}}},
}  # fmt: skip
SPOKEN = {"type": "message", "id": "item_2", "role": "assistant", "status": "completed",
          "content": [{"type": "output_audio", "transcript": "Hello there"}]}  # fmt: skip
HEARD = {
    "type": "conversation.item.input_audio_transcription.completed", "event_id": "e9", "item_id": "item_1",
    "content_index": 0, "transcript": "Hi you",
    "usage": {"type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9,
              "input_token_details": {"text_tokens": 0, "audio_tokens": 13}},
}  # fmt: skip


def made(number: int, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {"id": f"resp_{number}", "object": "realtime.response", "status": status, "conversation_id": "conv_1",
            "output": [SPOKEN], "usage": USAGE, **more}  # fmt: skip


def spoken(number: int, body: dict[str, Any]) -> list[dict[str, Any]]:
    head = {"event_id": "e1"}
    return [
        {"type": "response.created", **head, "response": {"id": f"resp_{number}", "status": "in_progress"}},
        {"type": "response.output_audio.delta", **head, "response_id": f"resp_{number}", "delta": "UklG" * 2_000},
        {"type": "response.output_audio_transcript.delta", **head, "response_id": f"resp_{number}", "delta": "Hello"},
        {"type": "response.done", **head, "response": body},
    ]


def answer(socket: Any, event: dict[str, Any], number: int) -> None:
    kind = event.get("type")
    events: list[dict[str, Any]] = []
    wanted = (event.get("response") or {}).get("instructions") if isinstance(event.get("response"), dict) else None
    if kind == "input_audio_buffer.commit":
        events = [HEARD, *spoken(number, made(number))]
    elif kind == "response.create" and "model" in event:
        if event["model"] == "bad":
            events = [{"type": "error", "error": {"code": "invalid_value", "message": "no such model"}}]
        else:
            done = response("m", message_item("Hello there"), CALL_ITEM)
            events = [
                {"type": "response.created", "response": {**done, "status": "in_progress", "output": []}},
                {"type": "response.output_text.delta", "delta": "Hello", "item_id": "m", "output_index": 0},
                {"type": "response.completed", "response": done},
            ]
    elif kind == "response.create":
        if wanted == "fail":
            error = {"type": "server_error", "code": "overloaded", "message": "too much"}
            body = made(number, "failed", status_details={"type": "failed", "error": error}, output=[], usage=None)
            events = spoken(number, body)
        elif wanted == "refuse":
            events = [{"type": "error", "event_id": "e1", "error": {
                "type": "invalid_request_error", "code": "conversation_already_has_active_response",
                "message": "busy", "event_id": event.get("event_id")}}]  # fmt: skip
        elif wanted == "interrupt":
            details = {"type": "cancelled", "reason": "turn_detected"}
            events = spoken(number, made(number, "cancelled", status_details=details))
        elif wanted == "hang":
            events = spoken(number, made(number))[:2]
        else:
            events = spoken(number, made(number))
    for one in events:
        socket.send(json.dumps(one))


def handle(socket: Any) -> None:
    if "realtime" in socket.request.path:
        socket.send(json.dumps({"type": "session.created", "event_id": "e0", "session": SESSION}))
    for number, message in enumerate(socket, 1):
        answer(socket, json.loads(message), number)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serve(handle, "127.0.0.1", 0) as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join(10)


@pytest.fixture
def options(server: Server) -> Iterator[dict[str, Any]]:
    sentinelops.instrument("openai")
    address = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/v1"
    yield {"api_key": "k", "websocket_base_url": address}
    sentinelops.uninstrument("openai")
    assert watch.live_count() == 0


def until(connection: Any, *kinds: str) -> list[Any]:
    seen = []
    for event in connection:
        seen.append(event)
        if event.type in kinds:
            break
    return seen


def usage(span: Any) -> dict[str, Any]:
    return {name: value for name, value in span["attributes"].items() if name.startswith("gen_ai.usage.")}


def test_a_response_that_was_asked_for(options: dict[str, Any]) -> None:
    with capture(capture_content="on") as captured, openai.OpenAI(**options) as client:
        with client.realtime.connect(model="gpt-realtime") as connection:
            text: Any = [{"type": "input_text", "text": "Hi"}]
            connection.conversation.item.create(item={"type": "message", "role": "user", "content": text})
            connection.response.create()
            until(connection, "response.done")
        (span,) = captured.spans
        ours = span["attributes"]
        assert span["name"] == "chat gpt-realtime"
        assert usage(span) == TOLD
        assert ours["gen_ai.response.id"] == "resp_2"
        assert ours["gen_ai.response.model"] == "gpt-realtime-1"
        assert ours["gen_ai.conversation.id"] == "conv_1"
        assert ours["gen_ai.response.finish_reasons"] == ["stop"]
        assert ours["gen_ai.response.time_to_first_chunk"] > 0
        told = json.dumps([ours["gen_ai.input.messages"], ours["gen_ai.output.messages"]], default=str)
        assert "Hi" in told
        assert "Hello there" in told
        assert "UklG" not in str(ours)


def test_speech_that_the_server_answers_by_itself(options: dict[str, Any]) -> None:
    async def talk() -> None:
        async with openai.AsyncOpenAI(**options) as client, client.realtime.connect(model="gpt-realtime") as connection:
            await connection.input_audio_buffer.commit()
            async for event in connection:
                if event.type == "response.done":
                    break

    with capture(capture_content="on") as captured:
        asyncio.run(talk())
    written, said = sorted(captured.spans, key=lambda span: span["name"], reverse=True)
    assert written["name"] == "transcription whisper-1"
    assert usage(written) == {
        "gen_ai.usage.input_tokens": 13, "gen_ai.usage.output_tokens": 9, "gen_ai.usage.audio.input_tokens": 13,
    }  # fmt: skip
    assert usage(said) == TOLD
    assert "Hi you" in str(said["attributes"]["gen_ai.input.messages"])


@pytest.mark.parametrize(
    ("wanted", "ends", "code", "outcome"),
    [
        ("fail", "response.done", "overloaded", None),
        ("refuse", "error", "conversation_already_has_active_response", None),
        ("interrupt", "response.done", None, "cancelled"),
        ("hang", "response.output_audio.delta", None, "cancelled"),
    ],
    ids=["fail", "refuse", "interrupt", "hang"],
)
def test_what_ends_otherwise(wanted: str, ends: str, code: Any, outcome: Any, options: dict[str, Any]) -> None:
    with capture() as captured, openai.OpenAI(**options) as client:
        with client.realtime.connect(model="gpt-realtime") as connection:
            connection.response.create(event_id="mine", response={"instructions": wanted})
            until(connection, ends)
        (span,) = captured.spans
        assert span["attributes"].get("sentinelops.error.code") == code
        assert (span["status"] == "error") is (code is not None)
        assert span["attributes"].get("sentinelops.outcome") == outcome
        assert bool(usage(span)) is (wanted == "interrupt")


@pytest.mark.parametrize("model", ["plain", "bad"])
def test_the_responses_api_over_a_socket(model: str, options: dict[str, Any]) -> None:
    with capture(capture_content="on") as captured, openai.OpenAI(**options) as client:
        with client.responses.connect() as connection:
            connection.response.create(model=model, input="Hi")
            until(connection, "response.completed", "error")
        (span,) = captured.spans
        ours = span["attributes"]
        assert span["name"] == f"chat {model}"
        if model == "bad":
            assert ours["sentinelops.error.code"] == "invalid_value"
            assert span["status"] == "error"
        else:
            assert usage(span) == {
                "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20,
                "gen_ai.usage.cache_read.input_tokens": 64, "gen_ai.usage.cache_write.input_tokens": 8,
                "gen_ai.usage.reasoning.output_tokens": 12,
            }  # fmt: skip
            assert ours["gen_ai.response.finish_reasons"] == ["tool_calls"]
            assert "Hi" in str(ours["gen_ai.input.messages"])


def test_many_at_once_stay_apart(options: dict[str, Any]) -> None:
    def talk(client: openai.OpenAI) -> None:
        with client.realtime.connect(model="gpt-realtime") as connection:
            for _ in range(3):
                connection.response.create()
                until(connection, "response.done")

    with capture() as captured, openai.OpenAI(**options) as client:
        threads = [threading.Thread(target=talk, args=(client,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert [usage(span) for span in captured.spans] == [TOLD] * 12


def test_a_forgotten_session_ends_its_responses(options: dict[str, Any]) -> None:
    with capture() as captured, openai.OpenAI(**options) as client:
        connection = client.realtime.connect(model="gpt-realtime").enter()
        connection.response.create(response={"instructions": "hang"})
        until(connection, "response.created")
        connection._connection.close()
        del connection
        gc.collect()
        watch.drain()
        assert [span["attributes"]["sentinelops.outcome"] for span in captured.spans] == ["cancelled"]


@pytest.mark.parametrize("name", ["__init__", "sent", "received", "over"])
def test_what_breaks_in_us_changes_nothing(name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    with capture(), openai.OpenAI(**options) as client, monkeypatch.context() as patch:
        patch.setattr(_guard, "strict", False)
        patch.setattr(_session.Session, name, broken)
        if name == "__init__":
            patch.delattr(_session.Session, "__del__")
        with client.realtime.connect(model="gpt-realtime") as connection:
            connection.response.create()
            assert until(connection, "response.done")[-1].response.id == "resp_1"
    gc.collect()
    watch._end_all()


def test_everything_is_put_back(options: dict[str, Any]) -> None:
    assert hasattr(realtime.RealtimeConnection.send, "__wrapped__")
    sentinelops.uninstrument("openai")
    for owner in (realtime.RealtimeConnection, realtime.AsyncRealtimeConnection):
        for name in ("send", "recv_bytes", "close"):
            assert not hasattr(getattr(owner, name), "__wrapped__")
