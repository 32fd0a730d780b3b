from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sentinelops_server.errors import Temporary
from sentinelops_server.model import LedgerEntry, LogRecord, MetricPoint, SdkReport, SpanLink, WriteBatch
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database, PostgresConfig
from sentinelops_server.storage.postgres.detail import Detail, decode_detail
from sentinelops_server.storage.postgres.rollups import RESOLUTIONS
from sentinelops_server.storage.postgres.store import Store
from storage.make import NOW_NS, RESOURCE, SECOND, make_batch, make_payload, make_request, make_span

DAY_NS = 86_400 * SECOND


def ledger(database: Database, signal: str = "spans") -> dict[str, int]:
    rows = database.fetch(
        "SELECT outcome, sum(count)::bigint AS n FROM ledger WHERE signal = %s GROUP BY outcome", (signal,)
    )
    return {row["outcome"]: row["n"] for row in rows}


def number(database: Database, sql: str) -> float:
    row = database.fetch_one(sql)
    assert row is not None
    return next(iter(row.values()))


@pytest.fixture
def payloads(tmp_path: Path) -> PayloadStore:
    return PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys.json"))


def test_what_is_written_is_what_is_read(database: Database, payloads: PayloadStore) -> None:
    span = make_span(7, session_id="s1", user_id="u1", links=[SpanLink(b"\1" * 16, b"\2" * 8, {"why": "retry"})])
    request = make_request(
        span, tags=["beta", 'quo"te'], metadata={"tenant": "äö\n"}, time_to_first_token=0.25, cache_read_tokens=40
    )
    batch = WriteBatch(NOW_NS, [span], [request], [make_payload(span, "what is a span?")])
    result = Store(database, payloads).write(batch)
    assert result.new_spans == {span.key}

    row = database.fetch_one("SELECT * FROM request_metrics")
    assert row is not None
    assert row["request_id"] == f"{7:032x}-{7:016x}"
    assert str(row["timestamp"]) == "2026-11-18 11:06:40"
    assert (row["tags"], row["metadata"], row["parameters"]) == (["beta", 'quo"te'], {"tenant": "äö\n"}, None)
    assert (row["estimated_cost"], row["time_to_first_token"], row["success"]) == (0.00045, 0.25, True)
    assert payloads.get(row["storage_object_id"]) == make_payload(span, "what is a span?").content

    stored = database.fetch_one("SELECT * FROM spans JOIN resources USING (resource_id)")
    assert stored is not None
    link = {"trace_id": "01" * 16, "span_id": "02" * 8, "attributes": {"why": "retry"}}
    assert decode_detail(stored["detail"]) == Detail(span.attributes, [], [link])
    assert (stored["resource"], str(stored["seen"])) == (RESOURCE, "2026-11-18")
    assert (stored["start_ns"], stored["duration_ns"]) == (NOW_NS, SECOND)
    assert stored["storage_object_id"] is None  # its request says it

    trace = database.fetch_one("SELECT * FROM traces")
    assert trace is not None
    assert (trace["span_count"], trace["request_count"], trace["total_tokens"]) == (1, 1, 120)
    assert (trace["root_name"], trace["session_id"], trace["unpriced_count"]) == ("chat gpt-4o", "s1", 0)
    segment = database.fetch_one("SELECT * FROM payload_segments")
    assert segment is not None
    assert payloads.might_contain(bytes(segment["words"]), "span")


def test_rollups_at_every_resolution(database: Database) -> None:
    store = Store(database)
    first, second, third = (make_span(n, start_ns=NOW_NS + n * 40 * SECOND) for n in range(3))
    requests = [
        make_request(first, time_to_first_token=0.5),
        make_request(second, weight=4.0, estimated_cost=None),
        make_request(third, prompt_tokens=None, completion_tokens=None, total_tokens=None),
    ]
    store.write(WriteBatch(NOW_NS, [first, second], requests[:2]))
    store.write(WriteBatch(NOW_NS, [third], requests[2:]))
    rows = database.fetch("SELECT * FROM rollups WHERE resolution = 1440")
    assert len(rows) == 1
    row = rows[0]
    assert (row["requests"], row["total_tokens"], row["unknown_usage"], row["unpriced"]) == (6.0, 600.0, 1.0, 4.0)
    assert (row["cost"], row["duration_sum"]) == (Decimal("0.00090"), 6.0)
    assert (row["latency_keys"], row["latency_counts"]) == ([0], [6.0])
    assert (row["ttft_keys"], row["ttft_counts"]) == ([-35], [1.0])
    assert number(database, "SELECT sum(requests) FROM rollups WHERE resolution = 1") == 6.0
    assert number(database, "SELECT count(*) FROM rollups WHERE resolution = 1") == 3
    assert str(row["bucket"]) == "2026-11-18 00:00:00"
    quarters = database.fetch("SELECT bucket, requests FROM rollups WHERE resolution = 15 ORDER BY bucket")
    assert [(str(q["bucket"]), q["requests"]) for q in quarters] == [("2026-11-18 11:00:00", 6.0)]


