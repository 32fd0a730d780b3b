"""aiohttp: `ClientSession._request`, which every request passes; the answer's body is seen where the host reads it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..._call import inner
from .._wire import watch
from .._wire.stainless import leave
from .._wire.streams import Passage
from ._exchange import HttpExchange, begin, endpoint_of, guarded, take


@guarded
def _started(session: Any, method: Any, address: Any, kwargs: Any) -> HttpExchange | None:
    if method not in ("POST", "post"):
        return None
    try:
        url = session._build_url(address)  # noqa: SLF001 - as the request itself is about to
    except (TypeError, ValueError):
        return None  # no address, as the client is about to say in its own words
    endpoint = endpoint_of(url.raw_host, url.port)
    if endpoint is None:
        return None
    return begin(endpoint, url.path, lambda: kwargs.get("data") if kwargs.get("json") is None else kwargs["json"])


class _Reader:
    """In place of an answer's `content`: the same reader, and what is read from it is noted.

    The reader's class has no room for names of ours, so this stands before it; everything else is the reader's own.
    """

    def __init__(self, content: Any, response: Any, exchange: HttpExchange, passage: Passage) -> None:
        self._content = content
        self._response = response
        self._exchange = exchange
        self._passage = passage

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # noqa: PLR0206 - isinstance() sees what was there before
        return type(self._content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._content, name)

    def _noted(self, data: Any) -> Any:
        if data:
            self._passage.take(data)
        if self._content.at_eof():
            self._passage.complete = True
            self.finish(None)
        return data

    async def _read(self, read: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            data = await read(*args, **kwargs)
        except BaseException as error:
            self.finish(error)
            raise
        return self._noted(data)

    async def read(self, n: int = -1) -> Any:
        """As the reader's."""
        return await self._read(self._content.read, n)

    async def readany(self) -> Any:
        """As the reader's."""
        return await self._read(self._content.readany)

    async def readline(self, **kwargs: Any) -> Any:
        """As the reader's."""
        return await self._read(self._content.readline, **kwargs)

    async def readuntil(self, *args: Any, **kwargs: Any) -> Any:
        """As the reader's."""
        return await self._read(self._content.readuntil, *args, **kwargs)

    async def readexactly(self, n: int) -> Any:
        """As the reader's."""
        return await self._read(self._content.readexactly, n)

    async def readchunk(self) -> Any:
        """As the reader's."""
        try:
            data, end = await self._content.readchunk()
        except BaseException as error:
            self.finish(error)
            raise
        return self._noted(data), end

    def read_nowait(self, n: int = -1) -> Any:
        """As the reader's."""
        return self._noted(self._content.read_nowait(n))

    def __aiter__(self) -> Any:
        return type(self._content).__aiter__(self)

    def iter_chunked(self, n: int) -> Any:
        """As the reader's."""
        return type(self._content).iter_chunked(self, n)

    def iter_any(self) -> Any:
        """As the reader's."""
        return type(self._content).iter_any(self)

    def iter_chunks(self) -> Any:
        """As the reader's."""
        return type(self._content).iter_chunks(self)

    def close(self) -> Any:
        """In place of the answer's own."""
        try:
            return type(self._response).close(self._response)
        finally:
            self.finish(None)

    def release(self) -> Any:
        """In place of the answer's own."""
        try:
            return type(self._response).release(self._response)
        finally:
            self.finish(None)

    def finish(self, error: BaseException | None) -> None:
        """End the call, and leave the answer as it was before us, but for the reader in use."""
        self._exchange.finish(error)
        for name in ("close", "release"):
            self._response.__dict__.pop(name, None)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        if not self._exchange.ended:
            watch.forget(self._exchange)


def _arrived(exchange: HttpExchange, response: Any) -> None:
    def note() -> None:
        exchange.answered(response.status, response.headers)
        if response._body is not None:  # noqa: SLF001 - asking for it otherwise would read it
            exchange.whole(response._body)  # noqa: SLF001
            return
        reader = _Reader(response.content, response, exchange, exchange.follow())
        response.content = reader
        response.__dict__["close"] = reader.close
        response.__dict__["release"] = reader.release

    take(exchange, "http.aiohttp", note)


def wrap_request(original: Any, active: Callable[[], bool]) -> Any:
    """Around `ClientSession._request`."""

    @functools.wraps(original)
    async def _request(self: Any, method: Any, str_or_url: Any, **kwargs: Any) -> Any:
        exchange = _started(self, method, str_or_url, kwargs) if active() else None
        if exchange is None:
            return await original(self, method, str_or_url, **kwargs)
        token = inner.set(exchange)
        try:
            response = await original(self, method, str_or_url, **kwargs)
        except BaseException as error:
            exchange.failed(error)
            raise
        finally:
            leave(token)
        _arrived(exchange, response)
        return response

    return _request
