"""Records what a library writes: `recorder.py DIALECT COMMAND...` runs COMMAND against a provider that is not there.

The command finds the provider (OpenAI's and Anthropic's wire format) and an OTLP/HTTP door at PROVIDER_URL. It says
`POST /situation/NAME` before the spans of a situation are sent; they end up in spans/DIALECT/NAME.json as OTLP/JSON.
What belongs to one machine or one run (resource, threads, stack traces, ports) is left out. See README.md.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import answers
import answers_cloud
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SPANS = Path(__file__).parents[2] / "spans"
PORT = 8462
LEFT_OUT = ("code.", "thread.", "process.", "exception.stacktrace", "logfire.json_schema", "logfire.metrics")
ATTRIBUTE = re.compile(
    r'\{\s*"key": ("(?:[^"\\]|\\.)*"),\s*"value": \{\s*("\w+": (?:"(?:[^"\\]|\\.)*"|[^\s{}\[\]"]+))\s*\}\s*\}'
)
recorded: dict[str, list[dict[str, Any]]] = {}
logged: dict[str, list[dict[str, Any]]] = {}
situation = "none"


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self._body()
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path.startswith("/situation/"):
            global situation  # noqa: PLW0603 - one command, one state
            situation = self.path.removeprefix("/situation/")
            self._answer(200, b"{}")
        elif self.path == "/v1/traces":
            recorded.setdefault(situation, []).extend(_resource_spans(self.headers["content-type"], body))
            self._answer(200, b"{}" if "json" in self.headers["content-type"] else b"")
        elif self.path.endswith("/images"):  # where OpenLLMetry keeps pictures
            self._answer(200, b'{"url": "https://images.example/1.png"}')
        elif self.path.startswith("/v1/logs"):
            logged.setdefault(situation, []).extend(_messages(ExportLogsServiceRequest, body)["resourceLogs"])
            self._answer(200, b"")
        elif self.path.startswith("/v1/metrics"):
            self._answer(200, b"")
        else:
            asked = json.loads(body)
            status, kind, data = answers_cloud.answer(self.path, asked) or answers.answer(self.path, asked)
            self._answer(status, data, kind)

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, data: bytes, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _resource_spans(kind: str, body: bytes) -> list[dict[str, Any]]:
    if "json" in kind:
        found: list[dict[str, Any]] = json.loads(body)["resourceSpans"]
        return found
    return _messages(ExportTraceServiceRequest, body)["resourceSpans"]  # type: ignore[no-any-return]


def _messages(kind: Any, body: bytes) -> Any:
    """Protobuf as OTLP/JSON has it: ids in hex."""
    message = MessageToDict(kind.FromString(body))
    stack: list[Any] = [message]
    while stack:
        item = stack.pop()
        for key, value in item.items() if isinstance(item, dict) else ():
            if key in ("traceId", "spanId", "parentSpanId"):
                item[key] = base64.b64decode(value).hex()
        stack.extend(
            value for value in (item.values() if isinstance(item, dict) else item) if isinstance(value, (dict, list))
        )
    return message


def _clean(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """One ResourceSpans with the spans of all, by scope, without what only this machine has."""
    scopes: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for group in groups:
        for scope in group["scopeSpans"]:
            name = (scope["scope"]["name"], scope["scope"].get("version", ""))
            if name[0].startswith("opentelemetry.instrumentation.requests"):
                continue
            for span in scope["spans"]:
                span.pop("flags", None)
                for holder in (span, *span.get("events", ())):
                    kept = [pair for pair in holder.get("attributes", ()) if not pair["key"].startswith(LEFT_OUT)]
                    holder["attributes"] = kept
                scopes.setdefault(name, []).append(span)
    return {
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


def _clean_logs(groups: list[dict[str, Any]]) -> dict[str, Any]:
    """One ResourceLogs with the GenAI events of all, as above."""
    scopes: dict[str, list[dict[str, Any]]] = {}
    for scope in (scope for group in groups for scope in group["scopeLogs"]):
        for record in scope["logRecords"]:
            kept = [pair for pair in record.get("attributes", ()) if not pair["key"].startswith(LEFT_OUT)]
            name = record.get("eventName") or next(
                (p["value"]["stringValue"] for p in kept if p["key"] == "event.name"), ""
            )
            if name.startswith("gen_ai."):
                scopes.setdefault(scope["scope"]["name"], []).append({**record, "attributes": kept})
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    kept_scopes = [{"scope": {"name": name}, "logRecords": records} for name, records in scopes.items()]
    return {"resourceLogs": [{"resource": resource, "scopeLogs": kept_scopes}]}


def _text(document: dict[str, Any]) -> str:
    """JSON with one attribute a line."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return ATTRIBUTE.sub(r'{"key": \1, "value": {\2}}', text) + "\n"


def main() -> int:
    """Run the command and write what it sent."""
    dialect, *command = sys.argv[1:]
    server = ThreadingHTTPServer(("127.0.0.1", PORT), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**os.environ, "PROVIDER_URL": f"http://127.0.0.1:{PORT}", "OPENAI_API_KEY": "none"}
    code = subprocess.run(command, env=environment, check=False).returncode
    server.shutdown()
    server.server_close()
    folder = SPANS / dialect
    folder.mkdir(parents=True, exist_ok=True)
    for name, groups in logged.items():
        if document := _clean_logs(groups):
            (folder.parents[1] / "logs" / dialect).mkdir(parents=True, exist_ok=True)
            (folder.parents[1] / "logs" / dialect / f"{name}.json").write_text(_text(document))
    for name, groups in recorded.items():
        (folder / f"{name}.json").write_text(_text(_clean(groups)))
        print(dialect, name, sum(len(scope["spans"]) for group in groups for scope in group["scopeSpans"]))
    return code


if __name__ == "__main__":
    sys.exit(main())
