"""The whole server in this process: a real exporter's span is read back, over both doors, and again after a restart."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from sentinelops_server.app.listen import bind
from sentinelops_server.app.server import Server, StartError
from sentinelops_server.settings import load

FREE = {"port": 0, "otlp_http_port": 0, "otlp_grpc_port": 0, "prometheus": "off"}


def until(question: Callable[[], Any], seconds: float = 20.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)  # a condition is polled, nothing is waited out
    return answer


def a_server(data_dir: Path, **overrides: Any) -> Server:
    return Server(load({}, {**FREE, "data_dir": data_dir, **overrides}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = a_server(tmp_path_factory.mktemp("server") / "data")
    running.start()
    yield running
    running.stop()


def http_exporter(server: Server) -> SpanExporter:
    assert server.addresses and server.keys
    return HttpExporter(f"{server.addresses.otlp_http}/v1/traces", headers={"x-api-key": server.keys.ingest_key})


def grpc_exporter(server: Server) -> SpanExporter:
    assert server.addresses and server.keys
    address, key = server.addresses.otlp_grpc, server.keys.ingest_key
    return GrpcExporter(address, insecure=True, headers={"x-api-key": key})


def send(exporter: SpanExporter, application: str) -> str:
    provider = TracerProvider(resource=Resource({"service.name": application}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    with provider.get_tracer("test").start_as_current_span("chat gpt-4o") as span:
        span.set_attributes(
            {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": 12,
                "gen_ai.usage.output_tokens": 3,
            }
        )
    provider.shutdown()
    context = span.get_span_context()
    return f"{context.trace_id:032x}-{context.span_id:016x}"


def ask(server: Server, path: str, **headers: str) -> httpx.Response:
    assert server.addresses and server.keys
    sent = headers or {"X-API-Key": server.keys.api_key}
    return httpx.get(f"{server.addresses.api}{path}", headers=sent, timeout=30)


@pytest.mark.parametrize("exporter", [http_exporter, grpc_exporter])
def test_what_a_real_exporter_sends_is_read_back(server: Server, exporter: Callable[[Server], SpanExporter]) -> None:
    request_id = send(exporter(server), exporter.__name__)
    row = ask(server, f"/api/v1/requests/{request_id}").json()
    assert row["model"] == "gpt-4o"
    assert row["application"] == exporter.__name__
    assert (row["prompt_tokens"], row["completion_tokens"]) == (12, 3)
    assert row["estimated_cost"] == pytest.approx((12 * 2.5 + 3 * 10) / 1e6)


def test_the_page_asks_who_is_there_and_the_link_opens_it_once(server: Server) -> None:
    link = server.sign_in_link()
    with httpx.Client(follow_redirects=True, headers={"Accept": "text/html"}) as browser:
        assert browser.get(link.partition("/signin")[0]).url.path == "/signin"
        opened = browser.get(link)
        assert (opened.status_code, opened.url.path) == (200, "/")
        assert "text/html" in opened.headers["content-type"]
    assert httpx.get(link, headers={"Accept": "text/html"}).status_code == 401


def test_metrics_and_health_are_open_on_loopback(server: Server) -> None:
    send(http_exporter(server), "metered")
    assert ask(server, "/health", Accept="*/*").json()["status"] == "ok"
    text = ask(server, "/metrics", Accept="*/*").text
    assert "llm_requests_total{" in text and 'application="metered"' in text
    assert "sentinelops_queue_batches" in text


def test_other_doors_need_their_key(server: Server) -> None:
    assert server.addresses and server.keys
    assert ask(server, "/api/v1/models", Accept="*/*").status_code == 401
    assert ask(server, "/api/v1/models", **{"X-API-Key": server.keys.ingest_key}).status_code == 403
    door = f"{server.addresses.otlp_http}/v1/traces"
    protobuf = {"Content-Type": "application/x-protobuf"}
    assert httpx.post(door, headers=protobuf).status_code == 401
    assert httpx.post(door, headers={**protobuf, "X-API-Key": server.keys.api_key}).status_code in (200, 403)


def test_secrets_are_in_private_files_only(server: Server) -> None:
    assert server.keys
    folder = server.settings.server.data_dir
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in (folder / "bootstrap.json", folder / "payload-keys.json", folder / "server.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert server.keys.api_key not in repr(server.keys)


def test_the_folder_and_the_ports_have_one_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(StartError, match=f"process id {os.getpid()}"):
        a_server(server.settings.server.data_dir).start()
    for option in ("port", "otlp_http_port", "otlp_grpc_port"):
        with bind("127.0.0.1", 0, "") as taken:
            second = a_server(tmp_path / "data", **{option: taken.getsockname()[1]})
            flag = f"--{option.replace('_', '-')}"
            with pytest.raises(StartError, match=f"already in use.*{flag}"):
                second.start()
    # what was started before the port was found taken is undone
    third = a_server(tmp_path / "data")
    third.start()
    third.stop()
    third.stop()


def test_a_restart_keeps_data_and_keys(tmp_path: Path) -> None:
    first = a_server(tmp_path / "data")
    first.start()
    request_id, keys = send(http_exporter(first), "kept"), first.keys
    first.stop()
    second = a_server(tmp_path / "data")
    second.start()
    try:
        assert second.keys == keys
        assert ask(second, f"/api/v1/requests/{request_id}").json()["application"] == "kept"
    finally:
        second.stop()
    assert not (tmp_path / "data" / "server.json").exists()


def test_when_postgresql_is_killed_senders_are_told_and_it_comes_back(tmp_path: Path) -> None:
    server = a_server(tmp_path / "data")
    server.start()
    try:
        before = send(http_exporter(server), "before")
        pid = int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        after = until(lambda: (r := send(http_exporter(server), "after")) and found(server, r) and r)
        assert found(server, before)
        assert found(server, after)
    finally:
        server.stop()


def found(server: Server, request_id: str) -> bool:
    return ask(server, f"/api/v1/requests/{request_id}").status_code == 200


def test_metrics_want_a_key_where_they_are_not_public(tmp_path: Path) -> None:
    server = a_server(tmp_path / "data", metrics_access="key")
    server.start()
    try:
        assert ask(server, "/metrics", Accept="*/*").status_code == 401
        assert ask(server, "/metrics").status_code == 200
    finally:
        server.stop()
