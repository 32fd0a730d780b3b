"""What the API answers for pictures, sound and moderation; shapes from its reference, numbers ours."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

PICTURE = base64.b64encode(b"\x89PNG" + bytes(300_000)).decode()  # larger than the edges that are kept
IMAGE_USAGE = {
    "input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
}  # fmt: skip
SPEECH_USAGE = {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}
TEXT_USAGE = {
    "type": "tokens", "input_tokens": 14, "output_tokens": 45, "total_tokens": 59,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
}  # fmt: skip
JSON, SSE = "application/json", "text/event-stream"


def answer(path: str, body: dict[str, Any]) -> tuple[str, bytes] | None:
    """Content type and body; None: not one of these paths."""
    streaming = str(body.get("stream")).lower() == "true"
    if path.startswith("/images/"):
        return _images(body, streaming)
    if path == "/audio/speech":
        if body.get("stream_format") == "sse":
            delta = {"type": "speech.audio.delta", "audio": "UklGRg=="}
            return SSE, _events(delta, delta, {"type": "speech.audio.done", "usage": SPEECH_USAGE})
        return "audio/mpeg", b"ID3" + bytes(range(256)) * 40
    if path in ("/audio/transcriptions", "/audio/translations"):
        return _transcription(body, streaming)
    if path == "/moderations":
        categories = {"violence": True, "hate": False}
        result = {"flagged": True, "categories": categories, "category_scores": {"violence": 0.9, "hate": 0.1}}
        return JSON, _json({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]})
    return None


def _images(body: dict[str, Any], streaming: bool) -> tuple[str, bytes]:
    if streaming:
        partial = {"type": "image_generation.partial_image", "b64_json": PICTURE, "partial_image_index": 0}
        done = {"type": "image_generation.completed", "b64_json": PICTURE, "usage": IMAGE_USAGE, "created_at": 1}
        return SSE, _events(partial, done)
    if body.get("model") == "dall-e-3":
        url = "https://images.test/one.png?sig=secret"
        return JSON, _json({"created": 1, "data": [{"url": url, "revised_prompt": "A cat, photographed"}]})
    data = [{"b64_json": PICTURE}] * int(body.get("n") or 1)
    return JSON, _json({"created": 1, "data": data, "size": "1024x1024", "usage": IMAGE_USAGE})


def _transcription(body: dict[str, Any], streaming: bool) -> tuple[str, bytes]:
    if streaming:
        deltas = [{"type": "transcript.text.delta", "delta": word} for word in ("Hello", " there")]
        return SSE, _events(*deltas, {"type": "transcript.text.done", "text": "Hello there", "usage": TEXT_USAGE})
    if body.get("response_format") == "text":
        return "text/plain", b"Hello there\n"
    if body.get("response_format") == "verbose_json":
        return JSON, _json({"task": "transcribe", "duration": 8.47, "text": "Hello there", "segments": []})
    usage = {"type": "duration", "seconds": 9} if body.get("model") == "whisper-1" else TEXT_USAGE
    return JSON, _json({"text": "Hello there", "usage": usage})


def form(raw: bytes) -> dict[str, Any]:
    """The plain fields of a multipart body."""
    pairs = re.findall(rb'name="(\w+)"\r\n\r\n(.*?)\r\n--', raw, re.DOTALL)
    return {name.decode(): value.decode() for name, value in pairs}


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _events(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), _json(event)) for event in events)
