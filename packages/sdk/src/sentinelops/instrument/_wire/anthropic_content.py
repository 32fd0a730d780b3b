"""Messages of the Messages API, in the message form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ... import semconv as s
from ..._content import blob
from .parts import MAPPINGS, plain, text_part

REDACTED = "[redacted by the provider]"
# Unreadable to all but the provider, and long.
_SEALED = frozenset(("signature", "encrypted_content", "encrypted_index", "encrypted_stdout"))


def request_content(request: Mapping[str, Any]) -> dict[str, Any]:
    """Give the content attributes of a request; of a legacy completion too."""
    messages: Any = request.get("messages")
    tools: Any = request.get("tools")
    if messages is None and isinstance(request.get("prompt"), str):
        return {s.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(request["prompt"])]}]}
    return {
        s.SYSTEM_INSTRUCTIONS: _parts(request.get("system")) or None,
        s.INPUT_MESSAGES: [_message(plain(item)) for item in messages] if _listed(messages) else None,
        s.TOOL_DEFINITIONS: ([_tool(plain(tool)) for tool in tools] or None) if _listed(tools) else None,
    }


def response_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the content attributes of an answer, as it would stand without streaming."""
    reason = body.get("stop_reason")
    reason = reason if isinstance(reason, str) else None
    parts = _parts(body.get("content"))
    if isinstance(body.get("completion"), str):
        parts = [text_part(body["completion"])]
    details = body.get("stop_details")
    if isinstance(details, MAPPINGS) and details.get("explanation"):
        parts.append({"type": "refusal", "content": details["explanation"]})
    message = {"role": body.get("role") or "assistant", "parts": parts, "finish_reason": reason}
    return {
        s.RESPONSE_FINISH_REASONS: [reason] if reason else None,
        s.OUTPUT_MESSAGES: [message] if parts or reason else None,
    }


def _listed(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, MAPPINGS):
        return {"role": "user", "parts": [text_part(str(message))]}
    parts = _parts(message.get("content"))
    tools = bool(parts) and all(part.get("type") == "tool_call_response" for part in parts)
    return {"role": "tool" if tools else message.get("role") or "user", "parts": parts}


def _parts(blocks: Any) -> list[dict[str, Any]]:
    if isinstance(blocks, str):
        return [text_part(blocks)] if blocks else []
    return [part for block in blocks for part in _block(plain(block))] if _listed(blocks) else []


def _block(block: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(block, MAPPINGS):
        yield text_part(str(block))
        return
    kind = str(block.get("type"))
    write = _WRITERS.get(kind)
    if write is None:
        write = _server_result if kind.endswith("_tool_result") else _other
    part = write(block)
    if block.get("cache_control"):
        part["cache_control"] = block["cache_control"]
    yield part


def _text(block: Mapping[str, Any]) -> dict[str, Any]:
    part = text_part(block.get("text"))
    if block.get("citations"):
        part["citations"] = _opened(block["citations"])
    return part


def _thinking(block: Mapping[str, Any]) -> dict[str, Any]:
    """What was thought; sealed or left out by the provider, that there was something."""
    return {"type": "reasoning", "content": block.get("thinking") or REDACTED}


def _tool_use(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "id": block.get("id"), "name": block.get("name"), "arguments": block.get("input")}


def _server_tool_use(block: Mapping[str, Any]) -> dict[str, Any]:
    name = block.get("name")
    call: dict[str, Any] = {"type": name, "input": block.get("input")}
    if block.get("server_name"):
        call["server_name"] = block["server_name"]
    return {"type": "server_tool_call", "id": block.get("id"), "name": name, "server_tool_call": call}


def _server_result(block: Mapping[str, Any]) -> dict[str, Any]:
    kind = str(block.get("type"))
    result: dict[str, Any] = {"type": kind.removesuffix("_tool_result"), "content": _opened(block.get("content"))}
    if block.get("is_error"):
        result["is_error"] = True
    return {"type": "server_tool_call_response", "id": block.get("tool_use_id"), "server_tool_call_response": result}


def _tool_result(block: Mapping[str, Any]) -> dict[str, Any]:
    response = block.get("content")
    if not isinstance(response, str):
        parts = _parts(response)
        texts = all(part.get("type") == "text" for part in parts)
        response = "".join(str(part.get("content")) for part in parts) if texts else parts
    out = {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": response}
    if block.get("is_error"):
        out["status"] = "error"
    return out


def _media(block: Mapping[str, Any]) -> dict[str, Any]:
    source = block.get("source")
    source = source if isinstance(source, MAPPINGS) else {}
    modality = "image" if block.get("type") == "image" else "file"
    kind, data, mime = source.get("type"), source.get("data"), source.get("media_type")
    if kind == "base64":
        part = blob(data if isinstance(data, str | bytes) else str(data), mime, modality)
    elif kind == "text":
        part = {**text_part(data), "mime_type": mime}
    elif kind == "content":
        part = {"type": "document", "parts": _parts(source.get("content"))}
    elif kind == "url":
        part = {"type": "uri", "modality": modality, "uri": source.get("url")}
    else:
        part = {"type": "file", "modality": modality, "file_id": source.get("file_id")}
    part.update({name: block[name] for name in ("title", "context") if block.get(name)})
    return part


def _search_result(block: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "search_result", "source": block.get("source"), "title": block.get("title"),
            "parts": _parts(block.get("content"))}  # fmt: skip


def _other(block: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = _opened(block)
    return out


def _opened(value: Any) -> Any:
    """Copy without what only the provider can read; pictures and files inside become hash and size."""
    if isinstance(value, MAPPINGS):
        if value.get("type") in ("image", "document") and isinstance(value.get("source"), MAPPINGS):
            return _media(value)
        return {name: _opened(item) for name, item in value.items() if name not in _SEALED and item is not None}
    if _listed(value):
        return [_opened(plain(item)) for item in value]
    return value


_WRITERS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _thinking,
    "tool_use": _tool_use,
    "server_tool_use": _server_tool_use,
    "mcp_tool_use": _server_tool_use,
    "tool_result": _tool_result,
    "image": _media,
    "document": _media,
    "search_result": _search_result,
}


def _tool(tool: Any) -> Any:
    """Write a tool of the host's in the form of the conventions; one of the provider's stands as it was given."""
    if not isinstance(tool, MAPPINGS):
        return tool
    if "input_schema" not in tool:
        return _opened(tool)
    out = {"type": "function", "name": tool.get("name"), "description": tool.get("description"),
           "parameters": tool.get("input_schema")}  # fmt: skip
    out.update({name: tool[name] for name in ("cache_control", "strict", "defer_loading") if tool.get(name)})
    return out
