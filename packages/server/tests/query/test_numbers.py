"""Sums, rates, percentiles and series, against the same computed by hand from the rows."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from random_requests import NOW, make_request, ns, sample, write
from sentinelops_server.errors import Malformed
from sentinelops_server.model import LLMRequest
from sentinelops_server.query import sketches
from sentinelops_server.query.aggregate import aggregate
from sentinelops_server.query.catalog import applications, environments, facets, models
from sentinelops_server.query.filters import parse_filter, parse_search
from sentinelops_server.query.measures import DIMENSIONS
from sentinelops_server.query.scope import Scope, TimeRange
from sentinelops_server.query.source import windows
from sentinelops_server.query.summary import summary
from sentinelops_server.query.timeseries import automatic_interval, timeseries
from sentinelops_server.storage.postgres.database import Database

DAY = Scope(TimeRange(NOW - timedelta(days=1), NOW))


def within(rows: list[LLMRequest], scope: Scope) -> list[LLMRequest]:
    low, high = ns(scope.range.start), ns(scope.range.end)
    return [
        row
        for row in rows
        if low <= row.timestamp_ns < high
        and scope.application in (None, row.application)
        and scope.environment in (None, row.environment)
        and row.duplicate_of is None
    ]


def quantile(pairs: list[tuple[float, float]], q: float) -> float | None:
    total, below = sum(weight for _, weight in pairs), 0.0
    for value, weight in sorted(pairs):
        below += weight
        if below >= q * total - 1e-9:
            return value
    return None


def expect(rows: list[LLMRequest]) -> dict[str, Any]:
    def total(name: str) -> float:
        return sum(float(getattr(row, name) or 0) * row.weight for row in rows)

    known = [row for row in rows if row.total_tokens is not None]
    priced = [row for row in rows if row.estimated_cost is not None]
    return {
        "count": sum(row.weight for row in rows),
        "error_count": sum(row.weight for row in rows if row.status == "error"),
        "cancelled_count": sum(row.weight for row in rows if row.status == "cancelled"),
        "prompt_tokens": total("prompt_tokens") if known or not rows else None,
        "total_tokens": total("total_tokens") if known or not rows else None,
        "cache_read_tokens": total("cache_read_tokens"),
        "unknown_usage_requests": sum(row.weight for row in rows) - sum(row.weight for row in known),
        "estimated_cost": total("estimated_cost") if priced or not rows else None,
        "unpriced_requests": sum(row.weight for row in rows) - sum(row.weight for row in priced),
    }


def check(database: Database, rows: list[LLMRequest], scope: Scope, filter: Any = None) -> None:
    found: dict[str, Any] = dict(summary(database, scope, filter))
    for name, value in expect(rows).items():
        assert found[name] == (None if value is None else pytest.approx(value, rel=1e-9)), (name, scope)
    pairs = [(row.duration, row.weight) for row in rows]
    first = [(row.time_to_first_token, row.weight) for row in rows if row.time_to_first_token is not None]
    for name, values in (("duration_seconds", pairs), ("time_to_first_token_seconds", first)):
        for q, label in ((0.5, "p50"), (0.75, "p75"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99"), (0.999, "p99.9")):
            exact = quantile(values, q)  # type: ignore[arg-type]
            assert found[name][label] == (pytest.approx(exact, rel=0.01) if exact is not None else None), (name, label)


@pytest.mark.parametrize(
    ("length", "until"),
    [
        (timedelta(seconds=40), NOW - timedelta(hours=3)),
        (timedelta(minutes=90), NOW),
        (timedelta(hours=6, microseconds=1), NOW - timedelta(microseconds=7)),
        (timedelta(hours=24), NOW),
        (timedelta(hours=24), datetime(2026, 11, 22, tzinfo=UTC)),
        (timedelta(days=9), NOW),
        (timedelta(days=30), NOW),
    ],
)
def test_a_summary_of_any_window_equals_its_rows(database: Database, length: timedelta, until: datetime) -> None:
    scope = Scope(TimeRange(until - length, until))
    rng = random.Random(3)
    rows = sample(600, seed=5, span=min(length * 2, timedelta(days=60)), until=NOW)
    # rows on the very edges
    for edge in (scope.range.start, scope.range.end):
        for offset in (-1, 0, 1):
            rows.append(make_request(rng, edge + timedelta(microseconds=offset)))
    write(database, rows)
    check(database, within(rows, scope), scope)
    narrowed = Scope(scope.range, "shop", "prod")
    check(database, within(rows, narrowed), narrowed)
    # a filter that rollups answer, and one that they cannot
    for text, keep in (
        ("model:gpt-4o", lambda row: row.model == "gpt-4o"),
        ("tag:beta", lambda row: "beta" in row.tags),
    ):
        check(database, [row for row in within(rows, scope) if keep(row)], scope, parse_search(text))


@pytest.mark.parametrize("days", [1, 20])
def test_numbers_of_days_whose_minutes_are_gone(database: Database, days: int) -> None:
    rows = write(database, sample(600, span=timedelta(days=40)))
    database.execute("DELETE FROM rollups WHERE resolution = 1 AND bucket < %s", (datetime(2026, 11, 7),))
    until = datetime(2026, 11, 7, 0, 7, 13, tzinfo=UTC)
    for end in (until - timedelta(days=3), until, until + timedelta(hours=5)):
        scope = Scope(TimeRange(end - timedelta(days=days), end))
        check(database, within(rows, scope), scope)


def test_what_arrives_late_is_in_the_next_answer(database: Database) -> None:
    rows: list[LLMRequest] = []
    for seed in range(3):
        new = sample(200, seed=seed + 50)
        write(database, new)
        rows += new
        check(database, within(rows, DAY), DAY)
        check(database, [row for row in within(rows, DAY) if row.status == "error"], DAY, parse_search("status:error"))
        narrowed = Scope(DAY.range, "shop")
        check(database, within(rows, narrowed), narrowed)


def test_kept_histograms_are_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "MAX_ENTRIES", 500)
    rows = write(database, sample(400))
    for _ in range(2):
        check(database, within(rows, DAY), DAY)
    kept = sketches._kept[database]
    assert kept.entries == sum(size for _, _, size in kept.found.values())
    assert kept.entries <= 500 or len(kept.found) == 1


def test_windows_cover_the_range_exactly_once() -> None:
    rng = random.Random(1)
    for _ in range(300):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.random() * 10**7)
        scope = Scope(TimeRange(start, start + timedelta(seconds=10 ** rng.uniform(-3, 7))))
        rolled, edges = windows(scope, rng.choice([None, 60, 900, 3600, 86400]))
        pieces = sorted([window for _, window in rolled] + edges)
        assert (pieces[0][0], pieces[-1][1]) == scope.range.bounds()
        assert all(before[1] == after[0] for before, after in zip(pieces, pieces[1:], strict=False))
        assert len(pieces) <= 9
        assert all(high - low < timedelta(minutes=1 if rolled else 2) for low, high in edges)
        for resolution, window in rolled:
            assert all(
                (moment - datetime(1970, 1, 1)) % timedelta(minutes=resolution) == timedelta() for moment in window
            )


def test_nothing_known_is_not_zero(database: Database) -> None:
    [row] = sample(1)
    write(database, [replace(row, estimated_cost=None, total_tokens=None, prompt_tokens=None, completion_tokens=None)])
    found = summary(database, DAY)
    assert found["estimated_cost"] is None
    assert found["total_tokens"] is None
    assert found["unpriced_requests"] == row.weight
    empty = summary(database, DAY.previous(), compare=True)
    assert (empty["count"], empty["estimated_cost"], empty["error_rate"]) == (0, 0, None)
    assert empty["duration_seconds"]["p50"] is None
    assert empty["previous"] is not None


def test_duplicates_count_nowhere(database: Database) -> None:
    rows = sample(30)
    write(database, rows)
    copies = [replace(row, span_id=b"\1" * 8, duplicate_of=row.request_id) for row in rows]
    write(database, copies)
    check(database, rows, DAY)
    check(database, [row for row in rows if row.streaming], DAY, parse_search("streaming:true"))


def test_aggregates_by_every_dimension(database: Database) -> None:
    rows = write(database, sample(300))
    for name in (*DIMENSIONS, "metadata.team"):
        groups: dict[Any, list[LLMRequest]] = {}
        for row in rows:
            key = name.removeprefix("metadata.")
            values = row.tags if name == "tags" else [row.metadata.get(key) if "." in name else getattr(row, name)]
            for value in values:
                groups.setdefault(value, []).append(row)
        found = aggregate(
            database, DAY, [name], ["count", "avg_duration_seconds", "max_total_tokens", "p90_duration_seconds"]
        )
        assert [row["count"] for row in found] == sorted((row["count"] for row in found), reverse=True)
        assert {row[name] for row in found} == set(groups)
        for line in found:
            members = groups[line[name]]
            weight = sum(row.weight for row in members)
            assert line["count"] == weight
            assert line["avg_duration_seconds"] == pytest.approx(
                sum(row.duration * row.weight for row in members) / weight
            )
            known = [row.total_tokens for row in members if row.total_tokens is not None]
            assert line["max_total_tokens"] == (max(known) if known else None)
            exact = quantile([(row.duration, row.weight) for row in members], 0.9)
            assert line["p90_duration_seconds"] == pytest.approx(exact, rel=0.01)


def test_aggregate_orders_and_limits(database: Database) -> None:
    write(database, sample(100))
    up = aggregate(database, DAY, ["model"], ["count", "error_rate"], order_by="model")
    assert [row["model"] for row in up] == sorted(row["model"] for row in up)
    assert len(aggregate(database, DAY, ["model"], ["count"], limit=2)) == 2
    [whole] = aggregate(
        database, DAY.previous(), [], ["count", "error_rate", "sum_estimated_cost", "p50_duration_seconds"]
    )
    assert whole == {"count": 0, "error_rate": None, "sum_estimated_cost": 0, "p50_duration_seconds": None}


@pytest.mark.parametrize(
    ("group_by", "metrics", "order_by"),
    [
        (["nope"], ["count"], None),
        (["model"], ["nope"], None),
        (["model"], [], None),
        (["model"], ["p42_duration_seconds"], None),
        (["model"], ["sum_duration"], None),
        (["model"], ["count"], "provider"),
        (["model; --"], ["count"], None),
        (["model", "provider", "status", "tags", "user_id", "operation"], ["count"], None),
    ],
)
def test_unknown_names_are_malformed(
    database: Database, group_by: list[str], metrics: list[str], order_by: str | None
) -> None:
    with pytest.raises(Malformed):
        aggregate(database, DAY, group_by, metrics, order_by=order_by)


def test_full_text_cannot_narrow_numbers(database: Database) -> None:
    with pytest.raises(Malformed, match="full text"):
        summary(database, DAY, parse_search("word"))


@pytest.mark.parametrize("interval", [None, 60, 90, 900, 1800, 3600, 86400])
def test_series_equal_their_rows(database: Database, interval: int | None) -> None:
    rows = write(database, sample(300))
    scope = Scope(TimeRange(NOW - timedelta(hours=9, seconds=13), NOW))
    found = timeseries(database, scope, ["count", "p50_duration_seconds", "error_rate"], ["model"], interval)
    step = found["interval_seconds"]
    inside = within(rows, scope)
    assert len(found["series"]) == len({row.model for row in inside})
    for line in found["series"]:
        for index, start in enumerate(found["timestamps"]):
            assert start.timestamp() % step == 0
            low = ns(start)
            members = [
                row
                for row in inside
                if low <= row.timestamp_ns < low + step * 10**9 and row.model == line["labels"]["model"]
            ]
            assert line["values"]["count"][index] == sum(row.weight for row in members)
            median = quantile([(row.duration, row.weight) for row in members], 0.5)
            assert line["values"]["p50_duration_seconds"][index] == (median and pytest.approx(median, rel=0.01))
            if not members:
                assert line["values"]["p50_duration_seconds"][index] is None
                assert line["values"]["error_rate"][index] is None
    assert found["timestamps"][0] <= scope.range.start < found["timestamps"][0] + timedelta(seconds=step)
    assert found["timestamps"][-1] < scope.range.end <= found["timestamps"][-1] + timedelta(seconds=step)


def test_an_empty_series_has_its_points(database: Database) -> None:
    found = timeseries(database, DAY, ["count", "avg_duration_seconds", "sum_estimated_cost"])
    [line] = found["series"]
    assert set(line["values"]["count"]) == {0}
    assert set(line["values"]["avg_duration_seconds"]) == {None}
    assert len(line["values"]["count"]) == len(found["timestamps"]) <= 121


def test_intervals() -> None:
    assert [automatic_interval(seconds) for seconds in (60, 3600, 86400, 7 * 86400, 90 * 86400)] == [
        1,
        30,
        900,
        7200,
        86400,
    ]


def test_too_many_points_is_malformed(database: Database) -> None:
    with pytest.raises(Malformed, match="2000 points"):
        timeseries(database, DAY, ["count"], interval_seconds=1)


def test_the_catalog(database: Database) -> None:
    rows = write(database, sample(200))
    assert {(row["provider"], row["model"]) for row in models(database, DAY)} == {(r.provider, r.model) for r in rows}
    shop = next(row for row in applications(database, DAY) if row["application"] == "shop")
    assert shop["environments"] == ["dev", "prod"]
    assert shop["count"] == sum(row.weight for row in rows if row.application == "shop")
    assert environments(database, DAY) == ["dev", "prod"]
    assert {row["value"] for row in facets(database, "model", DAY, "gpt")} == {"gpt-4o", "gpt-4o-mini"}
    assert {row["value"] for row in facets(database, "tags", DAY)} == {"beta", "eu", "100%"}
    assert {row["value"] for row in facets(database, "metadata.team", DAY)} == {"a", "b", "5"}
    assert parse_filter({}) is None
