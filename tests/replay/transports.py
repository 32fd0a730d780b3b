"""Answers a client with what was recorded, in pieces as a network would: for httpx, httpx2 and botocore."""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from cassettes import Exchange

# the sources of what was asked since the list was last emptied: a client that refuses its arguments asks nothing
asked: list[str] = []


def pieces(body: bytes) -> Iterator[bytes]:
    """Cut where it hurts: the sizes come from the bytes themselves, so that a run repeats."""
    position = 0
    while position < len(body):
        size = 1 + zlib.crc32(body[position : position + 16]) % 700
        yield body[position : position + size]
        position += size


def client(hx: Any, exchange: Exchange) -> Any:
    """A client of `hx` (httpx or httpx2) that gets this answer, whatever it asks."""
    return hx.Client(transport=_transport(hx, exchange))


def async_client(hx: Any, exchange: Exchange) -> Any:
    """As client()."""
    return hx.AsyncClient(transport=_transport(hx, exchange))


def _transport(hx: Any, exchange: Exchange) -> Any:
    class Stream(hx.SyncByteStream, hx.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __iter__(self) -> Iterator[bytes]:
            return pieces(exchange.body)

        async def __aiter__(self) -> AsyncIterator[bytes]:
            for piece in pieces(exchange.body):
                yield piece

    class Recorded(hx.BaseTransport, hx.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        def handle_request(self, request: Any) -> Any:
            request.read()
            asked.append(exchange.source)
            return hx.Response(exchange.status, headers=exchange.headers, stream=Stream())

        async def handle_async_request(self, request: Any) -> Any:
            await request.aread()
            asked.append(exchange.source)
            return hx.Response(exchange.status, headers=exchange.headers, stream=Stream())

    return Recorded()


class RawAnswer:
    """What urllib3 gives botocore."""

    def __init__(self, exchange: Exchange) -> None:
        asked.append(exchange.source)
        self._file = io.BytesIO(exchange.body)

    def stream(self, amount: int = 0, **_: Any) -> Iterator[bytes]:
        yield from pieces(self._file.read())

    def read(self, amount: int | None = None, **_: Any) -> bytes:
        return self._file.read(-1 if amount is None else amount)

    def close(self) -> None:
        self._file.close()
