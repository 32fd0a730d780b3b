"""A server whose answers each test says byte by byte, and the HTTP hook watching it."""

from __future__ import annotations

import gc
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from sentinelops import _runtime
from sentinelops._configure import configure, shutdown
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument._wire import watch
from sentinelops.testing import Captured

Span = dict[str, Any]


class Fake:
    """answers: path -> (status, content type, pieces); a piece of None cuts the line. requests: (path, headers, raw)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, str, list[bytes | None]]] = {}
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port: int = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, path: str, value: Any, status: int = 200, content_type: str = "application/json") -> None:
        """Answer with JSON, or with bytes in pieces."""
        pieces: list[bytes | None] = value if isinstance(value, list) else [json.dumps(value).encode()]
        self.answers[path] = (status, content_type, pieces)

    def sse(self, path: str, *events: Any, done: bool = False) -> None:
        """Answer with server-sent events."""
        pieces: list[bytes | None] = [f"data: {json.dumps(event)}\n\n".encode() for event in events]
        self.says(path, [*pieces, *([b"data: [DONE]\n\n"] if done else [])], content_type="text/event-stream")

    def lines(self, path: str, *values: Any, content_type: str = "application/x-ndjson") -> None:
        """Answer with one JSON value a line."""
        self.says(path, [json.dumps(value).encode() + b"\n" for value in values], content_type=content_type)


def _handler(fake: Fake) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            path = self.path.partition("?")[0]
            fake.requests.append((self.path, dict(self.headers.items()), raw))
            status, content_type, pieces = fake.answers.get(
                path, (404, "application/json", [b'{"error":"no such path"}'])
            )
            self.send_response(status)
            for name, value in {"content-type": content_type, "transfer-encoding": "chunked", **fake.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in pieces:
                if piece is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")

    return Handler


@pytest.fixture(scope="session")
def server() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def fake(server: Fake) -> Fake:
    server.answers.clear()
    server.requests.clear()
    server.headers = {}
    return server


class Watched:
    """configure(...) with options, and spans(n): the n spans that were made, no more and no fewer."""

    def __init__(self, fake: Fake) -> None:
        self._fake = fake
        self._captured = Captured()

    def configure(self, **options: Any) -> None:
        options.setdefault("hosts", [f"127.0.0.1:{self._fake.port}"])
        configure(endpoint="http://127.0.0.1:9", capture_content="on", metrics=False, capture_memory=False, **options)
        runtime = _runtime.current
        assert runtime is not None
        self._captured._policy = runtime.config.content_policy()
        runtime.collector.exporter = self._captured  # type: ignore[assignment]

    def spans(self, count: int = 1) -> list[Any]:
        gc.collect()
        watch.drain()
        spans = self._captured.spans
        assert len(spans) == count, [(span["name"], span["attributes"]) for span in spans]
        assert watch.live_count() == 0
        return spans


@pytest.fixture
def watched(fake: Fake, clean_sdk: None) -> Iterator[Watched]:
    made = Watched(fake)
    made.configure()
    instrument("http")
    yield made
    uninstrument("http")
    watch._end_all()
    shutdown(0)


@pytest.fixture
def attributes(watched: Watched) -> Callable[[], Span]:
    """The attributes of the one span, without what says where the server was; content parsed."""

    def only() -> Span:
        (span,) = watched.spans(1)
        found = {
            key: json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
            for key, value in span["attributes"].items()
        }
        assert found.pop("server.address") == "127.0.0.1"
        found.pop("server.port")
        found.pop("gen_ai.response.time_to_first_chunk", None)
        return {"name": span["name"], **found}

    return only
