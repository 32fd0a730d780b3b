"""What watching costs a call of each library we wrap: beside OTel's, OpenLLMetry's and OpenInference's in the same run.

    python benchmarks/wrappers.py [--only openai,bedrock] [--rounds 12] [--calls 100] [--quick]

Every contender works in a process of its own, not watched ("nothing") too; the processes take turns, round by round,
and a figure is the median of the differences to the round of "nothing" beside it. wall and caller are the p50 of a
call by the clock and by the calling thread's own CPU time, which says more on a shared machine; cpu is that of the
whole process and takes in the export of these calls, over OTLP/HTTP with batches, to a sink on this machine. KB: what
a process's memory grew by in a call after the first round. tokens: whether any span says how many. The providers answer
from memory (wrapper_cases.py). Prompts of 2 KB, each another; content captured.

The first run makes an environment with uv under ~/.cache/sentinelops/bench from wrappers-peers.txt: 159 packages,
344 MB, seconds when uv has them already, else as long as the line takes. --here uses the interpreter it is run with,
and only the contenders in it. --quick: one round of 20 calls; --rounds and --calls say otherwise.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import wrapper_cases
import wrapper_contenders
from wrapper_contenders import NOTHING, OURS

HERE = Path(__file__).resolve()
PINS = HERE.with_name("wrappers-peers.txt")
CACHE = Path(os.environ.get("SENTINELOPS_CACHE", Path.home() / ".cache/sentinelops"))
SDK = HERE.parent.parent / "packages/sdk/src"
FIGURES = ("wall", "caller", "cpu")
Rows = dict[tuple[str, str], dict[str, Any]]


def environment() -> str:
    """The interpreter of the peers' environment, made when there is none for these pins."""
    folder = CACHE / "bench"
    stamp = folder / f".done-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:16]}"
    if not stamp.exists():
        uv = shutil.which("uv") or str(CACHE / "uv/bin/uv")
        print(f"making {folder} from {PINS.name} ...", file=sys.stderr)
        subprocess.run([uv, "venv", "-q", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run(
            [uv, "pip", "install", "-q", "-r", PINS], check=True, env={**os.environ, "VIRTUAL_ENV": str(folder)}
        )
        stamp.touch()
    return str(folder / "bin/python")


class Sink(BaseHTTPRequestHandler):
    """Takes batches at /WHO/v1/traces; the first ones are kept until GET /WHO asks what is in them."""

    protocol_version = "HTTP/1.1"
    kept: dict[str, list[bytes]] = {}  # noqa: RUF012 - one sink in a process

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        _, who, _, signal = self.path.split("/")
        if signal == "traces" and len(self.kept.setdefault(who, [])) < 4:
            self.kept[who].append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)
        self._send(b"")

    def do_GET(self) -> None:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

        names = [
            [attribute.key for attribute in span.attributes]
            for body in self.kept.pop(self.path[1:], [])
            for resource in Request.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        tokens = sum(any("token" in name and "max" not in name for name in keys) for keys in names)
        self._send(json.dumps({"spans": len(names), "tokens": tokens}).encode())

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json" if body else "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def sink() -> None:
    """Serve until standard input closes; says the port first."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Sink)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()


def told(address: str) -> dict[str, int]:
    """What the sink saw from this contender since it was asked last."""
    import urllib.request

    with urllib.request.urlopen(address) as answer:  # noqa: S310 - our own sink
        seen: dict[str, int] = json.load(answer)
    return seen


def resident_kb() -> float:
    """This process's memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def work(library: str, contender: str, sink_address: str) -> None:
    """Answer each line `CASE CALLS` with the figures of one round; first of all say the cases and what was exported."""
    address = f"{sink_address}/{library}-{contender}"
    wrapper_cases.without_sockets()
    flush = wrapper_contenders.put_on(contender, library, address)
    runs = wrapper_cases.LIBRARIES[library]()
    flush()
    told(address)  # what the library's own preparations left
    exported = {}
    for name, run in runs.items():
        for _ in range(3):
            run()
        flush()
        exported[name] = told(address)
    print(json.dumps(exported), flush=True)
    for line in sys.stdin:
        name, calls = line.split()
        print(json.dumps(measure(runs[name], int(calls), flush)), flush=True)


def measure(run: Callable[[], Any], calls: int, flush: Callable[[], Any]) -> dict[str, float]:
    """Microseconds of one call, and kilobytes that this round left behind."""
    took, worked = [], []
    memory = resident_kb()
    cpu = time.process_time()
    for _ in range(calls):
        start, own = time.perf_counter(), time.thread_time()
        run()
        worked.append(time.thread_time() - own)
        took.append(time.perf_counter() - start)
    flush()
    cpu = time.process_time() - cpu
    return {
        "wall": statistics.median(took) * 1e6,
        "caller": statistics.median(worked) * 1e6,
        "cpu": cpu / calls * 1e6,
        "memory": (resident_kb() - memory) / calls,
    }


def start(python: str, *arguments: str) -> subprocess.Popen[str]:
    """This script in another process, spoken to by lines."""
    environ = {**os.environ, "PYTHONPATH": str(SDK), "SENTINELOPS_STRICT": "0"}
    pipe = subprocess.PIPE
    return subprocess.Popen([python, str(HERE), *arguments], stdin=pipe, stdout=pipe, text=True, env=environ)


def answer_of(process: subprocess.Popen[str]) -> Any:
    """One line from there, which must come."""
    assert process.stdout
    line = process.stdout.readline()
    return json.loads(line) if line else None


def ask(process: subprocess.Popen[str], line: str) -> Any:
    """One line there, one line back."""
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return answer_of(process)


def compare(python: str, library: str, sink_address: str, wanted: argparse.Namespace) -> Rows:
    """(case, contender) -> what its rounds gave."""
    workers, rows = {}, {}
    for contender in wrapper_contenders.contenders(library):
        if wanted.here and not wrapper_contenders.installed(contender, library):
            continue
        worker = start(python, "--work", library, contender, sink_address)
        exported = answer_of(worker)
        if exported is None:
            print(f"\n{library}: {contender} does not work with these versions (see above)")
            worker.communicate()
            continue
        workers[contender] = worker
        rows |= {(case, contender): {"exported": seen, "rounds": []} for case, seen in exported.items()}
    for number in range(wanted.rounds + 1):
        for case, contender in rows:
            round_ = ask(workers[contender], f"{case} {wanted.calls}")
            if number or not wanted.rounds:  # the first is for caches and imports
                rows[case, contender]["rounds"].append(round_)
    for worker in workers.values():
        worker.communicate()
    return rows


def table(library: str, rows: Rows) -> None:
    """Print one table: what each adds to the absolute figures of nothing, and our part of OTel's."""
    print(f"\n| {library}: added, us | wall | caller | cpu | KB | spans | tokens | caller / otel | cpu / otel |")
    print("| --- |" + " ---: |" * 8)
    for case in dict.fromkeys(case for case, _ in rows):
        bare = rows[case, NOTHING]["rounds"]
        said = " | ".join(f"{statistics.median(one[name] for one in bare):,.0f}" for name in FIGURES)
        print(f"| {case}, {NOTHING} (absolute) | {said} | {_memory(bare)} | | | | |")
        otel = _added(rows[case, "otel"]["rounds"], bare) if (case, "otel") in rows else {}
        for (of, contender), row in rows.items():
            if of == case and contender != NOTHING:
                added = _added(row["rounds"], bare)
                figures = " | ".join(f"{added[name]:,.0f}" for name in FIGURES)
                seen = row["exported"]
                told_of = f"{seen['spans'] / 3:.0f} | {'yes' if seen['tokens'] else 'NO'}"
                ratios = " | ".join(_ratio(added[name], otel.get(name)) for name in ("caller", "cpu"))
                who = f"**{contender}**" if contender == OURS else contender
                print(f"| {case}, {who} | {figures} | {_memory(row['rounds'])} | {told_of} | {ratios} |")


def _added(rounds: list[Any], bare: list[Any]) -> dict[str, float]:
    pairs = list(zip(rounds, bare, strict=True))
    return {name: statistics.median(one[name] - other[name] for one, other in pairs) for name in FIGURES}


def _memory(rounds: list[Any]) -> str:
    return f"{statistics.mean(one['memory'] for one in rounds):.2f}"


def _ratio(ours: float, theirs: float | None) -> str:
    return f"{ours / theirs:.2f}" if theirs and theirs > 0 else "-"


def main() -> None:
    """Run what is wanted and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(sorted(set(wrapper_cases.LIBRARIES) - set(wrapper_cases.ALONE))))
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--calls", type=int)
    for flag in ("--quick", "--here"):
        parser.add_argument(flag, action="store_true")
    wanted = parser.parse_args()
    wanted.rounds = wanted.rounds or (1 if wanted.quick else 12)
    wanted.calls = wanted.calls or (20 if wanted.quick else 100)
    python = sys.executable if wanted.here else environment()
    server = start(python, "--sink")
    address = f"http://127.0.0.1:{answer_of(server)}"
    for library in wanted.only.split(","):
        table(library, compare(python, library, address, wanted))
    server.communicate()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"\n{wanted.rounds} rounds of {wanted.calls} calls; load average {load}; {os.cpu_count()} cores")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--sink"]:
        sink()
    elif sys.argv[1:2] == ["--work"]:
        work(*sys.argv[2:])
    else:
        main()
