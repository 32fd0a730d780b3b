"""Pictures, speech, transcriptions and moderation in the OpenAI API: what each is billed by, in its own unit.

Source: the API reference of images, audio and moderations. Pictures and sound themselves are not kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol, request_id, scavenged
from .openai_folders import Base
from .openai_usage import inference_seconds, usage_attributes
from .parts import MAPPINGS, image_part, text_part
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_REQUEST = ("size", "quality", "background", "output_format", "voice", "speed", "response_format", "language", "style")


def _common(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out: dict[str, Any] = {
        s.RESPONSE_MODEL: body.get("model") if isinstance(body.get("model"), str) else None,
        s.RESPONSE_ID: body.get("id") if isinstance(body.get("id"), str) else None,
        s.PROVIDER_REQUEST_ID: request_id(answer.headers),
        s.INFERENCE_DURATION_SECONDS: inference_seconds(answer.headers, body),
        **usage_attributes(body),
    }
    for name in _REQUEST:
        value = request.get(name)
        if isinstance(value, (str, int, float)):
            out[f"gen_ai.request.{name}"] = value
    if isinstance(request.get("n"), int) and request["n"] != 1:
        out[s.REQUEST_CHOICE_COUNT] = request["n"]
    if isinstance(request.get("user"), str) and not answer.user_known:
        out[s.USER_ID] = request["user"]
    return out


def _image(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /images/generations, /edits, /variations. All output is of pictures where the answer does not divide it."""
    out = _common(record, answer, body)
    usage = body.get("usage")
    details = usage.get("output_tokens_details") if isinstance(usage, MAPPINGS) else None
    if s.USAGE_OUTPUT_TOKENS in out and not isinstance(details, MAPPINGS):
        out[s.USAGE_IMAGE_OUTPUT_TOKENS] = out[s.USAGE_OUTPUT_TOKENS]
    pictures = [item for item in body.get("data") or () if isinstance(item, MAPPINGS)]
    made = len(pictures) or (record.request.get("n") or 1 if answer.status == 200 and record.error is None else 0)
    out[s.USAGE_IMAGES] = made or None
    out[s.OUTPUT_TYPE] = "image"
    prompt = record.request.get("prompt")
    out[s.INPUT_MESSAGES] = [{"role": "user", "parts": [text_part(prompt)]}] if prompt else None
    parts = [part for item in pictures for part in _picture(item)]
    out[s.OUTPUT_MESSAGES] = [{"role": "assistant", "parts": parts}] if parts else None
    return out


