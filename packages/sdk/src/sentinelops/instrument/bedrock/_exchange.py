"""One operation of a Bedrock client: begins the call, keeps what arrives, ends it once.

Nothing here raises: every entry is guarded, so that a failure of ours costs the span and not the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ... import _runtime
from ..._call import Call, gone, start_call
from ..._guard import swallow
from .._wire import watch
from . import _body, _events
from ._models import model_of
from ._operations import OPERATIONS, Operation

if TYPE_CHECKING:
    from ._body import BodyPassage
    from ._events import Events

PROVIDER = "aws.bedrock"
_DEPTH = 24


class Answer:
    """What arrived.

    raw: the bytes of an answer that came whole, in which also stands what this client is too old to know. parsed: a
    copy of what the client made of it, all of it where there are no bytes. events, body: what passed of an answer that
    the host reads.
    """

    __slots__ = ("body", "events", "operation", "parsed", "raw", "sent_model")

    def __init__(self, operation: Operation, sent_model: str | None) -> None:
        self.operation = operation
        self.sent_model = sent_model
        self.parsed: dict[str, Any] = {}
        self.raw: bytes | None = None
        self.events: Events | None = None
        self.body: BodyPassage | None = None

    @property
    def held_bytes(self) -> int:
        """Bytes of the answer that wait here for the export thread, roughly."""
        passage = self.events or self.body
        return len(self.raw or b"") if passage is None else passage.held_bytes


class Exchange:
    """From the client's operation to the end of its answer."""

    __slots__ = ("_answer", "_call", "_watched", "ended")

    def __init__(self, call: Call, answer: Answer) -> None:
        self._call = call
        self._answer = answer
        self._watched = False
        self.ended = False

    def arrived(self, result: Any) -> None:
        """Take the HTTP answer, the first of what the client's `_make_request` gives."""
        try:
            operation = self._answer.operation
            content = getattr(result[0], "_content", None)
            if type(content) is bytes and content and operation.stream is None and operation.body is None:
                self._answer.raw = content
        except Exception as error:
            swallow("bedrock.arrived", error)

    def returned(self, result: Any, *, is_async: bool) -> None:
        """Take the answer. The call ends here, unless the host still has to read: the client gives this to the host."""
        try:
            if isinstance(result, dict):
                self._take(result, is_async=is_async)
            if not self._watched:
                self._end(None)
        except Exception as error:
            swallow("bedrock.returned", error)

    def _take(self, result: dict[str, Any], *, is_async: bool) -> None:
        answer, operation = self._answer, self._answer.operation
        reading = operation.stream or operation.body
        if answer.raw is None:
            answer.parsed = {key: copied(value) for key, value in result.items() if key != reading}
        else:
            answer.parsed = {"ResponseMetadata": copied(result.get("ResponseMetadata"))}
        value = result.get(reading) if reading else None
        if value is None:
            return
        if operation.stream:
            answer.events = _events.watch_events(self, value, operation, self._call.first_token, is_async=is_async)
            self._watched = answer.events is not None
        else:
            answer.body = _body.watch_body(self, value, is_async=is_async)
            self._watched = answer.body is not None

    def failed(self, error: BaseException) -> None:
        """End the call: the client raises this to the host."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("bedrock.failed", failure)

    def finish(self, error: BaseException | None) -> None:
        """End the call: the host read the answer, broke off, closed, failed or forgot."""
        try:
            self._end(error)
        except Exception as failure:
            swallow("bedrock.finish", failure)

    def disown(self) -> None:
        """In a forked child: the parent reports this one."""
        self.ended = True

    def _end(self, error: BaseException | None) -> None:
        # of all who want to end a watched one, from any thread, the registry lets one through; no lock: see watch
        if self.ended or (self._watched and not watch.leave(self)):
            return
        self.ended = True
        passage = self._answer.events or self._answer.body
        if passage is not None:
            passage.detach()
        left = gone(error)
        self._call.end(self._answer, error=None if left else error, cancelled=left)


def copied(value: Any, depth: int = 0) -> Any:
    """Copy the structure, not the texts in it: it is the host's own, who may change it before it is described."""
    kind = type(value)
    if depth < _DEPTH:
        if kind is dict:
            return {key: copied(item, depth + 1) for key, item in value.items()}
        if kind is list:
            return [copied(item, depth + 1) for item in value]
    return value


def begin(client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Exchange | None:
    """For the arguments of `_make_api_call`; None when this operation is not ours to describe."""
    try:
        operations = OPERATIONS.get(client.meta.service_model.service_name)
        if operations is None:
            return None
        name = kwargs["operation_name"] if "operation_name" in kwargs else args[0]
        operation = operations.get(name)
        if operation is None:
            return None
        params = kwargs["api_params"] if "api_params" in kwargs else args[-1]
        return _started(client, operation, params if isinstance(params, Mapping) else {})
    except Exception as error:
        swallow("bedrock.begin", error)
        return None


def _started(client: Any, operation: Operation, params: Mapping[str, Any]) -> Exchange | None:
    from ._describe import describe

    runtime = _runtime.current
    if runtime is None:
        return None
    request = dict(params)
    body = request.get("body")
    if isinstance(body, bytearray | memoryview):
        request["body"] = bytes(body)
    sent = operation.model(request)
    model = None if sent is None else model_of(sent, runtime.config.models)
    host, port = _address(client.meta.endpoint_url)
    call = start_call(
        operation.name(model, request),
        PROVIDER,
        model,
        request=request,
        describe=describe,
        server_address=host,
        server_port=port,
        streaming=operation.stream is not None,
    )
    return None if call is None else Exchange(call, Answer(operation, sent))


_addresses: dict[str, tuple[str | None, int | None]] = {}
_ADDRESSES_MAX = 256


def _address(url: Any) -> tuple[str | None, int | None]:
    known = _addresses.get(url)
    if known is None:
        parts = urlsplit(str(url))
        known = (parts.hostname, parts.port or {"https": 443, "http": 80}.get(parts.scheme))
        if len(_addresses) < _ADDRESSES_MAX:
            _addresses[url] = known
    return known
