"""What Mistral's API has beyond OpenAI's: fill-in-the-middle, conversations of agents, and reading of documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from . import openai
from .answer import Answer, Protocol
from .attributes import get, message, output, pick, request_attributes, texts, tokens
from .openai_usage import usage_attributes
from .parts import MAPPINGS, image_part, plain
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_COMPLETION = {"max_tokens": s.REQUEST_MAX_TOKENS, "temperature": s.REQUEST_TEMPERATURE, "top_p": s.REQUEST_TOP_P}


def _describe_fim(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """The answer is one of chat; the question is what stands before and after."""
    out = dict(openai.CHAT.describe(record, answer, body))
    out.pop(s.OPENAI_API_TYPE, None)
    out[s.INPUT_MESSAGES] = texts([text for text in map(record.request.get, ("prompt", "suffix")) if text])
    return out


def _describe_conversation(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out = request_attributes(request.get("completion_args"), _COMPLETION)
    out.update(usage_attributes(body))
    out[s.CONVERSATION_ID] = body.get("conversation_id")
    outputs = body.get("outputs")
    listed = outputs if isinstance(outputs, list) else []
    out[s.RESPONSE_MODEL] = next((get(item, "model") for item in listed if get(item, "model")), None)
    out[s.RESPONSE_ID] = next((get(item, "id") for item in reversed(listed) if get(item, "id")), None)
    inputs = request.get("inputs")
    out[s.INPUT_MESSAGES] = [_entry(plain(item)) for item in inputs] if isinstance(inputs, list) else texts(inputs)
    instructions = request.get("instructions")
    out[s.SYSTEM_INSTRUCTIONS] = texts(instructions)[0]["parts"] if instructions else None  # type: ignore[index]
    out.update(output([part for item in listed for part in _entry(item)["parts"]], None))
    return out


def _entry(item: Any) -> dict[str, Any]:
    if not isinstance(item, MAPPINGS):
        return message("user", [{"type": "text", "content": str(item)}])
    kind = item.get("type")
    if kind == "function.call":
        call = {"type": "tool_call", "id": item.get("tool_call_id"), "name": item.get("name")}
        return message("assistant", [{**call, "arguments": item.get("arguments")}])
    if kind == "function.result":
        answered = {"type": "tool_call_response", "id": item.get("tool_call_id"), "response": item.get("result")}
        return message("tool", [answered])
    if kind == "tool.execution":
        return message("assistant", [{"type": "server_tool_call", "id": item.get("id"), "name": item.get("name")}])
    return message(item.get("role") or "user", _pieces(item.get("content")))


def _pieces(content: Any) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [
        {"type": "text", "content": piece["text"]} if isinstance(get(piece, "text"), str) else dict(piece)
        for piece in content or ()
        if isinstance(piece, MAPPINGS)
    ]


class ConversationFolder:
    """Named events: pieces of what is said, calls of functions, one usage at the end."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}
        self._texts: dict[Any, tuple[dict[str, Any], Text]] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        kind = data.get("type")
        if kind == "conversation.response.started":
            self._top["conversation_id"] = data.get("conversation_id")
        elif kind == "conversation.response.done":
            self.finished = True
            self._top["usage"] = data.get("usage")
        elif kind == "conversation.response.error":
            self.error = {"message": data.get("message"), "code": data.get("code")}
        elif kind in ("message.output.delta", "function.call.delta"):
            name = "content" if kind == "message.output.delta" else "arguments"
            key = data.get("id") or data.get("tool_call_id")
            _, text = self._texts.setdefault(key, ({**data, "type": kind.removesuffix(".delta")}, Text()))
            piece = data.get(name)
            text.add(piece if isinstance(piece, str) else get(piece, "text"))

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        entries = [
            {**entry, "content" if entry["type"] == "message.output" else "arguments": str(text)}
            for entry, text in self._texts.values()
        ]
        return {**self._top, "outputs": entries}


def _describe_ocr(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """Billed by the page; no tokens."""
    document = plain(record.request.get("document"))
    address = pick(document, "document_url", "image_url")
    pages = body.get("pages")
    return {
        s.RESPONSE_MODEL: body.get("model"),
        s.METADATA_PREFIX + "pages": tokens(get(body, "usage_info", "pages_processed")),
        s.INPUT_MESSAGES: [message("user", [image_part(get(address, "url") or address)])] if address else None,
        **output(
            [{"type": "text", "content": get(page, "markdown")} for page in (pages if isinstance(pages, list) else ())],
            None,
        ),
    }


FIM = Protocol("mistral_fim", _describe_fim, openai.CHAT.folder, openai.CHAT.first_token)
CONVERSATIONS = Protocol("mistral_conversations", _describe_conversation, ConversationFolder, openai.CHAT.first_token)
OCR = Protocol("mistral_ocr", _describe_ocr)
