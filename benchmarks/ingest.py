"""How many spans a second the server takes, keeps and shows; beside what the machine could do and what others did.

    python benchmarks/ingest.py [--seconds 20] [--connections 4]

OTLP/HTTP protobuf, batches of 256 model calls of 2.3 KB with their messages. About a minute. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from load import Body, Sent
from serving import Peak, Served, disk_bytes, machine, percentile, serve

# shared measurements of 2026-11-22 on a machine of two cores, quiet, each with PostgreSQL, the same kind of load
PEERS = {
    "accepted spans/s": ("6,061 (memory)", "662"),
    "queryable spans/s": ("151", "659"),
    "ack p50 / p99, s": ("0.15 / 0.81", "1.1 / 21.9"),
    "freshness p50 / p99, s": ("141 / 149", "1.0 / 22.5"),
    "server CPU s per 1M spans": ("6,690", "2,220"),
    "memory at rest / peak, MB": ("516 / 854", "1,631 / 2,635"),
    "disk bytes per span": ("3,620", "3,952"),
}


class Freshness(threading.Thread):
    """Sends one span four times a second on a connection of its own and asks for its trace until it is there."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served, self.done, self.seconds = served, threading.Event(), []
        self.accepted = 0

    def run(self) -> None:
        import httpx

        body, url = Body(999, "probe", spans=1), self.served.addresses["otlp_http"] + "/v1/traces"
        headers = {"Authorization": f"Bearer {self.served.addresses['ingest_key']}"}
        headers["Content-Type"] = "application/x-protobuf"
        api = {"X-API-Key": self.served.addresses["api_key"]}
        with httpx.Client(timeout=60) as client:
            while not self.done.wait(0.25):
                content, begun = body.fresh(time.time_ns()), time.monotonic()
                if client.post(url, content=content, headers=headers).status_code != 200:
                    continue
                self.accepted += 1
                trace = f"{self.served.addresses['api']}/api/v1/traces/{body.one_trace()}"
                while client.get(trace, headers=api).status_code != 200:
                    time.sleep(0.01)
                self.seconds.append(time.monotonic() - begun)


def floors(folder: Path) -> list[tuple[str, str]]:
    """What the disk and PostgreSQL do here without us: appends with fdatasync, COPY of 20 columns."""
    block, count = os.urandom(256 * 1024), 0
    path = folder / "append"
    with path.open("wb", buffering=0) as file:
        begun = time.monotonic()
        while time.monotonic() - begun < 2:
            file.write(block)
            os.fdatasync(file.fileno())
            count += 1
        rate = count / (time.monotonic() - begun)
    path.unlink()
    return [
        ("append 256 KB + fdatasync", f"{rate:,.0f}/s = {rate * 256:,.0f} spans/s in batches of 256"),
        ("COPY, 20 columns, 3 indexes", f"{_copy_rate(folder):,.0f} rows/s, commit per 1,024"),
    ]


def _copy_rate(folder: Path) -> float:
    import psycopg
    from sentinelops_server.storage.embedded import EmbeddedPostgres

    server = EmbeddedPostgres(folder / "floor")
    server.start()
    columns = [f"t{n} text" for n in range(10)] + [f"f{n} float" for n in range(5)] + [f"i{n} int" for n in range(4)]
    try:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE TABLE floor (ts timestamp, {', '.join(columns)})")  # type: ignore[arg-type]
            for column in ("ts", "t0", "t1"):
                connection.execute(f"CREATE INDEX ON floor ({column})")  # type: ignore[arg-type]
            rows, begun = 0, time.monotonic()
            while time.monotonic() - begun < 3:
                text = io.StringIO()
                for n in range(1024):
                    cells = [time.strftime("%F %T"), os.urandom(16).hex(), *["word"] * 9, *["1.5"] * 5, *[str(n)] * 4]
                    text.write("\t".join(cells) + "\n")
                with connection.cursor().copy("COPY floor FROM STDIN") as copy:
                    copy.write(text.getvalue())
                rows += 1024
            return rows / (time.monotonic() - begun)
    finally:
        server.stop()


