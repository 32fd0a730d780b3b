"""An OTLP/HTTP door for the demo's tests."""

from __future__ import annotations

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


class Door(ThreadingHTTPServer):
    """It keeps what it takes; a picky one turns the first request away and refuses a span of the second."""

    def __init__(self, picky: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken: list[ExportTraceServiceRequest] = []
        self.keys: set[str | None] = set()
        self.asked = 0
        self.picky = picky
        self.lock = threading.Lock()
        self.broken = False


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        door: Door = self.server  # type: ignore[assignment]
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers["content-encoding"] == "gzip":
            body = gzip.decompress(body)
        answer = ExportTraceServiceResponse()
        with door.lock:
            door.asked += 1
            door.keys.add(self.headers["authorization"])
            status = 401 if door.broken else 429 if door.picky and door.asked == 1 else 200
            if status == 200 and self.path == "/v1/traces":
                door.taken.append(ExportTraceServiceRequest.FromString(body))
                answer.partial_success.rejected_spans = int(door.picky and len(door.taken) == 1)
        content = b"the key is unknown" if door.broken else answer.SerializeToString()
        self.send_response(status)
        self.send_header("retry-after", "0")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None: ...
