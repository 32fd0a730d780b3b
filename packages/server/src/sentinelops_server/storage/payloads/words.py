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


def words_of(texts: Iterable[str]) -> set[bytes]:
    """Return the lower-cased words of texts in UTF-8: runs of letters, digits and underscores of any script."""
    different = set(texts)  # system prompts come again and again
    plain = [text for text in different if text.isascii()]
    # the same as the expression below by table, in a fifth of its time: this is on the path of every span
    words = set("\n".join(plain).encode().translate(_ASCII).split())
    if len(plain) < len(different):
        text = "\n".join(text for text in different if not text.isascii()).lower()
        words.update(word.encode("utf-8", "replace") for word in WORD.findall(text))
    return words


def bloom(words: Iterable[bytes]) -> bytes:
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
    for each in words_of([word]):
        position, step = divmod(_digest(each), 1 << 32)
        step |= 1
        for _ in range(HASHES):
            place = position % count
            if not words[place >> 3] >> (place & 7) & 1:
                return False
            position += step
    return True


def _digest(word: bytes) -> int:
    return int.from_bytes(blake2b(word, digest_size=8).digest(), "big")
