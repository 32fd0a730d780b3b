"""Haystack's messages, documents and anything else that a component is given, as plain structures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..._content import blob

_DEPTH = 12
_PLAIN = (str, int, float, bool, type(None))


def held(value: Any) -> Any:
    """Keep it as it is now as far as that is cheap: the containers are copies, what is in them is the host's own."""
    if type(value) is dict:
        return {key: item.copy() if type(item) in (list, dict) else item for key, item in value.items()}
    if isinstance(value, Mapping):
        return dict(value)
    return value.copy() if type(value) is list else value


def plain(value: Any, depth: int = 0) -> Any:
    """Write anything as JSON can hold it: vectors by their length, bytes by their hash, functions by their name."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, _PLAIN):
        return value
    if depth > _DEPTH:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        if len(value) > 8 and all(isinstance(item, float) for item in value):
            return f"<{len(value)} numbers>"
        return [plain(item, depth + 1) for item in value]
    return _object(value, depth)


def _object(value: Any, depth: int) -> Any:
    name = type(value).__name__
    if name == "ChatMessage":
        return message(value)
    if name == "Document":
        return document(value)
    if isinstance(value, bytes):
        return blob(value)
    if name in ("ByteStream", "ImageContent", "FileContent"):
        return _binary(value)
    if callable(value) or isinstance(value, type):
        return f"<{getattr(value, '__name__', name)}>"
    if _is_tool(value):
        return tool_definition(value)
    if dataclasses.is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name, None), depth + 1)
            for field in dataclasses.fields(value)
            if not field.name.startswith("_")
        }
    return f"<{name}>"


def _binary(value: Any) -> dict[str, Any]:
    name = type(value).__name__
    if name == "ImageContent":
        return blob(value.base64_image, value.mime_type, "image")
    if name == "FileContent":
        return blob(value.base64_data, value.mime_type, "file")
    return blob(value.data, value.mime_type, "file")


def document(value: Any) -> dict[str, Any]:
    """Write a document: what was found, how well it fits; never its vector."""
    written = {
        "id": value.id,
        "score": None if value.score is None else float(value.score),
        "content": value.content,
        "metadata": plain(value.meta) or None,
    }
    return {key: item for key, item in written.items() if item is not None}


def documents(found: Any) -> list[dict[str, Any]] | None:
    """Write those of a list that are documents."""
    if not isinstance(found, list):
        return None
    return [document(item) if type(item).__name__ == "Document" else plain(item) for item in found]


def message(value: Any, finish_reason: Any = None) -> dict[str, Any]:
    """Write a message as {role, parts}."""
    written: dict[str, Any] = {"role": value.role.value, "parts": [_part(item) for item in value._content]}
    if finish_reason:
        written["finish_reason"] = str(finish_reason)
    return written


def _part(item: Any) -> Any:
    name = type(item).__name__
    if name == "TextContent":
        return {"type": "text", "content": item.text}
    if name == "ReasoningContent":
        return {"type": "reasoning", "content": item.reasoning_text}
    if name == "ToolCall":
        return {"type": "tool_call", "id": item.id, "name": item.tool_name, "arguments": plain(item.arguments)}
    if name == "ToolCallResult":
        return {"type": "tool_call_response", "id": item.origin.id, "response": plain(item.result)}
    return plain(item)


def _is_tool(value: Any) -> bool:
    return hasattr(value, "name") and hasattr(value, "parameters") and hasattr(value, "description")


def tool_definition(tool: Any) -> dict[str, Any]:
    """Write what a model is told of a tool."""
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": plain(tool.parameters),
    }


def tool_definitions(tools: Any) -> list[Any] | None:
    """Write tools, those of toolsets too."""
    if not tools:
        return None
    found: list[Any] = []
    for tool in tools if isinstance(tools, list | tuple) else [tools]:
        if _is_tool(tool):
            found.append(tool_definition(tool))
        elif isinstance(getattr(tool, "tools", None), list):
            found += [tool_definition(item) for item in tool.tools]
    return found or None
