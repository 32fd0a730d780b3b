"""Streams of the Messages API and of the legacy completions, folded into the body without streaming."""

from __future__ import annotations

from typing import Any

from .streams import Text, loads_or_none

# a piece of a block -> the field of the block that it makes longer
_GROWING = {"text": "text", "thinking": "thinking", "partial_json": "input", "content": "content"}


class MessagesFolder:
    """POST /v1/messages with stream: blocks that grow, and a usage that is said twice and never added up."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._message: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        kind = data.get("type")
        if kind == "content_block_delta":
            delta = data.get("delta")
            if isinstance(delta, dict):
                _grow(self._blocks.setdefault(data.get("index") or 0, {"type": "text"}), delta)
        elif kind == "content_block_start":
            self._blocks[data.get("index") or 0] = dict(data.get("content_block") or {})
        elif kind == "message_start":
            self._start(data.get("message") or {})
        elif kind == "message_delta":
            self._keep(data.get("delta") or {})
            self._keep({name: data[name] for name in ("context_management",) if name in data})
            self._count(data.get("usage") or {})
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error":
            error = data.get("error")
            self.error = error if isinstance(error, dict) else {"message": str(error)}

    def _start(self, message: dict[str, Any]) -> None:
        """Its output count is no count yet: only message_delta has one."""
        usage = message.get("usage") or {}
        self._count({name: value for name, value in usage.items() if name not in _LATE})
        self._keep({name: value for name, value in message.items() if name not in ("usage", "content", "stop_reason")})

    def _keep(self, said: dict[str, Any]) -> None:
        self._message.update({name: value for name, value in said.items() if value is not None})

    def _count(self, usage: dict[str, Any]) -> None:
        self._usage.update({name: value for name, value in usage.items() if value is not None})

    @property
    def body(self) -> dict[str, Any]:
        """As a message."""
        if not self._message and not self._blocks:
            return {}
        content = [_settled(block) for _, block in sorted(self._blocks.items())]
        return {**self._message, "content": content, **({"usage": self._usage} if self._usage else {})}


_LATE = ("output_tokens", "output_tokens_details")


def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
    citation = delta.get("citation")
    if citation is not None:
        block["citations"] = [*(block.get("citations") or ()), citation]
    for name, field in _GROWING.items():
        piece = delta.get(name)
        if isinstance(piece, str):
            held = block.get(field)
            if not isinstance(held, Text):
                block[field] = Text()
                block[field].add(held)
            block[field].add(piece)


def _settled(block: dict[str, Any]) -> dict[str, Any]:
    out = {name: str(value) if isinstance(value, Text) else value for name, value in block.items()}
    written = out.get("input")
    if isinstance(written, str):
        parsed = loads_or_none(written) if written else {}
        out["input"] = written if parsed is None else parsed
    return out


class CompletionFolder:
    """POST /v1/complete with stream."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._text = Text()
        self._top: dict[str, Any] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        if isinstance(data.get("error"), dict):
            self.error = data["error"]
            return
        self._text.add(data.get("completion"))
        self._top.update({name: value for name, value in data.items() if value is not None and name != "completion"})
        self.finished = self.finished or bool(data.get("stop_reason"))

    @property
    def body(self) -> dict[str, Any]:
        """As a completion."""
        return {**self._top, "completion": str(self._text)} if self._top or self._text else {}