def _picture(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = [text_part(item["revised_prompt"])] if item.get("revised_prompt") else []
    if item.get("b64_json"):
        parts.append(image_part(f"data:image/png;base64,{item['b64_json']}"))
    elif item.get("url"):
        parts.append(image_part(str(item["url"]).partition("?")[0]))  # what follows is a signature
    return parts


def _speech(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /audio/speech: sound comes back; only as events (stream_format "sse") does it say its tokens."""
    if record.request.get("stream_format") == "sse" and answer.body:
        body = scavenged(answer.body)
    out = _common(record, answer, {key: body[key] for key in ("usage",) if key in body})
    text = record.request.get("input")
    if isinstance(text, str):
        out[s.USAGE_CHARACTERS] = len(text) if record.error is None else None
        out[s.INPUT_MESSAGES] = [{"role": "user", "parts": [text_part(text)]}]
    if record.request.get("instructions"):
        out[s.SYSTEM_INSTRUCTIONS] = [text_part(record.request["instructions"])]
    if s.USAGE_OUTPUT_TOKENS in out:
        out[s.USAGE_AUDIO_OUTPUT_TOKENS] = out[s.USAGE_OUTPUT_TOKENS]
    out[s.OUTPUT_TYPE] = "speech"
    return out


def _transcription(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /audio/transcriptions, /translations: billed by tokens or by seconds, as the usage says."""
    out = _common(record, answer, body)
    usage = body.get("usage")
    seconds = usage.get("seconds") if isinstance(usage, MAPPINGS) else None
    if seconds is None and s.USAGE_INPUT_TOKENS not in out:
        seconds = body.get("duration")  # verbose_json
    try:
        out[s.USAGE_AUDIO_SECONDS] = None if seconds is None else float(seconds)
    except (TypeError, ValueError):
        out[s.USAGE_AUDIO_SECONDS] = None
    prompt, text = record.request.get("prompt"), body.get("text")
    if text is None and record.request.get("response_format") in ("text", "srt", "vtt") and answer.body:
        text = answer.body.decode("utf-8", "replace")
    out[s.INPUT_MESSAGES] = [{"role": "user", "parts": [text_part(prompt)]}] if prompt else None
    out[s.OUTPUT_MESSAGES] = [{"role": "assistant", "parts": [text_part(text)]}] if text else None
    out[s.OUTPUT_TYPE] = "text"
    return out


def _moderation(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /moderations: no tokens are billed, none are told. Flagged categories are the outcome."""
    out = _common(record, answer, body)
    given = record.request.get("input")
    texts = [given] if isinstance(given, (str, dict)) else list(given or ())
    parts = [_moderated(item) for item in texts]
    out[s.INPUT_MESSAGES] = [{"role": "user", "parts": parts}] if parts else None
    results = [item for item in body.get("results") or () if isinstance(item, MAPPINGS)]
    if results:
        flagged = sorted({name for item in results for name, hit in (item.get("categories") or {}).items() if hit})
        out[s.OUTPUT] = {
            "flagged": bool(flagged) or any(item.get("flagged") for item in results),
            "categories": flagged,
        }
    return out


def _video(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /videos, its edits, extensions and remixes: made later; the provider tells no usage."""
    out = _common(record, answer, body)
    seconds = body.get("seconds") or record.request.get("seconds")
    out["gen_ai.request.seconds"] = str(seconds) if isinstance(seconds, str | int) else None
    out["gen_ai.request.size"] = body.get("size") if isinstance(body.get("size"), str) else record.request.get("size")
    out[s.RESPONSE_STATUS] = body.get("status") if isinstance(body.get("status"), str) else None
    prompt = record.request.get("prompt")
    out[s.INPUT_MESSAGES] = [{"role": "user", "parts": [text_part(prompt)]}] if isinstance(prompt, str) else None
    return out


def _moderated(item: Any) -> dict[str, Any]:
    if isinstance(item, MAPPINGS) and item.get("type") == "image_url":
        return image_part((item.get("image_url") or {}).get("url"))
    return text_part(item.get("text") if isinstance(item, MAPPINGS) else item)


class ImageFolder(Base):
    """Stream of an image: previews, and at the end the picture with its usage."""

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if not self._common(data):
            return
        if str(data.get("type")).endswith(".completed"):
            self.finished = True
            self._keep({key: value for key, value in data.items() if key not in ("type", "b64_json")})

    @property
    def body(self) -> dict[str, Any]:
        """As an answer without streaming, the picture left out."""
        return dict(self._top)


class TranscriptFolder(Base):
    """Stream of a transcription: deltas, and at the end the whole text with its usage."""

    def __init__(self) -> None:
        super().__init__()
        self._text = Text()

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if not self._common(data):
            return
        if data.get("type") == "transcript.text.delta":
            self._text.add(data.get("delta"))
        elif data.get("type") == "transcript.text.done":
            self.finished = True
            self._keep({key: data[key] for key in ("text", "usage") if key in data})

    @property
    def body(self) -> dict[str, Any]:
        """As an answer without streaming."""
        return {"text": str(self._text), **self._top}


IMAGES = Protocol("images", _image, ImageFolder, re.compile(rb'"b64_json"\s*:\s*"').search, edges=True)
SPEECH = Protocol("speech", _speech, edges=True)
TRANSCRIPTIONS = Protocol("transcriptions", _transcription, TranscriptFolder, re.compile(rb'"delta"\s*:\s*"').search)
VIDEOS = Protocol("videos", _video)
MODERATIONS = Protocol("moderations", _moderation)
