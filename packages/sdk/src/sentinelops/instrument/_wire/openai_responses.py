"""Items of the Responses API, in the message form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .openai_chat import tool_definition
from .parts import MAPPINGS, audio_part, file_part, image_part, plain, text_part

# a tool that runs on the host's side: the model asks, the host answers
_CALLS = {
    "function_call": "arguments",
    "custom_tool_call": "input",
    "computer_call": "action",
    "local_shell_call": "action",
    "shell_call": "action",
    "apply_patch_call": "operation",
    "mcp_approval_request": "arguments",
}
# a tool that runs on the provider's side: call and outcome come in one item
_SERVER_CALLS = (
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_call",
    "mcp_list_tools",
    "tool_search_call",
    "tool_search_output",
    "program",
    "program_output",
)


def content(request: Mapping[str, Any], body: Mapping[str, Any], *, fetched: bool) -> dict[str, Any]:
    """Give the content attributes of one call; a fetch has no request, and its output was made elsewhere."""
    output = [item for item in body.get("output") or () if isinstance(item, MAPPINGS)]
    reason = None if fetched else finish_reason(body, output)
    instructions = request.get("instructions") or (body.get("instructions") if fetched else None)
    return {
        s.SYSTEM_INSTRUCTIONS: _instructions(instructions),
        s.INPUT_MESSAGES: _input_messages(request.get("input")),
        s.TOOL_DEFINITIONS: [tool_definition(tool) for tool in request.get("tools") or ()] or None,
        s.OUTPUT_MESSAGES: _output_messages(output, reason),
        s.RESPONSE_FINISH_REASONS: [reason] if reason else None,
    }


def finish_reason(body: Mapping[str, Any], output: list[Mapping[str, Any]]) -> str | None:
    """In the words of chat completions; None while the response is still being made."""
    status = body.get("status")
    if status == "completed":
        asks = any(item.get("type") in _CALLS for item in output)
        return "tool_calls" if asks else "stop"
    if status == "incomplete":
        details = body.get("incomplete_details")
        reason = details.get("reason") if isinstance(details, MAPPINGS) else None
        return "length" if reason == "max_output_tokens" else str(reason or "incomplete")
    return {"failed": "error", "cancelled": "cancelled"}.get(str(status))


def _instructions(value: Any) -> list[dict[str, Any]] | None:
    if not value:
        return None
    if isinstance(value, str):
        return [text_part(value)]
    return [part for item in value for part in _item_parts(plain(item))]


def _input_messages(value: Any) -> list[dict[str, Any]] | None:
    if not value:
        return None
    if isinstance(value, str):
        return [{"role": "user", "parts": [text_part(value)]}]
    messages: list[dict[str, Any]] = []
    for raw in value:
        item = plain(raw)
        role = _role(item)
        parts = list(_item_parts(item))
        # items of one turn of the model stand one after the other; they are one message
        if messages and role == "assistant" and messages[-1]["role"] == role:
            messages[-1]["parts"].extend(parts)
        else:
            messages.append({"role": role, "parts": parts})
    return messages


def _role(item: Any) -> str:
    if not isinstance(item, MAPPINGS):
        return "user"
    if item.get("role"):
        return str(item["role"])
    kind = str(item.get("type") or "")
    if kind.endswith("_call_output") or kind == "mcp_approval_response":
        return "tool"
    return "user" if kind in ("", "item_reference", "message") else "assistant"


def _output_messages(output: list[Mapping[str, Any]], reason: str | None) -> list[dict[str, Any]] | None:
    parts = [part for item in output for part in _item_parts(item)]
    if not parts:
        return None
    return [{"role": "assistant", "parts": parts, "finish_reason": reason}]


def _item_parts(item: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(item, MAPPINGS):
        yield text_part(str(item))
        return
    kind = str(item.get("type") or "message")
    if kind == "message":
        yield from _content_parts(item.get("content"))
    elif kind in _CALLS:
        yield _call(kind, item)
    elif kind.endswith("_call_output") or kind == "mcp_approval_response":
        yield _call_output(item)
    elif kind == "reasoning":
        yield from _reasoning(item)
    elif kind in _SERVER_CALLS:
        yield from _server_call(kind, item)
    elif kind == "compaction":
        yield {"type": "compaction", "id": item.get("id")}
    else:
        yield {key: value for key, value in item.items() if key != "encrypted_content"}


def _call(kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
    name = item.get("name") or kind.removesuffix("_call")
    return {
        "type": "tool_call",
        "id": item.get("call_id") or item.get("id"),
        "name": name,
        "arguments": item.get(_CALLS[kind]),
    }


def _call_output(item: Mapping[str, Any]) -> dict[str, Any]:
    output = item.get("output", item.get("approve"))
    if isinstance(output, list):
        output = list(_content_parts(output))
    elif isinstance(output, MAPPINGS) and "image_url" in output:
        output = image_part(output["image_url"])
    return {
        "type": "tool_call_response",
        "id": item.get("call_id") or item.get("approval_request_id") or item.get("id"),
        "response": output,
    }


def _reasoning(item: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for part in (*(item.get("summary") or ()), *(item.get("content") or ())):
        text = part.get("text") if isinstance(part, MAPPINGS) else part
        if text:
            yield {"type": "reasoning", "content": text}


def _server_call(kind: str, item: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    identity = item.get("id")
    name = str(item.get("name") or kind.removesuffix("_call"))
    outcome = ("result", "results", "output", "outputs", "error", "tools")
    asked = {
        key: value
        for key, value in item.items()
        if key not in ("id", "type", "name", "encrypted_content", *outcome) and value is not None
    }
    yield {"type": "server_tool_call", "id": identity, "name": name, "server_tool_call": {"type": name, **asked}}
    answered = {key: item[key] for key in outcome if item.get(key) is not None}
    if kind == "image_generation_call" and isinstance(answered.get("result"), str):
        image = f"data:image/{item.get('output_format') or 'png'};base64,{answered['result']}"
        answered["result"] = image_part(image)
    if answered:
        yield {
            "type": "server_tool_call_response",
            "id": identity,
            "server_tool_call_response": {"type": name, **answered},
        }


def _content_parts(value: Any) -> Iterable[dict[str, Any]]:
    if not value:
        return
    if isinstance(value, str):
        yield text_part(value)
        return
    for raw in value:
        part = plain(raw)
        if not isinstance(part, MAPPINGS):
            yield text_part(str(part))
            continue
        yield from _content_part(part)


def _content_part(part: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    kind = str(part.get("type") or "")
    if kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        yield text_part(part.get("text"))
    elif kind == "refusal":
        yield {"type": "refusal", "content": part.get("refusal")}
    elif kind in ("input_image", "computer_screenshot"):
        if part.get("image_url"):
            yield image_part(part["image_url"])
        else:
            yield {"type": "file", "modality": "image", "file_id": part.get("file_id")}
    elif kind == "input_file":
        yield file_part(part)
    elif kind in ("input_audio", "output_audio"):
        inner = part.get("input_audio")
        yield from audio_part(inner if isinstance(inner, MAPPINGS) else part)
    else:
        yield dict(part)
