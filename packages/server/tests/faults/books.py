"""Checks that a server's books agree: rows, traces, rollups, ledger and API all tell the same story, each span once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from faults.flood import TOKENS, Id
from sentinelops_server.storage.embedded import running_url
from serving import ServerProcess


def ask(server: ServerProcess, sql: str) -> list[tuple[Any, ...]]:
    """Put a question to the server's own PostgreSQL."""
    url = running_url(Path(server.folder) / "data")
    assert url is not None, "PostgreSQL does not run"
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]


def check(server: ServerProcess, acknowledged: set[Id], offered: int) -> int:
    """Check that every acknowledged span is there and none is counted twice; return how many spans are stored."""
    stored = [(bytes(trace), bytes(span)) for trace, span in ask(server, "SELECT trace_id, span_id FROM spans")]
    lost = acknowledged - set(stored)
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged spans are lost"
    assert len(stored) == len(set(stored)), "a span is stored twice"
    requests = [(bytes(t), bytes(i)) for t, i in ask(server, "SELECT trace_id, span_id FROM request_metrics")]
    assert sorted(requests) == sorted(stored), "requests and spans differ"
    assert len(stored) <= offered
    count = len(stored)
    for resolution in (1, 15, 60, 1440):
        sums = ask(server, f"SELECT sum(requests), sum(prompt_tokens) FROM rollups WHERE resolution = {resolution}")
        assert sums == [(count, count * TOKENS)], f"rollups of {resolution} minutes: {sums}, not {count} requests"
    differ = ask(
        server,
        "SELECT count(*) FROM (SELECT trace_id, count(*) AS n FROM spans GROUP BY 1) s"
        " FULL JOIN traces t USING (trace_id) WHERE t.span_count IS DISTINCT FROM s.n",
    )
    assert differ == [(0,)], "traces count other spans than are there"
    balanced(server, stored=count)
    summary = server.get("/metrics/summary", range="24h")
    assert (summary["count"], summary["prompt_tokens"]) == (count, count * TOKENS)
    return count


def balanced(server: ServerProcess, stored: int | None = None) -> dict[str, int]:
    """Check that the ledger adds up (and says so many spans are stored); return its totals for spans."""
    outcomes = {"received": 0, "stored": 0, "duplicate": 0, "refused": 0, "dropped": 0}
    rows = ask(server, "SELECT outcome, sum(count)::bigint FROM ledger WHERE signal = 'spans' GROUP BY 1")
    outcomes |= {str(outcome): int(count) for outcome, count in rows}
    parts = outcomes["stored"] + outcomes["duplicate"] + outcomes["refused"] + outcomes["dropped"]
    assert outcomes["received"] == parts, outcomes
    if stored is not None:
        assert outcomes["stored"] == stored, outcomes
    return outcomes


def payloads_open(server: ServerProcess, limit: int = 200) -> None:
    """Check that the content of stored calls can be read, through the API."""
    rows = ask(server, f"SELECT request_id FROM request_metrics ORDER BY random() LIMIT {limit}")
    for (request_id,) in rows:
        detail = server.get(f"/requests/{request_id}")
        assert "hello" in str(detail), request_id
