"""`sentinelops up` and `sentinelops demo`: a server in the foreground, until it is told to stop."""

from __future__ import annotations

import gc
import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from sentinelops_server.app.files import write_private

from .common import Failure, say, settings_from

if TYPE_CHECKING:
    from sentinelops_server.app.server import Server
    from sentinelops_server.settings import Settings

__all__ = ["demo", "up"]

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on; 0.0.0.0 for every network.")]
Port = Annotated[int | None, typer.Option("--port", help="Port of pages and API; 0 means a free one.")]
OtlpHttpPort = Annotated[int | None, typer.Option("--otlp-http-port", help="Port of OTLP/HTTP; 0 means a free one.")]
OtlpGrpcPort = Annotated[int | None, typer.Option("--otlp-grpc-port", help="Port of OTLP/gRPC; 0 means a free one.")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of database, payloads and keys.")]
ReadyFile = Annotated[
    Path | None, typer.Option("--ready-file", help="Write addresses and keys there as JSON (mode 0600) when all is up.")
]
Json = Annotated[bool, typer.Option("--json", help="Print addresses and keys as one JSON line when all is up.")]

SNIPPET = """\
import sentinelops
sentinelops.configure(application="my-app", endpoint="{otlp_http}", api_key="{ingest_key}")
sentinelops.instrument()
# now call the model as you always do"""


def up(
    host: Host = None,
    port: Port = None,
    otlp_http_port: OtlpHttpPort = None,
    otlp_grpc_port: OtlpGrpcPort = None,
    data_dir: DataDir = None,
    ready_file: ReadyFile = None,
    as_json: Json = False,
) -> None:
    """Run the server: pages and API, OTLP over HTTP and gRPC, and the database, in one go.

    For example:

      sentinelops up

      sentinelops up --port 0 --otlp-http-port 0 --otlp-grpc-port 0 --data-dir ./data --ready-file ./ready.json
    """
    _forget(ready_file)
    settings = settings_from(
        host=host, port=port, otlp_http_port=otlp_http_port, otlp_grpc_port=otlp_grpc_port, data_dir=data_dir
    )
    serve(settings, ready_file=ready_file, as_json=as_json)


def serve(
    settings: Settings,
    *,
    ready_file: Path | None = None,
    as_json: bool = False,
    work: Callable[[Server, threading.Event], None] | None = None,
) -> None:
    """Start, say where, do `work` until SIGINT or SIGTERM; then drain and stop. A second signal ends at once."""
    from sentinelops_server.app.logs import start_logs
    from sentinelops_server.app.server import Server, StartError

    start_logs(settings.server.log_level, settings.server.data_dir)
    server = Server(settings, on_progress=say)
    stop = _stop_on_signals()
    try:
        server.start()
    except StartError as error:
        raise Failure(str(error), error.fix) from error
    _seldom_collect()
    try:
        ready = _ready(server)
        if ready_file is not None:
            write_private(ready_file.absolute(), ready)
        if as_json:
            print(json.dumps(ready), flush=True)
        else:
            _welcome(server, ready)
        if work is not None:
            work(server, stop)
        stop.wait()
        say("stopping: taking no more, finishing what is under way")
    finally:
        server.stop()
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)


def _seldom_collect() -> None:
    """Look for garbage seldom, and never in what the start left: spans make many objects, and hardly a circle."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)


def _forget(ready_file: Path | None) -> None:
    """First of all: a file that a killed server left must not be believed, whatever becomes of this start."""
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _ready(server: Server) -> dict[str, str]:
    assert server.addresses is not None and server.keys is not None
    return {
        "api": server.addresses.api,
        "otlp_http": server.addresses.otlp_http,
        "otlp_grpc": server.addresses.otlp_grpc,
        "api_key": server.keys.api_key,
        "ingest_key": server.keys.ingest_key,
    }


def _welcome(server: Server, ready: dict[str, str]) -> None:
    say("")
    say(f"SentinelOps is up. Open (the link works once):  {server.sign_in_link()}")
    say("")
    say("Send the first call:")
    for line in SNIPPET.format(**ready).splitlines():
        say(f"    {line}")
    say("")
    say(f"OTLP/HTTP {ready['otlp_http']}   OTLP/gRPC {ready['otlp_grpc']}   header X-API-Key: {ready['ingest_key']}")
    say("Ctrl-C stops it.")


def _stop_on_signals() -> threading.Event:
    """Answer an event that the first SIGINT or SIGTERM sets; the second ends the process, and PostgreSQL with it."""
    stop = threading.Event()

    def on_signal(signum: int, frame: FrameType | None) -> None:
        del frame
        if stop.is_set():
            os._exit(128 + signum)
        stop.set()

    signal.signal(signal.SIGINT, on_signal)
    signal.signal(signal.SIGTERM, on_signal)
    return stop


def demo(  # noqa: PLR0913, PLR0917 - an option each
    host: Host = None,
    port: Port = None,
    otlp_http_port: OtlpHttpPort = None,
    otlp_grpc_port: OtlpGrpcPort = None,
    data_dir: DataDir = None,
    history: Annotated[str | None, typer.Option("--history", help="Also send backdated traffic: 24h, 7d.")] = None,
    seconds: Annotated[
        float | None, typer.Option("--for", metavar="SECONDS", min=0.1, help="End by itself after so many seconds.")
    ] = None,
    app: Annotated[
        list[str] | None,
        typer.Option("--app", metavar="COMMAND", help="Also run this application, against the demo's model."),
    ] = None,
    ready_file: ReadyFile = None,
) -> None:
    """Run the server, a small real model on this machine, and applications that call it, until stopped.

    For example:

      sentinelops demo

      sentinelops demo --history 7d

      sentinelops demo --for 60 --data-dir ./data

      sentinelops demo --app "python examples/langgraph_returns.py"
    """
    _forget(ready_file)
    from sentinelops_server.demo.model import ModelMissing, ModelServer
    from sentinelops_server.demo.run import AppFailed, DemoOptions, parse_days, run_demo

    try:
        days = parse_days(history) if history else None
        model = ModelServer()
        model.launch()  # it loads while the server starts
    except ValueError as error:
        raise Failure(f"--history {history!r}: {error}", "write 24h or 7d") from error
    except ModelMissing as error:
        cause, _, fix = str(error).partition(". ")
        raise Failure(cause, fix) from error

    def work(server: Server, stop: threading.Event) -> None:
        assert server.addresses is not None and server.keys is not None
        options = DemoOptions(server.addresses.otlp_http, server.keys.ingest_key, days, seconds, apps=tuple(app or ()))
        try:
            run_demo(options, stop, say, model=model)
        except AppFailed as error:
            raise Failure(str(error), "run it alone, or look at what it printed above") from error
        stop.set()  # its time may be over before anybody says so

    try:
        settings = settings_from(
            host=host, port=port, otlp_http_port=otlp_http_port, otlp_grpc_port=otlp_grpc_port, data_dir=data_dir
        )
        serve(settings, ready_file=ready_file, work=work)
    finally:
        model.stop()
