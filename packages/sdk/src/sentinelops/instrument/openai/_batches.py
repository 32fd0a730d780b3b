"""Batches: the calls of one are told when the host reads its results, each with its usage, once.

A batch's own requests carry no usage yet. Results are read in a thread of ours: a file can hold 50,000 of them.
"""

from __future__ import annotations

import atexit
import contextvars
import re
from collections import OrderedDict
from collections.abc import Mapping
from threading import Thread
from typing import Any

from ... import _runtime, semconv
from ..._call import CallRecord
from ..._guard import swallow
from .._wire import openai as wire
from .._wire.answer import Answer, Protocol, request_id
from .._wire.batches import first_time, tell_call
from .._wire.exchange import Exchange
from .._wire.provider import Endpoint
from .._wire.streams import loads_or_none

_IS_RESULT = re.compile(rb'\s*\{[^{}]{0,512}"custom_id"\s*:')
_OUTPUT = re.compile(rb'"(?:output_file_id|error_file_id)"\s*:\s*"([^"]+)"')
_BATCH = re.compile(rb'"id"\s*:\s*"(batch_[^"]+)"')
_KINDS: dict[str, tuple[str, Protocol]] = {
    "chat.completion": ("chat", wire.CHAT),
    "response": ("chat", wire.RESPONSES),
    "text_completion": ("text_completion", wire.COMPLETIONS),
    "list": ("embeddings", wire.EMBEDDINGS),
}
_batch_of: OrderedDict[str, str] = OrderedDict()  # file -> batch
_reading: list[Thread] = []


class _Passing(Exchange):
    """A request that is no call of a model, but whose answer tells of some."""

    __slots__ = ("_content",)

    def __init__(self) -> None:
        self._content: bytes | None = None
        self.ended = True
        self.note = None

    def arrived(self, response: Any, *, stream: bool, retries: int, is_async: bool) -> None:  # noqa: ARG002 - as Exchange's
        """Take the body, by reference, when the client has read it."""
        try:
            if not stream and response.is_closed:
                self._content = response.content
        except Exception as error:
            swallow("openai.batch", error)

    def failed(self, error: BaseException) -> None:
        """Nothing was told."""


class Looked(_Passing):
    """GET /batches/ID: which files are its results."""

    __slots__ = ()

    def returned(self, result: Any) -> None:  # noqa: ARG002 - as Exchange's
        """Remember."""
        content = self._content
        batch = _BATCH.search(content) if content else None
        if content and batch:
            for name in _OUTPUT.findall(content):
                _batch_of[name.decode()] = batch[1].decode()
            while len(_batch_of) > 1_000:
                _batch_of.popitem(last=False)


class Results(_Passing):
    """GET /files/ID/content: a batch's results, or any other file, which is left alone."""

    __slots__ = ("_endpoint", "_file")

    def __init__(self, endpoint: Endpoint, file: str) -> None:
        super().__init__()
        self._endpoint = endpoint
        self._file = file

    def returned(self, result: Any) -> None:  # noqa: ARG002 - as Exchange's
        """Read the results, in a thread of ours."""
        content = self._content
        if _runtime.current is None or not content or not _IS_RESULT.match(content):
            return
        try:
            work = contextvars.copy_context().run
            batch = _batch_of.get(self._file)
            thread = Thread(
                target=work, args=(_tell, content, self._endpoint, batch), name="sentinelops-batch", daemon=True
            )
            if not _reading:
                atexit.register(finish, 5.0)
            _reading[:] = [*filter(Thread.is_alive, _reading), thread]
            thread.start()
        except Exception as error:
            swallow("openai.batch", error)


def finish(timeout_seconds: float = 30.0) -> None:
    """Wait for the results that are being read."""
    for thread in list(_reading):
        thread.join(timeout_seconds)


def _tell(content: bytes, endpoint: Endpoint, batch: str | None) -> None:
    for line in content.splitlines():
        try:
            value = loads_or_none(line)
            if isinstance(value, dict) and "custom_id" in value:
                _tell_one(value, endpoint, batch)
        except Exception as error:
            swallow("openai.batch", error)


def _tell_one(line: Mapping[str, Any], endpoint: Endpoint, batch: str | None) -> None:
    if not first_time(str(line.get("id") or batch), str(line["custom_id"])):
        return
    response = line.get("response")
    response = response if isinstance(response, Mapping) else {}
    body = response.get("body")
    body = dict(body) if isinstance(body, Mapping) else {}
    if line.get("error"):
        body["error"] = line["error"]
    status = response.get("status_code")
    extra = {
        semconv.OPENAI_RESPONSE_SERVICE_TIER: "batch",
        semconv.BATCH_ID: batch,
        semconv.BATCH_CUSTOM_ID: str(line["custom_id"]),
        semconv.PROVIDER_REQUEST_ID: response.get("request_id"),
    }
    kind = _KINDS.get(str(body.get("object")), ("chat", wire.CHAT))
    tell_call(kind, endpoint, body, extra, status=status if isinstance(status, int) else None)


def _describe_batch(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    """POST /batches: what was handed in; the provider tells no usage yet."""
    batch = body.get("id")
    return {
        semconv.BATCH_ID: batch if isinstance(batch, str) else None,
        semconv.PROVIDER_REQUEST_ID: request_id(answer.headers),
        semconv.METADATA_PREFIX + "endpoint": record.request.get("endpoint"),
    }


BATCHES = Protocol("openai_batches", _describe_batch)
