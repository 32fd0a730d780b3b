"""What arrived of one exchange over HTTP, and how it becomes attributes; `describe` runs in the export thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .provider import refine, telling
from .streams import EDGE_BYTES, Folder, Passage, loads_or_none

if TYPE_CHECKING:
    from ..._call import CallRecord


@dataclass(frozen=True, slots=True)
class Protocol:
    """One wire format of model calls over HTTP.

    name: unique. describe: from the record, what arrived and the answer's body (as it would stand without streaming; {}
    when there is none) to attributes by semconv name, content as Python structures. folder: puts a stream together
    again; None: it does not stream. first_token: finds the first bytes that the model wrote. edges: of long answers
    only the beginning and the end are kept.
    """

    name: str
    describe: Callable[[CallRecord, Answer, Mapping[str, Any]], Mapping[str, Any]]
    folder: Callable[[], Folder] | None = None
    first_token: Callable[[bytes], object] | None = None
    edges: bool = False


class Answer:
    """What arrived, by reference. body: bytes of an answer read whole; passage: of one that the host reads itself."""

    __slots__ = ("body", "cut", "extra", "headers", "parsed", "passage", "protocol", "retries", "status", "user_known")

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.body: bytes | None = None
        self.cut = False
        self.extra: Mapping[str, Any] | None = None  # attributes that were known when it began
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
        """Vectors, pictures and sound are not kept: such an answer is its edges, where model and usage stand."""
        if self.protocol.edges and len(body) > 2 * EDGE_BYTES:
            body = body[:EDGE_BYTES] + body[-EDGE_BYTES:]
            self.cut = True
        self.body = body


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name, content as Python structures."""
    answer = record.response
    if not isinstance(answer, Answer):
        return {}
    answer.headers = telling(answer.headers)
    body, outcome = _settled(answer, record)
    attributes: dict[str, Any] = {
        s.PROVIDER: refine(record.provider, answer.headers, body),
        s.ATTEMPTS: answer.retries + 1 if answer.retries else None,
        s.HTTP_STATUS: answer.status,
        s.OUTCOME: outcome,
    }
    attributes.update(_error_attributes(record, answer))
    attributes.update(answer.protocol.describe(record, answer, body))
    if answer.extra:
        attributes.update(answer.extra)
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
        if value is None and answer.protocol.folder is not None and _EVENTS.match(body):
            value = _folded(answer.protocol.folder(), body)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]  # servers that answer a list of prompts answer one with a list too
    return value if isinstance(value, dict) else {}


_EVENTS = re.compile(rb"\s*(?:data|event|id)?:")


def _folded(folder: Folder, body: bytes) -> dict[str, Any]:
    """Read a stream that does not say by its content type that it is one."""
    passage = Passage(folder, None, None)
    passage.take(body)
    passage.settle()
    return {**folder.body, "error": folder.error} if folder.error else folder.body


def _error_attributes(record: CallRecord, answer: Answer) -> dict[str, Any]:
    error: Any = record.error
    out: dict[str, Any] = {}
    if error is None:
        return out
    status = getattr(error, "status_code", None) or answer.status
    out[s.HTTP_STATUS] = status
    if status in (401, 403):
        record.error = without_key(error)
    code = getattr(error, "code", None) or getattr(error, "type", None) or _code_of(getattr(error, "body", None))
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


def _code_of(body: Any) -> Any:
    """Find the provider's word in a body that the client kept whole: {"error": {"type": ...}}."""
    error = body.get("error") if isinstance(body, Mapping) else None
    return error.get("type") if isinstance(error, Mapping) else None


_MASKED_KEY = re.compile(r"[\w.-]{0,64}[*\u2022]{2,256}[\w.-]{0,64}")


def without_key(error: BaseException) -> BaseException:
    """Copy the error without what providers echo of a wrong key: `sk-proj-****WXYZ`."""
    plain = OSError if isinstance(error, OSError) else BaseException  # those of requests and huggingface_hub are both
    copy: BaseException = plain.__new__(type(error))
    copy.args = (_MASKED_KEY.sub("[secret]", str(error)),)
    return copy.with_traceback(error.__traceback__)


class ProviderFailure(Exception):
    """An answer that came with status 200 and says that the model failed; never raised, only described."""


def request_id(headers: Mapping[str, str] | None) -> str | None:
    """Find the provider's id of the exchange."""
    if headers is None:
        return None
    return headers.get("x-request-id") or headers.get("apim-request-id") or headers.get("request-id")


_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.)*)"')
_USAGE = re.compile(rb'"(usage|usageMetadata|meta)"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')
_OLLAMA = re.compile(rb'"(prompt_eval_count|total_duration)"\s*:\s*(\d+)')


def scavenged(edges: bytes) -> dict[str, Any]:
    """Model and usage out of an answer of which only the beginning and the end were kept."""
    out: dict[str, Any] = {}
    model = _MODEL.search(edges)
    if model:
        out["model"] = loads_or_none(b'"' + model[1] + b'"')
    usage = _USAGE.search(edges)
    if usage:
        out[usage[1].decode()] = loads_or_none(usage[2])
    out.update({name.decode(): int(count) for name, count in _OLLAMA.findall(edges)})
    return out
