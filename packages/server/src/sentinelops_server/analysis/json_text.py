"""JSON that comes as text in an attribute: read, if it can be written again."""

from __future__ import annotations

from functools import reduce
from typing import Any

import orjson

__all__ = ["json_of", "load_json", "parse_json", "writable"]

PAYLOAD_DEPTH = 16  # levels of a payload around the value of an attribute, and some to spare
WRITTEN_DEPTH = 254 - PAYLOAD_DEPTH


def load_json(text: str) -> Any:
    """Return what a JSON text says. Raises JSONDecodeError, also for what is nested too deep to be written again."""
    return writable(text, orjson.loads(text))


def writable(text: str, found: Any) -> Any:
    """What the text says, if it can be written again: orjson reads 1,024 levels and writes 254, some for a payload."""
    if text.count("[") + text.count("{") > WRITTEN_DEPTH:
        try:
            orjson.dumps(reduce(lambda inner, _: [inner], range(PAYLOAD_DEPTH), found))
        except orjson.JSONEncodeError:
            raise orjson.JSONDecodeError("nested too deep", "", 0) from None
    return found


def parse_json(value: Any) -> Any:
    """Return the JSON object, list, text or null in a string; anything else as it is: "4" is somebody's text."""
    if not isinstance(value, str):
        return value
    if value[:1] in ("{", "[", '"'):
        try:
            return load_json(value)
        except orjson.JSONDecodeError:
            return value
    return None if value == "null" else value


def json_of(value: Any) -> str:
    """Return a value as JSON text; a mark where it is nested too deep."""
    try:
        return orjson.dumps(value, default=str).decode()
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        return "[left out: too deep]"
