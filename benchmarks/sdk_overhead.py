"""What watching costs a call of the openai client: time and CPU added, beside another instrumentation in the same run.

    python benchmarks/sdk_overhead.py [--rounds 12] [--calls 100] [--streams 25]

A provider that answers at once and an OTLP sink run in their own processes, and so does each way of instrumenting. A
round is so many calls not watched and then so many watched, in the same process; its difference is what is added, and
the rounds of the ways take turns. p50 is of the clock; caller is the calling thread's own CPU time, p50: it says more
on a shared machine; cpu is that of the whole process, and what a watched round exports is exported before its end.
Prompts of 2 KB, each another; content captured. Printed: medians over the rounds, in microseconds. The
peer gets a virtual environment of its own under ~/.cache/sentinelops/peers.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

PEER = Path.home() / ".cache/sentinelops/peers/otel-openai-v2"
# openai-v2 2.4b0 does not start with a newer util-genai, and imports httpx without asking for it
PEER_NEEDS = ("openai", "httpx", "opentelemetry-instrumentation-openai-v2==2.4b0", "opentelemetry-util-genai==0.4b0",
              "opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http")  # fmt: skip
HERE = Path(__file__).resolve()
TESTS = HERE.parent.parent / "packages/sdk/tests"
PROMPT = "The quick brown fox jumps over the lazy dog. " * 46


def peer_python() -> str | None:
    """The interpreter of the peer's environment, made on first use; None when it cannot be made here."""
    python = PEER / "bin/python"
    if not python.exists():
        venv.create(PEER, with_pip=True)
    check = "import httpx, openai, opentelemetry.instrumentation.openai_v2, opentelemetry.exporter.otlp.proto.http"
    wanted = subprocess.run([python, "-c", check], check=False)
    if (
        wanted.returncode
        and subprocess.run([python, "-m", "pip", "install", "-q", *PEER_NEEDS], check=False).returncode
    ):
        return None
    return str(python)


def serve(kind: str) -> None:
    """Run the provider or the sink until standard input closes; says its port first."""
    sys.path.insert(0, str(TESTS))
    from openai_support import answers, fake

    if kind == "sink":
        server: Any = fake.Running(_Swallow)
    else:
        answers.STREAMS[answers.CHAT, "fifty"] = answers.words("fifty", *[" word"] * 50)
        server = fake.FakeOpenAI()
    print(server.port, flush=True)
    sys.stdin.read()


if "--serve" in sys.argv:
    from http.server import BaseHTTPRequestHandler

    class _Swallow(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()


def instrument(kind: str, sink: str) -> tuple[Callable[[], Any], Callable[[], Any], Callable[[], Any]]:
    """One instrumentation, content captured, exporting to the sink: how to put it in place, take it off and flush."""
    if kind == "sentinelops":
        import sentinelops

        sentinelops.configure(application="bench", endpoint=sink)
        return lambda: sentinelops.instrument("openai"), lambda: sentinelops.uninstrument("openai"), sentinelops.flush
    os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
    os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(sink + "/v1/traces"), schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    instrumentor = OpenAIInstrumentor()
    return instrumentor.instrument, instrumentor.uninstrument, provider.force_flush


def work(kind: str, provider: str, sink: str) -> None:
    """Answer each line `calls streams` with the times of one round, as JSON."""
    import openai

    put_on, take_off, flush = instrument(kind, sink)
    client = openai.OpenAI(api_key="sk-bench", base_url=provider, max_retries=0)
    number = itertools.count()

    def messages() -> Any:
        return [{"role": "user", "content": f"Question {next(number)}. {PROMPT}"}]

    def call() -> None:
        client.chat.completions.create(model="plain", messages=messages())

    def stream() -> None:
        for _ in client.chat.completions.create(model="fifty", messages=messages(), stream=True):
            pass

    for line in sys.stdin:
        counts = [int(count) for count in line.split()]
        told = []
        for run, count in zip((call, stream), counts, strict=True):
            bare = measure(run, count, lambda: None)
            put_on()
            watched = measure(run, count, flush)
            take_off()
            told.append({"bare": bare, "added": {name: watched[name] - bare[name] for name in bare}})
        print(json.dumps(told), flush=True)


def measure(run: Callable[[], None], count: int, flush: Callable[[], Any]) -> dict[str, float]:
    """Microseconds of one call: p50, CPU of the calling thread, and of the process with the export of these calls."""
    run()
    took, worked = [], []
    cpu = time.process_time()
    for _ in range(count):
        start, own = time.perf_counter(), time.thread_time()
        run()
        worked.append(time.thread_time() - own)
        took.append(time.perf_counter() - start)
    flush()
    cpu = time.process_time() - cpu
    medians = {"p50": statistics.median(took) * 1e6, "caller": statistics.median(worked) * 1e6}
    return {**medians, "cpu": cpu / count * 1e6}


def start(*arguments: str, python: str = sys.executable) -> subprocess.Popen[str]:
    """This script in another process, spoken to by lines."""
    environ = {**os.environ, "SENTINELOPS_STRICT": "0"}
    pipe = subprocess.PIPE
    return subprocess.Popen([python, str(HERE), *arguments], stdin=pipe, stdout=pipe, text=True, env=environ)


def ask(process: subprocess.Popen[str], line: str) -> Any:
    """One line there, one line back."""
    assert process.stdin and process.stdout
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser()
    for name, default in (("rounds", 12), ("calls", 100), ("streams", 25)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    servers = [start("--serve", kind) for kind in ("provider", "sink")]
    ports = [(server.stdout.readline().strip() if server.stdout else "") for server in servers]
    addresses = (f"http://127.0.0.1:{ports[0]}/v1", f"http://127.0.0.1:{ports[1]}")
    peer = peer_python()
    workers = {kind: start("--work", kind, *addresses) for kind in ("sentinelops",)}
    if peer:
        workers["otel openai-v2"] = start("--work", "otel openai-v2", *addresses, python=peer)
    results: dict[str, list[Any]] = {kind: [] for kind in workers}
    for worker in workers.values():
        ask(worker, "30 5")
    for _ in range(wanted.rounds):
        for kind, worker in workers.items():
            results[kind].append(ask(worker, f"{wanted.calls} {wanted.streams}"))
    for process in (*workers.values(), *servers):
        process.communicate()
    table(results)
    print(f"\nload average: {', '.join(f'{load:.1f}' for load in os.getloadavg())}; {os.cpu_count()} cores")


def table(results: dict[str, list[Any]]) -> None:
    """Medians over the rounds, and our part of the peer's."""
    fields = [(i, name) for i in (0, 1) for name in ("p50", "caller", "cpu")]

    def medians(kind: str, what: str) -> list[float]:
        return [statistics.median(round_[i][what][name] for round_ in results[kind]) for i, name in fields]

    print("| added, microseconds | " + " | ".join(f"{('call', 'stream')[i]} {name}" for i, name in fields) + " |")
    print("| --- |" + " ---: |" * len(fields))
    rows = {"not watched (absolute)": medians("sentinelops", "bare")}
    rows |= {kind: medians(kind, "added") for kind in results}
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{value:,.0f}" for value in row) + " |")
    if "otel openai-v2" in rows:
        pairs = zip(rows["sentinelops"], rows["otel openai-v2"], strict=True)
        print("| ours / theirs | " + " | ".join(f"{a / b:.2f}" if b > 0 else "-" for a, b in pairs) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
