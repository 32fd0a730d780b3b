"""Both doors with the pipeline and a real store behind them, spoken to by real exporters."""

from __future__ import annotations

import gzip
import json
import threading
import zlib
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field

import grpc
import httpx
import pytest
import uvicorn
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from otlp_bytes import NOW_NS, call, traces
from sentinelops_server.errors import Forbidden, Overloaded, Unauthorised
from sentinelops_server.model import OtlpBatch, Outcome
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor
from sentinelops_server.receiver.group import GroupCommit
from sentinelops_server.receiver.grpc import GrpcConfig, GrpcReceiver
from sentinelops_server.receiver.http import OtlpHttpConfig, otlp_app
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.detail import decode_detail
from sentinelops_server.storage.postgres.store import Store

KEY = "the-key"
RESOURCE = Resource.create({"service.name": "shop", "deployment.environment.name": "prod"})


def authenticate(key: str | None) -> str:
    if key is None:
        raise Unauthorised("an API key is needed: send it as Authorization: Bearer KEY")
    if key == "reader":
        raise Forbidden("the key lacks the scope ingest")
    if key != KEY:
        raise Unauthorised("the API key is unknown, expired or revoked")
    return key


@dataclass
class Doors:
    http: str
    grpc: str
    full: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def doors(database: Database) -> Iterator[Doors]:
    pipeline = Pipeline(Store(database), Redactor(), Pricer(), Meter())
    group = GroupCommit(pipeline.process)
    group.start()
    full = threading.Event()

    def submit(batch: OtlpBatch) -> Future[Outcome]:
        if full.is_set():
            raise Overloaded("the queue is full", 2.5)
        return group.submit(batch)

    config = OtlpHttpConfig(
        max_body_bytes=200_000, max_decompressed_bytes=1_000_000, cors_origins=("https://app.test",)
    )
    server = uvicorn.Server(
        uvicorn.Config(otlp_app(submit, authenticate, config), port=0, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    receiver = GrpcReceiver(submit, authenticate, GrpcConfig(port=0, max_message_bytes=500_000))
    grpc_port = receiver.start()
    waiting = threading.Event()
    while not server.started:
        assert thread.is_alive()
        waiting.wait(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Doors(f"http://127.0.0.1:{port}", f"127.0.0.1:{grpc_port}", full)
    server.should_exit = True
    thread.join()
    receiver.stop()
    group.stop()


def post(doors: Doors, body: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
    named = {"content-type": "application/x-protobuf", "authorization": f"Bearer {KEY}"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.post(doors.http + path, content=body, headers={k: v for k, v in named.items() if v})


def body(*numbers: int) -> bytes:
    import time

    shift = time.time_ns() - NOW_NS
    spans = [call(number) for number in numbers]
    for one in spans:
        one["start_time_unix_nano"] += shift
        one["end_time_unix_nano"] += shift
    return traces(spans).SerializeToString()


def stored(database: Database) -> int:
    row = database.fetch_one("SELECT count(*) AS n FROM spans")
    assert row is not None
    return int(row["n"])


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_the_http_exporter_is_understood(doors: Doors, database: Database, compression: Compression) -> None:
    exporter = HttpExporter(f"{doors.http}/v1/traces", headers={"x-api-key": KEY}, compression=compression)
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("t").start_as_current_span("chat m") as span:
        span.set_attributes({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.system": "openai"})
    provider.shutdown()
    assert database.fetch_one("SELECT model, application FROM request_metrics") == {"model": "m", "application": "shop"}


@pytest.mark.parametrize("compression", [None, grpc.Compression.Gzip])
def test_the_grpc_exporter_is_understood(
    doors: Doors, database: Database, compression: grpc.Compression | None
) -> None:
    exporter = GrpcExporter(doors.grpc, insecure=True, headers={"api-key": KEY}, compression=compression)
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("t").start_span("work").end()
    provider.shutdown()
    assert stored(database) == 1


def test_metrics_and_logs_arrive(doors: Doors, database: Database) -> None:
    headers = {"authorization": f"Bearer {KEY}"}
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{doors.http}/v1/metrics", headers=headers))
    meters = MeterProvider([reader], resource=RESOURCE)
    meters.get_meter("t").create_counter("jobs").add(3, {"kind": "a"})
    meters.get_meter("t").create_histogram("wait", "s").record(0.5)
    meters.shutdown()
    logs = LoggerProvider(RESOURCE)
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{doors.http}/v1/logs", headers=headers)))
    logs.get_logger("t").emit(event_name="gen_ai.user.message", body={"content": "mail jo@example.com"}, timestamp=None)
    logs.shutdown()
    points = database.fetch("SELECT name, kind, value, data->'count' AS n FROM metric_points ORDER BY name")
    assert [(p["name"], p["kind"], p["value"], p["n"]) for p in points] == [
        ("jobs", "sum", 3.0, None),
        ("wait", "histogram", None, 1),
    ]
    record = database.fetch_one("SELECT event_name, body FROM log_records")
    assert record == {"event_name": "gen_ai.user.message", "body": {"content": "mail [email]"}}


def test_partial_success_says_how_many_and_why(doors: Doors) -> None:
    request = traces([call(1, trace_id=bytes(16))])
    response = post(doors, request.SerializeToString())
    assert response.status_code == 200
    parsed = ExportTraceServiceResponse.FromString(response.content)
    assert parsed.partial_success.rejected_spans == 1
    assert "invalid_trace_id" in parsed.partial_success.error_message


def test_json_is_answered_in_json(doors: Doors, database: Database) -> None:
    import time

    now = time.time_ns()
    good = {
        "traceId": "5B8EFFF798038103D269B633813FC60C",
        "spanId": "EEE19B7EC3C1B174",
        "name": "n",
        "kind": "SPAN_KIND_CLIENT",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": now,
        "newField": {"a": 1},
        "status": {"code": 2},
        "attributes": [{"key": "i", "value": {"intValue": "7"}}],
    }
    bad = {"traceId": "zz", "spanId": "EEE19B7EC3C1B175", "startTimeUnixNano": str(now), "endTimeUnixNano": str(now)}
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "js"}}]}
    document = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [good, bad]}]}]}
    response = post(doors, json.dumps(document).encode(), content_type="application/json; charset=utf-8")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["partialSuccess"]["rejectedSpans"] == "1"
    row = database.fetch_one("SELECT encode(trace_id, 'hex') AS t, kind, status, application, detail FROM spans")
    assert row is not None
    assert decode_detail(row.pop("detail")).attributes == {"i": 7}
    assert row == {"t": "5b8efff798038103d269b633813fc60c", "kind": 3, "status": 2, "application": "js"}


