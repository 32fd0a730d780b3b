"""The protocols of the Anthropic API, which clouds and gateways speak too: from request and answer to attributes.

Bodies inside another format (Bedrock's InvokeModel) use `anthropic_content`, `anthropic_usage` and `anthropic_folders`.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .answer import Answer, Protocol, request_id
from .anthropic_content import request_content, response_content
from .anthropic_folders import CompletionFolder, MessagesFolder
from .anthropic_usage import usage_attributes
from .attributes import fail, get, request_attributes
from .parts import MAPPINGS

if TYPE_CHECKING:
    from ..._call import CallRecord

_REQUEST: dict[str, str] = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "max_tokens_to_sample": s.REQUEST_MAX_TOKENS,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "service_tier": s.ANTHROPIC_REQUEST_SERVICE_TIER,
}
_RESPONSE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (s.RESPONSE_ID, ("id",)),
    (s.RESPONSE_MODEL, ("model",)),
    (s.ANTHROPIC_STOP_SEQUENCE, ("stop_sequence",)),
    (s.ANTHROPIC_REFUSAL_CATEGORY, ("stop_details", "category")),
    (s.ANTHROPIC_CONTAINER_ID, ("container", "id")),
)


def parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a request says besides its messages; also for bodies inside another format."""
    out = request_attributes(request, _REQUEST)
    out[s.REQUEST_REASONING_LEVEL] = _word(get(request, "output_config", "effort"))
    out[s.ANTHROPIC_THINKING_TYPE] = _word(get(request, "thinking", "type"))
    budget = get(request, "thinking", "budget_tokens")
    out[s.ANTHROPIC_THINKING_BUDGET] = budget if isinstance(budget, int) else None
    form = get(request, "output_config", "format") or request.get("output_format")
    if isinstance(form, MAPPINGS) and str(form.get("type")).startswith("json"):
        out[s.OUTPUT_TYPE] = "json"
    betas = request.get("betas") or request.get("anthropic_beta")
    out[s.ANTHROPIC_BETA] = [str(beta) for beta in betas] if isinstance(betas, list) and betas else None
    return {name: value for name, value in out.items() if value is not None}


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    out = parameters(request)
    user = _word(get(request, "metadata", "user_id"))
    if user and not answer.user_known:
        out[s.USER_ID] = user
    out.update({name: word for name, path in _RESPONSE if (word := _word(get(body, *path)))})
    out.update(usage_attributes(body.get("usage")))
    out[s.PROVIDER_REQUEST_ID] = request_id(answer.headers)
    _failure(record, out, body)
    out.update(request_content(request))
    if "error" not in body or "content" in body:
        out.update(response_content(body))
    return out


def _describe_count(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """How long a request is. It is asked, not spent: so it is no usage."""
    out: dict[str, Any] = {s.PROVIDER_REQUEST_ID: request_id(answer.headers)}
    counted = body.get("input_tokens")
    if isinstance(counted, int):
        out[s.ANTHROPIC_COUNTED_TOKENS] = counted
    _failure(record, out, body)
    return out


def _describe_batch(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """What was handed in; its tokens are spent later and stand in the results."""
    requests = record.request.get("requests")
    out: dict[str, Any] = {
        s.PROVIDER_REQUEST_ID: request_id(answer.headers),
        s.BATCH_ID: _word(body.get("id")),
        s.BATCH_SIZE: len(requests) if isinstance(requests, list | tuple) else None,
    }
    _failure(record, out, body)
    return out


def _failure(record: CallRecord, out: dict[str, Any], body: Mapping[str, Any]) -> None:
    """Give the provider's word for it: an answer can come well and still say that the model failed."""
    error = body.get("error")
    if isinstance(error, MAPPINGS):
        fail(record, out, error.get("message"), error.get("type"))


# The first bytes that carry something the model wrote. Pings, message_start and empty deltas carry nothing.
_DELTA = re.compile(
    rb'"delta"\s*:\s*\{[^{}]*"(?:text|thinking|partial_json|content)"\s*:\s*"[^"]|"type"\s*:\s*"citations_delta"'
).search
_FRAMED = re.compile(rb'"bytes"\s*:\s*"([A-Za-z0-9+/=]+)"').finditer


def _first_token(chunk: bytes) -> object:
    if b'"bytes"' in chunk:  # inside the frames of Bedrock
        return any(_DELTA(_decoded(found[1])) for found in _FRAMED(chunk))
    return _DELTA(chunk)


def _decoded(data: bytes) -> bytes:
    try:
        return base64.b64decode(data)
    except (binascii.Error, ValueError):
        return b""


MESSAGES = Protocol("messages", _describe, MessagesFolder, _first_token)
COMPLETIONS = Protocol(
    "anthropic_completions", _describe, CompletionFolder, re.compile(rb'"completion"\s*:\s*"[^"]').search
)
COUNT_TOKENS = Protocol("anthropic_count_tokens", _describe_count)
BATCHES = Protocol("anthropic_batches", _describe_batch)
