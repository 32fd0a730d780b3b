"""The body of an InvokeModel answer, which the host reads itself: every byte passes unchanged, and is noted.

The client's StreamingBody keeps its type and its methods; the raw stream below it is replaced by one that hands through
everything. Which of the many ways of reading the host takes makes no difference.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from ..._guard import swallow
from .._wire import watch
from .._wire.streams import BODY_BYTES, EDGE_BYTES

if TYPE_CHECKING:
    from ._exchange import Exchange


class BodyPassage:
    """The bytes of one body, as they pass.

    complete: bool, the host read to the very end. missing: bool, the line ended before the announced length. overflow:
    bool, pieces in the middle are gone.
    """

    __slots__ = ("_exchange", "_length", "_pieces", "_size", "complete", "missing", "overflow", "total")

    def __init__(self, exchange: Exchange, length: int | None) -> None:
        self._exchange: Exchange | None = exchange
        self._length = length
        self._pieces: list[bytes] = []
        self._size = 0
        self.total = 0
        self.complete = False
        self.missing = False
        self.overflow = False

    @property
    def held_bytes(self) -> int:
        """Bytes noted."""
        return self._size

    def take(self, chunk: Any) -> None:
        """Keep these bytes, which the host is about to see."""
        try:
            if not chunk:
                return
            piece = chunk if type(chunk) is bytes else bytes(chunk)
            self._pieces.append(piece)
            self._size += len(piece)
            self.total += len(piece)
            if self._size > BODY_BYTES:
                whole = b"".join(self._pieces)
                self._pieces = [whole[:EDGE_BYTES], whole[-EDGE_BYTES:]]
                self._size = 2 * EDGE_BYTES
                self.overflow = True
            if self._length is not None and self.total >= self._length:
                self.end()
        except Exception as error:
            swallow("bedrock.take", error)

    def end(self, error: BaseException | None = None) -> None:
        """No more will come."""
        if error is None:
            self.complete = True
            self.missing = self._length is not None and self.total < self._length
        self._finish(error)

    def closed(self) -> None:
        """The host closed it, having read all or not."""
        self._finish(None)

    def _finish(self, error: BaseException | None) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.finish(error)

    def detach(self) -> None:
        """The call ended: know nothing of it any more, for it knows us."""
        self._exchange = None

    def settle(self) -> bytes:
        """The bytes that passed."""
        return b"".join(self._pieces)

    def forgotten(self) -> None:
        """Nobody can read it any more; said from a `__del__`."""
        exchange = self._exchange
        if exchange is not None and not exchange.ended:
            watch.forget(exchange)


class ClosingRaw:
    """Stands in for a raw stream: everything is handed through, and closing is told to its passage."""

    def __init__(self, raw: Any, passage: Any) -> None:
        self._so_raw = raw
        self._so_passage = passage

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # noqa: PLR0206 - isinstance() sees what was there before
        return type(self._so_raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._so_raw, name)

    def close(self) -> Any:
        try:
            return self._so_raw.close()
        finally:
            self._so_passage.closed()

    async def aclose(self) -> None:
        try:
            await self._so_raw.aclose()
        finally:
            self._so_passage.closed()

    def __del__(self) -> None:
        passage = self.__dict__.get("_so_passage")
        if passage is not None:
            passage.forgotten()


class RawBody(ClosingRaw):
    """Of botocore: an answer of urllib3, or any file."""

    def _noted(self, method: str, *args: Any, **kwargs: Any) -> Any:
        passage = self._so_passage
        try:
            data = getattr(self._so_raw, method)(*args, **kwargs)
        except BaseException as error:
            passage.end(error)
            raise
        passage.take(data)
        amount = args[0] if args else kwargs.get("amt", kwargs.get("size"))
        if amount is None or amount < 0 or (amount > 0 and not data):
            passage.end()
        return data

    def read(self, *args: Any, **kwargs: Any) -> Any:
        return self._noted("read", *args, **kwargs)

    def read1(self, *args: Any, **kwargs: Any) -> Any:
        return self._noted("read1", *args, **kwargs)

    def readinto(self, buffer: Any) -> Any:
        passage = self._so_passage
        try:
            count = self._so_raw.readinto(buffer)
        except BaseException as error:
            passage.end(error)
            raise
        if count:
            passage.take(bytes(memoryview(buffer)[:count]))
        elif len(buffer):
            passage.end()
        return count

    def readline(self, *args: Any) -> Any:
        line = self._so_raw.readline(*args)
        self._so_passage.take(line)
        if not line:
            self._so_passage.end()
        return line

    def readlines(self, *args: Any) -> Any:
        lines = self._so_raw.readlines(*args)
        for line in lines:
            self._so_passage.take(line)
        self._so_passage.end()
        return lines

    def stream(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return self._each(self._so_raw.stream(*args, **kwargs))

    def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        return self._each(self._so_raw.read_chunked(*args, **kwargs))

    def __iter__(self) -> Iterator[Any]:
        return self._each(iter(self._so_raw))

    def __next__(self) -> Any:
        data = next(self._so_raw)
        self._so_passage.take(data)
        return data

    def _each(self, pieces: Iterator[Any]) -> Iterator[Any]:
        passage = self._so_passage
        try:
            for piece in pieces:
                passage.take(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as error:
            passage.end(error)
            raise
        passage.end()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRawBody(ClosingRaw):
    """Of aiobotocore: an answer of aiohttp, whose `content` is what is read, or one of httpx."""

    @property
    def content(self) -> Any:
        content = self._so_raw.content
        return _Content(content, self._so_passage) if hasattr(content, "iter_chunks") else content

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        return await _awaited(self._so_raw.read(*args, **kwargs), self._so_passage, whole=True)

    async def aread(self) -> Any:
        return await _awaited(self._so_raw.aread(), self._so_passage, whole=True)

    def aiter_raw(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return _each_async(self._so_raw.aiter_raw(*args, **kwargs), self._so_passage)

    def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        return _each_async(self._so_raw.aiter_bytes(*args, **kwargs), self._so_passage)

    async def json(self, **kwargs: Any) -> Any:
        await self.read()
        return await self._so_raw.json(**kwargs)

    async def text(self, **kwargs: Any) -> Any:
        await self.read()
        return await self._so_raw.text(**kwargs)

    def release(self) -> Any:
        try:
            return self._so_raw.release()
        finally:
            self._so_passage.closed()

    async def __aenter__(self) -> Any:
        await self._so_raw.__aenter__()
        return self

    async def __aexit__(self, *given: Any) -> Any:
        try:
            return await self._so_raw.__aexit__(*given)
        finally:
            self._so_passage.closed()


class _Content:
    """The reader of an aiohttp answer."""

    __slots__ = ("_passage", "_reader")

    def __init__(self, reader: Any, passage: BodyPassage) -> None:
        self._reader = reader
        self._passage = passage

    async def read(self, n: int = -1) -> Any:
        return await _awaited(self._reader.read(n), self._passage, whole=n < 0, asked=n)

    async def readany(self) -> Any:
        return await _awaited(self._reader.readany(), self._passage)

    async def readline(self, **kwargs: Any) -> Any:
        return await _awaited(self._reader.readline(**kwargs), self._passage)

    async def readexactly(self, n: int) -> Any:
        return await _awaited(self._reader.readexactly(n), self._passage, asked=n)

    def iter_any(self) -> AsyncIterator[Any]:
        return _each_async(self._reader.iter_any(), self._passage)

    def iter_chunked(self, n: int) -> AsyncIterator[Any]:
        return _each_async(self._reader.iter_chunked(n), self._passage)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)


async def _awaited(reading: Any, passage: BodyPassage, *, whole: bool = False, asked: int = 1) -> Any:
    try:
        data = await reading
    except BaseException as error:
        passage.end(error)
        raise
    passage.take(data)
    if whole or (asked > 0 and not data):
        passage.end()
    return data


async def _each_async(pieces: Any, passage: BodyPassage) -> AsyncIterator[Any]:
    try:
        async for piece in pieces:
            passage.take(piece)
            yield piece
    except GeneratorExit:
        raise
    except BaseException as error:
        passage.end(error)
        raise
    passage.end()


def watch_body(exchange: Exchange, body: Any, *, is_async: bool) -> BodyPassage | None:
    """Follow this body from now on; None when it is of a kind we do not know."""
    wrapped = hasattr(body, "_self_content_length")  # of older aiobotocore, a proxy of the answer itself
    name = "__wrapped__" if wrapped else "_raw_stream"
    raw = getattr(body, name, None)
    if raw is None:
        return None
    length = getattr(body, "_self_content_length" if wrapped else "_content_length", None)
    passage = BodyPassage(exchange, int(str(length)) if str(length or "").isdigit() else None)
    watch.enter(exchange)
    setattr(body, name, AsyncRawBody(raw, passage) if is_async else RawBody(raw, passage))
    return passage
