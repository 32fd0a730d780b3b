"""What LlamaIndex passes around, as plain structures for the content policy: no vectors, no objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._content import blob
from .._wire.openai_chat import tool_definition
from .._wire.parts import MAPPINGS, image_part, text_part
from .._wire.parts import plain as mapping

_DEPTH = 6
_MANY = 200
_VECTORS = frozenset(("embedding", "embeddings", "query_embedding"))
_NEVER = frozenset(("Context", "CallbackManager"))  # where everything hangs together


def messages(given: Iterable[Any]) -> list[dict[str, Any]]:
    """Chat messages in the form of the conventions."""
    return [message(one) for one in given]


def message(given: Any, finish_reason: str | None = None) -> dict[str, Any]:
    """One chat message."""
    role = getattr(given, "role", None)
    role = str(getattr(role, "value", role) or "user")
    extra = getattr(given, "additional_kwargs", None)
    extra = extra if isinstance(extra, Mapping) else {}
    parts = _blocks(given)
    if role in ("tool", "function"):
        parts = [_tool_answer(parts, extra)]
    elif not any(part.get("type") == "tool_call" for part in parts):
        parts.extend(_tool_calls(extra))
    out: dict[str, Any] = {"role": "tool" if role == "function" else role, "parts": parts}
    if finish_reason is not None:
        out["finish_reason"] = finish_reason
    return out


def _blocks(given: Any) -> list[dict[str, Any]]:
    blocks = getattr(given, "blocks", None)
    if blocks is None:
        text = getattr(given, "content", given)
        return [] if text is None or text == "" else [text_part(text if isinstance(text, str) else plain(text))]
    return [part for block in blocks if (part := _block(block)) is not None]


def _block(block: Any) -> dict[str, Any] | None:
    kind = getattr(block, "block_type", None)
    if kind == "text":
        return text_part(block.text) if block.text else None
    if kind == "thinking":
        return {"type": "reasoning", "content": block.content or ""}
    if kind == "tool_call":
        return {
            "type": "tool_call", "id": block.tool_call_id, "name": block.tool_name, "arguments": block.tool_kwargs,
        }  # fmt: skip
    if kind == "cache":
        return None  # a mark, not a text
    if kind in ("image", "audio", "video", "document"):
        return _media(block, kind)
    return {"type": str(kind), **mapping_of(block)}


def _media(block: Any, kind: str) -> dict[str, Any]:
    """Hash and size, or the address; files on disk and open ones are not read."""
    mime = getattr(block, f"{kind}_mimetype", None) or getattr(block, "format", None)
    data = getattr(block, kind, None) if kind != "document" else getattr(block, "data", None)
    if isinstance(data, bytes | str):
        return blob(data, mime if mime is None or "/" in mime else f"{kind}/{mime}", kind)
    url = getattr(block, "url", None)
    if url is not None:
        return image_part(str(url)) if kind == "image" else {"type": "uri", "modality": kind, "uri": str(url)}
    return {"type": "file", "modality": kind, "file_id": str(getattr(block, "path", None) or "")}


def _tool_answer(parts: list[dict[str, Any]], extra: Mapping[str, Any]) -> dict[str, Any]:
    texts = [part.get("content") for part in parts if part.get("type") == "text"]
    response: Any = "".join(map(str, texts)) if len(texts) == len(parts) else parts
    answer = {"type": "tool_call_response", "id": extra.get("tool_call_id"), "response": response}
    return {**answer, "name": extra["name"]} if extra.get("name") else answer


def _tool_calls(extra: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """What older versions keep beside the text: OpenAI's tool calls."""
    for call in extra.get("tool_calls") or ():
        found = mapping(call)
        if isinstance(found, MAPPINGS):
            function = mapping(found.get("function"))
            named = function if isinstance(function, MAPPINGS) else found
            yield {
                "type": "tool_call",
                "id": found.get("id") or found.get("call_id"),
                "name": named.get("name"),
                "arguments": named.get("arguments", named.get("input")),
            }


def tools(given: Any) -> list[Any] | None:
    """Tool definitions as the model is told them: dicts, or tools of LlamaIndex."""
    if not isinstance(given, list | tuple) or not given:
        return None
    return [_tool(tool) for tool in given]


def _tool(tool: Any) -> Any:
    about = getattr(tool, "metadata", None)
    to_tool = getattr(about, "to_openai_tool", None)
    return tool_definition(to_tool() if callable(to_tool) else tool)


