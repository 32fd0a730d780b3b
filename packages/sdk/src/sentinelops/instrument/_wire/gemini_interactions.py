"""Google's Interactions API: steps instead of candidates, and a usage that counts thoughts beside what was written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._content import blob
from .answer import Answer, Protocol
from .attributes import fail, get, message, output, request_attributes, tokens, total
from .parts import MAPPINGS, plain
from .streams import Text, loads_or_none

if TYPE_CHECKING:
    from ..._call import CallRecord

_GENERATION = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "seed": s.REQUEST_SEED,
    "max_output_tokens": s.REQUEST_MAX_TOKENS,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "thinking_level": s.REQUEST_REASONING_LEVEL,
}
_MODALITIES = {
    "input_tokens_by_modality": {"audio": s.USAGE_AUDIO_INPUT_TOKENS, "image": s.USAGE_IMAGE_INPUT_TOKENS},
    "output_tokens_by_modality": {"audio": s.USAGE_AUDIO_OUTPUT_TOKENS, "image": s.USAGE_IMAGE_OUTPUT_TOKENS},
}
# in the words of chat completions; while it is in progress there is none
_REASONS = {
    "completed": "stop", "requires_action": "tool_calls", "failed": "error", "cancelled": "cancelled",
    "incomplete": "incomplete", "budget_exceeded": "budget_exceeded",
}  # fmt: skip
_MEDIA = ("image", "audio", "video", "document")


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out = request_attributes(request.get("generation_config"), _GENERATION)
    previous = request.get("previous_interaction_id")
    out[s.REQUEST_PREVIOUS_RESPONSE_ID] = previous if isinstance(previous, str) else None
    agent = request.get("agent")
    out[s.AGENT_NAME] = agent if isinstance(agent, str) else None
    for attribute, name in ((s.RESPONSE_ID, "id"), (s.RESPONSE_MODEL, "model"), (s.RESPONSE_STATUS, "status")):
        out[attribute] = body.get(name)
    out.update(_usage(body.get("usage")))
    error = body.get("error")
    if isinstance(error, MAPPINGS):
        fail(record, out, error.get("message"), error.get("code") or error.get("status"))
    instructions = request.get("system_instruction")
    out[s.SYSTEM_INSTRUCTIONS] = list(_contents(instructions)) if instructions else None
    out[s.INPUT_MESSAGES] = _asked(request.get("input"))
    out[s.TOOL_DEFINITIONS] = [plain(tool) for tool in request.get("tools") or ()] or None
    parts = [part for step in body.get("steps") or body.get("outputs") or () for part in _step(plain(step))]
    out.update(output(parts, _REASONS.get(str(body.get("status")))))
    return out


def _usage(usage: Any) -> dict[str, Any]:
    """Input includes what came from the cache and what tools brought; output includes the thoughts."""
    if not isinstance(usage, MAPPINGS):
        return {}
    given, brought, written, thought, cached = (
        tokens(usage.get(f"total_{name}_tokens")) for name in ("input", "tool_use", "output", "thought", "cached")
    )
    out: dict[str, Any] = {
        s.USAGE_INPUT_TOKENS: total(given, brought),
        s.USAGE_OUTPUT_TOKENS: total(written, thought),
        s.USAGE_CACHE_READ_TOKENS: cached,
        s.USAGE_REASONING_TOKENS: thought,
    }
    for name, attributes in _MODALITIES.items():
        for item in usage.get(name) or ():
            attribute, count = attributes.get(str(get(item, "modality"))), tokens(get(item, "tokens"))
            if attribute and count:
                out[attribute] = count
    return out


def _asked(asked: Any) -> list[dict[str, Any]] | None:
    """A text, the contents of one message, or steps and turns."""
    if asked is None:
        return None
    listed = [plain(item) for item in asked] if isinstance(asked, list) else [plain(asked)]
    messages: list[dict[str, Any]] = []
    for item in listed:
        kind, role = get(item, "type"), get(item, "role")
        if role:
            messages.append(message("assistant" if role == "model" else str(role), list(_contents(item["content"]))))
        elif kind == "user_input" or not isinstance(kind, str) or kind in ("text", *_MEDIA):
            parts = list(_contents(item["content"] if kind == "user_input" else item))
            if kind != "user_input" and messages and messages[-1]["role"] == "user":
                messages[-1]["parts"].extend(parts)
            else:
                messages.append(message("user", parts))
        else:
            messages.append(message("tool" if kind == "function_result" else "assistant", list(_step(item))))
    return messages or None


def _step(step: Any) -> Iterable[dict[str, Any]]:
    """What one step says."""
    kind = get(step, "type")
    if kind == "model_output":
        yield from _contents(step.get("content"))
    elif kind == "thought":
        for part in _contents(step.get("summary")):
            yield {"type": "reasoning", "content": part.get("content")}
    elif kind == "function_call":
        yield {"type": "tool_call", "id": step.get("id"), "name": step.get("name"), "arguments": step.get("arguments")}
    elif kind == "function_result":
        yield {
            "type": "tool_call_response", "id": step.get("call_id"), "name": step.get("name"),
            "response": step.get("result"),
        }  # fmt: skip
    else:
        yield from _contents(step)


def _contents(contents: Any) -> Iterable[dict[str, Any]]:
    for content in contents if isinstance(contents, list) else () if contents is None else (contents,):
        part = plain(content)
        if not isinstance(part, MAPPINGS):
            yield {"type": "text", "content": str(part)}
        elif part.get("type") == "text":
            yield {"type": "text", "content": part.get("text")}
        elif part.get("type") in _MEDIA:
            modality = "file" if part["type"] == "document" else part["type"]
            yield (
                blob(str(part["data"]), part.get("mime_type"), modality) if part.get("data")
                else {"type": "uri", "modality": modality, "uri": part.get("uri")}
            )  # fmt: skip
        else:
            yield {name: value for name, value in part.items() if name != "signature"}


class InteractionsFolder:
    """Steps that grow by deltas; every delta may bring the usage so far, the last event all but the steps."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}
        self._steps: dict[int, dict[str, Any]] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        kind = data.get("event_type")
        self._top.update({"usage": usage} if (usage := get(data, "metadata", "usage")) else {})
        if isinstance(data.get("error"), dict):
            self.error = data["error"]
        elif isinstance(data.get("interaction"), dict):
            self._top.update({name: value for name, value in data["interaction"].items() if value is not None})
            self.finished = self.finished or kind == "interaction.completed"
        elif kind == "step.start":
            self._steps[data.get("index") or 0] = {"step": dict(data.get("step") or {}), "text": Text()}
        elif kind == "step.delta":
            self._grow(data.get("index") or 0, data.get("delta") or {})
        elif kind == "interaction.status_update":
            self._top["status"] = data.get("status")

    def _grow(self, index: int, delta: dict[str, Any]) -> None:
        held = self._steps.setdefault(index, {"step": {"type": "model_output"}, "text": Text()})
        piece = next((piece for name in ("text", "arguments") if isinstance(piece := delta.get(name), str)), None)
        piece = piece if piece is not None else get(delta, "content", "text")
        if piece is not None:
            held["text"].add(piece)
        elif delta.get("type") in _MEDIA:
            held["step"].setdefault("content", []).append(delta)
        elif delta.get("type") != "thought_signature":
            held["step"].update({name: value for name, value in delta.items() if name != "type"})

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        steps = [_settled(held["step"], str(held["text"])) for _, held in sorted(self._steps.items())]
        return {**self._top, **({"steps": steps} if steps else {})}


def _settled(step: dict[str, Any], text: str) -> dict[str, Any]:
    if not text:
        return step
    if step.get("type") == "function_call":
        parsed = loads_or_none(text)
        return {**step, "arguments": text if parsed is None else parsed}
    name = "summary" if step.get("type") == "thought" else "content"
    return {**step, name: [{"type": "text", "text": text}, *(step.get(name) or ())]}


_FIRST = re.compile(rb'"text"\s*:\s*"[^"]|"arguments"\s*:|"data"\s*:\s*"[^"]').search
INTERACTIONS = Protocol("gemini_interactions", _describe, InteractionsFolder, _FIRST)
