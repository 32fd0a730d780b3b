"""The OTLP/gRPC door: the three services of OTLP; it answers after the commit."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc

from ..errors import SentinelOpsError, Temporary
from ..model import OtlpBatch, Outcome, Signal
from .answers import code_of, response_of, status_of

__all__ = ["GrpcConfig", "GrpcReceiver"]

Submit = Callable[[OtlpBatch], "Future[Outcome]"]
Authenticate = Callable[[str | None], Any]

SERVICES: dict[str, Signal] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "spans",
    "opentelemetry.proto.collector.logs.v1.LogsService": "log_records",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "metric_points",
}


@dataclass(frozen=True, slots=True)
class GrpcConfig:
    """Where to listen (port 0: a free one), and the limits. A thread waits for each call's commit."""

    host: str = "127.0.0.1"
    port: int = 4317
    max_message_bytes: int = 64 * 1024 * 1024
    threads: int = 32
    max_waiting_calls: int = 256
    commit_timeout_seconds: float = 8.0  # OpenTelemetry exporters give up after 10: they are told before

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be 0 to 65535, not {self.port}")
        if min(self.max_message_bytes, self.threads, self.max_waiting_calls) < 1 or self.commit_timeout_seconds <= 0:
            raise ValueError("limits must be above 0")


class GrpcReceiver:
    """A gRPC server of the three services. `authenticate` gets the key or None, raises Unauthorised or Forbidden."""

    def __init__(self, submit: Submit, authenticate: Authenticate, config: GrpcConfig | None = None) -> None:
        self.config = config or GrpcConfig()
        self._submit = submit
        self._authenticate = authenticate
        self._server: grpc.Server | None = None

    def start(self) -> int:
        """Listen; returns the port. Raises OSError when it cannot be had."""
        config = self.config
        pool = ThreadPoolExecutor(config.threads, thread_name_prefix="otlp-grpc")
        self._server = grpc.server(
            pool,
            options=[
                ("grpc.max_receive_message_length", config.max_message_bytes),
                ("grpc.so_reuseport", 0),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
            maximum_concurrent_rpcs=config.threads + config.max_waiting_calls,
            compression=grpc.Compression.NoCompression,
        )
        for service, signal in SERVICES.items():
            # bytes go in and out as they are: the pipeline parses them, once
            method = grpc.unary_unary_rpc_method_handler(self._handler(signal))
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        try:
            port = self._server.add_insecure_port(f"{_bracketed(config.host)}:{config.port}")
        except RuntimeError as error:
            raise OSError(f"cannot listen on {config.host}:{config.port} for OTLP/gRPC: {error}") from None
        if port == 0:
            raise OSError(f"cannot listen on {config.host}:{config.port} for OTLP/gRPC: the port is taken")
        self._server.start()
        return port

    def stop(self, grace_seconds: float = 5.0) -> None:
        """Refuse new calls, wait for those under way, then close."""
        if self._server is not None:
            self._server.stop(grace_seconds).wait()
            self._server = None

    def _committed(self, future: Future[Outcome]) -> Outcome:
        try:
            return future.result(self.config.commit_timeout_seconds)
        except FutureTimeout:
            future.cancel()  # what still waits in the queue would be sent again and stored for nothing
            raise

    def _handler(self, signal: Signal) -> Callable[[bytes, grpc.ServicerContext], bytes]:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            try:
                self._authenticate(_key_of(context))
                future = self._submit(OtlpBatch(signal, body, "protobuf", time.time_ns()))
                outcome = self._committed(future)
            except FutureTimeout:
                _abort(
                    context, Temporary("the commit takes too long: send the batch again, nothing is stored twice", 5.0)
                )
            except SentinelOpsError as error:
                _abort(context, error)
            response: bytes = response_of(signal, outcome).SerializeToString()
            return response

        return export


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _key_of(context: grpc.ServicerContext) -> str | None:
    metadata = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
    scheme, _, key = metadata.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return key.strip()
    return metadata.get("x-api-key") or metadata.get("api-key") or None


def _abort(context: grpc.ServicerContext, error: SentinelOpsError) -> NoReturn:
    context.set_trailing_metadata((("grpc-status-details-bin", status_of(error).SerializeToString()),))
    context.abort(grpc.StatusCode[code_of(error)], str(error))
    raise AssertionError("abort raises")
