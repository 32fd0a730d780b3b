"""Export and import: what comes out of one database is, line for line, what the next one gives back."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sentinelops_server.access.keys import Keys
from sentinelops_server.jobs.transfer import LineError, export_lines, import_lines, moment
from sentinelops_server.model import (
    LLMRequest,
    LogRecord,
    Payload,
    Score,
    Span,
    SpanEvent,
    SpanLink,
    WriteBatch,
    check_score,
)
from sentinelops_server.query.prices import add_price, list_prices
from sentinelops_server.query.views import list_views, save_view
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database, PostgresConfig
from sentinelops_server.storage.postgres.migrate import migrate
from sentinelops_server.storage.postgres.store import Store

NOW_NS = 1_795_000_000_123_456_789
TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")


def a_span(number: int, parent: int | None = None, start_ns: int = NOW_NS) -> Span:
    return Span(
        trace_id=TRACE,
        span_id=number.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else None,
        name=f"chat {number}",
        kind=3,
        start_ns=start_ns,
        end_ns=start_ns + 1_500_000_001,
        status=1,
        attributes={"gen_ai.request.temperature": 0.25, "deep": {"list": [1, "two", None]}},
        events=[SpanEvent("first token", start_ns + 5, {"n": 1})],
        links=[SpanLink(b"\1" * 16, b"\2" * 8, {"why": "retry"})],
        scope_name="sentinelops.openai",
        scope_version="0.1.0",
        resource={"service.name": "shop"},
        type="llm",
        application="shop",
        environment="test",
        session_id="s1",
    )


def a_request(span: Span) -> LLMRequest:
    return LLMRequest(
        trace_id=span.trace_id,
        span_id=span.span_id,
        timestamp_ns=span.start_ns,
        provider="openai",
        model="gpt-4o",
        application="shop",
        environment="test",
        operation="chat",
        status="ok",
        duration=1.5,
        prompt_tokens=10,
        completion_tokens=5,
        total_tokens=15,
        estimated_cost=Decimal("0.000075"),
        price_version="genai-prices 0.2.3",
        tags=["a", "b"],
        metadata={"customer": "42"},
        parameters={"temperature": 0.25},
        response_id="r1",
    )


def a_batch() -> WriteBatch:
    root, call = a_span(1), a_span(2, parent=1, start_ns=NOW_NS + 1000)
    plain = LogRecord(b"\7" * 16, NOW_NS, TRACE, call.span_id, 9, "gen_ai.choice", "shop", "test", {"a": 1}, {"b": 2})
    alone = LogRecord(b"\6" * 16, NOW_NS, None, None, 17, None, "shop", "test", "it broke")
    said = {"input_messages": [{"role": "user", "parts": [{"type": "text", "content": "hello"}]}]}
    return WriteBatch(
        NOW_NS,
        spans=[root, call],
        requests=[a_request(call)],
        payloads=[Payload(TRACE, call.span_id, call.start_ns, said)],
        log_records=[plain, alone],
    )


@pytest.fixture
def payloads(tmp_path: Path) -> PayloadStore:
    return PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys.json"))


@pytest.fixture
def other(empty_database_url: str, tmp_path: Path) -> Iterator[tuple[Database, PayloadStore]]:
    """Another installation, with keys of its own."""
    migrate(empty_database_url)
    with Database(PostgresConfig(empty_database_url)) as database:
        yield database, PayloadStore(PayloadConfig(str(tmp_path / "other")), KeyRing(tmp_path / "other.json"))


def test_what_is_exported_is_what_the_other_gives_back(
    database: Database, payloads: PayloadStore, other: tuple[Database, PayloadStore]
) -> None:
    Store(database, payloads).write(copy.deepcopy(a_batch()))
    lines = list(export_lines(database, payloads, None))
    assert [json.loads(line)["kind"] for line in lines] == ["span", "span", "log_record", "log_record"]
    call = json.loads(lines[1])
    assert call["span"]["start_ns"] == NOW_NS + 1000
    assert call["request"]["prompt_tokens"] == 10
    assert call["payload"]["input_messages"][0]["parts"][0]["content"] == "hello"

    progress: list[int] = []
    counts = import_lines(*other, lines, lambda: NOW_NS, progress.append)
    assert {name: n for name, n in counts.items() if n} == {
        "spans": 2, "new_spans": 2, "requests": 1, "log_records": 2, "new_log_records": 2
    }  # fmt: skip
    assert sum(progress) == 4
    assert [json.loads(line) for line in export_lines(*other, None)] == [json.loads(line) for line in lines]
    rollup = other[0].fetch_one("SELECT requests, prompt_tokens, unpriced FROM rollups WHERE resolution = 1")
    assert rollup == {"requests": 1.0, "prompt_tokens": 10.0, "unpriced": 0.0}


def test_importing_twice_changes_nothing(
    database: Database, payloads: PayloadStore, other: tuple[Database, PayloadStore]
) -> None:
    Store(database, payloads).write(a_batch())
    lines = list(export_lines(database, payloads, None))
    import_lines(*other, lines, lambda: NOW_NS)
    again = import_lines(*other, lines, lambda: NOW_NS)
    assert (again["new_spans"], again["new_log_records"]) == (0, 0)
    assert list(export_lines(*other, None)) == list(export_lines(database, payloads, None))


def test_own_prices_and_saved_views_come_along_and_change_nothing_that_is_there(
    database: Database, payloads: PayloadStore, other: tuple[Database, PayloadStore]
) -> None:
    add_price(database, "openai", "gpt-4o", {"input": "2"})
    add_price(database, "openai", "gpt-4o", {"input": "1.5"}, datetime(2026, 6, 1, tzinfo=UTC))
    save_view(database, "/requests", "failures", "status=error")
    Keys(database).create("secret name", ["read"])
    lines = list(export_lines(database, payloads, None))
    assert [json.loads(line)["kind"] for line in lines] == ["price", "price", "view"]
    assert b"secret name" not in b"".join(lines)
    save_view(other[0], "/requests", "failures", "status=error&range=7d")
    add_price(other[0], "*", "mine", {"input": "9"})
    first = import_lines(*other, lines, lambda: NOW_NS)
    assert {name: n for name, n in first.items() if n} == {"prices": 2, "new_prices": 2, "views": 1}
    again = import_lines(*other, lines, lambda: NOW_NS)
    assert (again["new_prices"], again["new_views"]) == (0, 0)
    own = {(p["model"], p["prices"]["input"], p["valid_from"]) for p in list_prices(other[0])}
    assert own == {("mine", "9", None), ("gpt-4o", "2", None), ("gpt-4o", "1.5", datetime(2026, 6, 1, tzinfo=UTC))}
    assert [view["query"] for view in list_views(other[0])] == ["status=error&range=7d"]


def test_payloads_can_be_left_out(database: Database, payloads: PayloadStore) -> None:
    Store(database, payloads).write(a_batch())
    assert all(json.loads(line)["payload"] is None for line in export_lines(database, None, None))


def test_more_than_a_page_and_more_than_a_day(database: Database, payloads: PayloadStore) -> None:
    day_ns = 86_400_000_000_000
    spans = [a_span(number, start_ns=NOW_NS - (number % 3) * day_ns) for number in range(1, 2502)]
    Store(database, payloads).write(WriteBatch(NOW_NS, spans=spans))
    ids = [json.loads(line)["span"]["span_id"] for line in export_lines(database, payloads, None)]
    assert len(ids) == len(set(ids)) == 2501
    since = datetime.fromtimestamp(NOW_NS / 1e9, UTC) - timedelta(hours=1)
    recent = [json.loads(line) for line in export_lines(database, payloads, since)]
    assert len(recent) == sum(number % 3 == 0 for number in range(1, 2502))


def test_an_empty_database_gives_nothing(database: Database, payloads: PayloadStore) -> None:
    assert list(export_lines(database, payloads, None)) == []


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"kind": "spam"}',
        b'{"kind": "span", "span": {"trace_id": "zz"}}',
        b'{"kind": "span", "span": {}}',
        b'{"kind": "price", "price": {"provider": "openai", "model": "gpt-4o", "prices": {"inptu": 1}}}',
        b'{"kind": "view", "view": {"page": "/requests", "name": " ", "query": ""}}',
        b'{"kind": "view"}',
    ],
)
def test_a_line_that_cannot_be_read_is_named(database: Database, payloads: PayloadStore, line: bytes) -> None:
    with pytest.raises(LineError, match="^line 2 cannot be read"):
        import_lines(database, payloads, [b"\n", line], lambda: NOW_NS)


def test_moments() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    assert moment("7d", now) == datetime(2026, 11, 15, tzinfo=UTC)
    assert moment("2026-01-31") == datetime(2026, 1, 31, tzinfo=UTC)
    assert moment(None) is None
    for text in ("yesterday", "7 d"):
        with pytest.raises(ValueError):
            moment(text)


def test_scores_come_along_with_their_ids_and_once(
    database: Database, payloads: PayloadStore, other: tuple[Database, PayloadStore]
) -> None:
    batch = a_batch()
    span = batch.spans[0]
    batch.scores = [
        check_score(Score("helpful", NOW_NS, 1.0, comment="yes", type="boolean", trace_id=span.trace_id, span_id=span.span_id,
                          metadata={"run": 7}, user_id="u")),
        check_score(Score("nps", NOW_NS, 9.0, label="promoter", session_id="s", id="mine")),
    ]  # fmt: skip
    Store(database, payloads).write(batch)
    lines = list(export_lines(database, payloads, None))
    assert [json.loads(line)["kind"] for line in lines if b'"score"' in line] == ["score", "score"]
    first = import_lines(*other, lines, lambda: NOW_NS)
    assert (first["scores"], first["new_scores"]) == (2, 2)
    again = import_lines(*other, lines, lambda: NOW_NS)
    assert (again["scores"], again["new_scores"]) == (2, 0)
    kept = [json.loads(line) for line in export_lines(*other, None) if b'"score"' in line]
    assert kept == [json.loads(line) for line in lines if b'"score"' in line]
    since = datetime.fromtimestamp(NOW_NS / 1e9 + 60, UTC)
    assert [line for line in export_lines(database, payloads, since) if b'"score"' in line] == []
