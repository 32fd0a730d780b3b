"""How long the questions of the pages take over many spans, with one client and with thirty-two.

    python benchmarks/query.py [--spans 200000] [--clients 1,32]

Loads the spans first, spread over the last 24 hours. Two minutes by default. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import shutil
import threading
import time
from urllib.parse import urlsplit

from ingest import offer
from serving import Served, machine, percentile, serve

# p50 / p95 in ms with 1 and 32 clients, measured 2026-11-22 with 23,000 and 28,000 spans in PostgreSQL, quiet
PEERS = {
    "newest 50": ("281 / 889, 14,127 / 14,401", "56 / 64, 216 / 526"),
    "filtered list": ("191 / 904, 9,325 / 9,906", "20 / 26, 281 / 753"),
    "summary, 24 h": ("128 / 155, 2,011 / 3,618", "203 / 212, 919 / 1,440"),
    "one trace": ("34 / 46, 1,752 / 2,427", "52 / 56, 131 / 430"),
}
Question = tuple[str, str, str]  # method, path, body


def questions(trace_id: str) -> dict[str, Question]:
    """Return what is asked, by name."""
    wanted = [{"field": "model", "op": "eq", "value": "gpt-4o"}, {"field": "status", "op": "eq", "value": "error"}]
    return {
        "newest 50": ("POST", "/requests/query", json.dumps({"range": "24h", "limit": 50})),
        "filtered list": (
            "POST",
            "/requests/query",
            json.dumps({"range": "24h", "limit": 50, "filter": {"and": wanted}}),
        ),
        "summary, 24 h": ("GET", "/metrics/summary?range=24h", ""),
        "one trace": ("GET", f"/traces/{trace_id}", ""),
    }


def _ask(address: str, key: str, question: Question, until: float, found: list[tuple[float, int]]) -> None:
    method, path, body = question
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=120)
    headers = {"X-API-Key": key, "Content-Type": "application/json"}
    while time.monotonic() < until:
        begun = time.monotonic()
        connection.request(method, "/api/v1" + path, body or None, headers)
        answer = connection.getresponse()
        answer.read()
        found.append((time.monotonic() - begun, answer.status))
    connection.close()


def _clients(address: str, key: str, question: Question, count: int, seconds: float, pipe: object) -> None:
    found: list[tuple[float, int]] = []
    until = time.monotonic() + seconds
    threads = [threading.Thread(target=_ask, args=(address, key, question, until, found)) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send(found)  # type: ignore[attr-defined]


def ask(served: Served, question: Question, clients: int, seconds: float) -> tuple[list[float], int]:
    """Ask from a process of its own; return the seconds each good answer took, and the number of bad ones."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (served.addresses["api"], served.addresses["api_key"], question, clients, seconds, theirs)
    process = context.Process(target=_clients, args=arguments)
    process.start()
    found: list[tuple[float, int]] = ours.recv()
    process.join()
    return [taken for taken, status in found if status == 200], sum(status != 200 for _, status in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--clients", default="1,32")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each question")
    options = parser.parse_args()
    print(machine())
    served = serve()
    try:
        sent = offer(served, 1200, 4, "--spans", str(options.spans), "--spread-hours", "24")
        print(f"{sent.accepted:,} spans in {sent.seconds:.0f} s, {served.memory_bytes() / 1e6:,.0f} MB\n")
        print(f"{'':16}{'clients':>8}{'p50 ms':>10}{'p95 ms':>10}{'answers/s':>11}{'bad':>5}{'CPU ms':>9}   others")
        for name, question in questions(sent.trace_id).items():
            for clients in (int(word) for word in options.clients.split(",")):
                ask(served, question, clients, 1.0)
                cpu = served.cpu_seconds()
                taken, bad = ask(served, question, clients, options.seconds)
                cpu = (served.cpu_seconds() - cpu) * 1000 / max(1, len(taken))
                p50, p95 = (percentile(taken, share) * 1000 for share in (0.5, 0.95))
                others = " | ".join(PEERS[name]) if clients == 1 else ""
                rate = len(taken) / options.seconds
                print(f"{name:16}{clients:>8}{p50:>10.1f}{p95:>10.1f}{rate:>11.0f}{bad:>5}{cpu:>9.1f}   {others}")
        print("\nothers: Phoenix 20.26 | MLflow 3.17, p50 / p95 ms with 1, with 32 clients, 23,000 and 28,000 spans")
    finally:
        served.stop()
        shutil.rmtree(served.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
