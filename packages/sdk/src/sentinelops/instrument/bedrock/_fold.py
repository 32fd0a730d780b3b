"""Streams of every model family, each folded into the body it would have had without streaming."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._wire.anthropic_folders import MessagesFolder
from .._wire.openai_folders import ChatFolder
from .._wire.streams import Text

if TYPE_CHECKING:
    from ._events import Folder
    from ._operations import Operation

METRICS = "amazon-bedrock-invocationMetrics"
_ASIDE = (METRICS, "amazon-bedrock-guardrailAction", "amazon-bedrock-trace", "amazon-bedrock-performanceConfig")


class ConverseFolder:
    """ConverseStream, and the chunks of Nova, which say the same."""

    EVENTS = frozenset(
        ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
    )

    def __init__(self) -> None:
        self.finished = False
        self._role = "assistant"
        self._blocks: dict[int, dict[str, Any]] = {}
        self._top: dict[str, Any] = {}

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One event; of Nova's, the name of the event is the only key."""
        if kind == "chunk":
            for name, value in data.items():
                if name in self.EVENTS and isinstance(value, dict):
                    self._add(name, value)
        else:
            self._add(kind, data)

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        index = data.get("contentBlockIndex") or 0
        if kind == "contentBlockDelta":
            self._grow(self._blocks.setdefault(index, {}), data.get("delta") or {})
        elif kind == "contentBlockStart":
            start = data.get("start") or {}
            self._blocks[index] = {name: dict(value) for name, value in start.items() if isinstance(value, dict)}
        elif kind == "messageStart":
            self._role = data.get("role") or self._role
        elif kind == "messageStop":
            self.finished = True
            self._top.update({name: value for name, value in data.items() if name != "p"})
        elif kind == "metadata":
            self._top.update({name: value for name, value in data.items() if name != "p"})

    @staticmethod
    def _grow(block: dict[str, Any], delta: dict[str, Any]) -> None:
        for name, value in delta.items():
            if isinstance(value, str):
                block.setdefault(name, Text()).add(value)
            elif name == "toolUse":
                block.setdefault(name, {}).setdefault("input", Text()).add(value.get("input"))
            elif name == "reasoningContent":
                held = block.setdefault(name, {})
                if isinstance(value.get("text"), str):
                    held.setdefault("text", Text()).add(value["text"])
                held.update({key: item for key, item in value.items() if key not in ("text", "p")})
            elif name == "toolResult":
                block.setdefault(name, {}).setdefault("content", []).extend(value if isinstance(value, list) else ())
            elif name == "citation":
                block.setdefault("citations", []).append(value)
            elif isinstance(value, dict):
                block.setdefault(name, {}).update(value)

    @property
    def body(self) -> dict[str, Any]:
        """As Converse answers."""
        content = [settled(block) for _, block in sorted(self._blocks.items())]
        return {**self._top, "output": {"message": {"role": self._role, "content": content}}}


def settled(value: Any) -> Any:
    """Texts that grew, as text."""
    if isinstance(value, Text):
        return str(value)
    if isinstance(value, dict):
        return {name: settled(item) for name, item in value.items()}
    return value


class AnthropicFolder(MessagesFolder):
    """The Messages protocol, as everywhere; what failed stands in the body."""

    def event(self, kind: str, data: dict[str, Any]) -> None:  # type: ignore[override]
        """One chunk."""
        super().event(data)

    @property
    def body(self) -> dict[str, Any]:
        """As a message."""
        return {**super().body, **({"error": self.error} if self.error else {})}


