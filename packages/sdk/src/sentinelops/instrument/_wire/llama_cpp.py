"""llama.cpp's own API: /completion, /completions and /infill."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol
from .attributes import fail, get, output, request_attributes, texts, tokens
from .openai_usage import inference_seconds
from .parts import MAPPINGS
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_REQUEST = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "n_predict": s.REQUEST_MAX_TOKENS,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
}
# why it stopped -> as other servers say it
_REASONS = {"eos": "stop", "word": "stop", "limit": "length"}


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out = request_attributes(request, _REQUEST)
    if request.get("json_schema") or request.get("grammar"):
        out[s.OUTPUT_TYPE] = "json" if request.get("json_schema") else "text"
    out[s.PROVIDER] = "llama_cpp"
    out[s.RESPONSE_MODEL] = body.get("model")
    out[s.USAGE_INPUT_TOKENS] = tokens(body.get("tokens_evaluated"))
    out[s.USAGE_OUTPUT_TOKENS] = tokens(body.get("tokens_predicted"))
    # `tokens_cached` is what the slot holds afterwards, the answer included: not what was spared
    out[s.USAGE_CACHE_READ_TOKENS] = tokens(get(body, "timings", "cache_n"))
    out[s.INFERENCE_DURATION_SECONDS] = inference_seconds(None, body)
    error = body.get("error")
    if isinstance(error, MAPPINGS):
        fail(record, out, error.get("message"), error.get("type") or error.get("code"))
    prompt = request.get("prompt")
    if prompt is None:
        prompt = request.get("input_prefix")
    out[s.INPUT_MESSAGES] = texts(_counted(prompt))
    kind = body.get("stop_type")
    text = body.get("content")
    reason = _REASONS.get(kind) if isinstance(kind, str) else None
    out.update(output([{"type": "text", "content": text}] if text else [], reason))
    return out


def _counted(prompt: Any) -> Any:
    """Of a list of token numbers only how many there are."""
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], int):
        return f"[{len(prompt)} tokens]"
    return prompt


class LlamaCppFolder:
    """Pieces of `content`; the last event has the counts."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._text = Text()
        self._last: dict[str, Any] = {}

    def event(self, data: dict[str, Any]) -> None:
        """One piece."""
        error = data.get("error")
        if error:
            self.error = error if isinstance(error, dict) else {"message": str(error)}
            return
        self._text.add(data.get("content"))
        if data.get("stop") is True:
            self._last = data
            self.finished = True

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        return {**self._last, "content": str(self._text)}


COMPLETION = Protocol("llama_cpp_completion", _describe, LlamaCppFolder, re.compile(rb'"content"\s*:\s*"[^"]').search)
