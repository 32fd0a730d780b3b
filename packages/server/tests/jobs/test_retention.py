from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sentinelops_server.jobs.leader import Leader
from sentinelops_server.jobs.retention import RetentionConfig, run_retention
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store
from storage.make import NOW_NS, make_batch, make_payload, make_span

DAY_NS = 86_400 * 10**9
NOW = datetime.fromtimestamp(NOW_NS // 10**9, UTC)


def count(database: Database, table: str, condition: str = "true") -> int:
    row = database.fetch_one(f"SELECT count(*) AS n FROM {table} WHERE {condition}")
    assert row is not None
    return int(row["n"])


def test_each_kind_is_kept_for_its_time(database: Database, tmp_path: Path) -> None:
    payloads = PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys.json"))
    store = Store(database, payloads)
    spans = [make_span(age + 1, start_ns=NOW_NS - age * DAY_NS) for age in (0, 14, 16, 29, 31, 89)]
    batch = make_batch(*spans, payloads=[make_payload(span) for span in spans])
    store.write(batch)
    orphan = tmp_path / "payloads" / f"{NOW - timedelta(days=40):%Y%m%d}" / "orphan"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left by a crash between the object and the commit")

    first = run_retention(database, payloads, RetentionConfig(), NOW)
    assert count(database, "request_metrics") == count(database, "spans") == count(database, "traces") == 6
    assert count(database, "rollups", "resolution = 1") == 2
    assert count(database, "rollups", "resolution = 15") == count(database, "rollups", "resolution = 60") == 6
    assert (first.payload_objects, first.payload_segments) == (3, 2)
    assert not orphan.exists()
    kept = [payloads.get(request.storage_object_id or "") is not None for request in batch.requests]
    assert kept == [True, True, True, True, False, False]

    later = run_retention(database, payloads, RetentionConfig(batch=1), NOW + timedelta(days=10))
    assert count(database, "request_metrics") == count(database, "spans") == count(database, "traces") == 5
    assert later.traces == 1
    assert any(name.startswith("spans_") for name in later.partitions_dropped)


def test_tomorrow_is_ready(database: Database) -> None:
    made = run_retention(database, None, RetentionConfig(), NOW).partitions_made
    tomorrow = date(2026, 11, 19)
    assert f"spans_{tomorrow:%Y%m%d}" in made
    assert run_retention(database, None, RetentionConfig(), NOW).partitions_made == []


def test_a_span_of_a_dropped_day_is_refused_and_a_dropped_day_is_made_again(database: Database) -> None:
    store = Store(database)
    day = NOW_NS - 50 * DAY_NS
    store.write(make_batch(make_span(1, start_ns=day)))
    run_retention(
        database, None, RetentionConfig(rows_days=40, payloads_days=30), NOW
    )  # another process, which keeps less
    assert count(database, "spans") == 0
    assert store.write(make_batch(make_span(2, start_ns=day))).new_spans
    assert count(database, "spans") == 1


def test_a_configuration_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="payloads_days 30 is more than rows_days 7"):
        RetentionConfig(rows_days=7)
    with pytest.raises(ValueError, match="minutes_days"):
        RetentionConfig(minutes_days=0)


def test_one_leads_at_a_time(database: Database) -> None:
    with Leader(database, "retention").hold() as first, Leader(database, "retention").hold() as second:
        assert (first, second) == (True, False)
        with Leader(database, "detect").hold() as other:
            assert other
    with Leader(database, "retention").hold() as again:
        assert again


def test_a_dead_leader_is_followed(database: Database, postgres: object) -> None:
    with pytest.raises(Exception, match="died"), Leader(database, "retention").hold() as held:
        assert held
        raise RuntimeError("died")
    with Leader(database, "retention").hold() as next_one:
        assert next_one


def test_a_resource_is_kept_while_spans_of_it_arrive(database: Database) -> None:
    old, used = {"service.name": "old"}, {"service.name": "used"}
    for age, resources in ((95, (old, used)), (3, (used,))):
        now_ns = NOW_NS - age * DAY_NS
        spans = [make_span(age + n, start_ns=now_ns, resource=each) for n, each in enumerate(resources, 1)]
        Store(database).write(make_batch(*spans, received_ns=now_ns))
    assert run_retention(database, None, RetentionConfig(), NOW).resources == 1
    assert [row["resource"] for row in database.fetch("SELECT resource FROM resources")] == [used]
    # the writer that remembered it stores it again on the next day
    store = Store(database)
    store.write(
        make_batch(make_span(200, start_ns=NOW_NS - 95 * DAY_NS, resource=old), received_ns=NOW_NS - 95 * DAY_NS)
    )
    run_retention(database, None, RetentionConfig(), NOW)
    assert count(database, "resources") == 1
    store.write(make_batch(make_span(201, resource=old)))
    assert count(database, "resources") == 2
