"""The form of a payload segment: many payloads in one object, each compressed and sealed, each readable alone.

    "SOSEG1" | key number u32 | length of the sealed dictionary u32 | sealed dictionary
    then for each payload: length u32 | sealed (trace id 16, span id 8, zstd of the JSON)

All numbers are big-endian. The dictionary is what the first payloads say: prompts of one application repeat
themselves, and a record compressed after it is half the size of one compressed alone. Sealed is AES-256-GCM under a
key that is derived from the data key and the object's name (HMAC-SHA-256), with the offset as nonce: names are never
used twice, so nonces are not either, however many payloads there are. A record moved to another place or object does
not open.
"""

from __future__ import annotations

import hmac
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

__all__ = ["Opener", "Segment", "build_segment", "header_bytes_needed"]

MAGIC = b"SOSEG1"
HEADER = Struct(">6sII")
LENGTH = Struct(">I")
LEVEL = 3  # measured: higher levels cost more time than they save bytes on records this small
DICTIONARY_BYTES = 16384
Key = tuple[bytes, bytes]


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


def build_segment(object_id: str, payloads: Sequence[Payload], key: DataKey) -> tuple[bytes, list[tuple[int, int]]]:
    """Return the bytes of a segment, and offset and length of each payload in it."""
    texts = [encode_content(payload.content) for payload in payloads]
    cipher = _cipher(key, object_id)
    name = object_id.encode()
    sealed_dictionary = b""
    compressor = zstandard.ZstdCompressor(level=LEVEL)
    if len(texts) > 1:
        sample = _sample(texts)
        sealed_dictionary = cipher.encrypt(_nonce(HEADER.size), compressor.compress(sample), name)
        compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=_dictionary(sample))
    out = bytearray(HEADER.pack(MAGIC, key.key_id, len(sealed_dictionary)))
    out += sealed_dictionary
    places = []
    for payload, text in zip(payloads, texts, strict=True):
        offset = len(out) + LENGTH.size
        plain = _fixed(payload.trace_id, 16) + _fixed(payload.span_id, 8) + compressor.compress(text)
        sealed = cipher.encrypt(_nonce(offset), plain, name)
        out += LENGTH.pack(len(sealed))
        out += sealed
        places.append((offset, len(sealed)))
    return bytes(out), places


def encode_content(content: dict[str, Any]) -> bytes:
    """Return the JSON of a payload. Raises TypeError or ValueError for what JSON cannot hold."""
    return orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)


def _sample(texts: list[bytes]) -> bytes:
    sample = bytearray()
    for text in texts:
        sample += text[: DICTIONARY_BYTES - len(sample)]
        if len(sample) >= DICTIONARY_BYTES:
            break
    return bytes(sample)


def _dictionary(sample: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(sample, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _fixed(value: bytes, size: int) -> bytes:
    return value if len(value) == size else value[:size].ljust(size, b"\0")


def header_bytes_needed(start: bytes) -> tuple[int, int]:
    """Return the key number of a segment and how many bytes its header has with the dictionary. Raises Permanent."""
    if len(start) < HEADER.size or not start.startswith(MAGIC):
        raise Permanent("this object is no payload segment, or it is damaged")
    _, key_id, length = HEADER.unpack_from(start)
    return key_id, HEADER.size + length


class Opener:
    """Opens the records of one segment; `header` holds at least the bytes that `header_bytes_needed` names."""

    def __init__(self, object_id: str, header: bytes, key: DataKey) -> None:
        self._name = object_id.encode()
        self._cipher = _cipher(key, object_id)
        _, self.records_at = header_bytes_needed(header)
        self._dictionary: zstandard.ZstdCompressionDict | None = None
        if self.records_at > HEADER.size:
            packed = self._open(header[HEADER.size : self.records_at], HEADER.size)
            self._dictionary = _dictionary(zstandard.ZstdDecompressor().decompress(packed))

    def record(self, sealed: bytes, offset: int) -> tuple[bytes, bytes, dict[str, Any]]:
        """Return trace id, span id and content of the record at `offset`. Raises Permanent when it was changed."""
        plain = self._open(sealed, offset)
        # a decompressor of its own: one cannot be shared by threads, and costs little beside the opening
        decompressor = zstandard.ZstdDecompressor(dict_data=self._dictionary)
        content: dict[str, Any] = orjson.loads(decompressor.decompress(plain[24:]))
        return plain[:16], plain[16:24], content

    def records(self, data: bytes) -> Iterator[tuple[bytes, bytes, dict[str, Any]]]:
        """Yield all records of the whole segment."""
        position = self.records_at
        while position < len(data):
            (length,) = LENGTH.unpack_from(data, position)
            position += LENGTH.size
            yield self.record(data[position : position + length], position)
            position += length

    def _open(self, sealed: bytes, offset: int) -> bytes:
        try:
            return self._cipher.decrypt(_nonce(offset), sealed, self._name)
        except InvalidTag:
            raise Permanent(
                "a stored payload does not open: it is damaged, or it was changed after it was sealed"
            ) from None
