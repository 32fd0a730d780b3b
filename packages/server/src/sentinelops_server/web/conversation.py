"""Message bodies as a conversation: roles in order, tool calls beside their results, reasoning and long JSON folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from markupsafe import Markup

from .markup import dress, json_tree

__all__ = ["Message", "Part", "conversation", "other_content"]

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "tool": "tool",
    "function": "tool",
}
_LONG_INSTRUCTIONS = 600
_KNOWN = ("input_messages", "output_messages", "system_instructions")
_TITLES = {
    "tool_definitions": "Tools offered",
    "tool_arguments": "Tool arguments",
    "tool_result": "Tool result",
    "documents": "Documents",
    "input": "Input",
    "output": "Output",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message. `kind` is text, reasoning, call, result, media or other; `body` is safe HTML."""

    kind: str
    body: Markup
    title: str = ""
    ident: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `role` is one of system, user, assistant, tool, or other, `label` what the sender called it."""

    role: str
    label: str
    output: bool = False
    finish_reason: str = ""
    parts: list[Part] = field(default_factory=list)


def conversation(content: Mapping[str, Any] | None) -> list[Message]:
    """`Payload.content` as messages, instructions first, the completion last."""
    if not content:
        return []
    messages: list[Message] = []
    instructions = content.get("system_instructions")
    if instructions:
        parts = instructions if isinstance(instructions, list) else [instructions]
        messages.append(Message("system", "system", parts=[_folded(p) for p in parts]))
    for key in ("input_messages", "output_messages"):
        value = content.get(key)
        for item in value if isinstance(value, list) else [value] if value else []:
            messages.append(_message(item, output=key == "output_messages"))
    return messages


def _message(item: Any, output: bool) -> Message:
    if not isinstance(item, Mapping):
        return Message("assistant" if output else "user", "message", output, parts=[_part(item)])
    label = str(item.get("role") or ("assistant" if output else "user"))
    raw = item.get("parts", item.get("content"))
    parts = raw if isinstance(raw, list) else [] if raw is None else [raw]
    role = _ROLES.get(label.lower(), "other")
    return Message(
        role,
        str(item.get("name") or label),
        output,
        str(item.get("finish_reason") or ""),
        [_folded(p) if role == "system" else _part(p) for p in parts],
    )


def _folded(part: Any) -> Part:
    """Long instructions are the same in every call: their beginning is shown, the rest opens."""
    shown = _part(part)
    text = part if isinstance(part, str) else part.get("content", part.get("text")) if isinstance(part, Mapping) else ""
    if shown.kind != "text" or not isinstance(text, str) or len(text) <= _LONG_INSTRUCTIONS:
        return shown
    begin = " ".join(text[:400].split())[:120]
    return Part("text", shown.body, f"{begin}…", f"{len(text):,} characters", folded=True)


def _part(part: Any) -> Part:
    if not isinstance(part, Mapping):
        return Part("text", dress(part) if isinstance(part, str) else json_tree(part))
    kind = str(part.get("type") or "text")
    if kind in ("reasoning", "thinking", "redacted_thinking"):
        return Part("reasoning", _any(part.get("content", part.get("text", ""))), "Reasoning", folded=True)
    if kind == "tool_call":
        return Part("call", _parsed(part.get("arguments")), str(part.get("name") or "tool"), str(part.get("id") or ""))
    if kind in ("tool_call_response", "tool_result"):
        result = part.get("response", part.get("result", part.get("content")))
        return Part("result", _parsed(result), "Result", str(part.get("id") or ""), folded=len(str(result)) > 400)
    text = part.get("content", part.get("text"))
    if kind in ("text", "output_text", "input_text", "refusal") and isinstance(text, str):
        return Part("text", dress(text), "Refusal" if kind == "refusal" else "")
    media = kind in ("blob", "file", "uri", "image", "audio", "video", "image_url", "input_image", "input_audio")
    rest = {k: v for k, v in part.items() if k != "type"}
    return Part("media" if media else "other", json_tree(rest), kind, folded=not media)


def _any(value: Any) -> Markup:
    return dress(value) if isinstance(value, str) else json_tree(value)


def _parsed(value: Any) -> Markup:
    """Arguments and results are often JSON inside a string: shown as the tree they are."""
    if isinstance(value, str) and value[:1] in "{[" and len(value) < 1_000_000:
        try:
            return json_tree(orjson.loads(value))
        except orjson.JSONDecodeError:
            pass
    return _any(value if value is not None else "")


def other_content(content: Mapping[str, Any] | None) -> list[Part]:
    """Give what is not a message: tool definitions, arguments and results of tools, documents, input and output."""
    if not content:
        return []
    return [
        Part("other", _parsed(value), _TITLES.get(key, key), folded=key == "tool_definitions")
        for key, value in content.items()
        if key not in _KNOWN and value is not None
    ]
