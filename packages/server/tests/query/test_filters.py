"""Every operator of the filters, against the same condition written in Python over random rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from random_requests import NOW, sample, write
from sentinelops_server.errors import Malformed
from sentinelops_server.model import LLMRequest
from sentinelops_server.query.conditions import REQUEST_FIELDS, TRACE_FIELDS
from sentinelops_server.query.filters import parse_filter, parse_search
from sentinelops_server.query.requests import find_requests
from sentinelops_server.query.scope import Scope, TimeRange
from sentinelops_server.query.traces import find_traces
from sentinelops_server.storage.postgres.database import Database

SCOPE = Scope(TimeRange(NOW - timedelta(days=1), NOW))
Check = Callable[[LLMRequest], bool]


def leaf(field: str, op: str, value: Any) -> dict[str, Any]:
    return {"field": field, "op": op, "value": value}


def low(value: str | None) -> str:
    return (value or "").lower()


CASES: list[tuple[Any, Check]] = [
    (leaf("model", "eq", "gpt-4o"), lambda r: r.model == "gpt-4o"),
    (leaf("model", "ne", "gpt-4o"), lambda r: r.model != "gpt-4o"),
    (leaf("error_type", "ne", "timeout"), lambda r: r.error_type != "timeout"),
    (leaf("error_type", "nin", ["timeout", "x"]), lambda r: r.error_type not in ("timeout", "x")),
    (leaf("model", "in", ["gpt-4o", "nope"]), lambda r: r.model == "gpt-4o"),
    (leaf("model", "prefix", "gpt-4o"), lambda r: r.model.startswith("gpt-4o")),
    (leaf("model", "prefix", "100%_"), lambda r: r.model.startswith("100%_")),
    (leaf("model", "contains", "0%_REAL\\"), lambda r: "0%_real\\" in r.model.lower()),
    (leaf("model", "prefix", "gpt_4"), lambda r: False),
    (leaf("error", "contains", "LIMIT"), lambda r: "limit" in low(r.error)),
    (leaf("error", "exists", True), lambda r: r.error is not None),
    (leaf("error", "exists", False), lambda r: r.error is None),
    (leaf("application", "gt", "shop"), lambda r: r.application > "shop"),
    (leaf("total_tokens", "lt", 500), lambda r: r.total_tokens is not None and r.total_tokens < 500),
    (leaf("total_tokens", "lte", 500.5), lambda r: r.total_tokens is not None and r.total_tokens <= 500.5),
    (leaf("total_tokens", "gte", 10**12), lambda r: False),
    (leaf("duration_seconds", "gt", 1), lambda r: r.duration > 1),
    (leaf("duration_seconds", "between", [0.5, 2]), lambda r: 0.5 <= r.duration <= 2),
    (leaf("estimated_cost", "lt", 0.01), lambda r: r.estimated_cost is not None and float(r.estimated_cost) < 0.01),
    (leaf("weight", "eq", 4), lambda r: r.weight == 4),
    (leaf("weight", "in", [4, 9]), lambda r: r.weight == 4),
    (leaf("weight", "ne", 4), lambda r: r.weight != 4),
    (leaf("cache_read_tokens", "exists", True), lambda r: r.cache_read_tokens is not None),
    (leaf("success", "eq", False), lambda r: not r.success),
    (leaf("streaming", "eq", True), lambda r: r.streaming),
    (leaf("streaming", "ne", True), lambda r: not r.streaming),
    (leaf("timestamp", "gte", "2026-11-22T06:00:00+01:00"), lambda r: r.timestamp_ns >= 1795323600 * 10**9),
    (leaf("tags", "eq", "beta"), lambda r: "beta" in r.tags),
    (leaf("tags", "contains", "eu"), lambda r: "eu" in r.tags),
    (leaf("tags", "ne", "beta"), lambda r: "beta" not in r.tags),
    (leaf("tags", "in", ["eu", "100%"]), lambda r: "eu" in r.tags or "100%" in r.tags),
    (leaf("tags", "nin", ["eu"]), lambda r: "eu" not in r.tags),
    (leaf("tags", "prefix", "100%"), lambda r: "100%" in r.tags),
    (leaf("tags", "exists", False), lambda r: not r.tags),
    (leaf("metadata.team", "eq", "a"), lambda r: r.metadata.get("team") == "a"),
    (leaf("metadata.tier", "eq", 5), lambda r: r.metadata.get("tier") == 5),
    (leaf("metadata.tier", "eq", "5"), lambda r: r.metadata.get("tier") == 5),
    (leaf("metadata.team", "eq", "5"), lambda r: r.metadata.get("team") == "5"),
    (leaf("metadata.vip", "eq", True), lambda r: r.metadata.get("vip") is True),
    (leaf("metadata.team", "ne", "a"), lambda r: r.metadata.get("team") != "a"),
    (leaf("metadata.team", "in", ["a", "b"]), lambda r: r.metadata.get("team") in ("a", "b")),
    (leaf("metadata.team", "contains", "A"), lambda r: "a" in low(r.metadata.get("team"))),
    (leaf("metadata.tier", "gt", 4.5), lambda r: r.metadata.get("tier", 0) > 4.5),
    (leaf("metadata.team", "gt", 1), lambda r: False),
    (leaf("metadata.vip", "exists", True), lambda r: "vip" in r.metadata),
    (leaf("metadata.vip", "exists", False), lambda r: "vip" not in r.metadata),
    (leaf("parameters.temperature", "lte", 0.2), lambda r: "temperature" in r.parameters),
    ({"not": leaf("error_type", "eq", "timeout")}, lambda r: r.error_type != "timeout"),
    (
        {"and": [leaf("model", "eq", "gpt-4o"), {"or": [leaf("status", "eq", "error"), leaf("weight", "eq", 4)]}]},
        lambda r: r.model == "gpt-4o" and (r.status == "error" or r.weight == 4),
    ),
]
SEARCHES: list[tuple[str, Check]] = [
    ("model:gpt-4o status:error", lambda r: r.model == "gpt-4o" and r.status == "error"),
    ("model:gpt-4o,claude-sonnet", lambda r: r.model in ("gpt-4o", "claude-sonnet")),
    ("model:gpt*", lambda r: r.model.startswith("gpt")),
    ("-tag:beta", lambda r: "beta" not in r.tags),
    ("cost>0.01 duration>=500ms", lambda r: float(r.estimated_cost or 0) > 0.01 and r.duration >= 0.5),
    ("tokens:100..900", lambda r: r.total_tokens is not None and 100 <= r.total_tokens <= 900),
    ("tokens:1k..", lambda r: (r.total_tokens or 0) >= 1000),
    ("error:*", lambda r: r.error is not None),
    ('error:"too long"', lambda r: "too long" in low(r.error)),
    ("metadata.tier>=5", lambda r: r.metadata.get("tier", 0) >= 5),
    ("metadata.team:5", lambda r: r.metadata.get("team") == "5"),
    ("session:s/3 streaming:TRUE", lambda r: r.session_id == "s/3" and r.streaming),
    ("Refund", lambda r: "refund" in low(r.prompt_preview)),
    ('"about naïve"', lambda r: r.prompt_preview == "about naïve"),
    ("ref*", lambda r: "refund" in low(r.prompt_preview)),
    ("ref", lambda r: False),
]


def ids(database: Database, filter: Any) -> set[str]:
    return {row["request_id"] for row in find_requests(database, None, SCOPE, filter, limit=1000).requests}


def test_every_operator_agrees_with_python(database: Database) -> None:
    rows = write(database, sample(400))
    for condition, check in CASES:
        expected = {row.request_id for row in rows if check(row)}
        assert ids(database, parse_filter(condition)) == expected, condition
    for text, check in SEARCHES:
        expected = {row.request_id for row in rows if check(row)}
        assert ids(database, parse_search(text)) == expected, text
    # the fields of requests hold for traces too
    for condition, check in CASES:
        name = condition.get("field", "")
        if not name or name in ("status", "success") or (name in TRACE_FIELDS and TRACE_FIELDS[name].wrap is None):
            continue
        expected = {row.trace_id.hex() for row in rows if check(row)}
        found = find_traces(database, SCOPE, parse_filter(condition, TRACE_FIELDS), limit=1000).traces
        assert {row["trace_id"] for row in found} == expected, condition


@pytest.mark.parametrize("name", sorted(REQUEST_FIELDS))
def test_every_field_can_be_asked(database: Database, name: str) -> None:
    kind = REQUEST_FIELDS[name].kind
    if kind == "fulltext":
        return
    write(database, sample(20))
    both = len(ids(database, parse_filter(leaf(name, "exists", True)))) + len(
        ids(database, parse_filter(leaf(name, "exists", False)))
    )
    assert both == 20


def nested(depth: int) -> Any:
    value: Any = leaf("model", "eq", "x")
    for _ in range(depth - 1):
        value = {"not": value}
    return value


@pytest.mark.parametrize(
    "hostile",
    [
        "x",
        [],
        {"and": []},
        {"and": {}},
        {"and": [], "or": []},
        {"field": "model"},
        {"field": "model", "op": "eq", "value": "x", "extra": 1},
        leaf("model; DROP TABLE spans", "eq", "x"),
        leaf("r.model", "eq", "x"),
        leaf("metadata.", "eq", "x"),
        leaf("metadata.a\0b", "eq", "x"),
        leaf("model", "~", "x"),
        leaf("model", "eq", "a\0b"),
        leaf("model", "eq", "\ud800"),
        leaf("model", "eq", "x" * 1001),
        leaf("model", "eq", 5),
        leaf("model", "eq", None),
        leaf("model", "in", []),
        leaf("model", "in", ["x"] * 1001),
        leaf("model", "match", "x"),
        leaf("total_tokens", "eq", 10**30),
        leaf("total_tokens", "eq", float("nan")),
        leaf("total_tokens", "eq", True),
        leaf("total_tokens", "between", [1]),
        leaf("total_tokens", "prefix", "1"),
        leaf("timestamp", "gt", "yesterday"),
        leaf("timestamp", "gt", "2026-01-01T00:00:00"),
        leaf("timestamp", "gt", "0001-01-01T00:00:00+14:00"),
        leaf("trace_id", "eq", "xyz"),
        leaf("success", "eq", "true"),
        leaf("metadata", "eq", "x"),
        leaf("text", "eq", "x"),
        leaf("text", "match", " "),
        {"or": [leaf("text", "match", "x")]},
        {"not": leaf("text", "match", "x")},
        nested(21),
        {"and": [leaf("model", "eq", "x")] * 201},
    ],
)
def test_what_is_no_filter_is_malformed(hostile: Any) -> None:
    with pytest.raises(Malformed):
        parse_filter(hostile)


@pytest.mark.parametrize(
    "text", ["nope:1", "cost>x", "streaming:maybe", "model:", "-word", "trace:zz", "a" * 4001, "cost:1e999"]
)
def test_what_is_no_search_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_search(text)


def test_values_are_never_sql(database: Database) -> None:
    rows = write(database, sample(10))
    for value in ("'; DROP TABLE request_metrics; --", "%s", "%(x)s", "$1", "\\'", "{}", "a' OR '1'='1", '"'):
        for field in ("model", "tags", "metadata.team", "metadata.a'b\"%s"):
            for op in ("eq", "contains", "prefix", "ne"):
                expected = len(rows) if op == "ne" else 0
                assert len(ids(database, parse_filter(leaf(field, op, value)))) == expected, (field, op, value)
    assert len(ids(database, None)) == len(rows)


def test_nothing_means_everything() -> None:
    assert parse_filter(None) is None
    assert parse_filter({}) is None
    assert parse_search("   ") is None
    assert parse_filter(nested(20)) is not None
