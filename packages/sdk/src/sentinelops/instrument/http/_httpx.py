"""httpx and httpx2: `send` of both client classes, which every request of theirs passes once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._call import inner
from .._wire import watch
from .._wire.stainless import leave
from ._exchange import HttpExchange, begin, endpoint_of, guarded, take

Active = Callable[[], bool]


@guarded
def _started(request: Any) -> HttpExchange | None:
    if request.method != "POST":
        return None
    url = request.url
    endpoint = endpoint_of(url.host, url.port or (443 if url.scheme == "https" else 80))
    return None if endpoint is None else begin(endpoint, url.path, lambda: getattr(request, "_content", None))


def _arrived(exchange: HttpExchange, response: Any, *, stream: bool, is_async: bool) -> None:
    def note() -> None:
        exchange.answered(response.status_code, response.headers)
        if stream and not response.is_closed:
            watch.watch(exchange, exchange.follow(), response, is_async=is_async)
        else:
            exchange.whole(response.content)

    take(exchange, "http.httpx", note)


def wrap_send(original: Any, active: Active) -> Any:
    """Around `Client.send`."""

    @functools.wraps(original)
    def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _started(request) if active() else None
        if exchange is None:
            return original(self, request, *args, **kwargs)
        token = inner.set(exchange)
        try:
            response = original(self, request, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        _arrived(exchange, response, stream=bool(kwargs.get("stream")), is_async=False)
        return response

    return send


def wrap_async_send(original: Any, active: Active) -> Any:
    """Around `AsyncClient.send`."""

    @functools.wraps(original)
    async def send(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        exchange = _started(request) if active() else None
        if exchange is None:
            return await original(self, request, *args, **kwargs)
        token = inner.set(exchange)
        try:
            response = await original(self, request, *args, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        _arrived(exchange, response, stream=bool(kwargs.get("stream")), is_async=True)
        return response

    return send
