"""Part of the HTTP door: bodies are decompressed up to a limit, so that a small bomb cannot fill the memory."""

from __future__ import annotations

import zlib

from ..errors import Malformed, TooLarge

__all__ = ["ENCODINGS", "decompress"]

# window bits: gzip; zlib's own wrapper for deflate
ENCODINGS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before Content-Encoding. Raises Malformed, or TooLarge over `limit` bytes."""
    if encoding in ("", "identity"):
        return _checked(body, limit)
    try:
        return _inflate(body, ENCODINGS[encoding], limit)
    except zlib.error as error:
        if encoding == "deflate":  # some senders leave the wrapper out
            try:
                return _inflate(body, -15, limit)
            except zlib.error:
                pass
        raise Malformed(f"the body is not {encoding}: {error}") from None


def _checked(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise TooLarge(f"the body is over the limit of {limit} bytes")
    return body


def _inflate(body: bytes, window: int, limit: int) -> bytes:
    result = b""
    while body:
        stream = zlib.decompressobj(window)
        result += stream.decompress(body, limit + 1 - len(result))
        if len(result) > limit:
            raise TooLarge(f"the decompressed body is over the limit of {limit} bytes: send smaller batches")
        if not stream.eof:
            raise zlib.error("it ends too early")
        # gzip may hold several members; what follows a deflate stream is no data
        body = stream.unused_data if window == 31 else b""
    return result
