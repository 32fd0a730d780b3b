"""requests: `Session.send`, which every request passes; what the host reads is seen at `iter_content`, or at `raw`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ..._call import inner
from .._wire import watch
from .._wire.stainless import leave
from .._wire.streams import Passage
from ._exchange import HttpExchange, begin, endpoint_of, guarded, take


@guarded
def _started(request: Any) -> HttpExchange | None:
    if request.method != "POST":
        return None
    url = urlsplit(request.url)
    try:
        port = url.port
    except ValueError:
        return None  # of a scheme that only its adapter understands
    endpoint = endpoint_of(url.hostname, port or (443 if url.scheme == "https" else 80))
    return None if endpoint is None else begin(endpoint, url.path, lambda: request.body)


_DOORS = ("iter_content", "close")
_RAW_DOORS = ("read", "stream")  # of urllib3's answer below


class _Reading:
    """Hangs on one answer until its end; see `_wire.watch.Watch`, whose twin this is."""

    __slots__ = ("_asked", "_begun", "_exchange", "_passage", "_raw", "_response")

    def __init__(self, exchange: HttpExchange, passage: Passage, response: Any) -> None:
        self._exchange = exchange
        self._passage = passage
        self._response = response
        self._raw: Any = response.raw if hasattr(type(response.raw), "stream") else None
        self._asked = False  # the raw answer, how it is read
        self._begun = False  # reading: what is read below is seen above
        for name in _DOORS:
            response.__dict__[name] = getattr(self, name)
        for name in _RAW_DOORS if self._raw is not None else ():
            self._raw.__dict__[name] = getattr(self, name)

    def iter_content(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """In place of the answer's own."""
        response = self._response
        return self._pass(type(response).iter_content(response, *args, **kwargs))

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """In place of the raw answer's own."""
        chunks: Iterator[Any] = type(self._raw).stream(self._raw, *args, **kwargs)
        if self._begun:
            return chunks
        self._came(args, kwargs)
        return self._pass(chunks)

    def read(self, *args: Any, **kwargs: Any) -> Any:
        """In place of the raw answer's own."""
        read = type(self._raw).read
        if self._begun:
            return read(self._raw, *args, **kwargs)
        self._begun = True
        try:
            data = read(self._raw, *args, **kwargs)
        except BaseException as error:
            self._finish(error)
            raise
        finally:
            self._begun = False
        if not self._asked:
            self._came(args, kwargs)
        if data:
            self._passage.take(data)
        amount = args[0] if args else kwargs.get("amt")
        if amount is None or (amount and not data):
            self._passage.complete = True
            self._finish(None)
        return data

    def _came(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """What comes is as it came over the line, unless it is asked for decoded."""
        self._asked = True
        decoded = kwargs.get("decode_content", args[1] if len(args) > 1 else None)
        if decoded is None:
            decoded = self._raw.decode_content
        if not decoded:
            self._passage.encoded(self._raw.headers.get("content-encoding"))

    def _pass(self, chunks: Iterator[Any]) -> Iterator[Any]:
        take_in = self._passage.take
        self._begun = True
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
        for owner, names in ((self._response, _DOORS), (self._raw, _RAW_DOORS)):
            for name in names:
                getattr(owner, "__dict__", {}).pop(name, None)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        if not self._exchange.ended:
            watch.forget(self._exchange)


def _retries(raw: Any) -> int:
    """How often an adapter asked again, redirects aside."""
    history = getattr(getattr(raw, "retries", None), "history", ())
    return sum(1 for one in history if one.redirect_location is None)


def _arrived(exchange: HttpExchange, response: Any) -> None:
    def note() -> None:
        exchange.answered(response.status_code, response.headers, _retries(response.raw))
        if response._content_consumed:  # noqa: SLF001 - asking for .content instead would read it
            exchange.whole(response.content)
        else:
            _Reading(exchange, exchange.follow(), response)

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
