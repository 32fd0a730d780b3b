"""The results of a batch, a JSON object a line, read by the host: each line is told as a call of its own, once."""

from __future__ import annotations

import atexit
import contextvars
from collections import OrderedDict
from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ..._call import start_call
from ..._guard import swallow
from . import watch
from .answer import Answer, Protocol, describe
from .exchange import Exchange
from .provider import Endpoint
from .streams import decoder, loads_or_none

_SEEN_MAX = 200_000
_seen: OrderedDict[tuple[str, str], None] = OrderedDict()
_reading: list[Results] = []


class Results(Exchange):
    """A request that is no call of a model, but whose answer tells of some: `tell` gets each line, in a thread of ours.

    As the Passage of its own answer it only hands over what passes.
    """

    __slots__ = ("_decode", "_lines", "_tell", "_thread", "complete")

    def __init__(self, tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._tell = tell
        self._decode: Callable[[bytes], bytes] | None = None
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._watched = False
        self.complete = False
        self.ended = False
        self.note = None

    def arrived(self, response: Any, *, stream: bool, retries: int, is_async: bool) -> None:  # noqa: ARG002 - as Exchange's
        """Take the HTTP answer, which is good; its lines may still be on their way."""
        try:
            self._start()
            if response.is_closed and not stream:
                self.take(response.content)
                return
            watch.watch(self, self, response, is_async=is_async)  # type: ignore[arg-type]
            self._watched = True
        except Exception as error:
            swallow("wire.batch", error)

    def _start(self) -> None:
        run = contextvars.copy_context().run  # the calls stand where the host reads them
        self._thread = Thread(target=run, args=(self._work,), name="sentinelops-batch", daemon=True)
        if not _reading:
            atexit.register(finish, 5.0)
        _reading[:] = [one for one in _reading if one._thread is not None and one._thread.is_alive()]
        self._thread.start()
        _reading.append(self)

    def encoded(self, how: str | None) -> None:
        """As a Passage's."""
        self._decode = decoder(how)

    def take(self, chunk: bytes) -> None:
        """Hand over these bytes, which the host is about to see."""
        self._lines.put(chunk if self._decode is None else self._decode(chunk))

    def _work(self) -> None:
        rest = b""
        while (chunk := self._lines.get()) is not None:
            whole, newline, last = chunk.rpartition(b"\n")
            if newline:
                self._tell_all(rest + whole)
                rest = last
            else:
                rest += chunk
        self._tell_all(rest)

    def _tell_all(self, lines: bytes) -> None:
        for line in lines.splitlines():
            try:
                value = loads_or_none(line)
                if isinstance(value, dict) and "custom_id" in value:
                    self._tell(value)
            except Exception as error:
                swallow("wire.batch", error)

    def returned(self, result: Any) -> None:  # noqa: ARG002 - as Exchange's
        """End, unless the host still has to read."""
        if not self._watched:
            self._end(None)

    def _end(self, error: BaseException | None) -> None:  # noqa: ARG002 - as Exchange's
        if self.ended or (self._watched and not watch.leave(self)):
            return
        self.ended = True
        self._lines.put(None)


def finish(timeout_seconds: float = 30.0) -> None:
    """Wait for the results that have passed to be told; no more of them will be."""
    for results in list(_reading):
        results._lines.put(None)
        if results._thread is not None:
            results._thread.join(timeout_seconds)


def first_time(batch: str, custom_id: str) -> bool:
    """Whether this call of a batch was never told by this process."""
    key = (batch, custom_id)
    if key in _seen:
        return False
    _seen[key] = None
    while len(_seen) > _SEEN_MAX:
        _seen.popitem(last=False)
    return True


class _Body:
    """A body that was read already, as `describe` asks for it."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def model_dump(self, mode: str) -> Mapping[str, Any]:  # noqa: ARG002 - as the client's own objects
        return self._value


def tell_call(
    kind: tuple[str, Protocol],
    endpoint: Endpoint,
    body: Mapping[str, Any],
    extra: Mapping[str, Any],
    *,
    status: int | None = None,
    cancelled: bool = False,
) -> None:
    """Record one call of a batch. kind: operation and protocol; extra: attributes by semconv name; status: of HTTP."""
    model = body.get("model")
    call = start_call(
        kind[0], endpoint.provider, model if isinstance(model, str) else None, request={}, describe=describe,
        server_address=endpoint.host, server_port=endpoint.port,
    )  # fmt: skip
    if call is None:
        return
    answer = Answer(kind[1])
    answer.parsed = _Body(body)
    answer.extra = extra
    answer.status = status
    call.end(answer, cancelled=cancelled)
