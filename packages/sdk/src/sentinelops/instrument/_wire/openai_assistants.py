"""Runs of the Assistants API: the provider calls the model itself, and says the tokens when the run has ended."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol, ProviderFailure, request_id
from .openai_folders import Base
from .openai_usage import usage_attributes
from .parts import MAPPINGS, plain, text_part

if TYPE_CHECKING:
    from ..._call import CallRecord

_ENDED = frozenset(("completed", "failed", "cancelled", "expired", "incomplete"))
_REASONS = {"completed": "stop", "requires_action": "tool_calls", "failed": "error", "cancelled": "cancelled"}
_SEEN_MAX = 4_096
# Runs whose tokens were told: polling sees an ended run as often as the host asks.
_seen: OrderedDict[str, None] = OrderedDict()


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request, status = record.request, body.get("status")
    fetched = record.operation == "fetch_response"
    reason = _REASONS.get(str(status)) if status else None
    out: dict[str, Any] = {
        s.OPENAI_API_TYPE: "assistants",
        s.PROVIDER_REQUEST_ID: request_id(answer.headers),
        s.RESPONSE_ID: body.get("id"),
        s.RESPONSE_MODEL: body.get("model"),
        s.RESPONSE_STATUS: status,
        s.CONVERSATION_ID: body.get("thread_id"),
        s.RESPONSE_FINISH_REASONS: [reason] if reason and not fetched else None,
        s.REQUEST_MAX_TOKENS: request.get("max_completion_tokens"),
    }
    if status in _ENDED and isinstance(body.get("usage"), MAPPINGS) and _first(str(body.get("id"))):
        out.update(usage_attributes(body))
    _failure(record, body, out)
    texts = [request.get(name) for name in ("instructions", "additional_instructions")]
    out[s.SYSTEM_INSTRUCTIONS] = [text_part(text) for text in texts if isinstance(text, str) and text] or None
    out[s.INPUT_MESSAGES] = _messages(request)
    written = body.get("sentinelops_text")
    out[s.OUTPUT_MESSAGES] = [{"role": "assistant", "parts": [text_part(written)]}] if written else None
    return out


def _first(run: str) -> bool:
    if run in _seen:
        return False
    _seen[run] = None
    while len(_seen) > _SEEN_MAX:
        _seen.popitem(last=False)
    return True


def _failure(record: CallRecord, body: Mapping[str, Any], out: dict[str, Any]) -> None:
    error = body.get("last_error") or body.get("error")
    if isinstance(error, MAPPINGS):
        code = str(error.get("code") or "error")
        out[s.ERROR_CODE] = code
        if record.error is None and record.operation != "fetch_response":
            out[s.ERROR_TYPE] = code
            record.error = ProviderFailure(str(error.get("message") or code))


def _messages(request: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    thread = plain(request.get("thread"))
    given = request.get("additional_messages") or (thread.get("messages") if isinstance(thread, MAPPINGS) else None)
    messages: list[dict[str, Any]] = []
    for raw in given or ():
        message = plain(raw)
        if isinstance(message, MAPPINGS):
            content = message.get("content")
            parts = [text_part(content)] if isinstance(content, str) else [dict(plain(part)) for part in content or ()]
            messages.append({"role": message.get("role") or "user", "parts": parts})
    for raw in request.get("tool_outputs") or ():
        output = plain(raw)
        part = {"type": "tool_call_response", "id": output.get("tool_call_id"), "response": output.get("output")}
        messages.append({"role": "tool", "parts": [part]})
    return messages or None


class RunFolder(Base):
    """Stream of a run: the run as it was said last, and the texts of the messages that were finished."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: list[str] = []

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if not self._common(data):
            return
        kind = data.get("object")
        if kind == "thread.run":
            self._top = dict(data)
            self.finished = data.get("status") in _ENDED or data.get("status") == "requires_action"
        elif kind == "thread.message" and data.get("status") == "completed":
            for part in data.get("content") or ():
                text = part.get("text")
                if isinstance(text, dict):
                    self._texts.append(str(text.get("value") or ""))

    @property
    def body(self) -> dict[str, Any]:
        """As the run."""
        return {**self._top, "sentinelops_text": "".join(self._texts)}


RUNS = Protocol("assistants", _describe, RunFolder, re.compile(rb'"value"\s*:\s*"[^"]').search)
_CREATE = re.compile(r"/threads/(?:[^/]+/)?runs(?:/[^/]+/submit_tool_outputs)?$")
_FETCH = re.compile(r"/threads/[^/]+/runs/[^/]+$")


def route_of(path: str, method: str) -> tuple[str, Protocol] | None:
    """Operation and protocol of a request about a run; None for all others."""
    if method.upper() == "POST":
        return ("chat", RUNS) if _CREATE.search(path) else None
    return ("fetch_response", RUNS) if method.upper() == "GET" and _FETCH.search(path) else None
