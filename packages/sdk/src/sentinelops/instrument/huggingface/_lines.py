"""A stream as the Inference client reads it, line by line: seen passing by, ended exactly once.

The client leaves a stream at its `[DONE]`, or raises at a line that holds an error, without reading on, and keeps the
connection until it is closed itself; so the end is that line, and letting go of the iterator, not the end of the
connection. Who keeps the exception keeps the iterator, so an error does not wait for that.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..._guard import swallow
from .._wire import watch
from .._wire.streams import loads_or_none
from ._exchange import HubExchange


class _Reading:
    """What the synchronous and the asynchronous iterator share."""

    __slots__ = ("_exchange", "_lines", "_passage")

    def __init__(self, lines: Any, exchange: HubExchange) -> None:
        self._exchange = exchange
        self._passage = exchange.follow()
        self._lines = lines

    def _seen(self, line: Any) -> None:
        try:
            data = line.encode() if isinstance(line, str) else line
            if data[:5] == b"data:":
                self._passage.take(data + b"\n\n")  # to the client every such line is an event
                if data[5:].strip() == b"[DONE]" or (b'"error"' in data and _fails(data[5:])):
                    self._ended()
        except Exception as error:
            swallow("huggingface.line", error)

    def _ended(self) -> None:
        self._passage.complete = True
        self._exchange.finish(None)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        exchange = getattr(self, "_exchange", None)
        if exchange is not None and not exchange.ended:
            watch.forget(exchange)


def _fails(data: bytes) -> bool:
    """Whether the client raises at this line."""
    value = loads_or_none(data)
    return isinstance(value, dict) and value.get("error") is not None


class Lines(_Reading):
    """In place of the iterator of lines."""

    __slots__ = ()

    def __init__(self, lines: Any, exchange: HubExchange) -> None:
        super().__init__(iter(lines), exchange)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            line = next(self._lines)
        except StopIteration:
            self._ended()
            raise
        except BaseException as error:
            self._exchange.finish(error)
            raise
        self._seen(line)
        return line


class AsyncLines(_Reading):
    """In place of the asynchronous iterator of lines."""

    __slots__ = ()

    def __init__(self, lines: Any, exchange: HubExchange) -> None:
        super().__init__(aiter(lines), exchange)

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            line = await anext(self._lines)
        except StopAsyncIteration:
            self._ended()
            raise
        except BaseException as error:
            self._exchange.finish(error)
            raise
        self._seen(line)
        return line
