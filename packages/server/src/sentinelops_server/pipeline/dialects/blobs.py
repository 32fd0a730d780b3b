"""Part of reading: images, sounds and vectors inside bodies give way to what is kept of them; texts stay."""

from __future__ import annotations

import re
from typing import Any

from sentinelops._content import blob

__all__ = ["without_blobs"]

LONG = 1_024
DEPTH = 32
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_TYPE_KEYS = ("mime_type", "media_type", "mimeType", "mediaType", "format", "modality")
_DATA_KEYS = frozenset(("data", "content", "image", "file_data", "b64_json", "bytes", "audio"))
_PLAIN = ("text", "reasoning")  # a tuple: a type may come as anything, and not all can be hashed


def without_blobs(content: dict[str, Any]) -> dict[str, Any]:
    """Return Payload.content in which encoded data is `{type: blob, mime_type, modality, sha256, bytes}`.

    Lists of more than 1,024 numbers become `[N numbers]`. What holds neither is the same object as before.
    """
    for key, value in content.items():
        if key in ("input_messages", "output_messages"):
            for message in value:
                _clean_parts(message)
        elif _may_hold_data(value):
            content[key] = _clean(value, 0)
    return content


def _may_hold_data(value: Any) -> bool:
    """The quick look at all of a body, which nearly all need only: any long text without a space, or many numbers."""
    stack = [value]
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is str:
            if len(item) >= 64 and " " not in item[:64]:
                return True
        elif kind is dict:
            stack.extend(item.values())
        elif kind is list:
            if len(item) > 64 and type(item[0]) in (int, float):
                return True
            stack.extend(item)
    return False


def _clean_parts(message: dict[str, Any]) -> None:
    parts = message.get("parts")
    if not isinstance(parts, list):
        return
    for index, part in enumerate(parts):
        if type(part) is dict and part.get("type") in _PLAIN:  # nearly all are
            text = part.get("content")
            if type(text) is str and (len(text) < 64 or " " in text[:64]):
                continue
        if _may_hold_data(part):
            parts[index] = _clean(part, 0)


def _clean(value: Any, depth: int) -> Any:
    """Return the value itself when there is nothing to replace in it, so that texts are never copied."""
    if type(value) is str:
        return blob(value) if _is_encoded(value, LONG) else value
    if depth > DEPTH:
        return value
    if type(value) is dict:
        return _clean_dict(value, depth)
    if type(value) is list:
        if len(value) > LONG and all(type(item) in (int, float) for item in value):
            return f"[{len(value)} numbers]"
        cleaned = [_clean(item, depth + 1) for item in value]
        return cleaned if any(new is not old for new, old in zip(cleaned, value, strict=True)) else value
    return value


def _clean_dict(value: dict[str, Any], depth: int) -> dict[str, Any]:
    if value.get("type") == "Buffer" and isinstance(value.get("data"), list):  # how Node writes bytes as JSON
        try:
            return blob(bytes(value["data"]))
        except (TypeError, ValueError):
            return value
    mime = next((value[key] for key in _TYPE_KEYS if _is_word(value.get(key))), None)
    named = mime is not None or value.get("type") in ("image", "file", "blob", "audio", "media")
    cleaned: dict[str, Any] = {}
    changed = False
    for key, item in value.items():
        if named and key in _DATA_KEYS and _is_encoded(item, 64):
            kind = value.get("modality") or (value["type"] if value.get("type") in ("image", "audio") else None)
            cleaned |= blob(item, mime if mime and "/" in mime else None, kind if _is_word(kind) else None)
            changed = True
            continue
        new = _clean(item, depth + 1)
        changed = changed or new is not item
        cleaned.setdefault(key, new)
    return cleaned if changed else value


def _is_word(value: Any) -> bool:
    return type(value) is str and len(value) <= 128


def _is_encoded(value: Any, least: int) -> bool:
    """Whether this is a data URL or a long base64 text: its beginning and its end tell, no prose looks like them."""
    if type(value) is not str or len(value) < 64:
        return False
    if value.startswith("data:"):
        return ";base64," in value[:128]
    if len(value) < least or _BASE64.match(value[-64:]) is None:
        return False
    head = value[:least]
    return _BASE64.match(head) is not None and (least < LONG or len(set(head)) > 12)
