"""The demo itself: starts the model and the two applications against a running server, and sends a past when asked.

`sentinelops demo` starts a server, or is given one, and calls `run_demo` with its OTLP/HTTP address and an ingest key.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sentinelops_server.demo.model import ModelAddresses, ModelServer, weights

__all__ = ["AppFailed", "DemoOptions", "parse_days", "run_demo"]

APPLICATIONS = ("support", "mail")


@dataclass(frozen=True)
class DemoOptions:
    """Where the traffic goes and how much of it there is."""

    endpoint: str  # OTLP/HTTP, such as http://127.0.0.1:4318
    key: str = field(repr=False)  # an ingest key
    history_days: float | None = None  # also send this many days of simulated past, once
    seconds: float | None = None  # end after so long; None: when told to
    load: float = 0.7  # share of its one core that the model may be busy, 0 < load <= 1
    apps: tuple[str, ...] = ()  # command lines of further applications, told of server and model by their environment

    def __post_init__(self) -> None:
        if not 0 < self.load <= 1:
            raise ValueError(f"load: more than 0 and at most 1, not {self.load:g}")
        if self.history_days is not None and not 0 < self.history_days <= 90:
            raise ValueError(f"history: more than 0 and at most 90 days, not {self.history_days:g}")


def parse_days(text: str) -> float:
    """Read `7d`, `24h` or `90m` as days; raises ValueError."""
    number, unit = text[:-1], text[-1:]
    per_day = {"d": 1.0, "h": 24.0, "m": 1440.0}.get(unit)
    with contextlib.suppress(ValueError):
        if per_day and float(number) > 0:
            return float(number) / per_day
    raise ValueError(f"a length of time such as 7d or 24h is needed, not {text!r}")


def run_demo(
    options: DemoOptions,
    stop: threading.Event,
    say: Callable[[str], None] = print,
    on_history: Callable[[float], None] | None = None,
    model: ModelServer | None = None,
) -> None:
    """Send real traffic until `stop` is set or the time is over; blocks.

    `say` is told in words what happens, `on_history` the share [0..1] of the past that is sent; `model` may be launched
    already, and is stopped at the end. Raises ModelMissing
    when the model's packages are not installed (before anything is started), RuntimeError when the model or one of the
    applications ends early or the server does not take the history, httpx.TransportError when there is no server.
    """
    weights()
    deadline = time.monotonic() + options.seconds if options.seconds else None
    model = model or ModelServer()
    children: list[subprocess.Popen[bytes]] = []
    try:
        addresses = model.start(on_progress=say)
        for name in APPLICATIONS:
            children.append(_start(name, options, addresses))
        say("two applications are calling it: support-desk (production) and mail-summaries (staging)")
        for command in options.apps:
            children.append(_start_app(command, options, addresses))
            say(f"and so is: {command}")
        if options.history_days and not stop.is_set():
            _history(options, say, on_history)
        _wait(children, (*APPLICATIONS, *options.apps), stop, deadline)
    finally:
        _end(children)
        model.stop()


def _history(options: DemoOptions, say: Callable[[str], None], on_history: Callable[[float], None] | None) -> None:
    from sentinelops_server.demo.history import Plan, send_history

    assert options.history_days is not None
    plan = Plan(datetime.now(UTC), options.history_days)
    say(f"sending {options.history_days:g} days of simulated past")
    report = send_history(plan, options.endpoint, options.key, on_history)
    refused = f", {report.refused:,} spans refused" if report.refused else ""
    say(f"sent {report.requests:,} requests in {report.spans:,} spans in {report.seconds:.0f} s{refused}")


def _start(name: str, options: DemoOptions, addresses: ModelAddresses) -> subprocess.Popen[bytes]:
    # the key goes by the environment: a command line is for everybody to read
    environment = {**os.environ, "SENTINELOPS_ENDPOINT": options.endpoint, "SENTINELOPS_API_KEY": options.key}
    command = [sys.executable, "-m", f"sentinelops_server.demo.{name}", "--with-parent"]
    command += ["--chat", addresses.chat, "--embeddings", addresses.embeddings, "--model", addresses.model]
    # two applications share the model's core
    command += ["--load", f"{options.load / len(APPLICATIONS):g}"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, start_new_session=True)


def _start_app(command: str, options: DemoOptions, addresses: ModelAddresses) -> subprocess.Popen[bytes]:
    """Start somebody's own application; the OpenAI client finds the model by these variables, the SDK the server."""
    environment = {
        **os.environ,
        "SENTINELOPS_ENDPOINT": options.endpoint,
        "SENTINELOPS_API_KEY": options.key,
        "OPENAI_BASE_URL": addresses.chat,
        "EMBEDDINGS_BASE_URL": addresses.embeddings,
        "OPENAI_MODEL": addresses.model,
        "OPENAI_API_KEY": "not-needed",
    }
    try:
        words = shlex.split(command)
        return subprocess.Popen(words, stdin=subprocess.PIPE, env=environment, start_new_session=True)
    except (ValueError, IndexError, OSError) as error:
        raise AppFailed(f"{command!r} cannot be started: {error}") from None


class AppFailed(RuntimeError):
    """A further application does not start, or fails; what it printed says why."""


def _wait(
    children: list[subprocess.Popen[bytes]], names: Sequence[str], stop: threading.Event, deadline: float | None
) -> None:
    while not stop.wait(0.25):
        for name, child in zip(names, children, strict=True):
            if child.poll() is None or (child.returncode == 0 and name not in APPLICATIONS):
                continue
            kind = RuntimeError if name in APPLICATIONS else AppFailed
            raise kind(f"the demo's application {name!r} ended early with status {child.returncode}")
        if deadline is not None and time.monotonic() > deadline:
            return


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        with contextlib.suppress(OSError):
            child.stdin.close()  # type: ignore[union-attr]
    for child in children[len(APPLICATIONS) :]:
        child.terminate()  # others know nothing of a closed standard input
    for child in children:
        try:
            child.wait(8)  # the call that runs, and the spans that are left
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
