"""Pictures, speech, transcriptions and moderation: told by their own units, themselves never kept."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai_support.fake import Sink, Spans

SOUND = ("hello.wav", b"RIFF" + bytes(2_000), "audio/wav")
COMMON = {
    "gen_ai.provider.name": "openai",
    "server.address": "127.0.0.1",
    "http.response.status_code": 200,
    "sentinelops.provider.request_id": "req_abc",
    "llm.inference.duration_seconds": 0.25,
}
IMAGE_TOKENS = {
    "gen_ai.usage.input_tokens": 50,
    "gen_ai.usage.output_tokens": 4160,
    "gen_ai.usage.image.input_tokens": 40,
    "gen_ai.usage.image.output_tokens": 4160,
}
TEXT_TOKENS = {
    "gen_ai.usage.input_tokens": 14,
    "gen_ai.usage.output_tokens": 45,
    "gen_ai.usage.audio.input_tokens": 14,
}
CASES: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "image": (
        lambda c: c.images.generate(model="gpt-image-1", prompt="A cat", n=2, size="1024x1024", quality="high"),
        {
            "gen_ai.operation.name": "image_generation", "gen_ai.request.model": "gpt-image-1",
            "gen_ai.request.choice.count": 2, "gen_ai.request.size": "1024x1024", "gen_ai.request.quality": "high",
            "gen_ai.output.type": "image", "sentinelops.usage.images": 2, **IMAGE_TOKENS,
        },
    ),
    "image by address": (
        lambda c: c.images.generate(model="dall-e-3", prompt="A cat"),
        {
            "gen_ai.operation.name": "image_generation", "gen_ai.request.model": "dall-e-3",
            "gen_ai.output.type": "image", "sentinelops.usage.images": 1,
        },
    ),
    "image edit": (
        lambda c: c.images.edit(model="gpt-image-1", image=("a.png", b"\x89PNG", "image/png"), prompt="A hat"),
        {
            "gen_ai.operation.name": "image_generation", "gen_ai.request.model": "gpt-image-1",
            "gen_ai.output.type": "image", "sentinelops.usage.images": 1, **IMAGE_TOKENS,
        },
    ),
    "image stream": (
        lambda c: _read(c.images.generate(model="gpt-image-1", prompt="A cat", stream=True, partial_images=1)),
        {
            "gen_ai.operation.name": "image_generation", "gen_ai.request.model": "gpt-image-1",
            "gen_ai.output.type": "image", "gen_ai.request.stream": True, "sentinelops.usage.images": 1,
            **IMAGE_TOKENS,
        },
    ),
    "speech": (
        lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hello there"),
        {
            "gen_ai.operation.name": "speech", "gen_ai.request.model": "tts-1", "gen_ai.request.voice": "alloy",
            "gen_ai.output.type": "speech", "sentinelops.usage.characters": 11,
        },
    ),
    "speech that tells its tokens": (
        lambda c: c.audio.speech.create(model="gpt-4o-mini-tts", voice="a", input="Hello there", stream_format="sse"),
        {
            "gen_ai.operation.name": "speech", "gen_ai.request.model": "gpt-4o-mini-tts", "gen_ai.request.voice": "a",
            "gen_ai.output.type": "speech", "sentinelops.usage.characters": 11, "gen_ai.usage.input_tokens": 14,
            "gen_ai.usage.output_tokens": 101, "gen_ai.usage.audio.output_tokens": 101,
        },
    ),
    "transcription by tokens": (
        lambda c: c.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "gpt-4o-transcribe",
            "gen_ai.output.type": "text", **TEXT_TOKENS,
        },
    ),
    "transcription by seconds": (
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=SOUND, language="en"),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "whisper-1",
            "gen_ai.request.language": "en", "gen_ai.output.type": "text", "sentinelops.usage.audio_seconds": 9.0,
        },
    ),
    "transcription with segments": (
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format="verbose_json"),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "whisper-1", "gen_ai.output.type": "text",
            "gen_ai.request.response_format": "verbose_json", "sentinelops.usage.audio_seconds": 8.47,
        },
    ),
    "transcription as text": (
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=SOUND, response_format="text"),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "whisper-1", "gen_ai.output.type": "text",
            "gen_ai.request.response_format": "text",
        },
    ),
    "transcription stream": (
        lambda c: _read(c.audio.transcriptions.create(model="gpt-4o-transcribe", file=SOUND, stream=True)),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "gpt-4o-transcribe",
            "gen_ai.output.type": "text", "gen_ai.request.stream": True, **TEXT_TOKENS,
        },
    ),
    "translation": (
        lambda c: c.audio.translations.create(model="whisper-1", file=SOUND),
        {
            "gen_ai.operation.name": "transcription", "gen_ai.request.model": "whisper-1", "gen_ai.output.type": "text",
            "sentinelops.usage.audio_seconds": 9.0,
        },
    ),
    "moderation": (
        lambda c: c.moderations.create(model="omni-moderation-latest", input=["You fool", "Hi"]),
        {
            "gen_ai.operation.name": "moderation", "gen_ai.request.model": "omni-moderation-latest",
            "gen_ai.response.model": "omni-moderation-latest", "gen_ai.response.id": "modr-1",
        },
    ),
}  # fmt: skip
CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "sentinelops.output", "gen_ai.system_instructions")
WRITTEN: dict[str, tuple[Any, Any]] = {
    "image by address": ("A cat", ["A cat, photographed", "https://images.test/one.png"]),
    "image edit": ("A hat", None),
    "speech": ("Hello there", None),
    "transcription by tokens": (None, "Hello there"),
    "transcription as text": (None, "Hello there"),
    "transcription stream": (None, "Hello there"),
    "moderation": (["You fool", "Hi"], ["violence"]),
}


def _read(stream: Any) -> Any:
    return list(stream)


def _told(span: dict[str, Any]) -> dict[str, Any]:
    ours = {key: value for key, value in span["attributes"].items() if key not in CONTENT}
    for name in ("server.port", "llm.memory.used_bytes", "gen_ai.response.time_to_first_chunk"):
        ours.pop(name, None)
    return ours


@pytest.mark.filterwarnings("ignore:deprecated")
@pytest.mark.parametrize("case", CASES)
def test_each_by_its_own_unit(case: str, client: openai.OpenAI, spans: Spans) -> None:
    ask, wanted = CASES[case]
    answer = ask(client)
    assert answer
    (span,) = spans(1)
    provider = {"gen_ai.provider.name": "openai"}
    assert _told(span) == {**COMMON, **provider, **wanted}
    told = json.dumps([span["attributes"].get(name) for name in CONTENT])
    assert "AAAAAAAA" not in told and "secret" not in told
    given, made = WRITTEN.get(case, (None, None))
    for words in (given, made):
        for word in [words] if isinstance(words, str) else words or ():
            assert word in told


async def _first(stream: Any) -> None:
    await anext(aiter(stream))
    await stream.close()


@pytest.mark.parametrize("kind", ["plain", "stream left early"])
def test_async(kind: str, aclient: openai.AsyncOpenAI, spans: Spans) -> None:
    import asyncio

    async def ask() -> None:
        if kind == "plain":
            await aclient.audio.transcriptions.create(model="whisper-1", file=SOUND)
        else:
            stream = await aclient.images.generate(model="gpt-image-1", prompt="A cat", stream=True)
            await _first(stream)
        await aclient.close()

    asyncio.run(ask())
    (span,) = spans(1)
    if kind == "plain":
        assert span["attributes"]["sentinelops.usage.audio_seconds"] == 9.0
    else:
        assert span["attributes"]["sentinelops.outcome"] == "cancelled"
        assert "gen_ai.usage.output_tokens" not in span["attributes"]


def test_sound_reaches_the_host_whole(client: openai.OpenAI, spans: Spans) -> None:
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Hi") as response:
        into = io.BytesIO()
        for piece in response.iter_bytes(1_000):
            into.write(piece)
    assert into.getvalue() == b"ID3" + bytes(range(256)) * 40
    (span,) = spans(1)
    assert span["attributes"]["sentinelops.usage.characters"] == 2
    assert "error.type" not in span["attributes"]


def test_a_refusal_made_nothing(client: openai.OpenAI, sink: Sink, spans: Spans) -> None:
    for ask in (
        lambda: client.images.generate(model="limited", prompt="A cat"),
        lambda: client.audio.speech.create(model="limited", voice="alloy", input="Hi"),
    ):
        with pytest.raises(openai.RateLimitError):
            ask()
    for span in spans(2):
        assert span["attributes"]["error.type"] == "RateLimitError"
        assert not [key for key in span["attributes"] if key.startswith(("sentinelops.usage.", "gen_ai.usage."))]
