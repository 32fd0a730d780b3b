"""Message bodies of any spelling, brought to the one shape that Payload.content documents: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ..model import LogRecord
from .json_text import parse_json, writable
from .parts import is_canonical, read_part, text_part, tool_call

__all__ = [
    "MESSAGE_EVENTS",
    "canonical_messages",
    "content_from_log_records",
    "event_content",
    "flattened_messages",
    "merge_content",
    "preview",
]

PREVIEW_CHARACTERS = 96

# log or span events of one message each, 1.28 to 1.36 -> role
MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}

# attributes that hold a whole list -> key of Payload.content
CONTENT_ATTRIBUTES = {
    "gen_ai.input.messages": "input_messages",
    "gen_ai.output.messages": "output_messages",
    "gen_ai.system_instructions": "system_instructions",
    "gen_ai.tool.definitions": "tool_definitions",
    "gen_ai.tool.call.arguments": "tool_arguments",
    "gen_ai.tool.call.result": "tool_result",
    "gen_ai.retrieval.documents": "documents",
}


def canonical_messages(value: Any, role: str = "user") -> list[dict[str, Any]]:
    """Turn a list, one message, a JSON string or plain text into [{role, parts}]; `role` is for what names none."""
    if type(value) is str and value[:1] == "[":
        try:
            found = orjson.loads(value)
            if _are_plain(found):
                return found  # type: ignore[no-any-return]
            value = writable(value, found)
        except orjson.JSONDecodeError:
            pass
    else:
        value = parse_json(value)
    if value is None or value == "":
        return []
    if isinstance(value, Mapping):
        inner = value.get("messages")
        value = inner if isinstance(inner, list) else [value]
    if not isinstance(value, list):
        return [{"role": role, "parts": [text_part(value)]}]
    return value if _are_canonical(value) else [_message(item, role) for item in value]


def _are_plain(messages: list[Any]) -> bool:
    """Whether this is what comes most: texts in the conventions' own shape and nothing else, so nothing is deep."""
    for message in messages:
        if type(message) is not dict or type(message.get("role")) is not str or not message["role"]:
            return False
        parts = message.get("parts")
        if type(parts) is not list or len(message) > 2 + (type(message.get("finish_reason")) is str):
            return False
        for part in parts:
            if type(part) is not dict or len(part) != 2 or type(part.get("content")) is not str:
                return False
            if part.get("type") != "text":
                return False
    return True