class CohereFolder:
    """Command R: events named by `event_type`; the last holds everything."""

    def __init__(self) -> None:
        self.finished = False
        self._text = Text()
        self._top: dict[str, Any] = {}

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One chunk."""
        name = data.get("event_type")
        if name == "text-generation":
            self._text.add(data.get("text"))
        elif name == "stream-end":
            self.finished = True
            response = data.get("response")
            self._top.update(response if isinstance(response, dict) else {})
            self._top["finish_reason"] = data.get("finish_reason") or self._top.get("finish_reason")
        elif name == "tool-calls-generation":
            self._top["tool_calls"] = data.get("tool_calls")
        elif name == "stream-start":
            self._top["generation_id"] = data.get("generation_id")

    @property
    def body(self) -> dict[str, Any]:
        """As a chat answer."""
        return {**self._top, "text": self._top.get("text") or str(self._text)}


class ChatCompletionFolder(ChatFolder):
    """Chat completions, and the two ways in which models on Bedrock say less: whole messages, and bare texts."""

    def event(self, kind: str, data: dict[str, Any]) -> None:  # type: ignore[override]
        """One chunk."""
        choices = data.get("choices")
        if isinstance(choices, list) and any("delta" not in choice for choice in choices):
            data = {**data, "choices": [_as_delta(choice) for choice in choices]}
        super().event({name: value for name, value in data.items() if name not in _ASIDE})


def _as_delta(choice: dict[str, Any]) -> dict[str, Any]:
    if "delta" in choice:
        return choice
    delta = choice.get("message") or {"content": choice.get("text")}
    reason = choice.get("finish_reason") or choice.get("stop_reason")
    return {"index": choice.get("index") or 0, "delta": delta, "finish_reason": reason}


class TextFolder:
    """One text in pieces: Claude's old completions, Titan, Llama, Mistral, Cohere Command."""

    TEXTS = ("completion", "outputText", "generation", "text")
    _REASONS = ("stop_reason", "completionReason", "finish_reason")

    def __init__(self) -> None:
        self.finished = False
        self._texts: dict[str, Text] = {}
        self._outputs: dict[int, dict[str, Any]] = {}
        self._top: dict[str, Any] = {}

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One chunk."""
        for name, value in data.items():
            if value is None or name in _ASIDE:
                continue
            if name in self.TEXTS:
                self._texts.setdefault(name, Text()).add(value)
            elif name == "outputs":
                self._add_outputs(value)
            else:
                self._top[name] = value
                self.finished = self.finished or name in self._REASONS

    def _add_outputs(self, outputs: Any) -> None:
        for index, output in enumerate(outputs if isinstance(outputs, list) else ()):
            held = self._outputs.setdefault(index, {"text": Text()})
            held["text"].add(output.get("text"))
            if output.get("stop_reason"):
                held["stop_reason"] = output["stop_reason"]
                self.finished = True

    @property
    def body(self) -> dict[str, Any]:
        """As without streaming."""
        outputs = [settled(output) for _, output in sorted(self._outputs.items())]
        return {**self._top, **settled(self._texts), **({"outputs": outputs} if outputs else {})}


class InvokeFolder:
    """Chunks of InvokeModelWithResponseStream: which family it is, the first of them tells."""

    def __init__(self) -> None:
        self._family: Any = None
        self._aside: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the model said that this is all."""
        return METRICS in self._aside or bool(self._family is not None and self._family.finished)

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One chunk."""
        for name in _ASIDE:
            if name in data:
                self._aside[name] = data[name]
        if self._family is None:
            self._family = _family_of(data)
        if self._family is not None:
            self._family.event(kind, data)

    @property
    def body(self) -> dict[str, Any]:
        """As InvokeModel answers, and what Bedrock itself says of the call."""
        return {**(self._family.body if self._family is not None else {}), **self._aside}


def _family_of(data: dict[str, Any]) -> Any:
    if not ConverseFolder.EVENTS.isdisjoint(data):
        return ConverseFolder()
    if "choices" in data:
        return ChatCompletionFolder()
    if "event_type" in data:
        return CohereFolder()
    if "type" in data:
        return AnthropicFolder()
    return TextFolder() if data.keys() - set(_ASIDE) else None


class PlainFolder:
    """Streams of other operations: their events in order, by name."""

    def __init__(self) -> None:
        self.finished = False
        self._events: dict[str, list[dict[str, Any]]] = {}

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One event."""
        held = self._events.setdefault(kind, [])
        if len(held) < _EVENTS_MAX:
            held.append(data)

    @property
    def body(self) -> dict[str, Any]:
        """Lists of events by name."""
        return dict(self._events)


_EVENTS_MAX = 10_000
_FOLDERS: dict[str, Any] = {"converse": ConverseFolder, "invoke": InvokeFolder}


def folder_of(operation: Operation) -> Folder:
    """For the stream of this operation."""
    folder: Folder = _FOLDERS.get(operation.kind, PlainFolder)()
    return folder
