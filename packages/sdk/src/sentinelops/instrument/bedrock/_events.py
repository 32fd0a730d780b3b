"""A stream of events that the host reads: seen passing by where the client takes them off the line, ended exactly once.

The stream keeps its type and every method; what it reads from, its `_event_generator`, is replaced by one that notes
each event and lets it pass. So reading, breaking off, closing, failing and forgetting all come by here, and what is
kept are the bytes of the events, which nobody changes.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..._guard import swallow
from .._wire import watch
from .._wire.streams import FOLD_BYTES, loads_or_none
from ._body import ClosingRaw

if TYPE_CHECKING:
    from ._exchange import Exchange
    from ._operations import Operation

_WRITTEN = re.compile(
    rb'"(?:text|completion|outputText|generation|content|thinking|partial_json|input|reasoning|reasoning_content'
    rb'|arguments)"\s*:\s*"[^"]'
).search


class Folder(Protocol):
    """Takes the events in order; holds what the answer would have been without streaming."""

    finished: bool

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""

    def event(self, kind: str, data: dict[str, Any]) -> None:
        """One event, as parsed."""


class Events:
    """The events of one answer, as they pass.

    complete: bool, the host read to the very end. error: code and message of the event that says the call failed.
    """

    __slots__ = ("_chunked", "_first_token", "_pieces", "_size", "complete", "error", "folder")

    def __init__(self, folder: Folder, first_token: Callable[[], None], *, chunked: bool) -> None:
        self.folder = folder
        self.complete = False
        self.error: tuple[str, str] | None = None
        self._chunked = chunked
        self._first_token: Callable[[], None] | None = first_token
        self._pieces: list[tuple[str, bytes]] = []
        self._size = 0

    @property
    def held_bytes(self) -> int:
        """Bytes noted and not yet folded."""
        return self._size

    def take(self, event: Any) -> None:
        """Keep this event, which the host is about to see."""
        try:
            headers, payload = event.headers, event.payload
            if headers.get(":message-type", "event") != "event":
                self.error = _failure(headers, payload)
                return
            kind = headers.get(":event-type") or ""
            self._pieces.append((kind, payload))
            self._size += len(payload)
            if self._first_token is not None and self._written(kind, payload):
                self._first_token()
                self._first_token = None
            if self._size > FOLD_BYTES:
                self.settle()
        except Exception as error:
            swallow("bedrock.take", error)

    def detach(self) -> None:
        """The call ended: know nothing of it any more, for it knows us."""
        self._first_token = None

    def _written(self, kind: str, payload: bytes) -> bool:
        """Whether the model wrote something here."""
        if kind != "chunk":
            return kind in ("contentBlockDelta", "output")
        return not self._chunked or _WRITTEN(_unpacked(payload)) is not None

    def settle(self) -> None:
        """Fold what was noted."""
        pieces, self._pieces = self._pieces, []
        self._size = 0
        for kind, payload in pieces:
            raw = _unpacked(payload) if self._chunked and kind == "chunk" else payload
            data = loads_or_none(raw)
            if isinstance(data, dict):
                self.folder.event(kind, data)


def _failure(headers: Any, payload: bytes) -> tuple[str, str]:
    code = headers.get(":exception-type") or headers.get(":error-code") or "error"
    body = loads_or_none(payload)
    message = body.get("message") if isinstance(body, dict) else None
    return str(code), str(message or headers.get(":error-message") or "")


def _unpacked(payload: bytes) -> bytes:
    """What stands in base64 in the event of an InvokeModel stream."""
    event = loads_or_none(payload)
    packed = event.get("bytes") if isinstance(event, dict) else None
    try:
        return binascii.a2b_base64(packed) if isinstance(packed, str) else b""
    except binascii.Error:
        return b""


class _Reading:
    """Stands in for the generator of events; knows nothing of the stream, so the stream dies as it did before us."""

    __slots__ = ("_events", "_exchange", "_source")

    def __init__(self, exchange: Exchange, events: Events, source: Any) -> None:
        self._exchange = exchange
        self._events = events
        self._source = source

    def _ended(self, error: BaseException | None) -> None:
        if error is None:
            self._events.complete = True
        self._exchange.finish(error)

    def _passed(self, event: Any) -> None:
        self._events.take(event)
        if self._events.error is not None:
            self._exchange.finish(None)  # the client makes an exception of this event

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __del__(self) -> None:
        # Runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here.
        if not self._exchange.ended:
            watch.forget(self._exchange)


class SyncReading(_Reading):
    """Of botocore."""

    __slots__ = ()

    def __iter__(self) -> SyncReading:
        return self

    def __next__(self) -> Any:
        try:
            event = next(self._source)
        except StopIteration:
            self._ended(None)
            raise
        except BaseException as error:
            self._ended(error)
            raise
        self._passed(event)
        return event


class AsyncReading(_Reading):
    """Of aiobotocore."""

    __slots__ = ()

    def __aiter__(self) -> AsyncReading:
        return self

    async def __anext__(self) -> Any:
        try:
            event = await self._source.__anext__()
        except StopAsyncIteration:
            self._ended(None)
            raise
        except BaseException as error:
            self._ended(error)
            raise
        self._passed(event)
        return event


def watch_events(
    exchange: Exchange, stream: Any, operation: Operation, first_token: Callable[[], None], *, is_async: bool
) -> Events | None:
    """Follow this stream from now on; None when it is of a kind we do not know."""
    from ._fold import folder_of

    fields = getattr(stream, "__dict__", None)
    if fields is None or "_event_generator" not in fields:
        return None
    events = Events(folder_of(operation), first_token, chunked=operation.kind == "invoke")
    watch.enter(exchange)
    reading = AsyncReading if is_async else SyncReading
    fields["_event_generator"] = reading(exchange, events, fields["_event_generator"])
    raw = fields.get("_raw_stream")
    if raw is not None:
        fields["_raw_stream"] = ClosingRaw(raw, _Closing(exchange))
    return events


class _Closing:
    """What a raw stream has to say to the exchange."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def closed(self) -> None:
        """The host closed it, having read all or not."""
        self._exchange.finish(None)

    def forgotten(self) -> None:
        """Nobody can read it any more; the generator says so itself."""
