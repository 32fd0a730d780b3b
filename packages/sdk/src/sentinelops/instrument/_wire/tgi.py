"""Text Generation Inference's own API: /generate, /generate_stream and / with `inputs`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol, request_id
from .attributes import fail, get, output, request_attributes, seconds, texts, tokens
from .streams import Text

if TYPE_CHECKING:
    from ..._call import CallRecord

_PARAMETERS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "seed": s.REQUEST_SEED,
    "max_new_tokens": s.REQUEST_MAX_TOKENS,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
}


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = answer.headers or {}
    details = body.get("details")
    out = request_attributes(record.request.get("parameters"), _PARAMETERS)
    out[s.PROVIDER_REQUEST_ID] = request_id(headers)
    out[s.RESPONSE_MODEL] = body.get("model")
    out[s.USAGE_INPUT_TOKENS] = _input_tokens(details, headers)
    written = tokens(get(details, "generated_tokens"))
    out[s.USAGE_OUTPUT_TOKENS] = _header(headers, "x-generated-tokens") if written is None else written
    out[s.INFERENCE_DURATION_SECONDS] = seconds(_header(headers, "x-inference-time"), 1e3)
    error = body.get("error")
    if error:
        fail(record, out, get(error, "message") or error, get(error, "code") or body.get("error_type"))
    text = body.get("generated_text")
    out[s.INPUT_MESSAGES] = texts(record.request.get("inputs"))
    out.update(output([{"type": "text", "content": text}] if text else [], get(details, "finish_reason")))
    return out


def _input_tokens(details: Any, headers: Mapping[str, str]) -> int | None:
    known = tokens(get(details, "input_length")) or _header(headers, "x-prompt-tokens")
    prefill = get(details, "prefill")
    return known or (len(prefill) if isinstance(prefill, list) and prefill else None)


def _header(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name) or ""
    return int(text) if text.isdigit() else None


class TgiFolder:
    """One event per token; the last has the whole text and the details."""

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.finished = False
        self._text = Text()
        self._last: dict[str, Any] = {}
        self._kind: Any = None

    def event(self, data: dict[str, Any]) -> None:
        """One token, or the failure."""
        if data.get("error"):
            self.error = {"message": str(data["error"]), "code": data.get("error_type")}
            return
        token = data.get("token")
        if isinstance(token, dict) and not token.get("special"):
            self._text.add(token.get("text"))
        if data.get("generated_text") is not None:
            self._last = data
            self.finished = True

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""
        body = {"generated_text": self._last.get("generated_text") or str(self._text)}
        return {**body, "details": self._last["details"]} if self._last.get("details") else body


GENERATE = Protocol("tgi_generate", _describe, TgiFolder, re.compile(rb'"text"\s*:\s*"[^"]').search)
