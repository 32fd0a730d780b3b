"""A provider of chats, completions and embeddings in OpenAI's wire format, whose answers a test writes beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

from openai_support.fake import Running

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64},
    "completion_tokens_details": {"reasoning_tokens": 12},
}


def call(tool: str, number: int = 1, /, **arguments: Any) -> dict[str, Any]:
    """What the model answers when it wants a tool."""
    function = {"name": tool, "arguments": json.dumps(arguments)}
    return {"tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}]}


class Provider(Running):
    """says: the messages of the next chats, in turn; when none is left, "Hello there". status: of every answer."""

    def __init__(self) -> None:
        self.says: list[dict[str, Any]] = []
        self.status = 200
        self.requests: list[tuple[str, Any]] = []
        super().__init__(_Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def forget(self) -> None:
        """As new."""
        self.says, self.status = [], 200
        self.requests.clear()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        provider: Provider = self.server.owner  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        provider.requests.append((self.path, body))
        if provider.status != 200:
            self._send({"error": {"message": "no such luck", "type": "rate_limit_error"}}, provider.status)
        elif self.path.endswith("/embeddings"):
            self._send(_embeddings(body))
        elif self.path.endswith("/chat/completions"):
            said = provider.says.pop(0) if provider.says else {"content": "Hello there"}
            self._stream(_chunks(body, said)) if body.get("stream") else self._send(_chat(body, said))
        else:
            self._send(_completion(body))

    def _send(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, chunks: Iterator[dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    given = body["input"]
    texts = given if isinstance(given, list) else [given]
    data = [
        {"object": "embedding", "index": i, "embedding": [1.0, float(len(text) % 7)]} for i, text in enumerate(texts)
    ]
    return {"object": "list", "model": body["model"], "data": data, "usage": {"prompt_tokens": 8, "total_tokens": 8}}


def _chat(body: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": f"{body['model']}-2026-01-01",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": None, **said},
                "finish_reason": "tool_calls" if "tool_calls" in said else "stop",
                "logprobs": None,
            }
        ],
        "usage": USAGE,
    }


def _chunks(body: dict[str, Any], said: dict[str, Any]) -> Iterator[dict[str, Any]]:
    top = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": f"{body['model']}-2026-01-01"}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**top, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    yield chunk({"role": "assistant", "content": ""})
    text = said.get("content") or ""
    for piece in (text[:5], text[5:]):
        if piece:
            yield chunk({"content": piece})
    calls = said.get("tool_calls", [])
    if calls:
        yield chunk({"tool_calls": [{"index": i, **one} for i, one in enumerate(calls)]})
    yield chunk({}, "tool_calls" if calls else "stop")
    if (body.get("stream_options") or {}).get("include_usage"):
        yield {**top, "choices": [], "usage": USAGE}


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "text": " there", "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
