"""The client's side: requests that a session sends, and those that its server sends to it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from ... import _runtime
from ..._call import _SUPPRESS_ALL_KEY
from ..._guard import swallow
from ..._span import ActiveSpan
from ._meta import carried, carrying
from ._request import TOOL_CALL, WATCHED, RequestRecord, begin

# the request that this task is sending: the library's own span of it is ours
_sending: ContextVar[RequestRecord | None] = ContextVar("sentinelops.mcp", default=None)
_calls: WeakKeyDictionary[Any, list[ActiveSpan]] = WeakKeyDictionary()  # session -> its tool calls under way
_versions: WeakKeyDictionary[Any, str] = WeakKeyDictionary()  # first major: session -> what was agreed on


class _Sending:
    """A request under way; every method is guarded."""

    def __init__(self, session: Any, request: Any) -> None:
        self.request = request
        self._session = session
        self._step: ActiveSpan | None = None
        self._record: RequestRecord | None = None
        self._token: Any = None

    def begin(self) -> None:
        runtime = _runtime.current
        message = getattr(self.request, "root", self.request)
        method = getattr(message, "method", None)
        context = otel_context.get_current()
        if runtime is None or method not in WATCHED or context.get(_SUPPRESS_ALL_KEY):
            return
        self._step, self._record = begin(method, getattr(message, "params", None), SpanKind.CLIENT, context)
        self._record.protocol = _versions.get(self._session) or getattr(self._session, "protocol_version", None)
        self._record.request_id = getattr(self._session, "_request_id", None)  # the next one of the first major
        if self._step.context is None:
            return
        if method == TOOL_CALL:
            _calls.setdefault(self._session, []).append(self._step)
        self._token = _sending.set(self._record)
        if runtime.config.propagate_mcp:
            self.request = carrying(self.request, self._step.context)
            self._step.attach()

    def end(self, result: Any, error: BaseException | None) -> None:
        if self._token is not None:
            _sending.reset(self._token)
        step, record = self._step, self._record
        if step is None or record is None:
            return
        step.detach()
        under_way = _calls.get(self._session) or []
        if step in under_way:
            under_way.remove(step)
        record.result = result
        if record.method == "initialize" and isinstance(getattr(result, "protocolVersion", None), str):
            _versions[self._session] = record.protocol = result.protocolVersion
        step.end(error)


def send_request(original: Any) -> Any:
    """Wrap what every request of a session passes."""

    async def send_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        sending = _Sending(self, request)
        try:
            sending.begin()
        except Exception as failure:
            swallow("mcp.begin", failure)
        try:
            result = await original(self, sending.request, *args, **kwargs)
        except BaseException as error:
            _end(sending, None, error)
            raise
        _end(sending, result, None)
        return result

    return send_request


def _end(sending: _Sending, result: Any, error: BaseException | None) -> None:
    try:
        sending.end(result, error)
    except Exception as failure:
        swallow("mcp.end", failure)


def library_span(original: Any) -> Any:
    """Wrap the library's own span of a request: where it would be sent beside ours, ours is it."""

    def otel_span(name: str, *args: Any, **kwargs: Any) -> Any:
        record = _sending.get()
        runtime = _runtime.current
        if record is not None and runtime is not None:
            record.request_id = (kwargs.get("attributes") or {}).get("jsonrpc.request.id", record.request_id)
            if not runtime.config.propagate_mcp:
                return trace.use_span(trace.INVALID_SPAN)
            if runtime.provider is trace.get_tracer_provider():
                return trace.use_span(trace.NonRecordingSpan(trace.get_current_span().get_span_context()))
        return original(name, *args, **kwargs)

    return otel_span


async def answered(session: Any, request: Any, meta: Any, answer: Any) -> Any:
    """Answer a request of the server's (`await answer(note)`), under the tool call that it is about, where known.

    note: takes the answer for the span.
    """
    step: ActiveSpan | None = None
    record: RequestRecord | None = None
    try:
        message = getattr(request, "root", request)
        method = getattr(message, "method", None)
        if _runtime.current is not None and method in WATCHED:
            context = _above(session, meta)
            step, record = begin(str(method), message.params, SpanKind.SERVER, context)
            step.attach()
    except Exception as failure:
        swallow("mcp.answer", failure)

    def note(result: Any) -> None:
        if record is not None:
            record.result = result

    try:
        result = await answer(note)
    except BaseException as error:
        _close(step, error)
        raise
    _close(step, None)
    return result


def _close(step: ActiveSpan | None, error: BaseException | None) -> None:
    if step is not None:
        step.detach()
        step.end(error)


def _above(session: Any, meta: Any) -> Any:
    """The context to answer under: as the server says, else of the only tool call under way, else the current one."""
    here = otel_context.get_current()
    said = carried(meta, here)
    if said is not None:
        return said
    under_way = _calls.get(session) or []
    if len(under_way) == 1 and under_way[0].context is not None:
        return under_way[0].context
    return here


def received_request(original: Any) -> Any:
    """Wrap the first major's door for requests of the server."""

    async def _received_request(self: Any, responder: Any) -> Any:
        async def answer(note: Any) -> Any:
            respond_noting(responder, note)
            return await original(self, responder)

        return await answered(self, responder.request, responder.request_meta, answer)

    return _received_request


def dispatch_input_request(original: Any) -> Any:
    """Wrap the second major's."""

    async def dispatch_input_request(self: Any, ctx: Any, request: Any) -> Any:
        async def answer(note: Any) -> Any:
            result = await original(self, ctx, request)
            note(result)
            return result

        return await answered(self, request, getattr(ctx, "meta", None), answer)

    return dispatch_input_request


def respond_noting(responder: Any, note: Any) -> None:
    """See what is answered; only the first major's responders are asked."""
    try:
        respond = responder.respond

        async def noting(response: Any) -> None:
            note(getattr(response, "root", response))
            await respond(response)

        responder.respond = noting
    except Exception as failure:
        swallow("mcp.respond", failure)
