"""The server's side: a request that a server in this process answers, under the span that its `_meta` names."""

from __future__ import annotations

from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from ... import _runtime
from ..._guard import swallow
from ..._span import ActiveSpan
from ._client import respond_noting
from ._meta import carried
from ._request import WATCHED, RequestRecord, begin


class _Coded(Exception):
    """An error that is answered, with its code, in the shape of the library's own exceptions."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error.message))
        self.error = error


def _start(method: Any, params: Any, meta: Any, request_id: Any) -> tuple[ActiveSpan | None, RequestRecord | None]:
    if _runtime.current is None or method not in WATCHED:
        return None, None
    try:
        here = otel_context.get_current()
        step, record = begin(method, params, SpanKind.SERVER, carried(meta, here) or here)
        record.request_id = request_id
        step.attach()
        return step, record
    except Exception as failure:
        swallow("mcp.serve", failure)
        return None, None


def _end(step: ActiveSpan | None, error: BaseException | None) -> None:
    if step is not None:
        step.detach()
        step.end(error)


def handle_request(original: Any) -> Any:
    """Wrap the first major's `Server._handle_request`, which answers errors itself."""

    async def _handle_request(self: Any, message: Any, req: Any, *args: Any, **kwargs: Any) -> Any:
        step, record = _start(getattr(req, "method", None), getattr(req, "params", None),
                              getattr(message, "request_meta", None), getattr(message, "request_id", None))  # fmt: skip
        answers: list[Any] = []
        if step is not None:
            respond_noting(message, answers.append)
        try:
            result = await original(self, message, req, *args, **kwargs)
        except BaseException as error:
            _end(step, error)
            raise
        answer = answers[-1] if answers else None
        failed = answer if type(answer).__name__ == "ErrorData" else None
        if record is not None and failed is None:
            record.result = answer
        _end(step, None if failed is None else _Coded(failed))
        return result

    return _handle_request


def middleware(original: Any) -> Any:
    """Wrap the second major's own span of a request: where it would be sent beside ours, ours is it."""

    async def __call__(self: Any, ctx: Any, call_next: Any) -> Any:
        params = ctx.params
        step, record = _start(ctx.method, _Params(params), ctx.meta, ctx.request_id)
        runtime = _runtime.current
        ours = step is not None and runtime is not None and runtime.provider is trace.get_tracer_provider()
        if record is not None:
            record.params, record.protocol = params, ctx.protocol_version
        try:
            result = await (call_next(ctx) if ours else original(self, ctx, call_next))
        except BaseException as error:
            _end(step, error)
            raise
        if record is not None:
            record.result = result
        _end(step, None)
        return result

    return __call__


class _Params:
    """Parameters that are still a mapping, by attribute."""

    def __init__(self, params: Any) -> None:
        self.name = params.get("name") if params else None
