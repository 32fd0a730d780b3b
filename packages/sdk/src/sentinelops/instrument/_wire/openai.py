"""The protocols of the OpenAI API, which many other servers speak too: from request and answer to attributes."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from . import openai_chat, openai_responses
from .answer import Answer, Protocol, ProviderFailure, request_id
from .openai_filters import filter_attributes
from .openai_folders import ChatFolder, CompletionFolder, ResponsesFolder
from .openai_usage import inference_seconds, usage_attributes
from .parts import MAPPINGS

if TYPE_CHECKING:
    from ..._call import CallRecord

_REQUEST: dict[str, str] = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
    "seed": s.REQUEST_SEED,
    "dimensions": s.EMBEDDINGS_DIMENSIONS,
    "service_tier": s.OPENAI_REQUEST_SERVICE_TIER,
    "previous_response_id": s.REQUEST_PREVIOUS_RESPONSE_ID,
}
_DOUBLES = frozenset(("temperature", "top_p", "frequency_penalty", "presence_penalty"))


def _describe(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """Chat completions, legacy completions and embeddings."""
    attributes = facts(record, answer, body)
    attributes.update(openai_chat.content(answer.protocol.name, record.request, body))
    return attributes


def _describe_responses(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    attributes = facts(record, answer, body)
    fetched = record.operation == "fetch_response"
    attributes.update(openai_responses.content(record.request, body, fetched=fetched))
    return attributes


def facts(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """All that is said of a call but its content."""
    name = answer.protocol.name
    attributes: dict[str, Any] = {s.OPENAI_API_TYPE: name} if name in ("chat_completions", "responses") else {}
    attributes.update(_request_attributes(record.request, user_known=answer.user_known))
    attributes.update(_response_attributes(record, answer, body))
    return attributes


def _request_attributes(request: Mapping[str, Any], *, user_known: bool) -> dict[str, Any]:
    """What the request says besides its messages. Most say little: only what is there is looked at."""
    out: dict[str, Any] = {}
    for name, value in request.items():
        if value is None:
            continue
        if name in _REQUEST:
            if isinstance(value, _PLAIN):
                out[_REQUEST[name]] = float(value) if name in _DOUBLES and not isinstance(value, str) else value
        elif name in _SPECIAL:
            _SPECIAL[name](value, out)
    if "modalities" in request or "response_format" in request or "text" in request:
        out[s.OUTPUT_TYPE] = _output_type(request)
    user = request.get("safety_identifier") or request.get("user")
    if isinstance(user, str) and not user_known:
        out[s.USER_ID] = user
    for name in _LIMITS:
        if isinstance(request.get(name), int):
            out[s.REQUEST_MAX_TOKENS] = request[name]
            break
    return out


def _choice_count(value: Any, out: dict[str, Any]) -> None:
    if isinstance(value, int) and value != 1:
        out[s.REQUEST_CHOICE_COUNT] = value


def _stop(value: Any, out: dict[str, Any]) -> None:
    if value:
        out[s.REQUEST_STOP_SEQUENCES] = [value] if isinstance(value, str) else [str(item) for item in value]


def _encoding_format(value: Any, out: dict[str, Any]) -> None:
    if isinstance(value, str):
        out[s.REQUEST_ENCODING_FORMATS] = [value]


def _reasoning_effort(value: Any, out: dict[str, Any]) -> None:
    if value:
        out[s.REQUEST_REASONING_LEVEL] = value


def _reasoning(value: Any, out: dict[str, Any]) -> None:
    out.setdefault(s.REQUEST_REASONING_LEVEL, _get(value, "effort"))


def _conversation(value: Any, out: dict[str, Any]) -> None:
    out[s.CONVERSATION_ID] = value if isinstance(value, str) else _get(value, "id")


def _metadata(value: Any, out: dict[str, Any]) -> None:
    if isinstance(value, MAPPINGS):
        for key, item in value.items():
            out[s.METADATA_PREFIX + str(key)] = item if isinstance(item, _PLAIN) else str(item)


_PLAIN = (str, int, float)
_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_SPECIAL: dict[str, Callable[[Any, dict[str, Any]], None]] = {
    "n": _choice_count,
    "stop": _stop,
    "encoding_format": _encoding_format,
    "reasoning_effort": _reasoning_effort,
    "reasoning": _reasoning,
    "conversation": _conversation,
    "metadata": _metadata,
}


def _output_type(request: Mapping[str, Any]) -> str | None:
    if "audio" in (request.get("modalities") or ()):
        return "speech"
    kind = _get(request, "response_format", "type") or _get(request, "text", "format", "type")
    if not isinstance(kind, str):
        return None
    return "json" if kind.startswith("json") else "text" if kind == "text" else None


def _get(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, MAPPINGS):
            return None
        value = value.get(name)
    return value


def _response_attributes(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = answer.headers
    fetched = record.operation == "fetch_response"
    out: dict[str, Any] = {
        s.RESPONSE_ID: body.get("id"),
        s.RESPONSE_MODEL: body.get("model"),
        s.OPENAI_RESPONSE_SERVICE_TIER: body.get("service_tier"),
        s.OPENAI_SYSTEM_FINGERPRINT: body.get("system_fingerprint"),
        s.PROVIDER_REQUEST_ID: request_id(headers),
        s.INFERENCE_DURATION_SECONDS: None if fetched else inference_seconds(headers, body),
        s.RESPONSE_STATUS: body.get("status"),
    }
    out = {key: value for key, value in out.items() if isinstance(value, _PLAIN)}
    if not fetched or _settles_background(body):
        out.update(usage_attributes(body))
    out.update(filter_attributes(body, record.error))
    error = body.get("error")
    if isinstance(error, MAPPINGS) and (error.get("message") or error.get("code")):
        code = error.get("code") or error.get("type")
        if code:
            out[s.ERROR_CODE] = str(code)
        if record.error is None and not fetched:
            out[s.ERROR_TYPE] = str(code or "error")
            record.error = ProviderFailure(str(error.get("message") or code))
    return out


# Responses created with background=True are paid for once: the first fetch that sees one finished carries its tokens.
_seen: OrderedDict[str, None] = OrderedDict()
_SEEN_MAX = 1_024


def _settles_background(body: Mapping[str, Any]) -> bool:
    key = body.get("id")
    if not body.get("background") or not body.get("usage") or not isinstance(key, str) or key in _seen:
        return False
    _seen[key] = None
    while len(_seen) > _SEEN_MAX:
        _seen.popitem(last=False)
    return True


# The first bytes that carry something the model wrote; an echo of the request is no content.
CHAT = Protocol(
    "chat_completions",
    _describe,
    ChatFolder,
    re.compile(
        rb'"(?:content|refusal|reasoning|reasoning_content|arguments|transcript|data|input)"\s*:\s*"[^"]'
        rb'|"tool_calls"\s*:\s*\[\s*\{'
    ).search,
)
COMPLETIONS = Protocol("completions", _describe, CompletionFolder, re.compile(rb'"text"\s*:\s*"[^"]').search)
RESPONSES = Protocol("responses", _describe_responses, ResponsesFolder, re.compile(rb'"delta"\s*:\s*"[^"]').search)
EMBEDDINGS = Protocol("embeddings", _describe, edges=True)
