"""An HTTP answer that the host reads itself (streams, with_streaming_response): seen passing by, ended exactly once.

The methods every reader of an httpx answer ends in, `iter_bytes`, `iter_raw` and `close` (`aiter_bytes`, `aiter_raw`,
`aclose`), are shadowed on that one instance. So every wrapper the client puts around the answer keeps its type and all
its methods, and reading, breaking off, closing, failing and forgetting all come by here. What passes is kept as it
came, a list of bytes objects; the export thread makes sense of it.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import AsyncIterator, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, Protocol

from .streams import Passage

if TYPE_CHECKING:
    from .exchange import Exchange

_SYNC = ("iter_bytes", "iter_raw", "close")
_ASYNC = ("aiter_bytes", "aiter_raw", "aclose")


class Watch:
    """Hangs on one HTTP answer until the end, which also undoes the cycle between the two.

    The reference is strong: the collector clears weak ones before it closes a forgotten reader, whose `close` must
    still reach the answer. A forgotten one goes with its stream, a cycle of the client's own.
    """

    __slots__ = ("_begun", "_exchange", "_passage", "_reading", "_response")

    def __init__(self, exchange: Exchange, passage: Passage, response: Any) -> None:
        self._exchange = exchange
        self._passage = passage
        self._response = response
        self._begun = False  # reading: what is read below is seen above
        self._reading = False

    def iter_bytes(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """In place of the answer's own."""
        response = self._response
        return self._pass(type(response).iter_bytes(response, *args, **kwargs))

    def iter_raw(self, *args: Any, **kwargs: Any) -> Iterator[bytes]:
        """In place of the answer's own."""
        response = self._response
        chunks: Iterator[bytes] = type(response).iter_raw(response, *args, **kwargs)
        if self._begun:
            return chunks
        self._passage.encoded(response.headers.get("content-encoding"))
        return self._pass(chunks)

    def _pass(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        take = self._passage.take
        self._begun = self._reading = True
        try:
            for chunk in chunks:
                take(chunk)
                self._reading = False
                yield chunk
                self._reading = True
        except GeneratorExit:
            self._reading = False
            raise
        except BaseException as error:
            self._finish(error)
            raise
        self._passage.complete = True
        self._finish(None)

    def aiter_bytes(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        """In place of the answer's own."""
        response = self._response
        return self._apass(type(response).aiter_bytes(response, *args, **kwargs))

    def aiter_raw(self, *args: Any, **kwargs: Any) -> AsyncIterator[bytes]:
        """In place of the answer's own."""
        response = self._response
        chunks: AsyncIterator[bytes] = type(response).aiter_raw(response, *args, **kwargs)
        if self._begun:
            return chunks
        self._passage.encoded(response.headers.get("content-encoding"))
        return self._apass(chunks)

    async def _apass(self, chunks: Any) -> AsyncIterator[bytes]:
        take = self._passage.take
        self._begun = self._reading = True
        try:
            async for chunk in chunks:
                take(chunk)
                self._reading = False
                yield chunk
                self._reading = True
        except GeneratorExit:
            self._reading = False
            await chunks.aclose()
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
            self._closed(response)

    async def aclose(self) -> None:
        """In place of the answer's own."""
        response = self._response
        try:
            await type(response).aclose(response)
        finally:
            self._closed(response)

    def _closed(self, response: Any) -> None:
        if self._reading:
            return  # closed from inside reading: the reader is about to learn why, and then so are we
        error = sys.exc_info()[1]
        if isinstance(error, GeneratorExit) and not self._exchange.ended:
            # a reader let go of half way, perhaps by the garbage collector and inside somebody's lock: see __del__
            _forgotten.put(self._exchange)
            return
        # the client's own error, on its way to the host through the `finally` that closes its answer
        mine = error is not None and getattr(error, "request", None) is getattr(response, "_request", self)
        self._finish(error if mine else None)

    def _finish(self, error: BaseException | None) -> None:
        self._exchange.finish(error)
        let_go(self._response)

    def __del__(self) -> None:
        # Runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here.
        if not self._exchange.ended:
            _forgotten.put(self._exchange)


class Ending(Protocol):
    """What the registry knows of an exchange, whichever client it is of."""

    ended: bool

    def finish(self, error: BaseException | None) -> None:
        """End the call, once."""

    def disown(self) -> None:
        """In a forked child: the parent reports this one."""


def enter(exchange: Ending) -> None:
    """Know of an answer that the host is about to read."""
    _ensure_undertaker()
    _live[id(exchange)] = exchange


def forget(exchange: Ending) -> None:
    """Have it ended soon, by another thread: for use in a `__del__`, which may run inside anybody's lock."""
    _forgotten.put(exchange)


def watch(exchange: Exchange, passage: Passage, response: Any, *, is_async: bool) -> None:
    """Follow this answer from now on."""
    enter(exchange)
    watcher = Watch(exchange, passage, response)
    names = _ASYNC if is_async else _SYNC
    for name in names:
        response.__dict__[name] = getattr(watcher, name)


def let_go(response: Any) -> None:
    """Leave the answer as it was before us."""
    for name in (*_SYNC, *_ASYNC):
        response.__dict__.pop(name, None)


# Exchanges whose answer is still with the host. The values know nothing of the answer, so this keeps no answer alive.
_live: dict[int, Ending] = {}
_forgotten: SimpleQueue[Ending] = SimpleQueue()
_undertaker: Thread | None = None


def live_count() -> int:
    """Answers that the host is still reading."""
    return len(_live)


def leave(exchange: Ending) -> bool:
    """Ask to end this exchange; True for the first who asks."""
    return _live.pop(id(exchange), None) is not None


def drain() -> None:
    """End what was forgotten so far, here and now."""
    try:
        while True:
            _forgotten.get_nowait().finish(None)
    except Empty:
        return


def _ensure_undertaker() -> None:
    global _undertaker  # noqa: PLW0603 - one per process
    if _undertaker is not None and _undertaker.is_alive():
        return
    if _undertaker is None:
        # registered after configure() registered its own, so it runs before the last export
        atexit.register(_end_all)
        os.register_at_fork(after_in_child=_after_fork)
    _undertaker = Thread(target=_work, name="sentinelops-streams", daemon=True)
    _undertaker.start()


def _work() -> None:
    while True:
        _forgotten.get().finish(None)


def _end_all() -> None:
    for exchange in list(_live.values()):
        exchange.finish(None)


def _after_fork() -> None:
    global _forgotten  # noqa: PLW0603 - the parent's answers are the parent's to report
    for exchange in _live.values():
        exchange.disown()
    _live.clear()
    _forgotten = SimpleQueue()
