"""LangChain's messages as the conventions' `{role, parts}`; runs in the export thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..._content import blob
from .._wire.parts import file_part, image_part, text_part

_ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant", "HumanMessageChunk": "user",
          "SystemMessageChunk": "system", "ToolMessageChunk": "tool", "function": "tool"}  # fmt: skip
_CALLS = frozenset(("tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta"))


def messages(given: Iterable[Any]) -> list[dict[str, Any]]:
    """Of a prompt: messages, or texts."""
    return [message(item) for item in given]


def message(given: Any, finish_reason: str | None = None, role: str = "user") -> dict[str, Any]:
    """One message; a text is of `role`."""
    if isinstance(given, str):
        out: dict[str, Any] = {"role": role, "parts": [text_part(given)]}
    elif not hasattr(given, "content"):
        return {"role": role, "parts": [{"type": "unknown", "content": given}]}
    else:
        kind = given.type
        out = {"role": given.role if kind == "chat" else _ROLES.get(kind, kind), "parts": _parts(given)}
        if isinstance(getattr(given, "name", None), str):
            out["name"] = given.name
    if finish_reason:
        out["finish_reason"] = finish_reason
    return out


def _parts(given: Any) -> list[dict[str, Any]]:
    if getattr(given, "tool_call_id", None):
        return [{"type": "tool_call_response", "id": given.tool_call_id, "response": given.content}]
    parts = _reasoning(given)
    content = given.content
    for block in [content] if isinstance(content, str) else content:
        if isinstance(block, str):
            if block:
                parts.append(text_part(block))
        elif isinstance(block, Mapping) and block.get("type") not in _CALLS:
            parts.append(_part(block))
    for call in (*(getattr(given, "tool_calls", None) or ()), *(getattr(given, "invalid_tool_calls", None) or ())):
        parts.append(
            {"type": "tool_call", "id": call.get("id"), "name": call.get("name"), "arguments": call.get("args")}
        )
    return parts


def _reasoning(given: Any) -> list[dict[str, Any]]:
    thought = given.additional_kwargs.get("reasoning_content") if given.additional_kwargs else None
    return [{"type": "reasoning", "content": thought}] if isinstance(thought, str) and thought else []


def _thought(block: Mapping[str, Any]) -> dict[str, Any]:
    text = block.get("thinking") or block.get("reasoning")
    if not isinstance(text, str):
        summary = block.get("summary")
        told = summary if isinstance(summary, list) else []
        text = "\n".join(str(item.get("text", "")) for item in told if isinstance(item, Mapping))
    return {"type": "reasoning", "content": text}


def _media(block: Mapping[str, Any]) -> dict[str, Any]:
    """An image, a sound or a file: OpenAI's, Anthropic's or LangChain's own way to say it."""
    modality = "audio" if "audio" in str(block.get("type")) else str(block.get("type"))
    source = block.get("source") if isinstance(block.get("source"), Mapping) else block
    mime = source.get("mime_type") or source.get("media_type")  # type: ignore[union-attr]
    data = source.get("data") or source.get("base64")  # type: ignore[union-attr]
    inner = block.get("input_audio") or block.get("file")
    if isinstance(inner, Mapping):
        data = inner.get("data")
        mime = f"audio/{inner.get('format') or 'unknown'}"
        if data is None:
            return file_part(inner)
    if isinstance(data, str | bytes):
        return blob(data, mime if isinstance(mime, str) else None, modality)
    url = block.get("image_url") or source.get("url")  # type: ignore[union-attr]
    if isinstance(url, Mapping):
        url = url.get("url")
    if isinstance(url, str):
        return image_part(url) if modality.startswith("image") else {"type": "uri", "modality": modality, "uri": url}
    return {"type": "file", "modality": modality, "file_id": source.get("id") or source.get("file_id")}  # type: ignore[union-attr]


def _text(block: Mapping[str, Any]) -> dict[str, Any]:
    return text_part(block.get("text", ""))


_PARTS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(("text", "input_text", "output_text"), _text),
    **dict.fromkeys(("thinking", "reasoning"), _thought),
    **dict.fromkeys(("image_url", "image", "input_audio", "audio", "file", "video", "document"), _media),
}


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    kind = block.get("type")
    known = _PARTS.get(kind) if isinstance(kind, str) else None
    return dict(block) if known is None else known(block)
