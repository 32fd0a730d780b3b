"""The tasks of the Inference client: which operation each is, and how its request and its answer are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ... import semconv as s
from ..._content import blob
from .._wire import openai, tgi
from .._wire.answer import Answer, Protocol, request_id
from .._wire.attributes import fail, message, output, request_attributes, seconds
from .._wire.openai_usage import usage_attributes
from .._wire.parts import image_part, text_part
from .._wire.streams import BODY_BYTES, loads_or_none

if TYPE_CHECKING:
    from ..._call import CallRecord


class Task(NamedTuple):
    """server: who it is that speaks this format at an address that says nothing; None: the answer may say."""

    operation: str
    protocol: Protocol
    server: str | None = None


# Operations that have a name of their own; every other task is called by its name.
_OPERATIONS = {
    "audio-to-audio": "audio_generation",
    "automatic-speech-recognition": "transcription",
    "image-to-image": "image_generation",
    "image-to-video": "video_generation",
    "text-to-image": "image_generation",
    "text-to-speech": "speech",
    "text-to-video": "video_generation",
}
_PARAMETERS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "max_new_tokens": s.REQUEST_MAX_TOKENS,
}
# Fields that hold what the model was given, and what it wrote.
_GIVEN = ("inputs", "prompt", "text", "input", "table")
_WRITTEN = ("generated_text", "summary_text", "translation_text", "text", "answer")
# Fields of answers that hold a file in base64.
_FILES = frozenset(("mask", "blob", "b64_json", "image", "audio", "video"))
_OUTPUT_TYPES = {"image_generation": "image", "speech": "speech"}


def of(parameters: Any) -> Task:
    """Operation and format of a request."""
    name = str(parameters.task or "unknown")
    fields = parameters.json if isinstance(parameters.json, Mapping) else {}
    if name == "conversational":
        return Task("chat", openai.CHAT)
    if name == "text-generation":
        # other providers are asked in the form of OpenAI's legacy completions
        return Task("text_completion", openai.COMPLETIONS) if "prompt" in fields else _TGI
    if name == "feature-extraction":
        return Task("embeddings", openai.EMBEDDINGS) if "input" in fields else _FEATURES
    return _others.get(name) or _other(name)


def request_of(parameters: Any) -> Mapping[str, Any]:
    """The body, by reference: fields of JSON, or {"data": bytes, a path or an address}."""
    body = parameters.json
    if isinstance(body, Mapping):
        return body
    given = body if body is not None else parameters.data
    return {"data": given, "mime_type": getattr(given, "mime_type", None)}


def _describe_features(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """Vectors, without usage; they are not kept."""
    out = _common(record, answer, body)
    dimensions = record.request.get("dimensions")
    out[s.EMBEDDINGS_DIMENSIONS] = dimensions if isinstance(dimensions, int) else None
    return out


def _describe_other(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    out = _common(record, answer, body)
    out[s.OUTPUT_TYPE] = _OUTPUT_TYPES.get(record.operation)
    done = record.error is None
    if record.operation == "image_generation" and done:
        out[s.USAGE_IMAGES] = 1
    if record.operation == "speech" and done:
        text = record.request.get("inputs") or record.request.get("text") or record.request.get("prompt")
        out[s.USAGE_CHARACTERS] = len(text) if isinstance(text, str) else None
    out.update(output(_written(answer), None))
    return out


def _common(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    headers = answer.headers or {}
    out = request_attributes(request.get("parameters"), _PARAMETERS)
    out[s.PROVIDER_REQUEST_ID] = request_id(headers)
    time = headers.get("x-inference-time") or ""
    out[s.INFERENCE_DURATION_SECONDS] = seconds(float(time), 1e3) if time.replace(".", "", 1).isdigit() else None
    out.update(usage_attributes(body))
    parts = _given(request)
    out[s.INPUT_MESSAGES] = [message("user", parts)] if parts else None
    if body.get("error") and record.error is None:
        fail(record, out, body["error"])
    return out


def _given(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    data = request.get("data")
    if isinstance(data, bytes | bytearray):
        inside = loads_or_none(bytes(data)) if data[:1] == b"{" else None
        if not isinstance(inside, dict):
            return [blob(bytes(data), request.get("mime_type"))]
        request = inside  # with parameters, a file goes as base64 inside JSON
        return [_file(inside["inputs"])] if isinstance(inside.get("inputs"), str) else []
    if data is not None:
        return [{"type": "uri", "modality": "file", "uri": str(data)}]
    for name in _GIVEN:
        if request.get(name) is not None:
            return _parts(request[name])
    rest = {name: value for name, value in request.items() if name != "parameters" and value is not None}
    return _parts(rest) if rest else []


def _parts(value: Any) -> list[dict[str, Any]]:
    """Texts; a question about a picture as text and hash; anything with another shape as JSON."""
    if isinstance(value, str):
        return [_file(value) if value.startswith("data:") else text_part(value)]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [text_part(item) for item in value]
    if isinstance(value, Mapping):
        files = [_file(value["image"])] if isinstance(value.get("image"), str) else []
        rest = {name: item for name, item in value.items() if not (files and name == "image")}
        return [text_part(json.dumps(rest, ensure_ascii=False, default=str)), *files]
    return [text_part(json.dumps(value, ensure_ascii=False, default=str))]


def _file(text: str) -> dict[str, Any]:
    """A file in base64, as a data: URL, or elsewhere."""
    return image_part(text) if text.startswith(("data:", "http://", "https://")) else blob(text)


def _written(answer: Answer) -> list[dict[str, Any]]:
    data = answer.body
    if not data or answer.cut or len(data) > BODY_BYTES:
        return []
    value = loads_or_none(data) if data.lstrip()[:1] in (b"{", b"[", b'"') else None
    if value is None:
        return [blob(data, (answer.headers or {}).get("content-type"))]
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(one, Mapping):
        for name in _WRITTEN:
            if isinstance(one.get(name), str):
                return [text_part(one[name])]
        pictures = _pictures(one)
        if pictures:
            return pictures
    return [text_part(json.dumps(_without_files(value), ensure_ascii=False))]


def _without_files(value: Any) -> Any:
    """Put hash and size where a file stands."""
    if isinstance(value, list):
        return [_without_files(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: blob(item) if name in _FILES and isinstance(item, str) else _without_files(item)
        for name, item in value.items()
    }


def _pictures(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Pictures, sounds and films as providers give them: base64, or where they are."""
    listed = body.get("data") or body.get("images") or ()
    parts = []
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, Mapping) and isinstance(item.get("b64_json"), str):
            parts.append(blob(item["b64_json"], "image/png", "image"))
        elif isinstance(item, Mapping) and isinstance(item.get("url"), str):
            parts.append(image_part(item["url"]))
    return parts


def _other(name: str) -> Task:
    operation = _OPERATIONS.get(name) or name.replace("-", "_")
    made = Task(operation, Protocol(f"hf_{operation}", _describe_other), "huggingface")
    if len(_others) < 256:
        _others[name] = made
    return made


_TGI = Task("text_completion", tgi.GENERATE, "tgi")
_FEATURES = Task("embeddings", Protocol("hf_feature_extraction", _describe_features, edges=True), "huggingface")
_others: dict[str, Task] = {}
