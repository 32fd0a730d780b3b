"""Messages of Claude's own protocol, in the message form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ... import semconv as s
from ..._content import blob
from .._wire.parts import MAPPINGS, text_part


def request_content(request: Mapping[str, Any]) -> dict[str, Any]:
    """What went in."""
    messages = request.get("messages")
    return {
        s.SYSTEM_INSTRUCTIONS: _parts(request.get("system")) or None,
        s.INPUT_MESSAGES: [_message(item) for item in messages] if isinstance(messages, list) else None,
        s.TOOL_DEFINITIONS: [_tool(tool) for tool in request.get("tools") or ()] or None,
    }


def response_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """What came out."""
    reason = body.get("stop_reason")
    out: dict[str, Any] = {s.RESPONSE_FINISH_REASONS: [str(reason)] if reason else None}
    if body.get("content"):
        role = body.get("role") or "assistant"
        out[s.OUTPUT_MESSAGES] = [{"role": role, "parts": _parts(body["content"]), "finish_reason": reason}]
    return out


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, MAPPINGS):
        return {"role": "user", "parts": [text_part(str(message))]}
    parts = _parts(message.get("content"))
    tools = bool(parts) and all(part.get("type") == "tool_call_response" for part in parts)
    return {"role": "tool" if tools else message.get("role") or "user", "parts": parts}


def _parts(blocks: Any) -> list[dict[str, Any]]:
    if isinstance(blocks, str):
        return [text_part(blocks)] if blocks else []
    if not isinstance(blocks, list | tuple):
        return []
    return [part for block in blocks for part in _block(block)]


def _block(block: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(block, MAPPINGS):
        yield text_part(str(block))
        return
    write = _WRITERS.get(str(block.get("type")))
    yield from write(block) if write is not None else (dict(block),)


def _text(block: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    if block.get("text"):
        yield text_part(block["text"])


def _thinking(block: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    yield {"type": "reasoning", "content": block.get("thinking") or "[redacted by the provider]"}


def _tool_use(block: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    kind = "server_tool_call" if block.get("type") == "server_tool_use" else "tool_call"
    yield {"type": kind, "id": block.get("id"), "name": block.get("name"), "arguments": block.get("input")}


def _tool_result(block: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    response = block.get("content")
    if not isinstance(response, str):
        parts = _parts(response)
        texts = all(part.get("type") == "text" for part in parts)
        response = "".join(str(part.get("content")) for part in parts) if texts else parts
    out = {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": response}
    if block.get("is_error"):
        out["status"] = "error"
    yield out


def _media(block: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    source = block.get("source")
    source = source if isinstance(source, MAPPINGS) else {}
    modality = "image" if block.get("type") == "image" else "file"
    kind, data, mime = source.get("type"), source.get("data"), source.get("media_type")
    if kind == "base64" and isinstance(data, str):
        yield blob(data, mime, modality)
    elif kind == "text":
        yield {**text_part(data), "mime_type": mime}
    elif kind == "url":
        yield {"type": "uri", "modality": modality, "uri": source.get("url")}
    else:
        yield {"type": "file", "modality": modality, "file_id": source.get("file_id")}


_WRITERS: dict[str, Callable[[Mapping[str, Any]], Iterable[dict[str, Any]]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
    "tool_use": _tool_use,
    "server_tool_use": _tool_use,
    "tool_result": _tool_result,
    "image": _media,
    "document": _media,
}


def _tool(tool: Any) -> Any:
    if not isinstance(tool, MAPPINGS):
        return tool
    return {
        "type": tool.get("type") or "function",
        "name": tool.get("name"),
        "description": tool.get("description"),
        "parameters": tool.get("input_schema"),
    }
