"""A provider that speaks the Anthropic wire format over real HTTP, at its own address, Bedrock's and Vertex's."""

from __future__ import annotations

import base64
import binascii
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any

from openai_support.fake import Running

from anthropic_support.answers import RESULTS, message, pieces

ERRORS = {
    "limited": (429, "rate_limit_error"), "busy": (529, "overloaded_error"), "wrong-key": (401, "authentication_error"),
    "bad": (400, "invalid_request_error"),
}  # fmt: skip


def events(model: str) -> list[dict[str, Any] | None]:
    """The same as a stream; None: the line goes dead."""
    whole = message(model)
    usage = whole["usage"]
    first = {name: value for name, value in usage.items() if name not in ("output_tokens_details", "server_tool_use")}
    start = {**whole, "content": [], "stop_reason": None, "stop_sequence": None, "usage": {**first, "output_tokens": 1}}
    late = {name: start.pop(name) for name in ("stop_details", "container") if name in start}
    out: list[dict[str, Any] | None] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(whole["content"]):
        out.extend(pieces(index, block))
    if model == "breaks":
        return [*out[:5], None]
    if model == "overloads":
        return [*out[:5], {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}]
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": whole["stop_sequence"], **late}
    final = {name: value for name, value in usage.items() if name not in first or name == "output_tokens"}
    out.append({"type": "message_delta", "delta": delta, "usage": final})
    out.append({"type": "message_stop"})
    return out


def frame(event: dict[str, Any]) -> bytes:
    """One event in the framing of Bedrock."""
    payload = json.dumps({"bytes": base64.b64encode(json.dumps(event).encode()).decode()}).encode()
    named = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    head = b"".join(
        bytes((len(name),)) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in named.items()
    )
    prelude = struct.pack(">II", 16 + len(head) + len(payload), len(head))
    data = prelude + struct.pack(">I", binascii.crc32(prelude)) + head + payload
    return data + struct.pack(">I", binascii.crc32(data))


class FakeAnthropic(Running):
    """`model` chooses the answer. requests: what came, as (method, path, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.failures_before_success = 0
        self.hold = threading.Event()  # a stream called "held" stops after its fifth event until this is set
        super().__init__(_Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    @property
    def fake(self) -> FakeAnthropic:
        return self.server.owner  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.fake.requests.append((self.command, path, headers, None))
        if path.endswith("/results"):
            self._results()
            return
        if "/batches/" in path:
            done = {"id": "batch_1", "type": "message_batch", "processing_status": "ended"}
            self._send(200, {**done, "results_url": f"{self.fake.url}/v1/messages/batches/batch_1/results"})
            return
        self._send(200, {"data": [], "has_more": False, "first_id": None, "last_id": None})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        body = json.loads(raw) if raw else {}
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.fake.requests.append((self.command, path, headers, body))
        model = body.get("model") or "plain"
        if model == "late":
            self.fake.hold.wait(20)
        if self.fake.failures_before_success > 0:
            self.fake.failures_before_success -= 1
            self._fail(529, "overloaded_error")
        elif model in ERRORS:
            self._fail(*ERRORS[model])
        elif path.endswith("/count_tokens"):
            self._send(200, {"input_tokens": 77})
        elif path.endswith("/batches"):
            self._send(200, {"id": "batch_1", "type": "message_batch", "processing_status": "in_progress"})
        elif path.endswith("/complete"):
            self._send(200, {"id": "c_1", "type": "completion", "completion": " Hello", "stop_reason": "stop_sequence",
                             "model": model})  # fmt: skip
        elif path.endswith(("-response-stream", ":streamRawPredict")) or body.get("stream"):
            self._stream(model, framed=path.endswith("-response-stream"))
        else:
            self._send(200, message(model))

    def _results(self) -> None:
        self._head(200, "application/x-jsonl", {"transfer-encoding": "chunked"})
        self.end_headers()
        data = "\n".join(json.dumps(line) for line in RESULTS).encode()
        for start in range(0, len(data), 300):  # lines come in pieces
            piece = data[start : start + 300]
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _fail(self, status: int, kind: str) -> None:
        self._send(status, {"type": "error", "error": {"type": kind, "message": "no"}}, {"retry-after-ms": "1"})

    def _head(self, status: int, kind: str, extra: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"request-id": "req_abc", "content-type": kind, **extra}.items():
            self.send_header(name, value)

    def _send(self, status: int, value: Any, extra: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._head(status, "application/json", {"content-length": str(len(body)), **(extra or {})})
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, model: str, *, framed: bool) -> None:
        kind = "application/vnd.amazon.eventstream" if framed else "text/event-stream; charset=utf-8"
        self._head(200, kind, {"transfer-encoding": "chunked"})
        self.end_headers()
        for number, event in enumerate(events(model)):
            if event is None:
                self.close_connection = True
                self.connection.close()
                return
            if model == "held" and number == 5:
                self.fake.hold.wait(20)
            data = frame(event) if framed else f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
