"""The three streaming protocols of the OpenAI API, each folded into the body it would have had without streaming."""

from __future__ import annotations

from typing import Any

from .streams import Text

_TEXTS = ("content", "refusal", "reasoning_content", "reasoning")


class _Choice:
    """One choice of a chat completion, growing."""

    __slots__ = ("audio", "calls", "filters", "finish_reason", "function", "role", "texts")

    def __init__(self) -> None:
        self.role: str | None = None
        self.finish_reason: str | None = None
        self.texts = {name: Text() for name in _TEXTS}
        self.calls: dict[Any, dict[str, Any]] = {}
        self.function: dict[str, Any] | None = None
        self.audio: dict[str, Any] | None = None
        self.filters: dict[str, Any] = {}  # Azure's: by filter, the worst that was said of any piece

    def judge(self, results: dict[str, Any]) -> None:
        for name, result in results.items():
            if isinstance(result, dict) and (result.get("filtered") or result.get("detected") or _bad(result)):
                self.filters[name] = result

    def add(self, delta: dict[str, Any]) -> None:
        for name, value in delta.items():
            if value is None:
                continue
            if name in self.texts:
                self.texts[name].add(value)
            elif name == "role":
                self.role = value
            elif name == "tool_calls":
                for call in value:
                    self._add_call(call)
            elif name == "function_call":
                self.function = _merge(self.function or {}, value)
            elif name == "audio":
                self.audio = _merge(self.audio or {}, value)

    def _add_call(self, call: dict[str, Any]) -> None:
        index = call.get("index", len(self.calls))
        held = self.calls.setdefault(index, {})
        for name, value in call.items():
            if name in ("function", "custom") and isinstance(value, dict):
                held[name] = _merge(held.get(name) or {}, value)
            elif value is not None:
                held[name] = value

    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": self.role or "assistant"}
        message.update({name: str(text) for name, text in self.texts.items() if text})
        if self.calls:
            message["tool_calls"] = [_settled(call) for call in self.calls.values()]
        if self.function:
            message["function_call"] = _settled(self.function)
        if self.audio:
            message["audio"] = _settled(self.audio)
        return message


def _bad(result: dict[str, Any]) -> bool:
    return result.get("severity") not in (None, "safe")


# fields whose value comes in pieces; all others are said once
_GROWING = ("arguments", "input", "data", "transcript")


