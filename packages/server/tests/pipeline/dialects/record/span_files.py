"""An OTLP receiver that writes what arrives as the JSON files of ../spans, free of what belongs to this machine."""

from __future__ import annotations

import base64
import gzip
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

SPANS = Path(__file__).resolve().parent.parent / "spans"
STACK = re.compile(r"Traceback \(most recent call last\):.*", re.DOTALL)
LOCAL = re.compile(r"(127\.0\.0\.1|localhost):\d+")
PATHS = re.compile(r'/(?:tmp|root|home|work)/[^\s"\\]*?/([^\s/"\\]+)(?=["\\\s,]|$)')


class SpanFiles:
    """`files = SpanFiles("mlflow")`, export to `files.url`, then `files.save("chat")` for all that came since."""

    def __init__(self, dialect: str) -> None:
        self.folder = SPANS / dialect
        self.folder.mkdir(parents=True, exist_ok=True)
        self._scopes: dict[tuple[str, str], list[dict[str, Any]]] = {}
        files = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.path.endswith("traces"):
                    files._take(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

            def log_message(self, *_: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        self.url = f"{self.address}/v1/traces"

    def has_spans(self) -> bool:
        """Return whether anything came since the last file."""
        return bool(self._scopes)

    def save(self, situation: str) -> None:
        """Write the spans that came since the last time, parents first."""
        scopes, self._scopes = self._scopes, {}
        for spans in scopes.values():
            spans.sort(key=lambda span: (int(span["startTimeUnixNano"]), -int(span["endTimeUnixNano"])))
        document = {
            "resourceSpans": [
                {
                    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]},
                    "scopeSpans": [
                        {"scope": {"name": name, "version": version}, "spans": spans}
                        for (name, version), spans in scopes.items()
                    ],
                }
            ]
        }
        text = json.dumps(document, indent=1, ensure_ascii=False)
        text = PATHS.sub(r"/srv/app/\1", LOCAL.sub(r"\1:8080", text))
        (self.folder / f"{situation}.json").write_text(text + "\n")
        print(situation, [span["name"] for spans in scopes.values() for span in spans])

    def _take(self, request: ExportTraceServiceRequest) -> None:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                known = self._scopes.setdefault((scope.scope.name, scope.scope.version), [])
                known += [_span(span) for span in scope.spans]


def _span(message: Any) -> dict[str, Any]:
    span: dict[str, Any] = MessageToDict(message)
    for name in ("traceId", "spanId", "parentSpanId"):
        if name in span:
            span[name] = base64.b64decode(span[name]).hex()
    span.pop("flags", None)
    for holder in (span, *span.get("events", ())):
        for pair in holder.get("attributes", ()):
            _tidy(pair["key"], pair.get("value") or {})
    return span


def _tidy(key: str, value: dict[str, Any]) -> None:
    """Leave out what would be another machine's: ports, and the lines of a traceback."""
    if key == "server.port" and "intValue" in value:
        value["intValue"] = "8080"
    if key in ("exception.stacktrace", "error.stack_trace", "litellm.provider.error.stack_trace"):
        value["stringValue"] = "Traceback"
    if key == "exception.message":
        value["stringValue"] = STACK.sub("Traceback", value["stringValue"])