def test_a_replay_changes_nothing(database: Database, payloads: PayloadStore) -> None:
    store = Store(database, payloads)
    spans = [make_span(n, trace=n // 3) for n in range(1, 30)]

    def write() -> int:
        return len(store.write(make_batch(*spans, payloads=[make_payload(span) for span in spans])).new_spans)

    assert (write(), write(), write()) == (29, 0, 0)
    assert number(database, "SELECT count(*) FROM request_metrics") == 29
    assert number(database, "SELECT sum(requests) FROM rollups WHERE resolution = 60") == 29.0
    assert number(database, "SELECT sum(span_count) FROM traces") == 29
    assert number(database, "SELECT count(*) FROM payload_segments") == 1
    assert ledger(database) == {"received": 87, "stored": 29, "duplicate": 58}


def test_twice_in_one_batch_is_once(database: Database) -> None:
    first, second = make_span(1, name="first"), make_span(1, name="second")
    Store(database).write(make_batch(first, second))
    assert database.fetch("SELECT name FROM spans") == [{"name": "first"}]
    assert ledger(database) == {"received": 2, "stored": 1, "duplicate": 1}


def test_a_part_that_is_new_is_stored(database: Database) -> None:
    store = Store(database)
    store.write(make_batch(*(make_span(n, trace=1) for n in range(1, 6))))
    result = store.write(make_batch(*(make_span(n, trace=1) for n in range(4, 9))))
    assert {key[1][-1] for key in result.new_spans} == {6, 7, 8}


def test_the_same_span_with_another_start_is_a_duplicate_within_an_hour(database: Database) -> None:
    store = Store(database)
    store.write(make_batch(make_span(1, start_ns=NOW_NS)))
    assert not store.write(make_batch(make_span(1, start_ns=NOW_NS + 600 * SECOND))).new_spans


def test_writers_that_overlap_store_once(database_url: str) -> None:
    with Database(PostgresConfig(database_url)) as database:
        stores = [Store(database) for _ in range(4)]
        spans = [make_span(n, trace=n // 2) for n in range(1, 201)]
        together = threading.Barrier(4)

        def write(writer: int) -> int:
            new = 0
            for part in range(4):
                together.wait(timeout=60)
                begin = (part * 50 + writer * 10) % 200
                chosen = [spans[i % 200] for i in range(begin, begin + 60)]
                copies = [make_span(int.from_bytes(s.span_id, "big"), trace=s.trace_id[-1]) for s in chosen]
                new += len(stores[writer].write(make_batch(*reversed(copies) if writer % 2 else copies)).new_spans)
            return new

        with ThreadPoolExecutor(4) as pool:
            new = sum(pool.map(write, range(4)))
        assert new == number(database, "SELECT count(*) FROM spans")
        assert new == number(database, "SELECT count(DISTINCT (trace_id, span_id)) FROM spans")
        assert new == number(database, "SELECT count(*) FROM request_metrics")
        for resolution in RESOLUTIONS:
            assert number(database, f"SELECT sum(requests) FROM rollups WHERE resolution = {resolution}") == new
        assert number(database, "SELECT sum(span_count) FROM traces") == new
        assert ledger(database) == {"received": 960, "stored": new, "duplicate": 960 - new}


def test_backdated_days_get_their_partitions(database: Database) -> None:
    spans = [make_span(n + 1, start_ns=NOW_NS - n * DAY_NS) for n in range(8)]
    assert len(Store(database).write(make_batch(*spans)).new_spans) == 8
    assert number(database, "SELECT count(*) FROM rollups WHERE resolution = 1440") == 8


def test_what_is_out_of_bounds_is_refused_and_counted(database: Database) -> None:
    spans = [make_span(1), make_span(2, start_ns=NOW_NS - 200 * DAY_NS), make_span(3, start_ns=NOW_NS + 2 * DAY_NS)]
    refused = [LedgerEntry("shop", "spans", "refused", "no_trace_id", 4)]
    result = Store(database).write(make_batch(*spans, ledger=refused))
    assert len(result.new_spans) == 1
    assert ledger(database) == {"received": 7, "stored": 1, "refused": 6}


def test_one_call_seen_twice_counts_once(database: Database) -> None:
    outer, inner = make_span(1, trace=9), make_span(2, trace=9, parent_span_id=b"\0" * 7 + b"\1")
    poor = make_request(outer, response_id="r1", prompt_tokens=None, completion_tokens=None, total_tokens=None)
    rich = make_request(inner, response_id="r1")
    store = Store(database)
    store.write(WriteBatch(NOW_NS, [outer, inner], [poor, rich]))
    assert (poor.duplicate_of, rich.duplicate_of) == (rich.request_id, None)
    late = make_span(3, trace=9)
    later = make_request(late, response_id="r1", time_to_first_token=0.1, service_tier="default")
    elsewhere = make_request(make_span(4, trace=10), response_id="r1")
    store.write(WriteBatch(NOW_NS, [late, make_span(4, trace=10)], [later, elsewhere]))
    assert later.duplicate_of == rich.request_id
    assert elsewhere.duplicate_of is None
    assert number(database, "SELECT sum(requests) FROM rollups WHERE resolution = 1") == 2.0
    assert number(database, "SELECT sum(request_count) FROM traces") == 2
    assert number(database, "SELECT count(*) FROM request_metrics") == 4


def test_the_root_names_the_trace_whenever_it_comes(database: Database) -> None:
    store = Store(database)
    child = make_span(2, trace=1, parent_span_id=b"\0" * 7 + b"\1", application="worker", start_ns=NOW_NS + SECOND)
    store.write(make_batch(child, requests=False))
    root = make_span(1, trace=1, name="answer", application="web", end_ns=NOW_NS + 5 * SECOND, user_id="u")
    store.write(make_batch(root, requests=False))
    trace = database.fetch_one("SELECT root_name, application, user_id, start_ns, end_ns, span_count FROM traces")
    assert trace == {
        "root_name": "answer", "application": "web", "user_id": "u",
        "start_ns": NOW_NS, "end_ns": NOW_NS + 5 * SECOND, "span_count": 2,
    }  # fmt: skip


def test_logs_and_points_are_stored_once(database: Database, payloads: PayloadStore) -> None:
    log = LogRecord(b"\1" * 16, NOW_NS, b"\5" * 16, b"\6" * 8, 9, "gen_ai.choice", "shop", "test", {"a": [1]})
    point = MetricPoint(b"\2" * 16, NOW_NS, "gpu", "gauge", "1", "shop", "test", {"k": "v"}, 0.5)
    span = make_span(1)
    span.trace_id, span.span_id = b"\5" * 16, b"\6" * 8
    store = Store(database, payloads)
    batch = WriteBatch(NOW_NS, log_records=[log], metric_points=[point], payloads=[make_payload(span)])
    result = store.write(batch)
    assert (result.new_log_records, result.new_metric_points) == ({log.record_id}, {point.point_id})
    again = store.write(batch)
    assert (again.new_log_records, again.new_metric_points) == (set(), set())
    row = database.fetch_one("SELECT body, storage_object_id FROM log_records")
    assert row is not None
    assert row["body"] == {"a": [1]}
    assert payloads.get(row["storage_object_id"]) == make_payload(span).content
    assert ledger(database, "metric_points") == {"received": 2, "stored": 1, "duplicate": 1}


def test_reports_of_an_sdk_only_grow(database: Database) -> None:
    store = Store(database)
    for count in (10, 30, 20):
        report = SdkReport("i1", "shop", "test", "sent", "", count, NOW_NS)
        store.write(WriteBatch(NOW_NS, sdk_reports=[report]))
    assert database.fetch("SELECT count FROM sdk_reports") == [{"count": 30}]


HOSTILE = {
    "nul in the name": {"name": "a\x00b"},
    "nul in a value": {"attributes": {"k": "a\x00b"}},
    "nul in a key": {"attributes": {"k\x00": {"deep": ["\x00"]}}},
    "lone surrogate": {"name": "\ud800", "attributes": {"\udfff": "\ud800"}},
    "huge integer": {"attributes": {"k": 10**30, "l": -(2**64), "m": 10**5000}},
    "infinite": {"attributes": {"k": float("inf"), "l": float("nan")}},
    "bytes": {"attributes": {"k": b"\xff\x00"}},
    "deep": {"attributes": {"k": __import__("functools").reduce(lambda v, _: [v], range(300), 1)}},
    "resource": {"resource": {"k\x00": ["\x00", 10**30, "\ud800"]}},
    "kind": {"kind": 10**9, "status": -(10**9)},
    "end far away": {"end_ns": 2**64},
    "long session": {"session_id": "s" * 10_000},
}


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_span_does_not_stop_the_others(database: Database, payloads: PayloadStore, fields: dict) -> None:  # type: ignore[type-arg]
    good, bad = make_span(1), make_span(2, **fields)
    batch = WriteBatch(NOW_NS, [good, bad], [make_request(good)], [make_payload(bad, "a\x00\ud800")])
    assert len(Store(database, payloads).write(batch).new_spans) == 2
    assert payloads.get(bad.storage_object_id or "") is not None


HOSTILE_REQUESTS = {
    "long model": {"model": "m" * 300, "provider": "p" * 300},
    "tokens": {"prompt_tokens": 2**40, "total_tokens": -(2**70)},
    "not a number": {"time_to_first_token": float("nan"), "memory_used": float("inf"), "duration": float("nan")},
    "cost": {"estimated_cost": Decimal("NaN")},
    "vast cost": {"estimated_cost": Decimal("1E+400")},
    "weight": {"weight": float("inf")},
    "tags": {"tags": ["\x00", "\ud800", "x" * 5000]},
    "metadata": {"metadata": {"k": "\x00", "n": 2**80}, "parameters": {"p": float("inf")}},
    "error": {"error": "\x00" * 10, "error_type": "\ud800", "finish_reason": "\x00"},
    "response id": {"response_id": "\x00" + "r" * 9000},
}


@pytest.mark.parametrize("fields", HOSTILE_REQUESTS.values(), ids=HOSTILE_REQUESTS.keys())
def test_a_hostile_request_does_not_stop_the_others(database: Database, fields: dict) -> None:  # type: ignore[type-arg]
    good, bad = make_span(1), make_span(2)
    batch = WriteBatch(NOW_NS, [good, bad], [make_request(good), make_request(bad, **fields)])
    Store(database).write(batch)
    assert number(database, "SELECT count(*) FROM request_metrics") == 2
    total = number(database, "SELECT sum(duration_sum) FROM rollups WHERE resolution = 1")
    assert total in {1.0, 2.0}
    assert number(database, "SELECT sum(cost) FROM rollups WHERE resolution = 1") >= 0


def test_a_server_that_is_away_is_temporary(tmp_path: Path) -> None:
    config = PostgresConfig(f"postgresql://x@/y?host={tmp_path}", connect_timeout_seconds=0.2)
    with Database(config) as database, pytest.raises(Temporary):
        Store(database).write(make_batch(make_span(1)))


def test_connections_that_died_are_replaced(database: Database, postgres: object, database_url: str) -> None:
    store = Store(database)
    store.write(make_batch(make_span(1)))
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND usename = current_user"
        )
    assert database.fetch_one("SELECT count(*) AS n FROM spans") == {"n": 1}
    assert store.write(make_batch(make_span(2))).new_spans


def test_a_payload_that_cannot_be_written_stores_nothing(database: Database, tmp_path: Path) -> None:
    class Full(PayloadStore):
        def put(self, payloads: object) -> list[object]:  # type: ignore[override]
            raise Temporary("no space left on the payload disk")

    store = Store(database, Full(PayloadConfig(str(tmp_path / "p")), KeyRing(tmp_path / "k.json")))
    span = make_span(1)
    with pytest.raises(Temporary, match="no space"):
        store.write(make_batch(span, payloads=[make_payload(span)]))
    assert number(database, "SELECT count(*) FROM spans") == 0
    assert ledger(database) == {}
