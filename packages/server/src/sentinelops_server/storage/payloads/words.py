"""A Bloom filter over the words of a segment, so that a full-text search opens only the segments that may hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

__all__ = ["bloom", "might_contain", "texts_of", "words_of"]

WORD = re.compile(r"\w+")
_ASCII = bytes(ord(chr(code).lower()) if code < 128 and WORD.match(chr(code)) else 32 for code in range(256))
BITS_PER_WORD = 10
HASHES = 5
MIN_BYTES = 64
MAX_BYTES = 1 << 20


def texts_of(content: Any) -> list[str]:
    """Return every string value in a payload's content."""
    texts: list[str] = []
    waiting = [content]
    while waiting:
        value = waiting.pop()
        kind = type(value)
        if kind is str:
            texts.append(value)
        elif kind is dict:
            waiting.extend(value.values())
        elif kind is list or kind is tuple:
            waiting.extend(value)
    return texts


def words_of(text: str) -> set[str]:
    """Return the lower-cased words of a text: runs of letters, digits and underscores of any script."""
    if text.isascii():  # the same by table: a fifth of the time, and this is on the path of every span
        return set(text.encode().translate(_ASCII).decode().split())
    return set(WORD.findall(text.lower()))


def bloom(words: Iterable[str]) -> bytes:
    """Return the filter of these words: about one false yes in a hundred."""
    digests = {_digest(word) for word in words}
    size = min(MAX_BYTES, max(MIN_BYTES, (len(digests) * BITS_PER_WORD + 7) // 8))
    bits = bytearray(size)
    count = size * 8
    for digest in digests:
        position, step = divmod(digest, 1 << 32)
        step |= 1
        for _ in range(HASHES):
            place = position % count
            bits[place >> 3] |= 1 << (place & 7)
            position += step
    return bytes(bits)


def might_contain(words: bytes, word: str) -> bool:
    """Say whether a filter may hold a word; False is certain. A text of several words: whether it may hold them all."""
    count = len(words) * 8
    for each in words_of(word):
        position, step = divmod(_digest(each), 1 << 32)
        step |= 1
        for _ in range(HASHES):
            place = position % count
            if not words[place >> 3] >> (place & 7) & 1:
                return False
            position += step
    return True


def _digest(word: str) -> int:
    return int.from_bytes(blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "big")
