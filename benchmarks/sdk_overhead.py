"""What watching costs a call of the openai client: time and CPU added, beside another instrumentation in the same run.

    python benchmarks/sdk_overhead.py [--rounds 5] [--calls 300] [--streams 60]

A provider that answers at once and an OTLP sink run in their own processes. Each way of instrumenting runs in its own
process; the rounds are interleaved so that a busy moment hits all alike. Prompts of 2 KB, each another, content
captured, exported.
The peer gets a virtual environment of its own under ~/.cache/sentinelops/peers. Printed: medians over the rounds, in
microseconds; what is added is the difference to "none".
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


def instrument(kind: str, sink: str) -> None:
    """Put one instrumentation in place, content captured, exporting to the sink."""
    if kind == "sentinelops":
        import sentinelops

        sentinelops.configure(application="bench", endpoint=sink)
        sentinelops.instrument("openai")
    elif kind == "otel openai-v2":
        os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "span_only"
        os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider = TracerProvider()
        provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(sink + "/v1/traces"), schedule_delay_millis=500)
        )
        trace.set_tracer_provider(provider)
        OpenAIInstrumentor().instrument()


def work(kind: str, provider: str, sink: str) -> None:
    """Answer each line `calls streams` with the times of one round, as JSON."""
    import openai

    instrument(kind, sink)
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
        print(json.dumps([measure(run, count) for run, count in zip((call, stream), counts, strict=True)]), flush=True)


def measure(run: Any, count: int) -> dict[str, float]:
    """Microseconds of one call: p50, p99, and CPU of the whole process including the export of these calls."""
    took = []
    cpu = time.process_time()
    for _ in range(count):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    time.sleep(0.8)  # the export of these calls belongs to them: both export every half second
    cpu = time.process_time() - cpu
    took.sort()
    return {"p50": took[count // 2] * 1e6, "p99": took[int(count * 0.99)] * 1e6, "cpu": cpu / count * 1e6}


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
    for name, default in (("rounds", 5), ("calls", 300), ("streams", 60)):
        parser.add_argument(f"--{name}", type=int, default=default)
    wanted = parser.parse_args()
    servers = [start("--serve", kind) for kind in ("provider", "sink")]
    ports = [(server.stdout.readline().strip() if server.stdout else "") for server in servers]
    addresses = (f"http://127.0.0.1:{ports[0]}/v1", f"http://127.0.0.1:{ports[1]}")
    peer = peer_python()
    workers = {kind: start("--work", kind, *addresses) for kind in ("none", "sentinelops")}
    if peer:
        workers["otel openai-v2"] = start("--work", "otel openai-v2", *addresses, python=peer)
    results: dict[str, list[Any]] = {kind: [] for kind in workers}
    for worker in workers.values():
        ask(worker, "50 10")
    for _ in range(wanted.rounds):
        for kind, worker in workers.items():
            results[kind].append(ask(worker, f"{wanted.calls} {wanted.streams}"))
    for process in (*workers.values(), *servers):
        process.communicate()
    table(results)
    print(f"\nload average: {', '.join(f'{load:.1f}' for load in os.getloadavg())}; {os.cpu_count()} cores")


def table(results: dict[str, list[Any]]) -> None:
    """Medians over the rounds of what is added in each, and our part of the peer's."""
    fields = [(i, name) for i in (0, 1) for name in ("p50", "p99", "cpu")]
    medians = {
        kind: [statistics.median(round_[i][name] for round_ in rounds) for i, name in fields]
        for kind, rounds in results.items()
    }
    heads = [f"{('call', 'stream')[i]} {name}" for i, name in fields]
    print("| added, microseconds | " + " | ".join(heads) + " |")
    print("| --- |" + " ---: |" * len(fields))
    print("| none (absolute) | " + " | ".join(f"{value:,.0f}" for value in medians["none"]) + " |")
    # a round's difference to the same round without: what both had to bear falls out
    added = {
        kind: [
            statistics.median(one[i][name] - bare[i][name] for one, bare in zip(rounds, results["none"], strict=True))
            for i, name in fields
        ]
        for kind, rounds in results.items()
    }
    for kind, row in added.items():
        if kind != "none":
            print(f"| {kind} | " + " | ".join(f"{value:,.0f}" for value in row) + " |")
    if "otel openai-v2" in added:
        pairs = zip(added["sentinelops"], added["otel openai-v2"], strict=True)
        print("| ours / theirs | " + " | ".join(f"{a / b:.2f}" if b > 0 else "-" for a, b in pairs) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2])
    elif sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
