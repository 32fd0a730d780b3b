"""Messages of Converse and of Nova, in the message form of the GenAI conventions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ... import semconv as s
from ..._content import blob
from .._wire.parts import MAPPINGS, text_part

_MIME = {
    "pdf": "application/pdf", "csv": "text/csv", "html": "text/html", "txt": "text/plain", "md": "text/markdown",
    "doc": "application/msword", "xls": "application/vnd.ms-excel",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}  # fmt: skip


def request_content(request: Mapping[str, Any]) -> dict[str, Any]:
    """What went in."""
    messages = request.get("messages")
    config = request.get("toolConfig")
    tools = config.get("tools") if isinstance(config, MAPPINGS) else None
    return {
        s.SYSTEM_INSTRUCTIONS: parts_of(request.get("system")) or None,
        s.INPUT_MESSAGES: [message_of(item) for item in messages] if isinstance(messages, list | tuple) else None,
        s.TOOL_DEFINITIONS: [_tool(tool) for tool in tools or () if "cachePoint" not in tool] or None,
    }


def response_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """What came out."""
    reason = body.get("stopReason")
    output = body.get("output")
    message = output.get("message") if isinstance(output, MAPPINGS) else None
    out: dict[str, Any] = {s.RESPONSE_FINISH_REASONS: [str(reason)] if reason else None}
    if isinstance(message, MAPPINGS) and message.get("content"):
        parts = parts_of(message.get("content"))
        out[s.OUTPUT_MESSAGES] = [{"role": message.get("role") or "assistant", "parts": parts, "finish_reason": reason}]
    return out


def message_of(message: Any) -> dict[str, Any]:
    """One message; one that holds only answers of tools is of the role "tool"."""
    if not isinstance(message, MAPPINGS):
        return {"role": "user", "parts": [text_part(str(message))]}
    parts = parts_of(message.get("content"))
    tools = bool(parts) and all(part.get("type") == "tool_call_response" for part in parts)
    return {"role": "tool" if tools else message.get("role") or "user", "parts": parts}


def parts_of(blocks: Any) -> list[dict[str, Any]]:
    """Content blocks as parts."""
    if isinstance(blocks, str):
        return [text_part(blocks)]
    if not isinstance(blocks, list | tuple):
        return []
    return [part for block in blocks for part in _block(block)]


def _block(block: Any) -> Iterable[dict[str, Any]]:
    if not isinstance(block, MAPPINGS):
        yield text_part(str(block))
        return
    for name, value in block.items():
        write = _WRITERS.get(name)
        if write is not None:
            yield from write(value)


def _text(value: Any) -> Iterable[dict[str, Any]]:
    if value != "":
        yield text_part(value)


def _tool_use(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    kind = "server_tool_call" if value.get("type") == "server_tool_use" else "tool_call"
    yield {"type": kind, "id": value.get("toolUseId"), "name": value.get("name"), "arguments": value.get("input")}


def _tool_result(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    parts = parts_of(value.get("content"))
    response: Any = parts
    if all(part.get("type") == "text" for part in parts):
        response = "".join(str(part.get("content")) for part in parts)
    elif len(parts) == 1 and parts[0].get("type") == "json":
        response = parts[0]["content"]
    out = {"type": "tool_call_response", "id": value.get("toolUseId"), "response": response}
    if value.get("status") == "error":
        out["status"] = "error"
    yield out


def _json(value: Any) -> Iterable[dict[str, Any]]:
    yield {"type": "json", "content": value}


def _reasoning(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    said = value.get("reasoningText")
    text = said.get("text") if isinstance(said, MAPPINGS) else value.get("text")
    yield {"type": "reasoning", "content": text if text is not None else "[redacted by the provider]"}


def _guard_content(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    text = value.get("text")
    if isinstance(text, MAPPINGS):
        yield text_part(text.get("text"))
    if isinstance(value.get("image"), MAPPINGS):
        yield from _media("image")(value["image"])


def _citations(value: Any) -> Iterable[dict[str, Any]]:
    if isinstance(value, MAPPINGS):
        yield from parts_of(value.get("content"))


def _search_result(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    yield {
        "type": "search_result", "source": value.get("source"), "title": value.get("title"),
        "content": parts_of(value.get("content")),
    }  # fmt: skip


def _media(modality: str) -> Callable[[Mapping[str, Any]], Iterable[dict[str, Any]]]:
    def write(value: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
        kind = str(value.get("format") or "")
        source = value.get("source")
        source = source if isinstance(source, MAPPINGS) else {}
        part = _source_part(source, _mime(modality, kind), modality)
        if value.get("name"):
            part["name"] = value["name"]
        yield part

    return write


def _source_part(source: Mapping[str, Any], mime: str, modality: str) -> dict[str, Any]:
    data, place = source.get("bytes"), source.get("s3Location")
    if isinstance(data, str | bytes | bytearray | memoryview):
        return blob(data if isinstance(data, str | bytes) else bytes(data), mime, modality)
    if isinstance(place, MAPPINGS):
        return {"type": "uri", "modality": modality, "mime_type": mime, "uri": place.get("uri")}
    if isinstance(source.get("text"), str):
        return {**text_part(source["text"]), "mime_type": mime}
    return {"type": modality, "mime_type": mime, "content": parts_of(source.get("content"))}


def _mime(modality: str, kind: str) -> str:
    if modality == "file":
        return _MIME.get(kind, "application/octet-stream")
    return f"{modality}/{kind}" if kind else f"{modality}/*"


_WRITERS: dict[str, Callable[[Any], Iterable[dict[str, Any]]]] = {
    "text": _text,
    "toolUse": _tool_use,
    "toolResult": _tool_result,
    "json": _json,
    "reasoningContent": _reasoning,
    "guardContent": _guard_content,
    "citationsContent": _citations,
    "searchResult": _search_result,
    "image": _media("image"),
    "video": _media("video"),
    "audio": _media("audio"),
    "document": _media("file"),
}


def _tool(tool: Any) -> Any:
    spec = tool.get("toolSpec") if isinstance(tool, MAPPINGS) else None
    if not isinstance(spec, MAPPINGS):
        system = tool.get("systemTool") if isinstance(tool, MAPPINGS) else None
        return {"type": "system", **system} if isinstance(system, MAPPINGS) else tool
    schema = spec.get("inputSchema")
    return {
        "type": "function",
        "name": spec.get("name"),
        "description": spec.get("description"),
        "parameters": schema.get("json") if isinstance(schema, MAPPINGS) else None,
    }


def converse_parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a Converse request asks for beside its messages and what every family names alike (see _families)."""
    out: dict[str, Any] = {}
    output = request.get("outputConfig")
    form = output.get("textFormat") if isinstance(output, MAPPINGS) else None
    if isinstance(form, MAPPINGS) and form.get("type") == "json_schema":
        out[s.OUTPUT_TYPE] = "json"
    if isinstance(output, MAPPINGS) and output.get("effort"):
        out[s.REQUEST_REASONING_LEVEL] = str(output["effort"])
    metadata = request.get("requestMetadata")
    if isinstance(metadata, MAPPINGS):
        out.update({s.METADATA_PREFIX + str(key): str(value) for key, value in metadata.items()})
    return out
