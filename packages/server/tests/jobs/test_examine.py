"""Doctor's questions: each finds its sign and nothing else, and is silent where all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sentinelops_server.jobs.examine import Finding, examine
from sentinelops_server.model import LedgerEntry, LLMRequest, SdkReport, Span, WriteBatch
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store

NOW_NS = 1_795_000_000_000_000_000
NOW = datetime(1970, 1, 1) + timedelta(seconds=NOW_NS / 1e9)
SECOND = 1_000_000_000


def span(number: int, **changes: Any) -> Span:
    start = NOW_NS - 10 * SECOND
    base = Span(b"\1" * 16, number.to_bytes(8, "big"), None, "call", 3, start, start + SECOND, application="shop")
    return replace(base, **changes)


def request(of: Span, **changes: Any) -> LLMRequest:
    base = LLMRequest(
        of.trace_id, of.span_id, of.start_ns, "openai", "gpt-4o", "shop", "default", "chat", "ok", 1.0,
        prompt_tokens=1, completion_tokens=1, total_tokens=2, estimated_cost=None, price_version=None,
    )  # fmt: skip
    return replace(base, **{"estimated_cost": 1, **changes})


def found(database: Database) -> dict[str, Finding]:
    findings = examine(database, NOW - timedelta(days=1), NOW + timedelta(minutes=1))
    return {finding.name: finding for finding in findings if finding.state != "ok"}


def write(database: Database, **records: Any) -> None:
    Store(database).write(WriteBatch(NOW_NS, **records))


def test_all_is_well(database: Database) -> None:
    root = span(1)
    child = span(2, parent_span_id=root.span_id)
    write(database, spans=[root, child], requests=[request(child, streaming=True, response_id="a")])
    assert found(database) == {}
    names = [finding.name for finding in examine(database, NOW - timedelta(days=1), NOW)]
    assert len(names) == len(set(names)) == 8


def test_orphans(database: Database) -> None:
    write(database, spans=[span(2, parent_span_id=b"\7" * 8)])
    finding = found(database)["orphan spans"]
    assert (finding.count, finding.example) == (1, "01" * 16)
    assert finding.fix
    early = examine(database, NOW - timedelta(days=1), NOW - timedelta(minutes=1))
    assert all(each.state == "ok" for each in early), "what has just arrived may be on its way yet"


def test_streams_without_usage(database: Database) -> None:
    call = span(1)
    unknown = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
    write(database, spans=[call], requests=[request(call, streaming=True, **unknown)])
    finding = found(database)
    assert list(finding) == ["streams without usage"]
    assert "include_usage" in finding["streams without usage"].fix


def test_two_instrumentations(database: Database) -> None:
    first, second = span(1), span(2)
    second_request = request(second, duplicate_of=request(first).request_id)
    write(database, spans=[first, second], requests=[request(first), second_request])
    assert found(database)["double instrumentation"].count == 1


def test_the_same_answer_counted_twice(database: Database) -> None:
    calls = [span(1), span(2, trace_id=b"\2" * 16)]
    write(database, spans=calls, requests=[request(call, response_id="same") for call in calls])
    finding = found(database)["calls counted twice"]
    assert (finding.state, finding.count) == ("problem", 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_ns": NOW_NS + 5 * SECOND, "end_ns": NOW_NS + 6 * SECOND},
        {"start_ns": NOW_NS - 20 * SECOND, "end_ns": NOW_NS - 19 * SECOND},
    ],
)
def test_clocks_that_disagree(database: Database, changes: dict[str, int]) -> None:
    root = span(1)
    write(database, spans=[root, span(2, parent_span_id=root.span_id, **changes)])
    assert list(found(database)) == ["clock skew"]


def test_unknown_prices_name_the_models(database: Database) -> None:
    calls = [span(1), span(2), span(3)]
    requests = [request(call, model=model, estimated_cost=None) for call, model in zip(calls, "aab", strict=True)]
    write(database, spans=calls, requests=requests)
    finding = found(database)["unknown prices"]
    assert (finding.count, finding.example) == (3, "openai/a, openai/b")


def test_refused_and_lost(database: Database) -> None:
    write(
        database,
        spans=[span(1)],
        ledger=[LedgerEntry("shop", "spans", "refused", "too_old", 3)],
        sdk_reports=[SdkReport("i", "shop", "default", "dropped", "queue_full", 7, NOW_NS)],
    )
    findings = found(database)
    assert findings["refused records"].count == 3
    assert findings["refused records"].example == "shop: too_old"
    assert findings["records lost by the sender"].count == 7
