"""Messages of chat completions and legacy completions, in the message form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .parts import MAPPINGS, audio_part, file_part, image_part, plain, text_part


def content(api: str, request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Give the content attributes of one call."""
    if api == "embeddings":
        return {s.INPUT_MESSAGES: _prompt_messages(request.get("input"))}
    if api == "completions":
        return {s.INPUT_MESSAGES: _prompt_messages(request.get("prompt")), **_choices(body, _completion_message)}
    return {
        s.INPUT_MESSAGES: [_message(plain(message)) for message in request.get("messages") or ()] or None,
        s.TOOL_DEFINITIONS: _tools(request),
        **_choices(body, _chat_message),
    }


def _tools(request: Mapping[str, Any]) -> list[Any] | None:
    tools = request.get("tools")
    if not tools:
        functions = request.get("functions")
        tools = [{"type": "function", "function": function} for function in functions or ()]
    return [tool_definition(tool) for tool in tools] or None


def tool_definition(tool: Any) -> Any:
    """Flatten to the form of the conventions: {type, name, description, parameters}."""
    tool = plain(tool)
    if isinstance(tool, dict):
        kind = tool.get("type")
        inner = tool.get(kind) if isinstance(kind, str) else None
        if isinstance(inner, MAPPINGS):
            return {"type": kind, **inner}
    return tool


def _prompt_messages(prompt: Any) -> list[dict[str, Any]] | None:
    """Texts; of lists of token numbers only how many there are."""
    if prompt is None:
        return None
    if isinstance(prompt, str):
        prompts: list[Any] = [prompt]
    elif isinstance(prompt, list) and prompt and isinstance(prompt[0], int):
        prompts = [prompt]
    else:
        prompts = list(prompt)
    parts = [text_part(item) if isinstance(item, str) else text_part(f"[{len(item)} tokens]") for item in prompts]
    return [{"role": "user", "parts": [part]} for part in parts]


def _message(message: Any) -> dict[str, Any]:
    """One input message."""
    if not isinstance(message, MAPPINGS):
        return {"role": "user", "parts": [text_part(str(message))]}
    role = message.get("role") or "user"
    if role in ("tool", "function"):
        part: dict[str, Any] = {
            "type": "tool_call_response",
            "id": message.get("tool_call_id"),
            "response": _text_or_parts(message.get("content")),
        }
        if message.get("name"):
            part["name"] = message["name"]
        return {"role": "tool", "parts": [part]}
    out: dict[str, Any] = {"role": role, "parts": _assistant_parts(message)}
    if message.get("name"):
        out["name"] = message["name"]
    return out


def _text_or_parts(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    parts = list(_content_parts(value))
    if all(part.get("type") == "text" for part in parts):
        return "".join(str(part.get("content")) for part in parts)
    return parts


def _assistant_parts(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        parts.append({"type": "reasoning", "content": reasoning})
    parts.extend(_content_parts(message.get("content")))
    if message.get("refusal"):
        parts.append({"type": "refusal", "content": message["refusal"]})
    audio = message.get("audio")
    if isinstance(audio, MAPPINGS):
        parts.extend(audio_part(audio))
    for call in message.get("tool_calls") or ():
        parts.append(_tool_call(plain(call)))
    function = message.get("function_call")
    if isinstance(function, MAPPINGS):
        parts.append({"type": "tool_call", "name": function.get("name"), "arguments": function.get("arguments")})
    return parts


def _tool_call(call: Any) -> dict[str, Any]:
    kind = call.get("type") or ("custom" if "custom" in call else "function")
    inner = call.get(kind)
    inner = inner if isinstance(inner, MAPPINGS) else {}
    arguments = inner.get("arguments") if kind == "function" else inner.get("input")
    return {"type": "tool_call", "id": call.get("id"), "name": inner.get("name"), "arguments": arguments}


def _content_parts(value: Any) -> Iterable[dict[str, Any]]:
    if value is None or value == "":
        return
    if isinstance(value, str):
        yield text_part(value)
        return
    for item in value:
        part = plain(item)
        if not isinstance(part, MAPPINGS):
            yield text_part(str(part))
            continue
        yield from _content_part(part)


def _content_part(part: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    kind = part.get("type")
    if kind == "text":
        yield text_part(part.get("text"))
    elif kind == "refusal":
        yield {"type": "refusal", "content": part.get("refusal")}
    elif kind == "image_url":
        url = part.get("image_url")
        yield image_part(url.get("url") if isinstance(url, MAPPINGS) else url)
    elif kind == "input_audio":
        yield from audio_part(part.get("input_audio") or {})
    elif kind == "file":
        yield file_part(part.get("file") or {})
    else:
        yield dict(part)


def _choices(body: Mapping[str, Any], message_of: Any) -> dict[str, Any]:
    choices = body.get("choices")
    if not isinstance(choices, list) or not choices:
        return {}
    reasons = [str(choice["finish_reason"]) for choice in choices if choice.get("finish_reason")]
    return {
        s.RESPONSE_FINISH_REASONS: reasons or None,
        s.OUTPUT_MESSAGES: [message_of(choice) for choice in choices],
    }


def _chat_message(choice: Mapping[str, Any]) -> dict[str, Any]:
    message = choice.get("message")
    message = message if isinstance(message, MAPPINGS) else {}
    return {
        "role": message.get("role") or "assistant",
        "parts": _assistant_parts(message),
        "finish_reason": choice.get("finish_reason"),
    }


def _completion_message(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "role": "assistant",
        "parts": [text_part(choice.get("text"))],
        "finish_reason": choice.get("finish_reason"),
    }
