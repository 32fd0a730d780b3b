"""What passed in a stream, put together again: from bytes of server-sent events to the answer they amount to.

On the caller's thread only `Passage.take` runs: a reference is kept and, until the first content, looked at. Everything
else runs in the export thread, except that a very long stream is folded every FOLD_BYTES so that memory stays bounded.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from ..._guard import swallow
from .repeats import PADDING, Repeats

FOLD_BYTES = 256 * 1024
# What one answer may hold of text; beyond it only its length is known. Usage and finish reasons are always kept.
TEXT_CHARS = 1_000_000
# An answer that is not a stream, read by the host in pieces: beyond this only its beginning and its end are kept.
BODY_BYTES = 8 * 1024 * 1024
EDGE_BYTES = 64 * 1024
_BEGINNING = 2_048

_EVENT_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_LINE_END = re.compile(rb"\r\n|\n|\r")


class Folder(Protocol):
    """Takes the events of a stream in order; holds what the answer would have been without streaming."""

    error: dict[str, Any] | None
    finished: bool  # the provider said that this is all

    @property
    def body(self) -> dict[str, Any]:
        """As it would stand without streaming."""

    def event(self, data: dict[str, Any]) -> None:
        """One event, as parsed."""


class Passage:
    """The bytes of one answer, as they pass.

    complete: bool, the host read to the very end. overflow: bool, pieces in the middle are gone (never of a stream).
    """

    __slots__ = (
        "_decode",
        "_first",
        "_first_token",
        "_pieces",
        "_repeats",
        "_rest",
        "_size",
        "_values",
        "complete",
        "folder",
        "overflow",
    )

    def __init__(self, folder: Folder | None, first: Callable[[bytes], object] | None, first_token: Any) -> None:
        self.folder = folder
        self._repeats = Repeats(loads) if hasattr(folder, "more") else None
        self.complete = False
        self.overflow = False
        self._decode: Callable[[bytes], bytes] | None = None
        self._first = first
        self._first_token = first_token
        self._pieces: list[bytes] = []
        self._size = 0
        self._rest = b""
        self._values: Values | Frames | bool | None = None  # None: not known yet; False: server-sent events

    @property
    def held_bytes(self) -> int:
        """Bytes noted and not yet folded, roughly."""
        return self._size + len(self._rest)

    def encoded(self, how: str | None) -> None:
        """What passes from now on is as it came over the line, encoded as the header Content-Encoding says."""
        self._decode = decoder(how)

    def take(self, chunk: bytes) -> None:
        """Keep these bytes, which the host is about to see."""
        try:
            if self._decode is not None:
                chunk = self._decode(chunk)
            self._pieces.append(chunk)
            self._size += len(chunk)
            if self._first is not None and self._first(chunk):
                self._first = None
                self._first_token()
            if self._size > FOLD_BYTES:
                self._fold()
        except Exception as error:
            swallow("wire.take", error)

    def _fold(self) -> None:
        if self.folder is not None:
            self._feed(b"".join(self._pieces))
        elif self._size <= BODY_BYTES:
            return
        else:
            body = b"".join(self._pieces)
            self._pieces = [body[:EDGE_BYTES], body[-EDGE_BYTES:]]
            self.overflow = True
            self._size = 2 * EDGE_BYTES
            return
        self._pieces.clear()
        self._size = 0

    def _feed(self, more: bytes) -> None:
        assert self.folder is not None
        data = self._rest + more
        if self._values is None and (begun := data.lstrip()[:1]):
            self._values = Values() if begun in b"{[" else Frames() if begun == b"\0" else False
        if self._values:
            self._rest = b""
            for value in self._values.feed(data):  # type: ignore[union-attr]
                self.folder.event(value)
            return
        if self._repeats is not None and b"\r" not in data:
            whole = data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
            self._rest = data[whole:]
            self._with_repeats(data[:whole], self._repeats)
            return
        blocks = _EVENT_END.split(data) if b"\r" in data else data.split(b"\n\n")
        self._rest = blocks.pop()
        self._events(blocks)

    def _events(self, blocks: list[bytes]) -> None:
        assert self.folder is not None
        for event in _parsed(blocks):
            self.folder.event(event)

    def _with_repeats(self, data: bytes, repeats: Repeats) -> None:
        """In order; of the chunks that only add letters all at once, and none of them parsed."""
        if b'"obfuscation"' in data[:_BEGINNING]:  # a stream has it in every chunk or in none
            data = PADDING.sub(b"", data)
        others: list[bytes] = []
        position = 0
        while position < len(data):
            if repeats.before and data.startswith(repeats.before, position):
                length, text, chunks = repeats.run(data, position)
                if length:
                    self._events(others)
                    others = []
                    if text is None:
                        self._events(chunks)
                    else:
                        self.folder.more(repeats.index, text)  # type: ignore[union-attr]
                    position += length
                    continue
            end = data.find(b"\n\n", position)
            if end < 0:
                break  # three ends of line in a row: the last of them
            block = data[position:end]
            position = end + 2
            others.append(block)
            if repeats.learnable(block):
                self._events(others)
                others = []
                repeats.learn(block, loads_or_none(_data_of(block)))
        self._events(others)

    def settle(self) -> bytes:
        """No more will come. The bytes of an answer that is not a stream; of a stream, see `folder`."""
        whole = b"".join(self._pieces)
        self._pieces.clear()
        if self.folder is None:
            return whole
        self._feed(whole + b"\n\n")
        return b""


def decoder(encoding: str | None) -> Callable[[bytes], bytes] | None:
    """What undoes a Content-Encoding, piece by piece; where we cannot, nothing is left. None: there is none."""
    if encoding in (None, "", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return lambda _: b""
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32).decompress

    def decode(chunk: bytes) -> bytes:
        try:
            return unpack(chunk)
        except zlib.error:
            return b""

    return decode


class Values:
    """A stream of JSON objects without server-sent events: one a line, or the items of one array."""

    __slots__ = ("_decode", "_rest")

    def __init__(self) -> None:
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""

    def feed(self, more: bytes) -> Iterator[dict[str, Any]]:
        """Objects that are complete."""
        text = self._rest + self._decode(more)
        position = 0
        while (position := _BETWEEN.match(text, position).end()) < len(text):  # type: ignore[union-attr]
            try:
                value, position = _DECODER.raw_decode(text, position)
            except ValueError:
                break  # it goes on with the next bytes
            if isinstance(value, dict):
                yield value
        self._rest = text[position:]


class Frames:
    """AWS event stream frames, each with a JSON object in base64 (Bedrock's InvokeModelWithResponseStream)."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, more: bytes) -> Iterator[dict[str, Any]]:
        """Objects inside the frames that are complete; an exception frame as an error event."""
        data = self._rest + more
        position = 0
        while len(data) - position >= _FRAME_MIN:
            size, headers = struct.unpack_from(">II", data, position)
            if size < _FRAME_MIN or len(data) - position < size:
                break
            head = data[position + 12 : position + 12 + headers]
            value = loads_or_none(data[position + 12 + headers : position + size - 4])
            position += size
            if isinstance(value, dict):
                yield from _unframed(head, value)
        self._rest = data[position:]


_FRAME_MIN = 16  # two sizes, a checksum of them, and one of it all
_EXCEPTION = re.compile(rb":exception-type\x07..([A-Za-z]+)", re.DOTALL)


def _unframed(head: bytes, value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    failed = _EXCEPTION.search(head)
    if failed:
        yield {"type": "error", "error": {"type": failed[1].decode(), "message": value.get("message")}}
    elif isinstance(value.get("bytes"), str):
        event = loads_or_none(base64.b64decode(value["bytes"]))
        if isinstance(event, dict):
            yield event


_DECODER = json.JSONDecoder()
_BETWEEN = re.compile(r"[\s,\[\]]*")


def _parsed(blocks: list[bytes]) -> Iterator[dict[str, Any]]:
    payloads = [data for block in blocks if (data := _data_of(block))]
    for value in _loads_all(payloads):
        if isinstance(value, dict):
            yield value


def _data_of(block: bytes) -> bytes:
    if block.startswith(b"data: {") and b"\n" not in block:
        return block[6:]
    lines = [line[5:].strip() for line in _LINE_END.split(block) if line.startswith(b"data:")]
    data = b"\n".join(lines)
    return b'{"sentinelops_done":true}' if data.startswith(b"[DONE]") else data


def _loads_all(payloads: list[bytes]) -> list[Any]:
    """All at once: one call into the parser instead of one per chunk."""
    try:
        return list(loads(b"[" + b",".join(payloads) + b"]"))
    except ValueError:
        return [value for payload in payloads if (value := loads_or_none(payload)) is not None]


def loads_or_none(data: bytes | str) -> Any:
    """None when it is not JSON."""
    try:
        return loads(data if isinstance(data, bytes) else data.encode())
    except ValueError:
        return None


def _loader() -> Callable[[bytes], Any]:
    try:
        from jiter import from_json  # comes with openai; twice as fast, and tolerant of nothing more than json is
    except ImportError:
        return json.loads
    return from_json


loads: Callable[[bytes], Any] = _loader()


class Text:
    """Text that grows by pieces, up to TEXT_CHARS."""

    __slots__ = ("_pieces", "_room")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._room = TEXT_CHARS

    def add(self, piece: Any) -> None:
        """Anything but text is ignored."""
        if isinstance(piece, str) and piece and self._room > 0:
            self._pieces.append(piece[: self._room])
            self._room -= len(piece)

    def __str__(self) -> str:
        return "".join(self._pieces)

    def __bool__(self) -> bool:
        return bool(self._pieces)