def offer(served: Served, seconds: float, connections: int, *more: str) -> Sent:
    """Run the sender's process against a server."""
    here = Path(__file__).with_name("load.py")
    command = [sys.executable, str(here), "--url", served.addresses["otlp_http"], "--seconds", str(seconds)]
    environment = {**os.environ, "INGEST_KEY": served.addresses["ingest_key"]}
    process = subprocess.Popen(
        [*command, "--connections", str(connections), *more],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    told, _ = process.communicate("go\n")
    return Sent(**json.loads(told))


def measure(served: Served, seconds: float, connections: int) -> list[tuple[str, str]]:
    """Load a server and return the rows of the table."""
    time.sleep(3)  # at rest: what the start left over is done
    rest, disk, cpu = served.memory_bytes(), disk_bytes(served.folder / "data"), served.cpu_seconds()
    peak, fresh = Peak(served), Freshness(served)
    peak.start()
    sent = offer(served, seconds, connections)
    begun = time.monotonic()
    expected = sent.accepted
    while served.ledger().get("stored", 0) < expected and time.monotonic() - begun < 60:
        time.sleep(0.05)
    behind = time.monotonic() - begun
    cpu, after, ledger = served.cpu_seconds() - cpu, disk_bytes(served.folder / "data"), served.ledger()
    peak.done.set()
    # under the same load, but apart: its questions and commits of one span would count as the cost of the others
    fresh.start()
    offer(served, seconds / 2, connections)
    fresh.done.set()
    fresh.join(60)
    ms = [1000 * value for value in sent.acks]
    rows, log = after[0] - disk[0], after[1] - disk[1]
    return [
        (
            "spans accepted",
            f"{sent.accepted:,} in {sent.seconds:.1f} s ({sent.bytes / max(1, sent.accepted):,.0f} B each)",
        ),
        ("turned away (429, 503) / failed", f"{sent.turned_away:,} / {sent.failed:,}"),
        ("accepted spans/s", f"{sent.accepted / sent.seconds:,.0f}"),
        ("queryable spans/s", f"{expected / (sent.seconds + behind):,.0f}"),
        ("ack p50 / p99, s", f"{percentile(ms, 0.5) / 1000:.3f} / {percentile(ms, 0.99) / 1000:.3f}"),
        ("freshness p50 / p99, s", f"{percentile(fresh.seconds, 0.5):.3f} / {percentile(fresh.seconds, 0.99):.3f}"),
        ("server CPU s per 1M spans", f"{cpu / max(1, expected) * 1e6:,.0f}"),
        ("sender CPU s per 1M spans", f"{sent.cpu_seconds / max(1, sent.accepted) * 1e6:,.0f}"),
        ("memory at rest / peak, MB", f"{rest / 1e6:,.0f} / {max(rest, peak.bytes) / 1e6:,.0f}"),
        ("disk bytes per span", f"{rows / max(1, expected):,.0f} (and {log / 1e6:,.0f} MB write-ahead log in all)"),
        ("ledger", ", ".join(f"{key} {value:,}" for key, value in ledger.items())),
        ("start-up, s", f"{served.start_seconds:.1f}"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--no-floor", action="store_true", help="leave out the measurement of the machine itself")
    options = parser.parse_args()
    print(machine())
    served = serve()
    try:
        rows = measure(served, options.seconds, options.connections)
    finally:
        served.stop()
        shutil.rmtree(served.folder, ignore_errors=True)
    print(f"\n{'':34}{'here':44}{'Phoenix 20.26':18}{'MLflow 3.17':18}")
    for name, value in rows:
        phoenix, mlflow = PEERS.get(name, ("", ""))
        print(f"{name:34}{value:44}{phoenix:18}{mlflow:18}")
    if not options.no_floor:
        with tempfile.TemporaryDirectory(prefix="so-floor-") as folder:
            print("\nthe machine, in the same run")
            for name, value in floors(Path(folder)):
                print(f"{name:34}{value}")


if __name__ == "__main__":
    main()
