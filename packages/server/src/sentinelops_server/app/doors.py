"""The three doors, opened on the line: OTLP over HTTP, OTLP over gRPC, and pages with the API."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace

from sentinelops_server.receiver.grpc import GrpcReceiver
from sentinelops_server.receiver.http import otlp_app
from sentinelops_server.settings import Settings

from .front import front_app
from .line import Line
from .listen import HttpDoor, bind
from .stores import Stores

__all__ = ["Doors", "open_doors", "url_of"]


@dataclass(frozen=True, slots=True)
class Doors:
    """The doors that are open, and where."""

    api: HttpDoor
    otlp_http: HttpDoor
    grpc: GrpcReceiver
    otlp_grpc_port: int
    shutdown_seconds: float

    def stop(self) -> None:
        """Close all three together: no new calls, and those under way are answered."""
        closers = (
            lambda: self.otlp_http.stop(self.shutdown_seconds),
            lambda: self.api.stop(self.shutdown_seconds),
            lambda: self.grpc.stop(self.shutdown_seconds),
        )
        with ThreadPoolExecutor(len(closers), thread_name_prefix="close") as pool:
            for closed in [pool.submit(close) for close in closers]:
                closed.result()


def url_of(host: str, port: int) -> str:
    """host:port as somebody on this machine reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_doors(settings: Settings, stores: Stores, line: Line) -> Doors:
    """Bind all ports, then answer: a port in use stops the start before anything is taken in. Raises PortInUse."""
    server = settings.server
    with ExitStack() as undo:
        api_socket = undo.enter_context(bind(server.host, server.port, "--port"))
        otlp_socket = undo.enter_context(bind(server.host, server.otlp_http_port, "--otlp-http-port"))
        if server.otlp_grpc_port:  # gRPC binds by itself, and does not say clearly when its port is taken
            bind(server.host, server.otlp_grpc_port, "--otlp-grpc-port").close()

        def authenticate(key: str | None) -> object:
            return line.keys.authenticate(key, "ingest")

        web = settings.web
        if not web.otlp_endpoint and server.loopback:
            web = replace(web, otlp_endpoint=f"http://{url_of(server.host, otlp_socket.getsockname()[1])}")
        seconds = server.shutdown_seconds
        api = HttpDoor("api", front_app(settings, stores, line, web), api_socket, seconds)
        otlp = HttpDoor("otlp", otlp_app(line.commits.submit, authenticate, settings.http), otlp_socket, seconds)
        grpc = GrpcReceiver(line.commits.submit, authenticate, settings.grpc)
        port = grpc.start()
        api.start()
        otlp.start()
        undo.pop_all()
        return Doors(api, otlp, grpc, port, seconds)
