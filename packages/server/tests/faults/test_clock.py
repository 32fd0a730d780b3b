"""The server's clock jumps a day ahead and a day back: nothing ends, nothing stored is lost, and the ledger adds up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from app.test_server import FREE
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otlp_bytes import call, traces
from sentinelops_server.app.server import Server
from sentinelops_server.jobs.retention import RetentionConfig, run_retention
from sentinelops_server.settings import load
from sentinelops_server.storage.postgres.database import Database

HOUR_NS = 3_600 * 10**9
DAY_NS = 24 * HOUR_NS
NOON_NS = 1_795_003_200_000_000_000  # 2026-11-18T12:00:00Z


class Clock:
    """Stands still until it is set."""

    def __init__(self) -> None:
        self.ns = NOON_NS

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(tmp_path: Path, clock: Clock, database_url: str) -> Iterator[Server]:
    running = Server(load({}, {**FREE, "data_dir": tmp_path / "data", "database_url": database_url}), clock=clock)
    running.start()
    yield running
    running.stop()


def send(server: Server, numbers: range, end_ns: int) -> int:
    """Send calls that end then, as a sender whose own clock is right would; returns how many are refused."""
    assert server.addresses and server.keys
    spans = [call(n, trace=n, start_time_unix_nano=end_ns - n, end_time_unix_nano=end_ns) for n in numbers]
    answer = httpx.post(
        f"{server.addresses.otlp_http}/v1/traces",
        content=traces(spans).SerializeToString(),
        headers={"Content-Type": "application/x-protobuf", "X-API-Key": server.keys.ingest_key},
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans


def ask(server: Server, path: str, key: str | None = None, **parameters: str) -> httpx.Response:
    assert server.addresses and server.keys
    headers = {"X-API-Key": key or server.keys.api_key}
    return httpx.get(f"{server.addresses.api}/api/v1{path}", params=parameters, headers=headers, timeout=30)


def counts(server: Server) -> dict[str, int]:
    ledger: dict[str, Any] = ask(server, "/ledger", start="2026-11-10T00:00:00Z", end="2026-11-25T00:00:00Z").json()
    return {name: ledger[name] for name in ("received", "stored", "duplicate", "refused", "dropped")}


def partitions(database: Database) -> set[str]:
    rows = database.fetch("SELECT inhrelid::regclass::text AS n FROM pg_inherits WHERE inhparent = 'spans'::regclass")
    return {row["n"] for row in rows}


def test_a_day_ahead_and_a_day_back(server: Server, clock: Clock, database: Database) -> None:
    assert send(server, range(1, 4), NOON_NS) == 0

    clock.ns = NOON_NS + DAY_NS
    assert send(server, range(4, 7), NOON_NS) == 0, "what is a day old is taken"
    assert send(server, range(7, 10), NOON_NS + DAY_NS) == 0
    run_retention(database, None, RetentionConfig(), datetime.fromtimestamp(clock.ns / 1e9, UTC))

    clock.ns = NOON_NS - DAY_NS
    assert send(server, range(10, 13), NOON_NS) == 0, "a day ahead is within the bounds"
    assert send(server, range(13, 16), NOON_NS + 1) == 3, "more is not, and the sender is told"
    run_retention(database, None, RetentionConfig(), datetime.fromtimestamp(clock.ns / 1e9, UTC))

    clock.ns = NOON_NS
    assert send(server, range(13, 16), NOON_NS + 1) == 0, "the same is taken when the clock is right again"
    for numbers, end_ns in ((range(1, 7), NOON_NS), (range(7, 10), NOON_NS + DAY_NS), (range(10, 13), NOON_NS)):
        assert send(server, numbers, end_ns) == 0

    row = database.fetch_one("SELECT count(*) AS rows, count(DISTINCT request_id) AS ids FROM request_metrics")
    assert row == {"rows": 15, "ids": 15}
    rollups = database.fetch_one("SELECT sum(requests) AS n FROM rollups WHERE resolution = 1")
    assert rollups == {"n": 15}
    assert counts(server) == {"received": 30, "stored": 15, "duplicate": 12, "refused": 3, "dropped": 0}
    assert {"spans_20261118", "spans_20261119"} <= partitions(database)
    for number, end_ns in ((1, NOON_NS), (7, NOON_NS + DAY_NS), (15, NOON_NS + 1)):
        detail = ask(server, f"/requests/{number:032x}-{number:016x}")
        assert detail.status_code == 200, detail.text
        when = datetime.fromtimestamp((end_ns - number) // 10**9, UTC)
        assert detail.json()["timestamp"].startswith(f"{when:%Y-%m-%dT%H:%M:%S}")


def test_the_bounds_of_what_is_kept_follow_the_clock(server: Server, clock: Clock, database: Database) -> None:
    oldest = (NOON_NS // DAY_NS - 90) * DAY_NS
    assert send(server, range(1, 3), oldest + HOUR_NS) == 0
    assert send(server, range(3, 5), oldest - HOUR_NS) == 2
    clock.ns = NOON_NS + DAY_NS
    assert send(server, range(5, 7), oldest + HOUR_NS) == 2
    clock.ns = NOON_NS - DAY_NS
    assert send(server, range(3, 5), oldest - HOUR_NS) == 0
    # a day that retention has dropped too early is made again
    later = datetime.fromtimestamp((NOON_NS + DAY_NS) / 1e9, UTC)
    dropped = run_retention(database, None, RetentionConfig(), later).partitions_dropped
    assert {"spans_20260819", "spans_20260820"} <= set(dropped)
    clock.ns = NOON_NS
    assert send(server, range(7, 9), oldest + HOUR_NS) == 0
    assert ask(server, f"/requests/{7:032x}-{7:016x}").status_code == 200


def test_keys_and_sign_ins_end_by_the_clock_and_come_back_with_it(server: Server, clock: Clock) -> None:
    assert server._line is not None
    keys, sessions = server._line.keys, server._line.sessions
    noon = datetime.fromtimestamp(NOON_NS / 1e9, UTC)
    _, secret = keys.create("dashboard", ["read"], noon + timedelta(hours=12))
    token = sessions.create(["read"])
    link = sessions.create_link(["read"])
    seen = []
    for jump in (0, DAY_NS, -DAY_NS, 0):
        clock.ns = NOON_NS + jump
        seen.append(ask(server, "/models", secret).status_code)
        assert sessions.check(token).allows("read")
    assert seen == [200, 401, 200, 200]
    assert sessions.redeem(link)
    clock.ns = NOON_NS + 31 * DAY_NS
    assert ask(server, "/models").status_code == 200, "the local key has no end"
    assert ask(server, "/models", secret).status_code == 401
