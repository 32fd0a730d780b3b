"""A provider that speaks the OpenAI wire format over real HTTP, and a receiver that keeps the OTLP it is sent."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from openai_support import media
from openai_support.answers import ANSWERS, ERRORS, STREAMS

Span = dict[str, Any]
Spans = Callable[..., list[Span]]  # spans(n): the n spans that arrived, no more and no fewer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up in the middle is what some tests are about."""


class Running:
    """A server in a thread."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.server = _Server(("127.0.0.1", 0), handler)
        self.server.owner = self  # type: ignore[attr-defined]
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class FakeOpenAI(Running):
    """`model` chooses the answer: see answers.py. requests: what came, as (method, path, headers, body)."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self.failures_before_success = 0
        self.hold = threading.Event()  # a stream called "held" stops after its third event until this is set
        self.headers: dict[str, str] = {}
        super().__init__(_OpenAIHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


class _OpenAIHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # answers leave in one piece: see _flush

    def log_message(self, format: str, *args: Any) -> None:
        pass

    @property
    def fake(self) -> FakeOpenAI:
        return self.server.owner  # type: ignore[attr-defined,no-any-return]

    def do_GET(self) -> None:
        self._answer({})

    def do_DELETE(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        json_body = "json" in (self.headers.get("content-type") or "")
        self._answer(json.loads(raw) if json_body and raw else media.form(raw))

    def _answer(self, body: Any) -> None:
        path = self.path.partition("?")[0].removeprefix("/v1")
        if path.startswith("/deployments/"):
            path = "/" + path.split("/", 3)[3]
        self.fake.requests.append((self.command, path, dict(self.headers.items()), body))
        model = body.get("model") or ""
        if self.fake.failures_before_success > 0:
            self.fake.failures_before_success -= 1
            self._send(503, {"error": {"message": "overloaded", "type": "server_error"}}, {"retry-after-ms": "1"})
        elif model in ERRORS:
            status, error, headers = ERRORS[model]
            self._send(status, error, headers)
        elif model == "hangs-up":
            self.close_connection = True
        elif found := media.answer(path, body):
            self._send_bytes(found[1], found[0], {})
        elif body.get("stream") or "stream=true" in self.path:
            self._stream(path, model)
        else:
            key = (path, model) if (path, model) in ANSWERS else (path.rpartition("/")[0] + "/*", "")
            answer = ANSWERS.get((path, model)) or ANSWERS.get((path, "")) or ANSWERS.get(key)
            answer = answer(body) if callable(answer) else answer
            self._send(200, answer if answer is not None else {"object": "list", "data": []}, {})

    def _headers(self, status: int, extra: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {
            "x-request-id": "req_abc",
            "openai-processing-ms": "250",
            **self.fake.headers,
            **extra,
        }.items():
            if value:
                self.send_header(name, value)

    def _send(self, status: int, value: Any, extra: dict[str, str]) -> None:
        self._send_bytes(json.dumps(value).encode(), "application/json", extra, status)

    def _send_bytes(self, body: bytes, kind: str, extra: dict[str, str], status: int = 200) -> None:
        self._headers(status, extra)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, path: str, model: str) -> None:
        events = STREAMS[path.partition("/resp_")[0], model]
        self._headers(200, {})
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for number, event in enumerate(events() if callable(events) else events):
            if event is None:  # the line goes dead
                self.close_connection = True
                self.connection.close()
                return
            if model == "held" and number == 3:
                self.fake.hold.wait(20)
            data = event.encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


class Sink(Running):
    """Receives OTLP/HTTP protobuf. spans: dicts with name, attributes, status, start, end."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.changed = threading.Condition()
        self.status = 200
        super().__init__(_SinkHandler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait(self, count: int, flush: Callable[[], Any], seconds: float = 10.0) -> list[dict[str, Any]]:
        """Exactly `count` spans: flushed until they came, or AssertionError."""
        deadline = monotonic() + seconds
        while True:
            flush()
            with self.changed:
                if len(self.spans) >= count or monotonic() > deadline:
                    break
                self.changed.wait(0.02)
        assert len(self.spans) == count, [span["name"] for span in self.spans]
        return self.spans


class _SinkHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        sink: Sink = self.server.owner  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path == "/v1/traces" and sink.status == 200:
            with sink.changed:
                sink.spans.extend(_spans(ExportTraceServiceRequest.FromString(body)))
                sink.changed.notify_all()
        self.send_response(sink.status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()


def _spans(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "name": span.name,
                    "attributes": {item.key: _value(item.value) for item in span.attributes},
                    "error": span.status.code == 2,
                    "message": span.status.message,
                    "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                    "raw": span.SerializeToString(),
                }


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind)