def _message(item: Any, role: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        return {"role": role, "parts": [text_part(item)]}
    parts = item.get("parts")
    inner = item.get("message")
    if isinstance(inner, dict) and "role" not in item and "content" not in item:  # a choice of OpenAI's answer
        reason = item.get("finish_reason")
        return _message({**inner, "finish_reason": reason} if reason else inner, role)
    if isinstance(parts, list):
        message = {**item, "role": str(item.get("role") or role)}
        message["parts"] = [part if is_canonical(part) else read_part(part) for part in parts]
        return message
    return _chat_message(item, role)


def _are_canonical(messages: list[Any]) -> bool:
    """Whether nothing has to be done, as is usual: all of it is text in the conventions' own shape."""
    for message in messages:
        if type(message) is not dict:
            return False
        role, parts = message.get("role"), message.get("parts")
        if type(role) is not str or not role or type(parts) is not list:
            return False
        for part in parts:
            if not is_canonical(part):
                return False
    return True


def _chat_message(item: dict[str, Any], role: str) -> dict[str, Any]:
    """Read a provider's own chat message: {role, content, tool_calls, tool_call_id}."""
    role = str(item.get("role") or role)
    content = item.get("content", item.get("text"))
    call_id = item.get("tool_call_id") or item.get("id")
    if role == "tool":
        parts = [{"type": "tool_call_response", "id": call_id, "response": content}]
    elif isinstance(content, list):
        parts = [read_part(part) for part in content]
    elif content is None or content == "":
        parts = []
    else:
        parts = [text_part(content)]
    for name in ("reasoning_content", "reasoning"):
        if isinstance(item.get(name), str):
            parts.insert(0, {"type": "reasoning", "content": item[name]})
            break
    if isinstance(item.get("refusal"), str):
        parts.append({"type": "refusal", "content": item["refusal"]})
    calls = item.get("tool_calls")
    if isinstance(calls, list):
        parts += [tool_call(call) for call in calls]
    message: dict[str, Any] = {"role": role, "parts": parts}
    for name in ("name", "finish_reason"):
        if item.get(name) is not None:
            message[name] = item[name]
    return message


def event_content(name: str, body: Any, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Content of one GenAI event, span event or log record; empty when the event holds none.

    Bodies of the 1.28-1.36 events may stand in `body` (log records), there also as JSON text, or in `attributes` (span
    events).
    """
    body = parse_json(body)
    if name in MESSAGE_EVENTS:
        return _message_event(name, body if isinstance(body, Mapping) and body else attributes)
    if name in ("gen_ai.content.prompt", "gen_ai.content.completion"):
        return _content_event(name, attributes)
    source = body if isinstance(body, Mapping) and any(key in body for key in CONTENT_ATTRIBUTES) else attributes
    content: dict[str, Any] = {}
    for attribute, key in CONTENT_ATTRIBUTES.items():
        if (value := source.get(attribute)) is not None:
            content[key] = _canonical_value(key, value)
    return content


def _canonical_value(key: str, value: Any) -> Any:
    if key == "input_messages":
        return canonical_messages(value)
    if key == "output_messages":
        return canonical_messages(value, "assistant")
    if key == "system_instructions":
        return instructions(value)
    return parse_json(value)


def instructions(value: Any) -> list[dict[str, Any]]:
    """System instructions as a list of parts, from parts, a JSON string, messages or plain text."""
    value = parse_json(value)
    if isinstance(value, list):
        parts: list[dict[str, Any]] = []
        for item in value:
            if isinstance(item, dict) and ("parts" in item or "role" in item):
                parts += _message(item, "system")["parts"]
            else:
                parts.append(read_part(item))
        return parts
    return [text_part(value)]


def _message_event(name: str, body: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(body)
    if name == "gen_ai.choice":
        message = parse_json(fields.get("message", fields))
        message = dict(message) if isinstance(message, Mapping) else {"content": message}  # its content alone
        if (reason := fields.get("finish_reason")) is not None:
            message = {**message, "finish_reason": reason}
    else:
        message = fields
    for key in ("content", "tool_calls"):
        if key in message:
            message[key] = parse_json(message[key]) if key == "tool_calls" else _content_of(message[key])
    canonical = _message(message, MESSAGE_EVENTS[name])
    if name == "gen_ai.choice":
        return {"output_messages": [canonical]}
    return {"input_messages": [canonical]}


def _content_of(value: Any) -> Any:
    parsed = parse_json(value)
    return parsed if isinstance(parsed, list) else value


def _content_event(name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    if name == "gen_ai.content.prompt":
        value = attributes.get("gen_ai.prompt")
        return {} if value is None else {"input_messages": canonical_messages(value)}
    value = attributes.get("gen_ai.completion")
    return {} if value is None else {"output_messages": canonical_messages(value, "assistant")}


def merge_content(content: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add `more` to `content`; lists of messages are appended, anything else is kept when already there."""
    for key, value in more.items():
        if key in content and isinstance(content[key], list) and isinstance(value, list):
            content[key] = content[key] + value
        else:
            content.setdefault(key, value)


def content_from_log_records(records: Iterable[LogRecord]) -> dict[str, Any]:
    """Payload.content of one span, out of the log records that carry its messages, in the order of their time.

    A details event holds all messages of a call, so it wins over events of one message each; nothing is shown twice.
    """
    single: dict[str, Any] = {}
    whole: dict[str, Any] = {}
    for record in sorted(records, key=lambda record: record.timestamp_ns):
        name = record.event_name or ""
        content = event_content(name, record.body, record.attributes)
        if name in MESSAGE_EVENTS or name.startswith("gen_ai.content."):
            merge_content(single, content)
        else:
            whole.update(content)
    return {**single, **whole}


def flattened_messages(attributes: Mapping[str, Any], prefix: str, role: str) -> list[dict[str, Any]]:
    """Messages out of `<prefix>N.role`, `<prefix>N.content`, `<prefix>N.tool_calls.M.name`; `prefix` ends in a dot."""
    found: dict[int, dict[str, Any]] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        index, _, field = key[len(prefix) :].partition(".")
        if not index.isdecimal() or len(index) > 9 or not field:
            continue
        message = found.setdefault(int(index), {})
        if field.startswith("tool_calls."):
            number, _, name = field[len("tool_calls.") :].partition(".")
            message.setdefault("tool_calls", {}).setdefault(number, {})[name.removeprefix("function.")] = value
        else:
            message[field] = _content_of(value) if field == "content" else value
    messages = []
    for message_number in sorted(found):
        message = found[message_number]
        if calls := message.get("tool_calls"):
            message["tool_calls"] = [calls[position] for position in sorted(calls, key=_position)]
        messages.append(_message(message, role))
    return messages


def _position(text: str) -> tuple[int, str]:
    """Order of numbers that came as text: 2 before 10."""
    return len(text), text


def preview(messages: Iterable[Mapping[str, Any]], role: str | None = None) -> str | None:
    """Return 96 characters of the last message (of `role`, if given) that has text; a tool call counts as its name."""
    for message in reversed(list(messages)):
        if role is not None and message.get("role") != role:
            continue
        for part in message.get("parts") or ():
            if text := _preview_of(part):
                return text
    return None


def _preview_of(part: Any) -> str | None:
    if not isinstance(part, Mapping):
        return None
    content = part.get("content")
    if isinstance(content, str) and part.get("type") != "reasoning" and content.strip():
        return content.strip()[:PREVIEW_CHARACTERS]
    if part.get("type") == "tool_call":
        return f"{part.get('name')}()"[:PREVIEW_CHARACTERS]
    return None
