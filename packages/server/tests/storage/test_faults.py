"""PostgreSQL is killed under load: nothing acknowledged is lost, nothing is counted twice."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from sentinelops_server.errors import Temporary
from sentinelops_server.storage.embedded import EmbeddedPostgres
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database, PostgresConfig
from sentinelops_server.storage.postgres.migrate import migrate
from sentinelops_server.storage.postgres.store import Store
from storage.make import make_batch, make_payload, make_span
from storage.test_embedded import wait_for

KILLS = 4


@pytest.mark.slow
def test_killed_under_load(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "data")
    url = server.start()
    try:
        migrate(url)
        with Database(PostgresConfig(url, connect_timeout_seconds=5.0)) as database:
            payloads = PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys.json"))
            store = Store(database, payloads)
            numbers, done, acknowledged = count(1), threading.Event(), set()

            def write() -> None:
                while not done.is_set():
                    spans = [make_span(next(numbers)) for _ in range(20)]
                    batch = make_batch(*spans, payloads=[make_payload(span) for span in spans])
                    while True:
                        try:
                            store.write(batch)
                            break
                        except Temporary:  # as a sender does: the same batch again
                            continue
                    acknowledged.update(span.span_id for span in spans)

            with ThreadPoolExecutor(2) as pool:
                writers = [pool.submit(write) for _ in range(2)]
                for _ in range(KILLS):
                    pid, before = server.pid, len(acknowledged)
                    wait_for(lambda before=before: len(acknowledged) > before + 100, "writes")  # type: ignore[misc]
                    assert pid is not None
                    os.kill(pid, signal.SIGKILL)
                    wait_for(lambda pid=pid: server.alive() and server.pid != pid, "a restart")  # type: ignore[misc]
                before = len(acknowledged)
                wait_for(lambda: len(acknowledged) > before + 100, "writes after the last kill")
                done.set()
                for writer in writers:
                    writer.result(timeout=60)

            stored = database.fetch(
                "SELECT s.span_id, coalesce(s.storage_object_id, r.storage_object_id) AS storage_object_id FROM spans s"
                " LEFT JOIN request_metrics r USING (trace_id, span_id)"
            )
            assert {bytes(row["span_id"]) for row in stored} == acknowledged
            assert len(stored) == len(acknowledged)
            assert all(payloads.get(row["storage_object_id"]) is not None for row in stored)
            for table, what in (("rollups", "requests) FILTER (WHERE resolution = 60"), ("traces", "span_count")):
                row = database.fetch_one(f"SELECT sum({what}) AS n FROM {table}")
                assert row == {"n": len(acknowledged)}
    finally:
        server.stop()