def test_an_empty_request_is_fine(doors: Doors) -> None:
    response = post(doors, b"")
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"\xff\xff\xff", {}, 400),
        (b"{", {"content_type": "application/json"}, 400),
        (b"[]", {"content_type": "application/json"}, 400),
        (b"", {"authorization": ""}, 401),
        (b"", {"authorization": "Bearer wrong"}, 401),
        (b"", {"authorization": "Bearer reader"}, 403),
        (b"", {"content_type": "text/plain"}, 415),
        (b"", {"content_encoding": "br"}, 415),
        (b"not gzip", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"abc", mtime=0)[:-4], {"content_encoding": "gzip"}, 400),
        (b"x" * 200_001, {}, 413),
        (gzip.compress(bytes(1_000_001), mtime=0), {"content_encoding": "gzip"}, 413),
        (zlib.compress(bytes(50_000_000)), {"content_encoding": "deflate"}, 413),
    ],
)
def test_errors_are_told_as_rpc_status(doors: Doors, content: bytes, headers: dict[str, str], status: int) -> None:
    response = post(doors, content, **headers)
    assert response.status_code == status
    if response.headers["content-type"] == "application/json":
        message = response.json()["message"]
    else:
        message = Status.FromString(response.content).message
    assert len(message) > 10


def test_wrong_paths_and_methods(doors: Doors) -> None:
    assert post(doors, b"", "/v1/spans").status_code == 404
    response = httpx.get(f"{doors.http}/v1/traces")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_overload_is_told_with_a_time(doors: Doors) -> None:
    doors.full.set()
    response = post(doors, body(1))
    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    with grpc.insecure_channel(doors.grpc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as raised:
            export(body(1), metadata=(("x-api-key", KEY),))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = dict(raised.value.trailing_metadata())["grpc-status-details-bin"]
    info = RetryInfo()
    assert Status.FromString(details).details[0].Unpack(info)
    assert (info.retry_delay.seconds, info.retry_delay.nanos) == (2, 500_000_000)


@pytest.mark.parametrize(
    ("content", "key", "code"),
    [
        (b"\xff\xff\xff", KEY, grpc.StatusCode.INVALID_ARGUMENT),
        (b"", "wrong", grpc.StatusCode.UNAUTHENTICATED),
        (b"", "reader", grpc.StatusCode.PERMISSION_DENIED),
        (bytes(500_001), KEY, grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_grpc_errors(doors: Doors, content: bytes, key: str, code: grpc.StatusCode) -> None:
    with grpc.insecure_channel(doors.grpc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        with pytest.raises(grpc.RpcError) as raised:
            export(content, metadata=(("authorization", f"Bearer {key}"),))
    assert raised.value.code() is code


def test_browsers_of_named_origins_may_send(doors: Doors) -> None:
    ask = {
        "origin": "https://app.test",
        "access-control-request-method": "POST",
        "access-control-request-headers": "api-key",
    }
    allowed = httpx.options(f"{doors.http}/v1/traces", headers=ask)
    assert allowed.headers["access-control-allow-origin"] == "https://app.test"
    other = httpx.options(f"{doors.http}/v1/traces", headers={**ask, "origin": "https://evil.test"})
    assert "access-control-allow-origin" not in other.headers


def test_many_senders_share_commits_and_lose_nothing(doors: Doors, database: Database) -> None:
    answers: list[int] = []

    def send(first: int) -> None:
        with httpx.Client() as client:
            for number in range(first, first + 10):
                headers = {"content-type": "application/x-protobuf", "x-api-key": KEY}
                answers.append(
                    client.post(f"{doors.http}/v1/traces", content=body(number), headers=headers).status_code
                )

    threads = [threading.Thread(target=send, args=(1 + 10 * sender,)) for sender in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    assert stored(database) == 80
