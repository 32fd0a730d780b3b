"""Responses that come over a WebSocket: the Realtime API's, and the Responses API's; from events to attributes.

Sound is never kept: of what the client sent only the messages, of what came only the last event of a response.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from . import openai, openai_responses
from .answer import Answer, ProviderFailure
from .openai_chat import tool_definition
from .openai_usage import usage_attributes
from .parts import MAPPINGS, plain, text_part
from .streams import loads_or_none

if TYPE_CHECKING:
    from ..._call import CallRecord


class Arrived:
    """What came of one response. last: the event that ended it, as bytes; error: the one that refused it."""

    __slots__ = ("error", "extra", "heard", "last", "said", "session")

    def __init__(self) -> None:
        self.last: bytes | str | None = None
        self.error: bytes | str | None = None
        self.said: list[Any] = []  # conversation items the client added before it asked
        self.heard: list[bytes | str] = []  # transcripts of what was spoken before it
        self.session: Mapping[str, Any] = {}
        self.extra: Mapping[str, Any] | None = None


def event_of(message: Any) -> dict[str, Any]:
    """Read an event as it came; {} when it is none."""
    raw = message.encode() if isinstance(message, str) else message
    value = loads_or_none(raw) if isinstance(raw, bytes) else None
    return value if isinstance(value, dict) else {}


def _body(arrived: Arrived) -> dict[str, Any]:
    body = event_of(arrived.last).get("response")
    body = dict(body) if isinstance(body, dict) else {}
    if arrived.error is not None:
        body["error"] = event_of(arrived.error).get("error") or event_of(arrived.error)
    return body


def describe_response(record: CallRecord) -> dict[str, Any]:
    """Attributes of one response of the Responses API, as of one that came over HTTP."""
    arrived = record.response
    if not isinstance(arrived, Arrived):
        return {}
    return {**openai.RESPONSES.describe(record, Answer(openai.RESPONSES), _body(arrived)), **(arrived.extra or {})}


def describe_realtime(record: CallRecord) -> dict[str, Any]:
    """Attributes of one response of the Realtime API."""
    arrived = record.response
    if not isinstance(arrived, Arrived):
        return {}
    body, session = _body(arrived), arrived.session
    output = [item for item in body.get("output") or () if isinstance(item, MAPPINGS)]
    tools = record.request.get("tools") or session.get("tools")
    instructions = record.request.get("instructions") or session.get("instructions")
    out: dict[str, Any] = {
        s.OPENAI_API_TYPE: "realtime",
        s.RESPONSE_ID: body.get("id"),
        s.RESPONSE_MODEL: session.get("model"),
        s.RESPONSE_STATUS: body.get("status"),
        s.CONVERSATION_ID: body.get("conversation_id") or session.get("id"),
        s.OUTPUT_TYPE: "speech" if "audio" in _modalities(body, session) else "text",
        s.SYSTEM_INSTRUCTIONS: [text_part(instructions)] if isinstance(instructions, str) and instructions else None,
        s.TOOL_DEFINITIONS: [tool_definition(tool) for tool in tools] if isinstance(tools, list) and tools else None,
        s.INPUT_MESSAGES: _asked(arrived),
        **usage_attributes(body),
    }
    reason = _finish(record, body, output, out)
    parts = [part for item in output for part in _parts(item)]
    if parts:
        out[s.OUTPUT_MESSAGES] = [{"role": "assistant", "parts": parts, "finish_reason": reason}]
    out[s.RESPONSE_FINISH_REASONS] = [reason] if reason else None
    return {**out, **(arrived.extra or {})}


def _modalities(body: Mapping[str, Any], session: Mapping[str, Any]) -> Any:
    for given in (body, session):
        found = given.get("output_modalities") or given.get("modalities")
        if found:
            return found
    return ()


def _finish(record: CallRecord, body: Mapping[str, Any], output: list[Any], out: dict[str, Any]) -> str | None:
    """Give why it ended; a failure, and a caller who interrupted, are said in `out` too."""
    details = body.get("status_details")
    details = details if isinstance(details, MAPPINGS) else {}
    error = body.get("error") or details.get("error")
    if isinstance(error, MAPPINGS) and record.error is None:
        code = str(error.get("code") or error.get("type") or "error")
        out[s.ERROR_CODE], out[s.ERROR_TYPE] = code, code
        record.error = ProviderFailure(str(error.get("message") or code))
    if body.get("status") == "cancelled":
        out[s.OUTCOME] = "cancelled"
    reason = openai_responses.finish_reason(body, output)
    if reason == "incomplete":
        found = str(details.get("reason") or reason)
        return "length" if found == "max_output_tokens" else found
    return reason


def _asked(arrived: Arrived) -> list[dict[str, Any]] | None:
    messages = []
    for message in arrived.heard:
        text = event_of(message).get("transcript")
        if text:
            messages.append({"role": "user", "parts": [text_part(text)]})
    for raw in arrived.said:
        item = plain(raw)
        if isinstance(item, MAPPINGS):
            kind = str(item.get("type") or "message")
            role = "tool" if kind.endswith("_output") else str(item.get("role") or "assistant")
            messages.append({"role": role, "parts": list(_parts(item))})
    return messages or None


def _parts(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    kind = item.get("type")
    if kind == "function_call":
        return [{"type": "tool_call", "id": item.get("call_id"), "name": item.get("name"),
                 "arguments": item.get("arguments")}]  # fmt: skip
    if kind == "function_call_output":
        return [{"type": "tool_call_response", "id": item.get("call_id"), "response": item.get("output")}]
    parts = []
    for raw in item.get("content") or ():
        part = plain(raw)
        text = part.get("text") or part.get("transcript") if isinstance(part, MAPPINGS) else None
        if text:
            parts.append(text_part(text))
    return parts


def describe_transcription(record: CallRecord) -> dict[str, Any]:
    """Attributes of the transcription of what was spoken, which the provider bills by itself."""
    event = event_of(record.response)
    usage = event.get("usage")
    seconds = usage.get("seconds") if isinstance(usage, MAPPINGS) else None
    text = event.get("transcript")
    return {
        s.OUTPUT_TYPE: "text",
        s.USAGE_AUDIO_SECONDS: float(seconds) if isinstance(seconds, int | float) else None,
        s.OUTPUT_MESSAGES: [{"role": "assistant", "parts": [text_part(text)]}] if text else None,
        **usage_attributes(event),
    }
