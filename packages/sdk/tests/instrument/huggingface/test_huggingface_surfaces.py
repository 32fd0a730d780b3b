"""Every method, both clients: one span, with what the server said, and the same answer as without us."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from typing import Any

import pytest
from huggingface_hub import AsyncInferenceClient, InferenceClient
from huggingface_support.fake import LABELS, PNG, WAV, FakeHub
from huggingface_support.surfaces import CHAT, CHAT_STREAM, HI, NEEDS_A_PROVIDER, SURFACES, Surface, run_either
from openai_support.fake import Sink, Spans
from sentinelops.instrument import instrument, uninstrument

# what the client's asynchronous twin itself does with bytes
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content:DeprecationWarning")
PICTURE = [
    {"type": "text", "text": "See:"},
    {"type": "image_url", "image_url": {"url": "data:image/png;base64," + base64.b64encode(PNG).decode()}},
]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
EITHER = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])


@EITHER
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_one_span_and_the_same_answer(
    surface: Surface, asynchronous: bool, hub: FakeHub, sink: Sink, spans: Spans
) -> None:
    if surface.method in NEEDS_A_PROVIDER:
        with pytest.raises(ValueError, match="not supported"):
            run_either(surface, hub.root, asynchronous=asynchronous)
        spans(0)
        return
    uninstrument("huggingface", "http")
    alone = run_either(surface, hub.root, asynchronous=asynchronous)
    instrument("huggingface", "http")
    assert _plain(run_either(surface, hub.root, asynchronous=asynchronous)) == _plain(alone)
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.operation.name"] == OPERATIONS.get(surface.method, surface.method)
    assert not span["error"], span


def _plain(value: Any) -> str:
    """Pictures are objects that are never equal."""
    return re.sub("0x[0-9A-Fa-f]+", "", repr(value))


OPERATIONS = {
    "chat_completion": "chat",
    "chat.completions.create": "chat",
    "text_generation": "text_completion",
    "feature_extraction": "embeddings",
    "audio_to_audio": "audio_generation",
    "automatic_speech_recognition": "transcription",
    "image_to_image": "image_generation",
    "text_to_image": "image_generation",
    "text_to_speech": "speech",
}


def _attributes(span: Any) -> dict[str, Any]:
    """Without what differs from run to run; messages parsed."""
    out = dict(span["attributes"])
    for name in ("server.port", "llm.memory.used_bytes", "gen_ai.response.time_to_first_chunk"):
        out.pop(name, None)
    for name in ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"):
        if name in out:
            out[name] = json.loads(out[name])
    return {key: value for key, value in out.items() if not key.startswith(("session", "user", "sentinelops.redact"))}


def _said(role: str, *parts: Any, **more: Any) -> list[Any]:
    return [
        {"role": role, "parts": [{"type": "text", "content": p} if isinstance(p, str) else p for p in parts]} | more
    ]


@EITHER
@pytest.mark.parametrize("surface", [CHAT, CHAT_STREAM], ids=lambda surface: surface.name)
def test_a_chat_is_recorded_whole(surface: Surface, asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    asked = Surface(
        surface.method, surface.path, ([*HI, {"role": "user", "content": PICTURE}],),
        {**surface.arguments, "temperature": 0.5, "max_tokens": 9, "seed": 7, "stop": ["x"], "tools": [TOOL],
         "response_format": {"type": "json_object"}},
    )  # fmt: skip
    run_either(asked, hub.root, asynchronous=asynchronous)
    (span,) = spans(1)
    found = _attributes(span)
    assert span["name"] == "chat plain"
    streamed = {"gen_ai.request.stream": True} if surface.streams else {}
    assert found == streamed | {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": "plain",
        "gen_ai.response.model": "plain-2026-01-01",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.output.type": "json",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.usage.audio.output_tokens": 3,
        "sentinelops.usage.accepted_prediction_tokens": 4,
        "sentinelops.usage.rejected_prediction_tokens": 1,
        "openai.api.type": "chat_completions",
        "openai.response.service_tier": "default",
        "openai.response.system_fingerprint": "fp_1",
        "sentinelops.provider.request_id": "req_abc",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "gen_ai.input.messages": [
            *_said("system", "Be brief."), *_said("user", "Hi"), *_said("user", "See:", _blob(PNG, "image/png")),
        ],
        "gen_ai.output.messages": _said("assistant", "Hello there", finish_reason="stop"),
        "gen_ai.tool.definitions": [{"type": "function", "name": "weather", "parameters": {"type": "object"}}],
    }  # fmt: skip


@EITHER
@pytest.mark.parametrize(
    "arguments", [{}, {"details": True}, {"stream": True}, {"stream": True, "details": True}], ids=str
)
def test_text_generation_is_recorded_whole(
    arguments: dict[str, Any], asynchronous: bool, hub: FakeHub, spans: Spans
) -> None:
    asked = {"max_new_tokens": 9, "temperature": 0.5, "top_k": 4, "top_p": 0.5, "seed": 7, "stop": ["x"], **arguments}
    run_either(Surface("text_generation", "/tgi/plain", ("Hi",), asked), hub.root, asynchronous=asynchronous)
    (span,) = spans(1)
    streaming, details = bool(arguments.get("stream")), bool(arguments)
    reason = {"finish_reason": "eos_token"} if details else {}
    assert span["name"] == "text_completion"
    assert _attributes(span) == {
        "gen_ai.operation.name": "text_completion",
        "gen_ai.provider.name": "tgi",
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_k": 4,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ["x"],
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
        "sentinelops.provider.request_id": "req_abc",
        "http.response.status_code": 200,
        "server.address": "127.0.0.1",
        "gen_ai.input.messages": _said("user", "Hi"),
        "gen_ai.output.messages": _said("assistant", "Hello there", **reason),
        **({"gen_ai.response.finish_reasons": ["eos_token"]} if details else {}),
        **({"gen_ai.request.stream": True} if streaming else {"llm.inference.duration_seconds": 0.11}),
    }


TEXTS: dict[str, tuple[Any, Any]] = {
    # what was given, what came back; None: neither text nor file is kept
    "audio_classification": ([WAV], json.dumps(LABELS)),
    "automatic_speech_recognition": ([WAV], "hello there"),
    "document_question_answering": (['{"question": "What?"}', PNG], "42"),
    "feature_extraction": (["Hi"], None),
    "image_segmentation": ([PNG], [{"label": "a", "mask": "BLOB", "score": 0.5}]),
    "image_to_image": ([PNG], PNG),
    "image_to_text": ([PNG], "a cat"),
    "question_answering": (['{"question": "Where?", "context": "In Oslo"}'], "Oslo"),
    "summarization": (["long"], "short"),
    "text_classification": (["Hi"], json.dumps([LABELS])),
    "text_to_image": (["a cat"], PNG),
    "text_to_speech": (["Hi you"], WAV),
    "translation": (["hi"], "hei"),
}


@EITHER
@pytest.mark.parametrize("method", TEXTS)
def test_what_went_in_and_what_came_out(method: str, asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    (surface,) = [surface for surface in SURFACES if surface.method == method]
    run_either(surface, hub.root, asynchronous=asynchronous)
    (span,) = spans(1)
    found = _attributes(span)
    given, written = TEXTS[method]
    parts = found["gen_ai.input.messages"][0]["parts"]
    assert [part.get("content") or part["sha256"] for part in parts] == [_known(item) for item in given]
    if written is None:
        assert "gen_ai.output.messages" not in found
        return
    (part,) = found["gen_ai.output.messages"][0]["parts"]
    if isinstance(written, list):
        wanted = [{**item, "mask": _blob(PNG, "application/octet-stream", "file")} for item in written]
        assert json.loads(part["content"]) == wanted
    else:
        assert (part.get("content") or part["sha256"]) == _known(written)
    assert not [name for name in found if "tokens" in name]  # the server said nothing of tokens, so nobody does
    assert found.get("sentinelops.usage.images") == (1 if method in ("text_to_image", "image_to_image") else None)
    assert found.get("sentinelops.usage.characters") == (6 if method == "text_to_speech" else None)


def _known(item: Any) -> Any:
    return hashlib.sha256(item).hexdigest() if isinstance(item, bytes) else item


def _blob(data: bytes, mime_type: str, modality: str = "image") -> dict[str, Any]:
    return {"type": "blob", "mime_type": mime_type, "modality": modality, "sha256": _known(data), "bytes": len(data)}


@EITHER
def test_no_key_and_no_account_is_recorded(asynchronous: bool, hub: FakeHub, spans: Spans) -> None:
    async def ask() -> None:
        async with AsyncInferenceClient(hub.root + "/tgi/plain", token="hf_very_secret_token") as client:  # noqa: S106
            client.headers["X-HF-Bill-To"] = "the-company"
            await client.text_generation("Hi")

    if asynchronous:
        asyncio.run(ask())
    else:
        client = InferenceClient(hub.root + "/tgi/plain", token="hf_very_secret_token")  # noqa: S106
        client.headers["X-HF-Bill-To"] = "the-company"
        client.text_generation("Hi")
    (span,) = spans(1)
    sent = {name.lower(): value for name, value in hub.requests[-1][2].items()}
    assert (sent["x-hf-bill-to"], sent["authorization"]) == ("the-company", "Bearer hf_very_secret_token")
    assert b"secret" not in span["raw"]
    assert b"the-company" not in span["raw"]
