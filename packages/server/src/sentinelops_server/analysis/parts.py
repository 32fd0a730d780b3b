"""Parts of a message in any spelling, brought to the conventions' shape: pure functions."""

from __future__ import annotations

from typing import Any

from .json_text import json_of, parse_json

__all__ = ["is_canonical", "read_part", "text_part", "tool_call"]


def text_part(value: Any) -> dict[str, Any]:
    """Return a text part; what is no text is its JSON."""
    return {"type": "text", "content": value if isinstance(value, str) else json_of(value)}


def tool_call(call: Any) -> dict[str, Any]:
    """Return a tool call of OpenAI's, Anthropic's or LangChain's spelling as a part."""
    if not isinstance(call, dict):
        return text_part(call)
    function = call.get("function")
    source = function if isinstance(function, dict) else call
    arguments = source.get("arguments", source.get("input", source.get("args")))
    return {"type": "tool_call", "id": call.get("id"), "name": source.get("name"), "arguments": parse_json(arguments)}


def is_canonical(part: Any) -> bool:
    """Whether a part is in the conventions' own shape already, as is usual."""
    return type(part) is dict and part.get("type") in ("text", "reasoning") and "content" in part


def read_part(part: Any) -> dict[str, Any]:
    """One part of a message in the conventions' shape, from it or from OpenAI's and Anthropic's."""
    if not isinstance(part, dict):
        return text_part(part)
    kind = part.get("type")
    reader = _PART_READERS.get(kind) if isinstance(kind, str) else None
    if reader is not None:
        return reader(part)
    if kind is None and (read := _bedrock_part(part)) is not None:
        return read
    return {"type": str(kind or "unknown"), **{key: value for key, value in part.items() if key != "type"}}


def _bedrock_part(part: dict[str, Any]) -> dict[str, Any] | None:
    """A part that is told by its one key, as in Bedrock's Converse."""
    if isinstance(part.get("text"), str):
        return text_part(part["text"])
    call, result = part.get("toolUse"), part.get("toolResult")
    if isinstance(call, dict):
        return {
            "type": "tool_call",
            "id": call.get("toolUseId"),
            "name": call.get("name"),
            "arguments": call.get("input"),
        }
    if isinstance(result, dict):
        return {"type": "tool_call_response", "id": result.get("toolUseId"), "response": result.get("content")}
    return None


def _text_part(part: dict[str, Any]) -> dict[str, Any]:
    return text_part(part.get("content", part.get("text", "")))


def _reasoning_part(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "reasoning", "content": part.get("content", part.get("thinking", part.get("text", "")))}


def _call_part(part: dict[str, Any]) -> dict[str, Any]:
    return {**tool_call(part), "type": "tool_call"}


def _response_part(part: dict[str, Any]) -> dict[str, Any]:
    response = part.get("response", part.get("result", part.get("content", part.get("output"))))
    return {
        "type": "tool_call_response",
        "id": part.get("id", part.get("tool_use_id", part.get("call_id"))),
        "response": parse_json(response),
    }


def _image_part(part: dict[str, Any]) -> dict[str, Any]:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    return {"type": "uri", "modality": "image", "uri": url}


_PART_READERS = {
    "text": _text_part,
    "input_text": _text_part,
    "output_text": _text_part,
    "reasoning": _reasoning_part,
    "thinking": _reasoning_part,
    "tool_call": _call_part,
    "tool_use": _call_part,
    "function_call": _call_part,
    "tool_call_response": _response_part,
    "tool_result": _response_part,
    "function_call_output": _response_part,
    "image_url": _image_part,
    "input_image": _image_part,
}
