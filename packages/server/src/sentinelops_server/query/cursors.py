"""Query: keyset cursors; opaque to the caller, bound to the question that made them, and stable while rows arrive."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from ..errors import Malformed
from .filters import Filter

__all__ = ["Order", "check_limit", "fingerprint", "pack", "parse_order", "unpack"]

MAX_LIMIT = 1000
_INVALID = "the cursor is not one of this query: leave it out to begin again"


@dataclass(frozen=True, slots=True)
class Order:
    """One order of a list: a value, then time and id, newest first among equals; unknown values come last."""

    name: str
    expression: str
    descending: bool
    tie: tuple[str, str]  # time and id expressions

    @property
    def by_time(self) -> bool:
        """Whether time itself is the order."""
        return self.expression == self.tie[0]

    def sql(self) -> str:
        """Return the ORDER BY list."""
        direction = "DESC" if self.descending else "ASC"
        if self.by_time:
            return f"{self.tie[0]} {direction}, {self.tie[1]} {direction}"
        return f"{self.expression} {direction} NULLS LAST, {self.tie[0]} DESC, {self.tie[1]} DESC"

    def after(self, position: Sequence[Any]) -> tuple[str, list[Any]]:
        """Return the condition for what follows a position (value, time, id)."""
        value, *tie = position
        sign = "<" if self.descending else ">"
        if self.by_time:
            return f"({self.tie[0]}, {self.tie[1]}) {sign} (%s, %s)", tie
        rest = f"({self.tie[0]}, {self.tie[1]}) < (%s, %s)"
        if value is None:
            return f"({self.expression} IS NULL AND {rest})", tie
        condition = f"({self.expression} {sign} %s::float8 OR ({self.expression} = %s::float8 AND {rest})"
        return f"{condition} OR {self.expression} IS NULL)", [value, value, *tie]


def parse_order(text: str, expressions: dict[str, str], tie: tuple[str, str]) -> Order:
    """`-field` or `field` -> Order. Raises Malformed."""
    name = text.removeprefix("-")
    if name not in expressions:
        raise Malformed(
            f"unknown order {text[:80]!r}: use one of {', '.join(expressions)}, with - before it for descending"
        )
    return Order(name, expressions[name], text.startswith("-"), tie)


def check_limit(limit: int, most: int = MAX_LIMIT) -> int:
    """Return the limit itself. Raises Malformed outside 1..most."""
    if not 1 <= limit <= most:
        raise Malformed(f"limit is {limit}: it must be 1 to {most}")
    return limit


def fingerprint(kind: str, order: str, filter: Filter | None) -> str:
    """Return what a cursor is bound to: list, order and filter (not the range, which may move with the clock)."""
    parts = [kind, order, repr((filter.condition, filter.params, filter.text)) if filter else ""]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def pack(bound_to: str, position: Sequence[Any]) -> str:
    """Return a cursor after the row at `position` (value, time, id; times naive UTC, ids int or bytes)."""
    encoded = [value.hex() if isinstance(value, bytes) else value for value in position]
    body = orjson.dumps([bound_to, *encoded])
    return base64.urlsafe_b64encode(hashlib.sha256(body).digest()[:6] + body).rstrip(b"=").decode()


def unpack(cursor: str, bound_to: str, id_type: type[int] | type[bytes] = int) -> list[Any]:
    """Return the position in a cursor. Raises Malformed when it was changed or belongs to another question."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        digest, body = raw[:6], raw[6:]
        if hashlib.sha256(body).digest()[:6] != digest or len(cursor) > 4000:
            raise Malformed(_INVALID)
        bound, value, time, last = orjson.loads(body)
        if bound != bound_to or not (value is None or isinstance(value, (int, float, str))):
            raise Malformed(_INVALID)
        identity = bytes.fromhex(last) if id_type is bytes else int(last)
        return [value, datetime.fromisoformat(time), identity]
    except (ValueError, TypeError) as error:
        raise Malformed(_INVALID) from error
