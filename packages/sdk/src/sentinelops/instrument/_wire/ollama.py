"""Ollama's own API: /api/chat, /api/generate, /api/embed and /api/embeddings; streams are lines of JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._content import blob
from .answer import Answer, Protocol
from .attributes import fail, get, message, output, request_attributes, seconds, texts, tokens, total
from .openai_chat import tool_definition
from .parts import MAPPINGS, plain
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_OPTIONS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "num_predict": s.REQUEST_MAX_TOKENS,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
}


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out = request_attributes(request.get("options"), _OPTIONS)
    out[s.REQUEST_REASONING_LEVEL] = request["think"] if isinstance(request.get("think"), str) else None
    if request.get("format"):
        out[s.OUTPUT_TYPE] = "json"
    out[s.RESPONSE_MODEL] = body.get("model")
    out[s.USAGE_INPUT_TOKENS] = tokens(body.get("prompt_eval_count"))
    out[s.USAGE_OUTPUT_TOKENS] = tokens(body.get("eval_count"))
    out[s.INFERENCE_DURATION_SECONDS] = _inference_seconds(body)
    if body.get("error"):
        fail(record, out, get(body, "error", "message") or body["error"])
    out.update(_content(answer.protocol.name, request, body))
    return out


def _inference_seconds(body: Mapping[str, Any]) -> float | None:
    """Reading and writing; loading the model is not part of it. Embeddings give the whole only."""
    spent = total(tokens(body.get("prompt_eval_duration")), tokens(body.get("eval_duration")))
    return seconds(spent or body.get("total_duration"), 1e9)


def _content(name: str, request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    if name == "ollama_embed":
        return {s.INPUT_MESSAGES: texts(request.get("input") or request.get("prompt"))}
    reason = body.get("done_reason")
    if name == "ollama_generate":
        system = request.get("system")
        written = {"content": body.get("response"), "thinking": body.get("thinking")}
        return {
            s.SYSTEM_INSTRUCTIONS: [{"type": "text", "content": system}] if system else None,
            s.INPUT_MESSAGES: [
                message("user", _parts({"content": request.get("prompt"), "images": request.get("images")}))
            ],
            **output(_parts(written), reason),
        }
    said = body.get("message")
    return {
        s.INPUT_MESSAGES: [_message(plain(item)) for item in request.get("messages") or ()] or None,
        s.TOOL_DEFINITIONS: [tool_definition(tool) for tool in request.get("tools") or ()] or None,
        **output(_parts(said) if isinstance(said, MAPPINGS) else [], reason),
    }


def _message(item: Any) -> dict[str, Any]:
    if not isinstance(item, MAPPINGS):
        return message("user", [{"type": "text", "content": str(item)}])
    role = item.get("role") or "user"
    if role == "tool":
        part: dict[str, Any] = {"type": "tool_call_response", "id": None, "response": item.get("content")}
        name = item.get("tool_name") or item.get("name")
        if name:
            part["name"] = name
        return message("tool", [part])
    return message(role, _parts(item))


def _parts(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if item.get("thinking"):
        parts.append({"type": "reasoning", "content": item["thinking"]})
    if item.get("content"):
        parts.append({"type": "text", "content": item["content"]})
    for image in item.get("images") or ():
        parts.append(blob(image if isinstance(image, str | bytes) else str(image), "image/png", "image"))
    for call in item.get("tool_calls") or ():
        function = get(call, "function")
        parts.append({
            "type": "tool_call", "id": get(call, "id"),
            "name": get(function, "name"), "arguments": get(function, "arguments"),
        })  # fmt: skip
    return parts


class OllamaFolder:
    """Lines, each a whole answer of which only the newest words are said; the last has the counts."""

    arrays = True  # a stream of JSON without server-sent events, whatever its content type says

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}
        self._texts = {name: Text() for name in ("response", "content", "thinking")}
        self._calls: list[Any] = []

    def event(self, data: dict[str, Any]) -> None:
        """One line."""
        if data.get("error"):
            self.error = {"message": str(data["error"])}
        said = data.get("message")
        for name, text in self._texts.items():
            text.add(said.get(name) if isinstance(said, dict) and said.get(name) else data.get(name))
        if isinstance(said, dict):
            self._calls.extend(said.get("tool_calls") or ())
            self._top["message"] = {"role": said.get("role") or "assistant"}
        self._top.update({key: value for key, value in data.items() if key not in ("message", *self._texts)})
        self.finished = self.finished or data.get("done") is True

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        body = dict(self._top)
        said = {name: str(text) for name, text in self._texts.items() if text}
        if "message" in body:
            body["message"] = {**body["message"], **said, **({"tool_calls": self._calls} if self._calls else {})}
            return body
        return {**body, **said}


_FIRST = re.compile(rb'"(?:content|response|thinking)"\s*:\s*"[^"]|"tool_calls"\s*:\s*\[\s*\{').search
CHAT = Protocol("ollama_chat", _describe, OllamaFolder, _FIRST)
GENERATE = Protocol("ollama_generate", _describe, OllamaFolder, _FIRST)
EMBED = Protocol("ollama_embed", _describe, edges=True)
