"""requests: `Session.send`, which every request passes; an answer that the host reads is seen at `iter_content`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

from ..._call import inner
from .._wire import watch
from .._wire.stainless import leave
from .._wire.streams import Passage
from ._exchange import HttpExchange, endpoint_of, guarded, take


def _started(request: Any) -> HttpExchange | None:
    if request.method != "POST":
        return None
    url = urlsplit(request.url)
    endpoint = endpoint_of(url.hostname, url.port or (443 if url.scheme == "https" else 80))
    return None if endpoint is None else guarded(endpoint, url.path, lambda: request.body)


class _Reading:
    """Hangs on one answer until its end; see `_wire.watch.Watch`, whose twin this is."""

    __slots__ = ("_exchange", "_passage", "_response")

    def __init__(self, exchange: HttpExchange, passage: Passage, response: Any) -> None:
        self._exchange = exchange
        self._passage = passage
        self._response = response

    def iter_content(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """In place of the answer's own."""
        response = self._response
        return self._pass(type(response).iter_content(response, *args, **kwargs))

    def _pass(self, chunks: Iterator[Any]) -> Iterator[Any]:
        take_in = self._passage.take
        try:
            for chunk in chunks:
                take_in(chunk if isinstance(chunk, bytes) else str(chunk).encode())
                yield chunk
        except GeneratorExit:
            raise
        except BaseException as error:
            self._finish(error)
            raise
        self._passage.complete = True
        self._finish(None)

    def close(self) -> None:
        """In place of the answer's own."""
        response = self._response
        try:
            type(response).close(response)
        finally:
            self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        self._exchange.finish(error)
        for name in ("iter_content", "close"):
            self._response.__dict__.pop(name, None)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        if not self._exchange.ended:
            watch.forget(self._exchange)


def _arrived(exchange: HttpExchange, response: Any) -> None:
    def note() -> None:
        exchange.answered(response.status_code, response.headers)
        if response._content_consumed:  # noqa: SLF001 - asking for .content instead would read it
            exchange.whole(response.content)
            return
        reading = _Reading(exchange, exchange.follow(), response)
        response.__dict__["iter_content"] = reading.iter_content
        response.__dict__["close"] = reading.close

    take(exchange, "http.requests", note)


def wrap_send(original: Any, active: Callable[[], bool]) -> Any:
    """Around `Session.send`."""

    @functools.wraps(original)
    def send(self: Any, request: Any, **kwargs: Any) -> Any:
        exchange = _started(request) if active() else None
        if exchange is None:
            return original(self, request, **kwargs)
        token = inner.set(exchange)
        try:
            response = original(self, request, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        _arrived(exchange, response)
        return response

    return send
