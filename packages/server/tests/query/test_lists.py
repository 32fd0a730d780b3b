"""Lists, cursors, full text, single requests, traces and sessions."""

from __future__ import annotations

import base64
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from random_requests import NOW, ns, sample, span_of, write
from sentinelops_server.errors import Malformed
from sentinelops_server.model import LLMRequest, LogRecord, Span, SpanEvent, WriteBatch
from sentinelops_server.query import requests as requests_module
from sentinelops_server.query import sessions as sessions_module
from sentinelops_server.query.cursors import parse_order
from sentinelops_server.query.filters import TRACE_FIELDS, parse_filter, parse_search
from sentinelops_server.query.largest import largest_windows
from sentinelops_server.query.requests import ORDERS, find_requests, get_request
from sentinelops_server.query.scope import Scope, TimeRange
from sentinelops_server.query.sessions import find_sessions, find_users, get_session, get_user
from sentinelops_server.query.traces import TRACE_ORDERS, find_traces, get_span_content, get_trace
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store

DAY = Scope(TimeRange(NOW - timedelta(days=1), NOW))
VALUES = {
    "timestamp": lambda r: r.timestamp_ns,
    "duration_seconds": lambda r: r.duration,
    "estimated_cost": lambda r: None if r.estimated_cost is None else float(r.estimated_cost),
    "total_tokens": lambda r: r.total_tokens,
    "time_to_first_token_seconds": lambda r: r.time_to_first_token,
}


@pytest.fixture
def payloads(tmp_path: Path) -> PayloadStore:
    return PayloadStore(PayloadConfig(str(tmp_path / "payloads")), KeyRing(tmp_path / "keys"))


@pytest.mark.parametrize("order", [sign + name for name in ORDERS for sign in ("", "-")])
def test_pages_go_through_everything_once_while_rows_arrive(database: Database, order: str) -> None:
    rows = write(database, sample(120))
    late = sample(60, seed=99)
    seen: list[dict[str, Any]] = []
    cursor: str | None = None
    for turn in range(100):
        page = find_requests(database, None, DAY, None, order, cursor, 7)
        seen += page.requests
        cursor = page.next_cursor
        if cursor is None:
            break
        write(database, late[turn * 3 : turn * 3 + 3])
    found = [row["request_id"] for row in seen]
    assert len(found) == len(set(found))
    assert {row.request_id for row in rows} <= set(found)
    value = {row.request_id: VALUES[order.removeprefix("-")](row) for row in [*rows, *late]}
    values = [value[identity] for identity in found]
    known = [item for item in values if item is not None]
    assert known == sorted(known, reverse=order.startswith("-"))
    assert values[: len(known)] == known  # unknown last


@pytest.mark.parametrize(
    "order", ["-duration_seconds", "-estimated_cost", "-total_tokens", "-time_to_first_token_seconds"]
)
@pytest.mark.parametrize("text", ["", "model:gpt-4o -status:error", "tag:beta"])
def test_the_largest_are_found_by_their_rollups(database: Database, order: str, text: str) -> None:
    rows = write(database, sample(600))
    rows += write(database, [replace(row, trace_id=row.trace_id[::-1]) for row in rows[:40]])  # equal values
    keep = {
        "": lambda row: True,
        "model:gpt-4o -status:error": lambda row: row.model == "gpt-4o" and row.status != "error",
        "tag:beta": lambda row: "beta" in row.tags,
    }[text]
    value, filter = VALUES[order[1:]], parse_search(text)
    inside = [row for row in rows if keep(row) and ns(DAY.range.start) <= row.timestamp_ns < ns(DAY.range.end)]
    expected = sorted((value(row) for row in inside if value(row) is not None), reverse=True)
    by = parse_order(order, ORDERS, ("r.timestamp", "r.id"))
    assert (largest_windows(database, DAY, filter, by, None, 5) is not None) == (text != "tag:beta")
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < len(inside):
        page = find_requests(database, None, DAY, filter, order, cursor, 4)
        found += page.requests
        cursor = page.next_cursor
        if cursor is None:
            break
    assert [row[order[1:]] for row in found if row[order[1:]] is not None] == expected
    assert len({row["request_id"] for row in found}) == len(found) == len(inside)


