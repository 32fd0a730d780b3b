"""The ledger, anomalies, own prices, saved views and ranges."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from random_requests import NOW, ns, sample, write
from sentinelops_server.errors import Malformed
from sentinelops_server.model import LedgerEntry, SdkReport, WriteBatch
from sentinelops_server.query.anomalies import ANOMALY_FIELDS, find_anomalies, get_anomaly
from sentinelops_server.query.filters import parse_search
from sentinelops_server.query.ledger import ledger
from sentinelops_server.query.prices import add_price, delete_price, list_prices
from sentinelops_server.query.scope import Scope, TimeRange, parse_range, parse_time
from sentinelops_server.query.views import delete_view, list_views, save_view
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.partitions import ensure
from sentinelops_server.storage.postgres.store import Store

DAY = Scope(TimeRange(NOW - timedelta(days=1), NOW))


def test_the_ledger_adds_up(database: Database) -> None:
    rows = write(database, sample(10))
    report = SdkReport("i1", "shop", "prod", "sent", "", 12, ns(NOW) - 10**9)
    refused = LedgerEntry("shop", "spans", "refused", "too_old", 3)
    Store(database).write(WriteBatch(ns(NOW) - 10**9, sdk_reports=[report], ledger=[refused]))
    write(database, rows)  # again
    found = ledger(database, Scope(TimeRange(NOW - timedelta(hours=1), NOW + timedelta(hours=1))))
    assert (found["stored"], found["duplicate"], found["refused"]) == (10, 10, 3)
    assert {"signal": "spans", "outcome": "refused", "reason": "too_old", "count": 3} in found["by_reason"]
    assert sum(item["stored"] for item in found["by_application"]) == 10
    assert [(item["count"], item["processes"]) for item in found["sdk"]] == [(12, 1)]


def test_anomalies(database: Database) -> None:
    ensure(database, [NOW.date()])
    for number in range(5):
        database.execute(
            "INSERT INTO anomalies (anomaly_id, timestamp, type, request_id, provider, model, application, details)"
            " VALUES (%s, %s, 'latency', 'r', 'openai', %s, 'shop', '{\"score\": 4}')",
            [f"a{number}", NOW.replace(tzinfo=None) - timedelta(minutes=number), f"m{number % 2}"],
        )
    asked = parse_search("model:m0", ANOMALY_FIELDS)
    first = find_anomalies(database, DAY, asked, limit=2)
    # a0 is at the end of the range, which is not in it
    assert [item["anomaly_id"] for item in first.anomalies] == ["a2", "a4"]
    page = find_anomalies(database, DAY, asked, "timestamp", limit=1)
    assert [item["anomaly_id"] for item in page.anomalies] == ["a4"]
    after = find_anomalies(database, DAY, asked, "timestamp", page.next_cursor, 1)
    assert [item["anomaly_id"] for item in after.anomalies] == ["a2"]
    assert after.next_cursor is None
    one = get_anomaly(database, "a3")
    assert one is not None
    assert (one["model"], one["details"]) == ("m1", {"score": 4})
    assert get_anomaly(database, "zz") is None


def test_prices_and_views(database: Database) -> None:
    made = add_price(database, "openai", "gpt-4o*", {"input": "2.5", "output": 10})
    assert made["prices"] == {"input": "2.5", "output": "10"}
    assert made["valid_from"] is None
    again = add_price(database, "openai", "gpt-4o*", {"input": 1})
    assert [row["id"] for row in list_prices(database)] == [again["id"]]
    assert delete_price(database, again["id"])
    assert not delete_price(database, again["id"])
    for bad in ({}, {"input": -1}, {"input": "x"}, {"input": "NaN"}, {"input": 1e300}, {"input": True}):
        with pytest.raises(Malformed):
            add_price(database, "openai", "x", bad)
    view = save_view(database, "requests", "mine", "search=a", lambda: NOW)
    assert save_view(database, "requests", "mine", "search=b")["view_id"] == view["view_id"]
    assert [item["query"] for item in list_views(database, "requests")] == ["search=b"]
    assert list_views(database, "traces") == []
    assert delete_view(database, view["view_id"])
    assert not delete_view(database, view["view_id"])
    with pytest.raises(Malformed):
        save_view(database, "requests", " ", "x")


def test_ranges() -> None:
    assert parse_range("15m", NOW) == TimeRange(NOW - timedelta(minutes=15), NOW)
    assert parse_range("2026-01-01/2026-01-02T01:00:00+01:00").seconds == 86400
    for bad in ("", "0h", "5", "99999w", "x/y", "2026-01-02/2026-01-01", "24h/", "1m; --", "9" * 50 + "d"):
        with pytest.raises(Malformed):
            parse_range(bad, NOW)
    with pytest.raises(Malformed):
        parse_time("9999-12-31T23:59:59-23:59")
    with pytest.raises(Malformed):
        TimeRange(datetime(2026, 1, 1), NOW)  # noqa: DTZ001


@pytest.mark.parametrize("field", ["application", "environment"])
def test_a_scope_that_no_text_column_can_hold_is_malformed(field: str) -> None:
    with pytest.raises(Malformed, match=field):
        Scope(DAY.range, **{field: "a\x00b"})
