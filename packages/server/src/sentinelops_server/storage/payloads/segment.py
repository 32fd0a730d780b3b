"""The form of a payload segment: many payloads in one object, sealed in blocks, each readable alone.

    "SOSEG1" | key number u32
    then for each block: length u32 | sealed zstd of (count u32, length u32 of each JSON, the JSONs)

All numbers are big-endian. A block holds payloads until their JSON is 128 KB: calls of one application repeat each
other, and together they take a fifth less than each alone, even after a dictionary. Sealed is AES-256-GCM under a key
that is derived from the data key and the object's name (HMAC-SHA-256), with the offset as nonce: names are never used
twice, so nonces are not either, however many payloads there are. A block moved to another place or object does not
open. A payload's place is `offset:length` of its block and its index in the block.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from struct import Struct
from typing import Any

import orjson
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...errors import Permanent
from ...model import Payload
from ..keys import DataKey

__all__ = ["HEADER", "Opener", "Place", "Segment", "build_segment", "key_number"]

MAGIC = b"SOSEG1"
HEADER = Struct(">6sI")
LENGTH = Struct(">I")
LEVEL = 3  # measured: the next levels cost twice the time for a few bytes
BLOCK_BYTES = 128 * 1024  # what is read and opened for one payload
MAX_BYTES = 1 << 30  # of one block: a payload may be as large as a request
Key = tuple[bytes, bytes]
Place = tuple[int, int, int]
"""Offset and length of the block, index in it."""


@dataclass(frozen=True)
class Segment:
    """What was written: `places` says where the payload of each (trace_id, span_id) is, `words` what it may hold."""

    object_id: str
    day: date
    first_ns: int
    last_ns: int
    size_bytes: int
    words: bytes = field(repr=False)
    places: tuple[tuple[Key, str], ...] = ()


def _cipher(key: DataKey, object_id: str) -> AESGCM:
    return AESGCM(hmac.digest(key.secret, b"segment " + object_id.encode(), "sha256"))


def _nonce(offset: int) -> bytes:
    return offset.to_bytes(12, "big")


def build_segment(object_id: str, payloads: Sequence[Payload], key: DataKey) -> tuple[bytes, list[Place]]:
    """Return the bytes of a segment, and the place of each payload in it."""
    cipher, name = _cipher(key, object_id), object_id.encode()
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    out = bytearray(HEADER.pack(MAGIC, key.key_id))
    places: list[Place] = []
    for texts in _blocks(payloads):
        lengths = struct.pack(f">{len(texts) + 1}I", len(texts), *map(len, texts))
        offset = len(out) + LENGTH.size
        sealed = cipher.encrypt(_nonce(offset), compressor.compress(lengths + b"".join(texts)), name)
        out += LENGTH.pack(len(sealed))
        out += sealed
        places += [(offset, len(sealed), index) for index in range(len(texts))]
    return bytes(out), places


def _blocks(payloads: Sequence[Payload]) -> Iterator[list[bytes]]:
    texts: list[bytes] = []
    size = 0
    for payload in payloads:
        text = encode_content(payload.content)
        if texts and size + len(text) > BLOCK_BYTES:
            yield texts
            texts, size = [], 0
        texts.append(text)
        size += len(text)
    if texts:
        yield texts


def encode_content(content: dict[str, Any]) -> bytes:
    """Return the JSON of a payload. Raises TypeError or ValueError for what JSON cannot hold."""
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def key_number(start: bytes) -> int:
    """Return the key number of a segment, from its first HEADER.size bytes. Raises Permanent."""
    if len(start) < HEADER.size or not start.startswith(MAGIC):
        raise Permanent("this object is no payload segment, or it is damaged")
    return int(HEADER.unpack_from(start)[1])


class Opener:
    """Opens the blocks of one segment."""

    def __init__(self, object_id: str, key: DataKey) -> None:
        self._name = object_id.encode()
        self._cipher = _cipher(key, object_id)

    def record(self, sealed: bytes, offset: int, index: int) -> dict[str, Any]:
        """Return the content of one payload of the block at `offset`. Raises Permanent when it was changed."""
        texts = self._open(sealed, offset)
        if not 0 <= index < len(texts):
            raise Permanent("a storage_object_id names a payload that its block does not have")
        content: dict[str, Any] = orjson.loads(texts[index])
        return content

    def records(self, data: bytes) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Yield all payloads of the whole segment with their places."""
        position = HEADER.size
        while position < len(data):
            (length,) = LENGTH.unpack_from(data, position)
            position += LENGTH.size
            for index, text in enumerate(self._open(data[position : position + length], position)):
                yield (position, length, index), orjson.loads(text)
            position += length

    def _open(self, sealed: bytes, offset: int) -> list[memoryview]:
        try:
            packed = self._cipher.decrypt(_nonce(offset), sealed, self._name)
        except InvalidTag:
            raise Permanent(
                "a stored payload does not open: it is damaged, or it was changed after it was sealed"
            ) from None
        # a decompressor of its own: one cannot be shared by threads, and costs little beside the opening
        plain = memoryview(zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_BYTES))
        (count,) = LENGTH.unpack_from(plain)
        at, texts = LENGTH.size * (count + 1), []
        for length in struct.unpack_from(f">{count}I", plain, LENGTH.size):
            texts.append(plain[at : at + length])
            at += length
        return texts
