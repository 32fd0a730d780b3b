"""Parts of messages that every protocol of the API shares.

Of images, sounds and files the hash and the size are kept, never the bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..._content import blob

# for isinstance: a dict is recognised ten times faster as one than as the abstract class
MAPPINGS = (dict, Mapping)


def plain(value: Any) -> Any:
    """Turn a message, tool or part into a mapping: the host may pass the client's own objects."""
    if isinstance(value, MAPPINGS) or value is None or isinstance(value, str):
        return value
    dump = getattr(value, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) else value


def text_part(text: Any) -> dict[str, Any]:
    """Write a text."""
    return {"type": "text", "content": text}


def image_part(url: Any) -> dict[str, Any]:
    """Write an image by its address or as a data: URL."""
    if isinstance(url, str) and url.startswith("data:"):
        return _blob(url, "image/png", "image")
    return {"type": "uri", "modality": "image", "uri": url}


def audio_part(audio: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """Write a sound, and what is said in it where known; one that is only referred to is named."""
    if audio.get("data"):
        yield _blob(audio["data"], f"audio/{audio.get('format') or 'unknown'}", "audio")
    elif audio.get("id"):
        yield {"type": "file", "modality": "audio", "file_id": audio["id"]}
    if audio.get("transcript"):
        yield text_part(audio["transcript"])


def file_part(file: Mapping[str, Any]) -> dict[str, Any]:
    """Write a file by its id, its address or its bytes."""
    if file.get("file_data"):
        part = _blob(file["file_data"], "application/octet-stream", "file")
    elif file.get("file_url"):
        part = {"type": "uri", "modality": "file", "uri": file["file_url"]}
    else:
        part = {"type": "file", "modality": "file", "file_id": file.get("file_id")}
    if file.get("filename"):
        part["name"] = file["filename"]
    return part


def _blob(data: Any, mime_type: str, modality: str) -> dict[str, Any]:
    return blob(data if isinstance(data, str | bytes) else str(data), mime_type, modality)
