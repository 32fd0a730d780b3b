"""An HTTP server that answers as bedrock-runtime does: JSON, bytes, and frames of application/vnd.amazon.eventstream."""

from __future__ import annotations

import base64
import json
import struct
import threading
import zlib
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def frame(payload: Any, **headers: str) -> bytes:
    """One message of an event stream, with both checksums. headers: `event_type` stands for `:event-type`."""
    named = {":" + name.replace("_", "-"): value for name, value in headers.items()}
    head = b"".join(
        struct.pack("!B", len(name)) + name.encode() + b"\x07" + struct.pack("!H", len(value)) + value.encode()
        for name, value in {":content-type": "application/json", **named}.items()
    )
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    prelude = struct.pack("!II", 16 + len(head) + len(body), len(head))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + head + body
    return message + struct.pack("!I", zlib.crc32(message))


def event(kind: str, data: Any) -> bytes:
    """An event of ConverseStream, padded as Bedrock pads."""
    return frame({**data, "p": "abcdefghij"}, event_type=kind, message_type="event")


def chunk(data: Any) -> bytes:
    """A chunk of InvokeModelWithResponseStream."""
    packed = base64.b64encode(json.dumps(data).encode()).decode()
    return frame({"bytes": packed, "p": "abcd"}, event_type="chunk", message_type="event")


def exception(code: str, message: str) -> bytes:
    """What comes instead of an event when the call fails under way."""
    return frame({"message": message}, exception_type=code, message_type="exception")


@dataclass
class Reply:
    """How to answer one request. frames: an event stream. cut: drop the line after so many of them; hold: stop there."""

    body: Any = None
    frames: list[bytes] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    hold: int | None = None
    short: int = 0  # announce so many bytes more than are sent


class FakeBedrock:
    """replies: used up first, then `reply` for ever. requests: (path, headers in lower case, body)."""

    def __init__(self) -> None:
        self.replies: deque[Reply] = deque()
        self.reply = Reply({})
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.released = threading.Event()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.owner = self  # type: ignore[attr-defined]
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        self.replies.clear()
        self.requests.clear()
        self.reply = Reply({})
        self.released = threading.Event()

    def stop(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        fake: FakeBedrock = self.server.owner  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fake.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        reply = fake.replies.popleft() if fake.replies else fake.reply
        self.send_response(reply.status)
        self.send_header("x-amzn-RequestId", "req-1")
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.frames is None:
            self._plain(reply, fake)
        else:
            self._stream(reply, reply.frames, fake)

    def _plain(self, reply: Reply, fake: FakeBedrock) -> None:
        data = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data) + reply.short))
        self.end_headers()
        if reply.hold is not None:
            self.wfile.flush()
            fake.released.wait(20)
        self.wfile.write(data)
        if reply.short:
            self.close_connection = True

    def _stream(self, reply: Reply, frames: list[bytes], fake: FakeBedrock) -> None:
        self.send_header("content-type", "application/vnd.amazon.eventstream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for number, data in enumerate(frames):
            if number == reply.cut:  # half of a frame, then the line goes dead
                self.wfile.write(f"{len(data):x}\r\n".encode() + data[: len(data) // 2])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            if number == reply.hold:
                self.wfile.flush()
                fake.released.wait(20)
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()
