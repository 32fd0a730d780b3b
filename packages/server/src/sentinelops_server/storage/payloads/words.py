"""A Bloom filter over the words of a segment, so that a full-text search opens only the segments that may hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from struct import pack
from typing import Any
from zlib import crc32

__all__ = ["bloom", "might_contain", "texts_of", "words_of"]

WORD = re.compile(r"\w+")
_ASCII = bytes(ord(chr(code).lower()) if code < 128 and WORD.match(chr(code)) else 32 for code in range(256))
BITS_PER_WORD = 10
BITS_SET = 4  # of a block, by each word
MIN_BLOCKS = 8
MAX_BLOCKS = 1 << 17
TOGETHER = 64  # texts


def _masks() -> tuple[int, ...]:
    """Return 4,096 numbers of 64 bits with BITS_SET of them set. Stored filters were made with them: never others."""
    masks = []
    for number in range(4096):
        digest = blake2b(number.to_bytes(2, "big"), digest_size=32).digest()
        bits = list(dict.fromkeys(byte & 63 for byte in digest))[:BITS_SET]
        masks.append(sum(1 << bit for bit in bits))
    return tuple(masks)


MASKS = _masks()


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
    words: set[bytes] = set()
    # the same as the expression below by table, in a fifth of its time: this is on the path of every span. Not all at
    # once: that many small objects would not stay in the processor's cache
    for start in range(0, len(plain), TOGETHER):
        words.update("\n".join(plain[start : start + TOGETHER]).encode().translate(_ASCII).split())
    if len(plain) < len(different):
        text = "\n".join(text for text in different if not text.isascii()).lower()
        words.update(word.encode("utf-8", "replace") for word in WORD.findall(text))
    return words


def bloom(words: Iterable[bytes]) -> bytes:
    """Return the filter of these words: fewer than two false yeses in a hundred.

    Each word sets the bits of one mask within one block of 64 bits: one look at a table in place of five hashes.
    """
    hashes = list(map(crc32, words))  # of different words these are different, but for one in millions
    count = min(MAX_BLOCKS, max(MIN_BLOCKS, -(-len(hashes) * BITS_PER_WORD // 64)))
    blocks = [0] * count
    masks = MASKS
    for value in hashes:
        blocks[value % count] |= masks[value >> 20]
    return pack(f"<{count}Q", *blocks)


def might_contain(words: bytes, word: str) -> bool:
    """Say whether a filter may hold a word; False is certain. A text of several words: whether it may hold them all."""
    count = len(words) // 8
    for each in words_of([word]):
        value = crc32(each)
        at = value % count * 8
        mask = MASKS[value >> 20]
        if int.from_bytes(words[at : at + 8], "little") & mask != mask:
            return False
    return True
