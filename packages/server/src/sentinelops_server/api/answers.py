"""API: answers as JSON, with an ETag where the same answer is asked for again."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

__all__ = ["answer", "encode"]


def _default(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(type(value).__name__)


def encode(data: Any) -> bytes:
    """Encode as JSON: times RFC 3339 with Z, Decimal as a number, NaN and infinity as null."""
    return orjson.dumps(data, _default, orjson.OPT_UTC_Z | orjson.OPT_NAIVE_UTC | orjson.OPT_NON_STR_KEYS)


def answer(data: Any, request: Request | None = None, status: int = 200) -> Response:
    """Answer with data; given a request, with an ETag, and 304 when the asker has the same already."""
    if is_dataclass(data) and not isinstance(data, type):
        data = asdict(data)
    body = encode(data)
    headers = {"Cache-Control": "private, no-cache"}
    if request is not None:
        headers["ETag"] = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(None, 304, headers)
    return Response(body, status, headers, "application/json")