def documents(nodes: Any) -> list[dict[str, Any]] | None:
    """Nodes that were found: id, score, text and metadata."""
    if not isinstance(nodes, list | tuple):
        return None
    return [document(node) for node in nodes[:_MANY]]


def document(given: Any) -> dict[str, Any]:
    """One node, with or without a score."""
    node = getattr(given, "node", given)
    out: dict[str, Any] = {"id": getattr(node, "node_id", None)}
    score = getattr(given, "score", None) if node is not given else None
    if score is not None:
        out["score"] = float(score)
    text = getattr(node, "text", None)
    if not isinstance(text, str):
        text = getattr(getattr(node, "text_resource", None), "text", None)
    out["content"] = text
    if about := getattr(node, "metadata", None):
        out["metadata"] = plain(about)
    return out


def arguments(given: Mapping[str, Any]) -> Any:
    """What a function was called with; the one thing it was given when there is but one."""
    named = {name: plain(value) for name, value in given.items() if _wanted(name, value)}
    if set(named) <= {"args", "kwargs"}:
        rest = named.get("kwargs") or {}
        named = {"args": named["args"], **rest} if named.get("args") else dict(rest)
    extra = named.get("kwargs")
    if extra == {}:
        del named["kwargs"]
    return next(iter(named.values())) if len(named) == 1 else named


def tool_arguments(given: Mapping[str, Any]) -> dict[str, Any]:
    """What a tool was called with, by name."""
    found = {name: value for name, value in given.items() if _wanted(name, value)}
    rest = found.pop("kwargs", None)
    args = found.pop("args", None)
    if isinstance(rest, Mapping):
        found.update({name: value for name, value in rest.items() if _wanted(name, value)})
    if args:
        found["args"] = [value for value in args if _wanted("", value)]
    return {name: plain(value) for name, value in found.items()}


def _wanted(name: str, value: Any) -> bool:
    return name not in _VECTORS and type(value).__name__ not in _NEVER


def plain(value: Any, depth: int = 0) -> Any:
    """Turn anything into what JSON knows; what nobody can read is named by its type."""
    if value is None or isinstance(value, str | int | float | bool | bytes):
        return value
    if depth > _DEPTH:
        return f"<{type(value).__name__}>"
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items() if _wanted(str(key), item)}
    if isinstance(value, list | tuple | set | frozenset):
        listed = list(value)
        many = [plain(item, depth + 1) for item in listed[:_MANY]]
        return many if len(listed) <= _MANY else [*many, f"[{len(listed) - _MANY} more]"]
    return _object(value, depth)


def _object(value: Any, depth: int) -> Any:
    if isinstance(getattr(value, "query_str", None), str):
        return value.query_str
    if hasattr(value, "node_id"):
        return document(value)
    if hasattr(value, "role") and (hasattr(value, "blocks") or hasattr(value, "content")):
        return message(value)
    if hasattr(value, "source_nodes") or hasattr(value, "raw_output"):
        return answer(value)
    return mapping_of(value, depth) or f"<{type(value).__name__}>"


def mapping_of(value: Any, depth: int = 0) -> dict[str, Any]:
    """Fields of a model of pydantic, those of an event of a workflow too."""
    fields = getattr(type(value), "model_fields", None)
    if not isinstance(fields, Mapping):
        return {}
    named = {name: getattr(value, name, None) for name in fields}
    more = getattr(value, "_data", None)
    if isinstance(more, Mapping):
        named.update(more)
    return {
        str(name): plain(item, depth + 1) for name, item in named.items() if item is not None and _wanted(name, item)
    }


def answer(value: Any) -> Any:
    """What an engine or a tool answered; None while it is still being written."""
    raw = getattr(value, "raw_output", None)
    if raw is not None:
        return plain(raw)
    if hasattr(value, "tool_name"):
        return getattr(value, "content", None)
    response = getattr(value, "response", None)
    if "Streaming" in type(value).__name__:
        return None
    return response if response is None or isinstance(response, str) else plain(response)


def event(given: Any) -> Any:
    """What starts a workflow: the event's fields, or the message to an agent alone."""
    fields = plain(given) if isinstance(given, Mapping) else mapping_of(given)
    if set(fields) <= {"args", "kwargs"}:
        fields = tool_arguments(fields)
    return fields["user_msg"] if set(fields) == {"user_msg"} else fields


def outcome(given: Any) -> Any:
    """What a workflow ended with: the result of its stop event, of an agent what it said."""
    result = getattr(given, "result", None)
    result = given if result is None else result
    said = getattr(result, "response", None)
    if hasattr(said, "role"):
        return getattr(said, "content", None)
    return plain(result)
