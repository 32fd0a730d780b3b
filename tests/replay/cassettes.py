"""Recorded exchanges with providers, out of the source distributions of libraries that ship their recordings."""

from __future__ import annotations

import base64
import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, bodies as the client would have written and read them (not compressed)."""

    source: str
    method: str
    url: str
    request: bytes
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def request_json(self) -> dict[str, Any]:
        return parsed(self.request)

    @property
    def streamed(self) -> bool:
        kind = self.headers.get("content-type", "")  # recorders leave headers out
        named = kind.startswith(("text/event-stream", "application/vnd.amazon.eventstream"))
        return named or self.body[:6] in (b"data: ", b"event:") or self.body[:1] == b"\0"


def parsed(body: bytes) -> dict[str, Any]:
    """A JSON object, {} for anything else."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def exchanges(folder: Path) -> Iterator[Exchange]:
    """Every exchange of every archive in `folder`, each once: libraries copy recordings from one another."""
    seen: set[tuple[str, bytes, bytes]] = set()
    for archive in sorted(folder.glob("*.tar.gz")):
        for name, text in _documents(archive):
            for number, exchange in enumerate(_interactions(text)):
                one = _exchange(f"{name}#{number}", exchange)
                if one is None or (one.url, one.request, one.body) in seen:
                    continue
                seen.add((one.url, one.request, one.body))
                yield one


def _documents(archive: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(archive) as files:
        for member in files:
            named = "cassettes" in member.name or "recordings" in member.name
            if member.isfile() and named and member.name.endswith((".yaml", ".yml", ".yaml.gz")):
                data = files.extractfile(member).read()  # type: ignore[union-attr]
                yield member.name, gzip.decompress(data) if member.name.endswith(".gz") else data


def _interactions(text: bytes) -> list[Any]:
    try:
        document = yaml.load(text, Loader=LOADER)
    except (yaml.YAMLError, ValueError):
        return []
    if not isinstance(document, dict):
        return []
    interactions = document.get("interactions")
    if interactions is None and "requests" in document:
        pairs = zip(document["requests"], document["responses"], strict=False)
        interactions = [{"request": request, "response": response} for request, response in pairs]
    return [item for item in interactions or () if isinstance(item, dict)]


def _exchange(source: str, item: dict[str, Any]) -> Exchange | None:
    request, response = item.get("request") or {}, item.get("response") or {}
    status = response.get("status") or response.get("status_code") or 0
    code = status.get("code") if isinstance(status, dict) else status
    headers = _headers(response.get("headers"))
    encoding = headers.pop("content-encoding", "")
    for name in ("content-length", "transfer-encoding"):
        headers.pop(name, None)
    body = _body(response)
    if body is None or not request.get("uri") or not code:
        return None
    try:
        body = _unpacked(body, encoding)
    except (OSError, zlib.error, ValueError):
        return None
    sent = _body(request) or b""
    url = _address(source, sent) if request["uri"] == "**REDACTED**" else request["uri"]
    return Exchange(source, str(request.get("method", "GET")).upper(), url, sent, int(code), headers, body)


def _address(source: str, sent: bytes) -> str:
    """LangChain's recorder hides the address: whose it is says the package, which one it is the body."""
    asked = parsed(sent)
    if source.startswith("langchain_anthropic"):
        return "https://api.anthropic.com/v1/messages" if "messages" in asked else ""
    for name, path in (("messages", "chat/completions"), ("encoding_format", "embeddings"), ("input", "responses")):
        if name in asked and source.startswith("langchain_openai"):
            return f"https://api.openai.com/v1/{path}"
    return ""


def _headers(given: Any) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, values in (given or {}).items():
        value = values[0] if isinstance(values, list) and values else values
        if isinstance(value, (str, bytes)):
            out[str(name).lower()] = value.decode("latin-1") if isinstance(value, bytes) else value
    return out


def _body(message: dict[str, Any]) -> bytes | None:
    if message.get("parsed_body") is not None:
        return json.dumps(message["parsed_body"]).encode()
    body = message.get("body", message.get("content"))
    if isinstance(body, dict):
        if "base64_string" in body:
            return base64.b64decode(body["base64_string"])
        if "string" not in body:
            return json.dumps(body).encode()
        body = body["string"]
    if isinstance(body, str):
        return body.encode()
    return body if isinstance(body, bytes) else None


def _unpacked(body: bytes, encoding: str) -> bytes:
    """The recorders mostly unpack before they write, and leave the header."""
    if encoding == "gzip" and body[:2] == b"\x1f\x8b":
        return gzip.decompress(body)
    if encoding == "deflate" and body[:1] not in (b"{", b"[", b"d", b"e"):
        return zlib.decompress(body)
    if encoding in ("br", "zstd") and body[:1] not in (b"{", b"[", b"d", b"e", b":"):
        raise ValueError("not unpacked")
    return body
