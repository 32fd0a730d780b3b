"""From the bytes of a request and its answer to the attributes of its span; runs in the export thread."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ... import privacy
from ... import semconv as s
from . import _chat, _responses
from ._parts import MAPPINGS
from ._provider import refine, telling
from ._streams import EDGE_BYTES, Passage, loads_or_none
from ._usage import inference_seconds, scavenged, usage_attributes

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
_API_TYPES = {"chat_completions": "chat_completions", "responses": "responses"}


class Answer:
    """What arrived, by reference. body: bytes of an answer read whole; passage: of one that the host reads itself."""

    __slots__ = ("api", "body", "cut", "headers", "parsed", "passage", "retries", "status", "user_known")

    def __init__(self, api: str) -> None:
        self.api = api
        self.body: bytes | None = None
        self.cut = False
        self.headers: Mapping[str, str] | None = None
        self.parsed: Any = None
        self.passage: Passage | None = None
        self.retries = 0
        self.status: int | None = None
        self.user_known = False  # the host named its user itself: what the request says does not count

    @property
    def held_bytes(self) -> int:
        """Bytes of the answer that wait here for the export thread."""
        if self.passage is not None:
            return self.passage.held_bytes
        return 0 if self.body is None else len(self.body)

    def keep(self, body: bytes) -> None:
        """Vectors are not kept: an answer of embeddings is its edges, where model and usage stand."""
        if self.api == "embeddings" and len(body) > 2 * EDGE_BYTES:
            body = body[:EDGE_BYTES] + body[-EDGE_BYTES:]
            self.cut = True
        self.body = body


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name, content as Python structures."""
    answer = record.response
    if not isinstance(answer, Answer):
        return {}
    request = record.request
    answer.headers = telling(answer.headers)
    body, outcome = _settled(answer, record)
    attributes: dict[str, Any] = {
        s.OPENAI_API_TYPE: _API_TYPES.get(answer.api),
        s.PROVIDER: refine(record.provider, answer.headers, body),
        s.ATTEMPTS: answer.retries + 1 if answer.retries else None,
        s.HTTP_STATUS: answer.status,
        s.OUTCOME: outcome,
    }
    attributes.update(_request_attributes(request, user_known=answer.user_known))
    attributes.update(_error_attributes(record, answer))
    attributes.update(_response_attributes(record, answer, body))
    if answer.api == "responses":
        attributes.update(_responses.content(request, body, fetched=record.operation == "fetch_response"))
    else:
        attributes.update(_chat.content(answer.api, request, body))
    return attributes


def _settled(answer: Answer, record: CallRecord) -> tuple[dict[str, Any], str | None]:
    """Give the body as it would stand without streaming ({} when there is none), and the outcome if broken off."""
    passage = answer.passage
    if passage is None:
        return _whole(answer), None
    raw = passage.settle()
    folder = passage.folder
    if folder is not None:
        broken_off = not (passage.complete or folder.finished or record.error or folder.error)
        body = folder.body
        if folder.error:
            body = {**body, "error": folder.error}
        return body, "cancelled" if broken_off else None
    answer.body, answer.cut = raw, passage.overflow
    body = _whole(answer)
    return body, None if passage.complete or body or record.error else "cancelled"


def _whole(answer: Answer) -> dict[str, Any]:
    body = answer.body
    if body is None:
        dump = getattr(answer.parsed, "model_dump", None)
        value = dump(mode="json") if callable(dump) else None
    else:
        value = scavenged(body) if answer.cut else loads_or_none(body)
    return value if isinstance(value, dict) else {}


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


def _error_attributes(record: CallRecord, answer: Answer) -> dict[str, Any]:
    error: Any = record.error
    out: dict[str, Any] = {}
    if error is None:
        return out
    status = getattr(error, "status_code", None) or answer.status
    out[s.HTTP_STATUS] = status
    if status in (401, 403):
        record.error = _without_key(error)
    code = getattr(error, "code", None) or getattr(error, "type", None)
    out[s.ERROR_CODE] = str(code) if code else None
    response = getattr(error, "response", None)
    headers = getattr(response, "headers", None)
    if headers is not None:
        headers = telling(headers)
        if answer.headers is None:
            answer.headers = headers
        out[s.PROVIDER] = refine(record.provider, headers, None)
    tried = getattr(getattr(error, "request", None), "headers", {}).get("x-stainless-retry-count")
    if tried and tried.isdigit() and int(tried):
        out[s.ATTEMPTS] = int(tried) + 1
    if answer.passage is not None and "httpx" in type(error).__module__:
        out[s.ERROR_TYPE] = "APITimeoutError" if "Timeout" in type(error).__name__ else "APIConnectionError"
    return out


_MASKED_KEY = re.compile(r"[\w.-]{0,64}[*\u2022]{2,256}[\w.-]{0,64}")


def _without_key(error: BaseException) -> BaseException:
    """Copy the error without what providers echo of a wrong key: `sk-proj-****WXYZ`."""
    copy = BaseException.__new__(type(error))
    copy.args = (privacy.redact(_MASKED_KEY.sub("[secret]", str(error)))[0],)
    return copy.with_traceback(error.__traceback__)


def _response_attributes(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = answer.headers
    fetched = record.operation == "fetch_response"
    out: dict[str, Any] = {
        s.RESPONSE_ID: body.get("id"),
        s.RESPONSE_MODEL: body.get("model"),
        s.OPENAI_RESPONSE_SERVICE_TIER: body.get("service_tier"),
        s.OPENAI_SYSTEM_FINGERPRINT: body.get("system_fingerprint"),
        s.PROVIDER_REQUEST_ID: _request_id(headers),
        s.INFERENCE_DURATION_SECONDS: None if fetched else inference_seconds(headers, body),
        s.RESPONSE_STATUS: body.get("status"),
    }
    out = {key: value for key, value in out.items() if isinstance(value, _PLAIN)}
    if not fetched or _settles_background(body):
        out.update(usage_attributes(body))
    error = body.get("error")
    if isinstance(error, MAPPINGS) and (error.get("message") or error.get("code")):
        code = error.get("code") or error.get("type")
        if code:
            out[s.ERROR_CODE] = str(code)
        if record.error is None and not fetched:
            out[s.ERROR_TYPE] = str(code or "error")
            record.error = ProviderFailure(str(error.get("message") or code))
    return out


class ProviderFailure(Exception):
    """An answer that came with status 200 and says that the model failed; never raised, only described."""


def _request_id(headers: Mapping[str, str] | None) -> str | None:
    if headers is None:
        return None
    return headers.get("x-request-id") or headers.get("apim-request-id") or headers.get("request-id")


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
