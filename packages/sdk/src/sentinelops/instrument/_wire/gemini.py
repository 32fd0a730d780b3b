"""Google's API, of Gemini and of Vertex: generateContent and its stream, embeddings in their three forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._content import blob
from .answer import Answer, Protocol
from .attributes import fail, get, message, pick, request_attributes, tokens, total
from .parts import MAPPINGS, plain
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_GENERATION = {
    "temperature": s.REQUEST_TEMPERATURE,
    "topP": s.REQUEST_TOP_P,
    "top_p": s.REQUEST_TOP_P,
    "topK": s.REQUEST_TOP_K,
    "top_k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "maxOutputTokens": s.REQUEST_MAX_TOKENS,
    "max_output_tokens": s.REQUEST_MAX_TOKENS,
    "stopSequences": s.REQUEST_STOP_SEQUENCES,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "frequencyPenalty": s.REQUEST_FREQUENCY_PENALTY,
    "presencePenalty": s.REQUEST_PRESENCE_PENALTY,
}
_MODALITIES = {
    ("AUDIO", "in"): s.USAGE_AUDIO_INPUT_TOKENS,
    ("IMAGE", "in"): s.USAGE_IMAGE_INPUT_TOKENS,
    ("AUDIO", "out"): s.USAGE_AUDIO_OUTPUT_TOKENS,
    ("IMAGE", "out"): s.USAGE_IMAGE_OUTPUT_TOKENS,
}
_ROLES = {"model": "assistant"}


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    config = pick(request, "generationConfig", "generation_config") or {}
    out = request_attributes(config, _GENERATION)
    count = config.get("candidateCount")
    out[s.REQUEST_CHOICE_COUNT] = count if isinstance(count, int) and count != 1 else None
    level = get(config, "thinkingConfig", "thinkingLevel")
    out[s.REQUEST_REASONING_LEVEL] = level.lower() if isinstance(level, str) else None
    out[s.OUTPUT_TYPE] = _output_type(config)
    out[s.RESPONSE_ID] = body.get("responseId")
    out[s.RESPONSE_MODEL] = body.get("modelVersion")
    out.update(_usage(body))
    _errors(record, body, out)
    instructions = pick(request, "systemInstruction", "system_instruction")
    out[s.SYSTEM_INSTRUCTIONS] = _message(instructions)["parts"] if instructions else None
    out[s.INPUT_MESSAGES] = _contents(request.get("contents"))
    out[s.TOOL_DEFINITIONS] = list(_tools(request.get("tools") or ())) or None
    out.update(_candidates(body))
    return out


def _output_type(config: Mapping[str, Any]) -> str | None:
    kinds = pick(config, "responseModalities", "response_modalities") or ()
    for kind, name in (("AUDIO", "speech"), ("IMAGE", "image")):
        if kind in kinds:
            return name
    return "json" if "json" in str(pick(config, "responseMimeType", "response_mime_type") or "") else None


def _usage(body: Mapping[str, Any]) -> dict[str, Any]:
    """Input includes what came from the cache and what tools brought; output includes the thoughts."""
    usage = body.get("usageMetadata")
    if not isinstance(usage, MAPPINGS):
        return {}
    thoughts = tokens(usage.get("thoughtsTokenCount"))
    out: dict[str, Any] = {
        s.USAGE_INPUT_TOKENS: total(
            tokens(usage.get("promptTokenCount")), tokens(usage.get("toolUsePromptTokenCount"))
        ),
        s.USAGE_OUTPUT_TOKENS: total(tokens(pick(usage, "candidatesTokenCount", "responseTokenCount")), thoughts),
        s.USAGE_CACHE_READ_TOKENS: tokens(usage.get("cachedContentTokenCount")),
        s.USAGE_REASONING_TOKENS: thoughts,
    }
    for name, side in (
        ("promptTokensDetails", "in"), ("toolUsePromptTokensDetails", "in"), ("candidatesTokensDetails", "out"),
    ):  # fmt: skip
        for item in usage.get(name) or ():
            attribute = _MODALITIES.get((get(item, "modality") or "", side))
            count = tokens(get(item, "tokenCount"))
            if attribute and count:
                out[attribute] = out.get(attribute, 0) + count
    return out


def _errors(record: CallRecord, body: Mapping[str, Any], out: dict[str, Any]) -> None:
    error = body.get("error")
    if isinstance(error, MAPPINGS):
        fail(record, out, error.get("message"), error.get("status") or error.get("code"))
    blocked = get(body, "promptFeedback", "blockReason")
    if blocked:
        out[s.RESPONSE_FINISH_REASONS] = [str(blocked)]


def _contents(contents: Any) -> list[dict[str, Any]] | None:
    if contents is None:
        return None
    listed: Iterable[Any] = contents if isinstance(contents, list) else [contents]
    return [_message(plain(item)) for item in listed] or None


def _message(content: Any) -> dict[str, Any]:
    if not isinstance(content, MAPPINGS):
        return message("user", [{"type": "text", "content": str(content)}])
    parts = content.get("parts") or ()
    role = content.get("role") or "user"
    written = [_part(plain(part)) for part in ([parts] if isinstance(parts, MAPPINGS) else parts)]
    if written and all(part.get("type") == "tool_call_response" for part in written):
        role = "tool"
    return message(_ROLES.get(role, role), written)


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, MAPPINGS):
        return {"type": "text", "content": str(part)}
    if isinstance(part.get("text"), str):
        return {"type": "reasoning" if part.get("thought") else "text", "content": part["text"]}
    call = pick(part, "functionCall", "function_call")
    if call:
        return {"type": "tool_call", "id": get(call, "id"), "name": get(call, "name"), "arguments": get(call, "args")}
    answered = pick(part, "functionResponse", "function_response")
    if answered:
        return {
            "type": "tool_call_response", "id": get(answered, "id"), "name": get(answered, "name"),
            "response": get(answered, "response"),
        }  # fmt: skip
    return _media(part) or dict(part)


def _media(part: Mapping[str, Any]) -> dict[str, Any] | None:
    inline = pick(part, "inlineData", "inline_data")
    if inline:
        mime = str(pick(inline, "mimeType", "mime_type") or "application/octet-stream")
        return blob(str(get(inline, "data") or ""), mime, _modality(mime))
    file = pick(part, "fileData", "file_data")
    if file:
        mime = str(pick(file, "mimeType", "mime_type") or "")
        return {"type": "uri", "modality": _modality(mime), "uri": pick(file, "fileUri", "file_uri")}
    return None


def _modality(mime: str) -> str:
    kind = mime.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "file"


def _tools(tools: Iterable[Any]) -> Iterable[Any]:
    for tool in tools:
        value = plain(tool)
        if not isinstance(value, MAPPINGS):
            continue
        for name, inner in value.items():
            if name in ("functionDeclarations", "function_declarations"):
                for one in inner or ():
                    yield {"type": "function", **plain(one)}
            else:
                yield {"type": name, **(inner if isinstance(inner, MAPPINGS) else {})}


def _candidates(body: Mapping[str, Any]) -> dict[str, Any]:
    candidates = body.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        return {}
    messages = []
    for candidate in candidates:
        said = _message({**(get(candidate, "content") or {}), "role": "model"})
        messages.append({**said, "role": "assistant", "finish_reason": get(candidate, "finishReason")})
    reasons = [item["finish_reason"] for item in messages if item["finish_reason"]]
    return {s.RESPONSE_FINISH_REASONS: reasons or None, s.OUTPUT_MESSAGES: messages}


def _describe_embeddings(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out: dict[str, Any] = {s.EMBEDDINGS_DIMENSIONS: _dimensions(request), **_usage(body)}
    counts = [get(item, "embeddings", "statistics", "token_count") for item in body.get("predictions") or ()]
    if any(count is not None for count in counts):
        out[s.USAGE_INPUT_TOKENS] = total(*map(tokens, counts))
    _errors(record, body, out)
    asked = request.get("requests") or request.get("instances") or [request]
    said = [_message(plain(pick(item, "content", "text") or "")) for item in asked]
    out[s.INPUT_MESSAGES] = said or None
    return out


def _dimensions(request: Mapping[str, Any]) -> int | None:
    first = next(iter(request.get("requests") or ()), request)
    for place in (first, get(request, "parameters"), get(first, "embedContentConfig")):
        value = pick(place, "outputDimensionality", "output_dimensionality")
        if isinstance(value, int):
            return value
    return None


class GeminiFolder:
    """Chunks that look like whole answers: parts are strung together, the last word on usage counts."""

    arrays = True  # without alt=sse the stream is one JSON array

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}
        self._candidates: dict[int, dict[str, Any]] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One chunk."""
        if isinstance(data.get("error"), dict):
            self.error = data["error"]
            return
        for candidate in data.get("candidates") or ():
            self._add(candidate)
        self._top.update({key: value for key, value in data.items() if key != "candidates" and value is not None})
        if get(data, "promptFeedback", "blockReason"):
            self.finished = True

    def _add(self, candidate: dict[str, Any]) -> None:
        held = self._candidates.setdefault(candidate.get("index") or 0, {"parts": []})
        for part in get(candidate, "content", "parts") or ():
            last = held["parts"][-1] if held["parts"] else None
            if last and _same_voice(last, part):
                last["pieces"].add(part["text"])
            elif isinstance(part.get("text"), str):
                pieces = Text()
                pieces.add(part["text"])
                held["parts"].append({"pieces": pieces, "thought": bool(part.get("thought"))})
            else:
                held["parts"].append(part)
        if candidate.get("finishReason"):
            held["finishReason"] = candidate["finishReason"]
            self.finished = True

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        candidates = [
            {"content": {"role": "model", "parts": [_joined(part) for part in held["parts"]]},
             "finishReason": held.get("finishReason")}
            for _, held in sorted(self._candidates.items())
        ]  # fmt: skip
        return {**self._top, "candidates": candidates}


def _same_voice(last: dict[str, Any], part: dict[str, Any]) -> bool:
    return "pieces" in last and isinstance(part.get("text"), str) and last["thought"] == bool(part.get("thought"))


def _joined(part: dict[str, Any]) -> dict[str, Any]:
    return {"text": str(part["pieces"]), "thought": part["thought"]} if "pieces" in part else part


_FIRST = re.compile(rb'"text"\s*:\s*"[^"]|"functionCall"\s*:|"inlineData"\s*:').search
GENERATE = Protocol("gemini_generate_content", _describe, GeminiFolder, _FIRST)
EMBED = Protocol("gemini_embed", _describe_embeddings)