def test_the_largest_are_found_where_minutes_are_gone(database: Database) -> None:
    rows = write(database, sample(300))
    database.execute("DELETE FROM rollups WHERE resolution = 1 AND bucket < %s", (NOW.replace(tzinfo=None, hour=0),))
    inside = [row for row in rows if ns(DAY.range.start) <= row.timestamp_ns < ns(DAY.range.end)]
    page = find_requests(database, None, DAY, None, "-duration_seconds", None, 3)
    largest = sorted((row.duration for row in inside), reverse=True)[:3]
    assert [row["duration_seconds"] for row in page.requests] == largest


def test_a_cursor_of_another_question_or_a_changed_one_is_malformed(database: Database) -> None:
    write(database, sample(20))
    cursor = find_requests(database, None, DAY, None, "-timestamp", None, 5).next_cursor
    assert cursor is not None
    raw = bytearray(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    raw[-5] ^= 1
    changed = base64.urlsafe_b64encode(raw).decode()
    for bad in (changed, cursor[:-4], "x", "é", "A" * 5000, ""):
        if bad:
            with pytest.raises(Malformed):
                find_requests(database, None, DAY, None, "-timestamp", bad, 5)
    with pytest.raises(Malformed):
        find_requests(database, None, DAY, None, "timestamp", cursor, 5)
    with pytest.raises(Malformed):
        find_requests(database, None, DAY, parse_search("model:x"), "-timestamp", cursor, 5)
    for limit in (0, -1, 1001):
        with pytest.raises(Malformed):
            find_requests(database, None, DAY, limit=limit)
    with pytest.raises(Malformed):
        find_requests(database, None, DAY, order="-model")


def test_duplicates_are_shown_only_when_asked_for(database: Database) -> None:
    [row] = write(database, sample(1))
    write(database, [replace(row, span_id=b"\2" * 8, duplicate_of=row.request_id)])
    assert len(find_requests(database, None, DAY).requests) == 1
    shown = find_requests(database, None, DAY, parse_filter({"field": "duplicate_of", "op": "exists", "value": True}))
    assert [item["duplicate_of"] for item in shown.requests] == [row.request_id]


def content(prompt: str, completion: str) -> dict[str, Any]:
    return {
        "input_messages": [{"role": "user", "parts": [{"type": "text", "content": prompt}]}],
        "output_messages": [{"role": "assistant", "parts": [{"type": "text", "content": completion}]}],
    }


def test_full_text_finds_words_and_phrases_in_messages(database: Database, payloads: PayloadStore) -> None:
    rows = sample(40)
    contents = [content(f"Where is my ORDER number {i}?", "It was shipped on Monday.") for i in range(40)]
    write(database, rows[:20], payloads, contents[:20])
    write(database, rows[20:], payloads, [content("Ein schöner Tag", "ja") for _ in rows[20:]])

    def found(text: str) -> set[str]:
        page = find_requests(database, payloads, DAY, parse_search(text), limit=1000)
        assert page.next_cursor is None
        assert page.searched_until == DAY.range.start
        return {row["request_id"] for row in page.requests}

    all_ids = [row.request_id for row in rows]
    assert found("order") == set(all_ids[:20])
    assert found('"order number 7"') == {all_ids[7]}
    assert found('order shipped "on monday"') == set(all_ids[:20])
    assert found("SCHÖNER") == set(all_ids[20:])
    assert found("order schöner") == set()
    assert found("ord") == set()
    assert found("ord*") == set(all_ids[:20])
    assert found("order model:gpt-4o") == {r.request_id for r in rows[:20] if r.model == "gpt-4o"}
    assert found('"?"') == set(all_ids[:20])


def test_full_text_goes_on_by_its_cursor(
    database: Database, payloads: PayloadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write(database, sample(50), payloads, [content(f"word{i % 2}", "x") for i in range(50)])
    for budget in (3.0, -1.0):  # the second stops after every row
        monkeypatch.setattr(requests_module, "TEXT_BUDGET_SECONDS", budget)
        seen: list[str] = []
        cursor = None
        for _ in range(200):
            page = find_requests(database, payloads, DAY, parse_search("word1"), cursor=cursor, limit=4)
            assert page.searched_until is not None
            seen += [row["request_id"] for row in page.requests]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert sorted(seen) == sorted(row.request_id for row in rows[1::2])


def test_one_request_in_full(database: Database, payloads: PayloadStore) -> None:
    [row] = write(database, sample(1), payloads, [content("hello", "hi")])
    found = get_request(database, payloads, row.request_id)
    assert get_request(database, payloads, row.request_id.upper()) == found
    assert found is not None
    assert found["content"] == content("hello", "hi")
    assert found["content_missing"] is None
    assert found["attributes"] == {"gen_ai.request.model": row.model}
    assert found["timestamp"] == NOW - (NOW - datetime.fromtimestamp(0, UTC)) + timedelta(
        microseconds=row.timestamp_ns // 1000
    )
    assert found["duration_seconds"] == row.duration
    payloads.delete_day(found["timestamp"].date())
    gone = get_request(database, payloads, row.request_id)
    assert gone is not None
    assert (gone["content"], gone["content_missing"]) == (None, "gone by retention")
    for bad in ("", "x", "%", "0" * 32 + "-" + "0" * 16, "a\0b", row.request_id[:-1]):
        assert get_request(database, payloads, bad) is None


def test_messages_in_log_records_are_joined(database: Database) -> None:
    [row] = write(database, sample(1))
    record = LogRecord(
        b"r" * 16,
        row.timestamp_ns,
        row.trace_id,
        row.span_id,
        9,
        "gen_ai.user.message",
        "shop",
        "prod",
        {"content": "from a log"},
    )
    Store(database).write(WriteBatch(ns(NOW), log_records=[record]))
    found = get_request(database, None, row.request_id)
    assert found is not None
    assert found["content"] is not None
    assert found["content"]["input_messages"][0]["parts"] == [{"type": "text", "content": "from a log"}]


def make_trace(count: int, request: LLMRequest) -> list[Span]:
    rng = random.Random(4)
    root = replace(span_of(request), span_id=b"\0" * 7 + b"\1", name="root", type="chain")
    root.end_ns = root.start_ns + count * 10**6
    spans = [root]
    for number in range(2, count):
        parent = spans[rng.randrange(len(spans))].span_id
        start = root.start_ns + number * 10**6
        spans.append(
            replace(
                root,
                span_id=number.to_bytes(8, "big"),
                parent_span_id=parent,
                name=f"step {number}",
                start_ns=start,
                end_ns=start + 10**6,
            )
        )
    spans.append(replace(span_of(request), parent_span_id=spans[-1].span_id))
    return spans


def test_one_trace(database: Database, payloads: PayloadStore) -> None:
    [request] = sample(1)
    spans = make_trace(20, request)
    spans[3].events.append(SpanEvent("happened", spans[3].start_ns, {"x": 1}))
    Store(database).write(WriteBatch(ns(NOW), spans, [request]))
    found = get_trace(database, request.trace_id.hex())
    assert found is not None
    offsets = [span["offset_ns"] for span in found["spans"]]
    assert offsets == sorted(offsets)
    assert {span["span_id"] for span in found["spans"]} == {span.span_id.hex() for span in spans}
    call = next(span for span in found["spans"] if span["span_id"] == request.span_id.hex())
    assert (call["model"], call["total_tokens"]) == (request.model, request.total_tokens)
    assert found["critical_path"][0] == spans[0].span_id.hex()
    assert (found["name"], found["span_count"], found["request_count"]) == ("root", 20, 1)
    full = get_trace(database, request.trace_id.hex(), attributes=True)
    assert full is not None
    assert {str(span["attributes"]) for span in full["spans"]} == {str(span.attributes) for span in spans}
    span = get_span_content(database, payloads, request.trace_id.hex(), spans[3].span_id.hex())
    assert span is not None
    assert (span["events"][0]["name"], span["content_missing"], span["request_id"]) == (
        "happened",
        "not captured",
        None,
    )
    of_request = get_span_content(database, payloads, request.trace_id.hex(), request.span_id.hex())
    assert of_request is not None
    assert of_request["request_id"] == request.request_id
    for bad in ("", "zz", "0" * 32, "a\0"):
        assert get_trace(database, bad) is None
        assert get_span_content(database, payloads, bad, bad) is None


@pytest.mark.parametrize("order", [sign + name for name in TRACE_ORDERS for sign in ("", "-")])
def test_pages_of_traces(database: Database, order: str) -> None:
    rows = write(database, sample(60))
    seen: list[str] = []
    cursor = None
    while True:
        page = find_traces(database, DAY, None, order, cursor, 7)
        seen += [row["trace_id"] for row in page.traces]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert sorted(seen) == sorted(row.trace_id.hex() for row in rows)
    slow = find_traces(database, DAY, parse_search("duration>=1s status:error", TRACE_FIELDS), limit=1000)
    assert {r["trace_id"] for r in slow.traces} == {
        r.trace_id.hex() for r in rows if r.duration >= 1 and r.status == "error"
    }


def test_sessions_and_users(database: Database) -> None:
    rows = write(database, sample(80))
    for name, find, key in (("session_id", find_sessions, "sessions"), ("user_id", find_users, "users")):
        seen: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = find(database, DAY, None, cursor, 1)
            seen += getattr(page, key)
            cursor = page.next_cursor
            if cursor is None:
                break
        expected = {getattr(row, name) for row in rows} - {None}
        assert [item[name] for item in seen] == [
            item[name] for item in sorted(seen, key=lambda i: i["last_at"], reverse=True)
        ]
        assert {item[name] for item in seen} == expected
        for item in seen:
            members = [row for row in rows if getattr(row, name) == item[name]]
            assert item["count"] == sum(row.weight for row in members)
            assert item["total_tokens"] == sum((row.total_tokens or 0) * row.weight for row in members)
    session = get_session(database, "s/3")
    assert session is not None
    members = sorted((row for row in rows if row.session_id == "s/3"), key=lambda row: row.timestamp_ns)
    assert [row["timestamp"] for row in session["requests"]] == sorted(row["timestamp"] for row in session["requests"])
    assert len(session["requests"]) == len(members)
    user = get_user(database, "u1", DAY)
    assert user is not None
    assert user["session_count"] == len({row.session_id for row in rows if row.user_id == "u1"} - {None})
    assert get_session(database, "none") is None
    assert get_user(database, "'; --") is None


@pytest.mark.parametrize("newest", [(2, 5, 0), (1000, 0), (0,)])
@pytest.mark.parametrize("find", [find_sessions, find_users])
def test_pages_of_groups(
    database: Database, newest: tuple[int, ...], find: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "_NEWEST", newest)
    field = "session_id" if find is find_sessions else "user_id"
    rng = random.Random(4)
    rows = [replace(row, **{field: f"g{rng.randrange(25)}"}) for row in sample(300)]
    latest = max(row.timestamp_ns for row in rows)
    # many that are latest at the same moment
    rows += [replace(row, trace_id=row.trace_id[::-1], timestamp_ns=latest) for row in rows[:40]]
    write(database, rows)
    for application in (None, "shop"):
        scope = Scope(DAY.range, application)
        last: dict[str, int] = {}
        for row in rows:
            inside = ns(DAY.range.start) <= row.timestamp_ns < ns(DAY.range.end)
            if inside and row.duplicate_of is None and application in (None, row.application):
                group = str(getattr(row, field))
                last[group] = max(last.get(group, 0), row.timestamp_ns)
        found: list[str] = []
        cursor: str | None = None
        while True:
            page = find(database, scope, None, cursor, 4)
            found += [group[field] for group in getattr(page, field.removesuffix("_id") + "s")]
            if (cursor := page.next_cursor) is None:
                break
        assert found == sorted(last, key=lambda group: (last[group], group), reverse=True)