def _merge(held: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    for name, value in more.items():
        if name in _GROWING:
            held.setdefault(name, Text()).add(value)
        elif value is not None:
            held[name] = value
    return held


def _settled(value: dict[str, Any]) -> dict[str, Any]:
    return {
        name: str(item) if isinstance(item, Text) else _settled(item) if isinstance(item, dict) else item
        for name, item in value.items()
    }


class Base:
    """What the folders of this API share."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._top: dict[str, Any] = {}

    def _common(self, data: dict[str, Any]) -> bool:
        """Whether there is more to read in this event."""
        if "sentinelops_done" in data:
            self.finished = True
            return False
        error = data.get("error")
        if error:
            self.error = error if isinstance(error, dict) else {"message": str(error)}
            if data.get("usage"):  # what was paid for before it failed (OpenRouter)
                self._top["usage"] = data["usage"]
            return False
        return True

    def _keep(self, data: dict[str, Any]) -> None:
        """Everything said at the top of a chunk; what is said twice counts as said last (usage, timings)."""
        top = self._top
        for name, value in data.items():
            if value is not None and name not in ("choices", "obfuscation"):
                top[name] = value


class ChatFolder(Base):
    """POST /chat/completions with stream: chunks with deltas, one usage at the end or in every chunk."""

    def __init__(self) -> None:
        super().__init__()
        self._choices: dict[int, _Choice] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One chunk."""
        if self._only_text(data) or not self._common(data):
            return
        self._keep(data)
        for choice in data.get("choices") or ():
            index = choice.get("index") or 0
            held = self._choices.get(index)
            if held is None:
                held = self._choices[index] = _Choice()
            delta = choice.get("delta")
            if delta:
                held.add(delta)
            if choice.get("finish_reason"):
                held.finish_reason = choice["finish_reason"]
                self.finished = all(c.finish_reason for c in self._choices.values())
            if choice.get("content_filter_results"):
                held.judge(choice["content_filter_results"])
            if choice.get("usage"):
                self._top["usage"] = choice["usage"]

    def more(self, index: int, text: str) -> None:
        """Letters of chunks that say nothing else."""
        held = self._choices.get(index)
        if held is None:
            held = self._choices[index] = _Choice()
        held.texts["content"].add(text)

    def _only_text(self, data: dict[str, Any]) -> bool:
        """Take the chunk that nearly all are, a few more letters, by the shortest way."""
        choices = data.get("choices")
        if not choices or len(choices) != 1 or data.get("usage"):
            return False
        choice = choices[0]
        delta = choice.get("delta")
        if not delta or len(delta) != 1 or choice.get("finish_reason"):
            return False
        text = delta.get("content")
        held = self._choices.get(choice.get("index") or 0)
        if not text or held is None or choice.get("content_filter_results"):
            return False
        held.texts["content"].add(text)
        return True

    @property
    def body(self) -> dict[str, Any]:
        """As a chat.completion."""
        choices = [
            {
                "index": index,
                "finish_reason": choice.finish_reason,
                "message": choice.message(),
                **({"content_filter_results": choice.filters} if choice.filters else {}),
            }
            for index, choice in sorted(self._choices.items())
        ]
        return {**self._top, "choices": choices}


class CompletionFolder(Base):
    """POST /completions with stream."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[int, Text] = {}
        self._reasons: dict[int, str] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One chunk."""
        if not self._common(data):
            return
        self._keep(data)
        for choice in data.get("choices") or ():
            index = choice.get("index") or 0
            self._texts.setdefault(index, Text()).add(choice.get("text"))
            if choice.get("finish_reason"):
                self._reasons[index] = choice["finish_reason"]
                self.finished = len(self._reasons) == len(self._texts)

    @property
    def body(self) -> dict[str, Any]:
        """As a text_completion."""
        choices = [
            {"index": index, "finish_reason": self._reasons.get(index), "text": str(text)}
            for index, text in sorted(self._texts.items())
        ]
        return {**self._top, "choices": choices}


class ResponsesFolder(Base):
    """POST /responses with stream, and GET of one: the last event holds everything; before it, the parts so far."""

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._texts: dict[tuple[int, str], Text] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One event."""
        kind = str(data.get("type") or "")
        if kind == "error":
            self.error = data.get("error") or {name: data.get(name) for name in ("code", "message", "param")}
        elif kind.endswith(".delta"):
            part = "arguments" if "arguments" in kind else "input" if "input" in kind else kind.split(".")[1]
            self._texts.setdefault((data.get("output_index") or 0, part), Text()).add(data.get("delta"))
        elif kind in ("response.output_item.added", "response.output_item.done"):
            self._items[data.get("output_index") or 0] = data.get("item") or {}
        elif isinstance(data.get("response"), dict):
            self._response = data["response"]
            if kind in ("response.completed", "response.incomplete", "response.failed", "response.cancelled"):
                self.finished = True
        elif not kind:
            self._common(data)

    @property
    def body(self) -> dict[str, Any]:
        """As a response."""
        if self._response.get("output") or self.finished:
            return self._response
        return {**self._response, "output": self._partial()}

    def _partial(self) -> list[dict[str, Any]]:
        for (index, part), text in self._texts.items():
            item = self._items.setdefault(index, {"type": "message", "role": "assistant"})
            kind = item.get("type")
            if kind == "message" and not item.get("content"):
                name = "refusal" if part == "refusal" else "text"
                item["content"] = [{"type": "refusal" if part == "refusal" else "output_text", name: str(text)}]
            elif kind == "reasoning" and not item.get("summary"):
                item["summary"] = [{"type": "summary_text", "text": str(text)}]
            elif part in ("arguments", "input") and not item.get(part):
                item[part] = str(text)
        return [item for _, item in sorted(self._items.items())]
