"""Part of decoding: AnyValue, attributes and resources as plain Python; the hottest loops of the pipeline."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from typing import Any

__all__ = ["application_of", "attributes_of", "clean", "environment_of", "value_of"]

UNKNOWN = "unknown"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
MAX_LABEL = 255  # VARCHAR(255) of the specification


def clean(text: str) -> str:
    """Text that PostgreSQL can hold: without NUL and lone surrogates."""
    if "\x00" in text:
        text = text.replace("\x00", "�")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            text = text.encode("utf-8", "replace").decode()
    return text


def value_of(value: Any) -> Any:
    """Turn an AnyValue into str, int, float, bool, list, dict or None; bytes are text, or become base64 text."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        text: str = value.string_value
        return text.replace("\x00", "�") if "\x00" in text else text
    if kind in ("int_value", "bool_value"):
        return getattr(value, kind)
    if kind == "double_value":
        return _finite(value.double_value)
    if kind == "array_value":
        return [value_of(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return attributes_of(value.kvlist_value.values)
    if kind == "bytes_value":
        return _text_of(value.bytes_value)
    return None


def _text_of(data: bytes) -> str:
    """Bytes that are text, as some writers send their JSON, are that text: base64 would hide it from redaction too."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return base64.b64encode(data).decode()
    return base64.b64encode(data).decode() if _CONTROL.search(text) else text


def _finite(number: float) -> float | str:
    """NaN and infinities are no JSON: they are kept as words."""
    if number - number == 0.0:
        return number
    if math.isnan(number):
        return "NaN"
    return "Infinity" if number > 0 else "-Infinity"


def attributes_of(pairs: Iterable[Any]) -> dict[str, Any]:
    """Turn KeyValues into a dict; of a repeated key the last one stays."""
    result: dict[str, Any] = {}
    for pair in pairs:
        value = pair.value
        # the usual kinds inline, text first: this loop runs for every attribute of every span
        text = value.string_value
        if text:
            result[pair.key] = text.replace("\x00", "�") if "\x00" in text else text
            continue
        number = value.int_value
        result[pair.key] = number if number else value_of(value)
    if "\x00" in "".join(result):
        result = {key.replace("\x00", "�"): value for key, value in result.items()}
    return result


def application_of(resource: dict[str, Any]) -> str:
    """service.name, or `unknown` where the SDK put its placeholder or nothing."""
    name = resource.get("service.name")
    if not isinstance(name, str) or not name.strip() or name.startswith("unknown_service"):
        return UNKNOWN
    return name[:MAX_LABEL]


def environment_of(resource: dict[str, Any]) -> str:
    """deployment.environment.name, or its older name, or `default`."""
    name = resource.get("deployment.environment.name") or resource.get("deployment.environment")
    return name[:MAX_LABEL] if isinstance(name, str) and name.strip() else "default"
