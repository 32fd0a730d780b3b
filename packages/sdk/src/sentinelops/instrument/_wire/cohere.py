"""Cohere's API: chat of version 1 and 2, embeddings and reranking. Billed counts win over counts of the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol
from .attributes import fail, get, message, output, request_attributes, texts, tokens
from .openai_chat import tool_definition
from .parts import MAPPINGS, image_part, plain
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_REQUEST = {
    "temperature": s.REQUEST_TEMPERATURE,
    "p": s.REQUEST_TOP_P,
    "k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
    "output_dimension": s.EMBEDDINGS_DIMENSIONS,
}
_ROLES = {"CHATBOT": "assistant", "USER": "user", "SYSTEM": "system", "TOOL": "tool"}
SEARCH_UNITS = s.METADATA_PREFIX + "search_units"  # reranking is billed by these


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    out = _common(record, body)
    request = record.request
    if get(request, "response_format", "type") == "json_object":
        out[s.OUTPUT_TYPE] = "json"
    out[s.TOOL_DEFINITIONS] = [tool_definition(tool) for tool in request.get("tools") or ()] or None
    if "message" in request:
        out.update(_version_1(request, body))
        return out
    out[s.INPUT_MESSAGES] = [_message(plain(item)) for item in request.get("messages") or ()] or None
    said = body.get("message")
    out.update(output(_parts(said) if isinstance(said, MAPPINGS) else [], body.get("finish_reason")))
    return out


def _common(record: CallRecord, body: Mapping[str, Any]) -> dict[str, Any]:
    out = request_attributes(record.request, _REQUEST)
    out[s.RESPONSE_ID] = body.get("id") or body.get("generation_id")
    usage = body.get("usage") or body.get("meta")
    billed, counted = get(usage, "billed_units"), get(usage, "tokens")
    for name, attribute in (("input_tokens", s.USAGE_INPUT_TOKENS), ("output_tokens", s.USAGE_OUTPUT_TOKENS)):
        count = tokens(get(billed, name))
        out[attribute] = tokens(get(counted, name)) if count is None else count
    out[s.USAGE_CACHE_READ_TOKENS] = _cached(usage, out[s.USAGE_INPUT_TOKENS])
    out[s.USAGE_IMAGE_INPUT_TOKENS] = tokens(get(billed, "image_tokens")) or None
    out[SEARCH_UNITS] = tokens(get(billed, "search_units")) or None
    if record.error is None and "message" in body and isinstance(body["message"], str):
        fail(record, out, body["message"])  # an error is nothing but a message
    elif isinstance(body.get("error"), MAPPINGS):
        fail(record, out, body["error"].get("message"))
    return out


def _cached(usage: Any, billed: int | None) -> int | None:
    """Cached tokens are a part of the input that was counted; where fewer were billed, as many as fit."""
    cached = tokens(get(usage, "cached_tokens"))
    return cached if cached is None or billed is None else min(cached, billed)


def _version_1(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    history = [
        message(_ROLES.get(get(item, "role") or "", "user"), [{"type": "text", "content": get(item, "message")}])
        for item in map(plain, request.get("chat_history") or ())
    ]
    preamble = request.get("preamble")
    parts: list[dict[str, Any]] = [{"type": "text", "content": body["text"]}] if body.get("text") else []
    parts += [
        {"type": "tool_call", "id": None, "name": get(call, "name"), "arguments": get(call, "parameters")}
        for call in body.get("tool_calls") or ()
    ]
    return {
        s.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": preamble}] if preamble else None,
        s.INPUT_MESSAGES: [*history, *(texts(request["message"]) or ())],
        **output(parts, body.get("finish_reason")),
    }


def _message(item: Any) -> dict[str, Any]:
    if not isinstance(item, MAPPINGS):
        return message("user", [{"type": "text", "content": str(item)}])
    role = item.get("role") or "user"
    if role == "tool":
        response = item.get("content")
        return message(
            "tool", [{"type": "tool_call_response", "id": item.get("tool_call_id"), "response": plain(response)}]
        )
    return message(role, _parts(item))


def _parts(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if item.get("tool_plan"):
        parts.append({"type": "reasoning", "content": item["tool_plan"]})
    content = item.get("content")
    for piece in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
        value = plain(piece)
        kind = get(value, "type")
        if kind == "text":
            parts.append({"type": "text", "content": value.get("text")})
        elif kind == "thinking":
            parts.append({"type": "reasoning", "content": value.get("thinking")})
        elif kind == "image_url":
            parts.append(image_part(get(value, "image_url", "url")))
        elif isinstance(value, MAPPINGS):
            parts.append(dict(value))
    for call in item.get("tool_calls") or ():
        value = plain(call)
        parts.append({
            "type": "tool_call", "id": get(value, "id"),
            "name": get(value, "function", "name"), "arguments": get(value, "function", "arguments"),
        })  # fmt: skip
    return parts


def _describe_embed(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    asked = texts(request.get("texts"))
    images = [message("user", [image_part(image)]) for image in request.get("images") or ()]
    inputs = [message("user", _parts(plain(item))) for item in request.get("inputs") or ()]
    kinds = request.get("embedding_types")
    return {
        **_common(record, body),
        s.REQUEST_ENCODING_FORMATS: [str(kind) for kind in kinds] if isinstance(kinds, list) else None,
        s.INPUT_MESSAGES: [*(asked or ()), *images, *inputs] or None,
    }


def _describe_rerank(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    results = body.get("results")
    documents = [
        {"id": str(get(item, "index")), "score": get(item, "relevance_score")}
        for item in (results if isinstance(results, list) else ())
    ]
    return {
        **_common(record, body),
        s.INPUT_MESSAGES: texts(request.get("query")),
        s.RETRIEVAL_DOCUMENTS: documents or None,
    }


class CohereFolder:
    """Both streams: the named events of version 2, and the lines of version 1, whose last one says it all."""

    arrays = True  # version 1 streams lines of JSON

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}
        self._texts: dict[tuple[Any, str], Text] = {}  # by place and kind: text, thinking
        self._plan, self._said = Text(), Text()
        self._calls: dict[Any, dict[str, Any]] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if "event_type" in data:
            self._version_1(data)
            return
        kind = data.get("type")
        delta = data.get("delta")
        said = get(delta, "message")
        if kind == "message-start":
            self._top["id"] = data.get("id")
        elif kind in ("content-start", "content-delta"):
            for name in ("text", "thinking"):
                self._texts.setdefault((data.get("index"), name), Text()).add(get(said, "content", name))
        elif kind == "tool-plan-delta":
            self._plan.add(get(said, "tool_plan"))
        elif kind in ("tool-call-start", "tool-call-delta"):
            self._call(data.get("index"), get(said, "tool_calls"))
        elif kind == "message-end":
            self.finished = True
            self._top.update({key: get(delta, key) for key in ("finish_reason", "usage")})
            if get(delta, "error"):
                self.error = {"message": str(get(delta, "error"))}

    def _call(self, index: Any, call: Any) -> None:
        held = self._calls.setdefault(index, {"arguments": Text()})
        held["id"] = get(call, "id") or held.get("id")
        held["name"] = get(call, "function", "name") or held.get("name")
        held["arguments"].add(get(call, "function", "arguments"))

    def _version_1(self, data: dict[str, Any]) -> None:
        kind = data["event_type"]
        if kind == "text-generation":
            self._said.add(data.get("text"))
        elif kind == "stream-end":
            self.finished = True
            whole = data.get("response")
            self._top.update(whole if isinstance(whole, dict) else {})
            self._top.setdefault("finish_reason", data.get("finish_reason"))

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        if self._said or "text" in self._top:
            return {"text": str(self._said), **self._top}
        content = [{"type": name, name: str(text)} for (_, name), text in self._texts.items() if text]
        calls = [
            {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": str(call["arguments"])}}
            for call in self._calls.values()
        ]
        said = {"role": "assistant", "content": content, "tool_calls": calls, "tool_plan": str(self._plan)}
        return {**self._top, "message": said}


_FIRST = re.compile(rb'"(?:text|thinking|tool_plan)"\s*:\s*"[^"]|"tool-call-start"').search
CHAT = Protocol("cohere_chat", _describe, CohereFolder, _FIRST)
EMBED = Protocol("cohere_embed", _describe_embed, edges=True)
RERANK = Protocol("cohere_rerank", _describe_rerank)
