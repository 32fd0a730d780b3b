"""A real OTLP/HTTP receiver for tests: decodes what arrives, and answers as it is told to."""

from __future__ import annotations

import gzip
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

DEADLINE_SECONDS = 10.0


@dataclass
class Reply:
    """How to answer one request. hang: read it and never answer; close: drop the connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    close: bool = False


def partial(rejected: int, message: str) -> Reply:
    response = ExportTraceServiceResponse()
    response.partial_success.rejected_spans = rejected
    response.partial_success.error_message = message
    return Reply(200, {"Content-Type": "application/x-protobuf"}, response.SerializeToString())


def value(any_value: Any) -> Any:
    kind = any_value.WhichOneof("value")
    if kind == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if kind == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return None if kind is None else getattr(any_value, kind)


def attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs}


class Sink:
    """`with Sink() as sink: configure(endpoint=sink.url)`. replies: used up first, then `reply` for ever."""

    def __init__(self, port: int = 0) -> None:
        self.replies: deque[Reply] = deque()
        self.reply = Reply()
        self.headers: list[dict[str, str]] = []
        self.traces: list[ExportTraceServiceRequest] = []
        self.logs: list[ExportLogsServiceRequest] = []
        self.metrics: list[ExportMetricsServiceRequest] = []
        self.accepted: list[ExportTraceServiceRequest] = []
        self.connections = 0
        self.changed = threading.Condition()
        self._released = threading.Event()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                sink.connections += 1
                super().setup()

            def do_POST(self) -> None:
                sink._take(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def _take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        if handler.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        is_traces = handler.path.endswith("/v1/traces")
        is_logs = handler.path.endswith("/v1/logs")
        with self.changed:
            self.headers.append({key.lower(): text for key, text in handler.headers.items()} | {":path": handler.path})
            reply = Reply()
            if is_traces:
                reply = self.replies.popleft() if self.replies else self.reply
                request = ExportTraceServiceRequest.FromString(body)
                self.traces.append(request)
                if reply.status < 300 and not reply.hang and not reply.close:
                    self.accepted.append(request)
            elif is_logs:
                reply = self.replies.popleft() if self.replies else self.reply
                if reply.status < 300 and not reply.hang and not reply.close:
                    self.logs.append(ExportLogsServiceRequest.FromString(body))
            else:
                self.metrics.append(ExportMetricsServiceRequest.FromString(body))
            self.changed.notify_all()
        if reply.hang:
            self._released.wait(60)
        if reply.hang or reply.close:
            handler.close_connection = True
            return
        handler.send_response(reply.status)
        for key, text in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            handler.send_header(key, text)
        handler.end_headers()
        handler.wfile.write(reply.body)

    def __enter__(self) -> Sink:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, DEADLINE_SECONDS), "the sink did not see it in time"

    def spans(self, *, accepted: bool = True) -> list[dict[str, Any]]:
        """Every span, as a plain dict, in order of arrival."""
        return [
            {
                "name": span.name,
                "kind": span.kind,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_id": span.parent_span_id.hex() or None,
                "seconds": (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                "status": (span.status.code, span.status.message),
                "attributes": attributes(span.attributes),
                "events": [(event.name, attributes(event.attributes)) for event in span.events],
                "links": [link.span_id.hex() for link in span.links],
                "flags": span.flags,
                "resource": attributes(container.resource.attributes),
                "scope": scope.scope.name,
            }
            for request in (self.accepted if accepted else self.traces)
            for container in request.resource_spans
            for scope in container.scope_spans
            for span in scope.spans
        ]

    def scores(self) -> list[dict[str, Any]]:
        """The attributes of every log record that was accepted, which all are scores."""
        return [
            attributes(record.attributes)
            for request in self.logs
            for container in request.resource_logs
            for scope in container.scope_logs
            for record in scope.log_records
        ]

    def named(self, name: str) -> dict[str, Any]:
        (found,) = [span for span in self.spans() if span["name"] == name]
        return found

    def metric(self, name: str) -> list[tuple[dict[str, Any], Any]]:
        """The data points of a metric in the newest report that has it."""
        for request in reversed(self.metrics):
            for container in request.resource_metrics:
                for scope in container.scope_metrics:
                    for metric in scope.metrics:
                        if metric.name == name:
                            points = (metric.sum if metric.HasField("sum") else metric.histogram).data_points
                            return [(attributes(point.attributes), point) for point in points]
        return []
