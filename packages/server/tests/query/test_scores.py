"""Scores in questions: filters, groups, means and series, against the same computed by hand; lists and distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from random_requests import NOW, ns, sample, write
from sentinelops_server.errors import Malformed
from sentinelops_server.jobs.retention import RetentionConfig, run_retention
from sentinelops_server.model import LLMRequest, Score, check_score
from sentinelops_server.query.aggregate import aggregate
from sentinelops_server.query.filters import TRACE_FIELDS, parse_filter, parse_search
from sentinelops_server.query.requests import find_requests
from sentinelops_server.query.scope import Scope, TimeRange
from sentinelops_server.query.scores import (
    SCORE_FIELDS,
    add_scores,
    find_scores,
    marks_of,
    remove_score,
    score_groups,
    score_names,
    scores_of_request,
    scores_of_session,
    scores_of_trace,
)
from sentinelops_server.query.timeseries import timeseries
from sentinelops_server.query.traces import find_traces
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.scores import settle_scores

DAY = Scope(TimeRange(NOW - timedelta(days=1), NOW + timedelta(minutes=1)))


def score(row: LLMRequest | None, name: str, value: float | None = None, **more: Any) -> Score:
    place = {} if row is None else {"trace_id": row.trace_id, "span_id": row.span_id}
    return check_score(Score(name, ns(NOW), value, **{**place, **more}))


@pytest.fixture
def scored(database: Database) -> tuple[Database, list[LLMRequest], dict[str, float]]:
    """Sixty requests, weighted, children of a span; of every third the number `right`, of each a thumb or none."""
    rows = [replace(row, weight=1.0 + number % 3) for number, row in enumerate(sample(60))]
    write(database, rows)
    database.execute("UPDATE spans SET parent_span_id = '\\x0102030405060708'")
    values = {row.request_id: (number % 10) / 10 for number, row in enumerate(rows) if number % 3 == 0}
    scores = [score(row, "right", values[row.request_id]) for row in rows if row.request_id in values]
    scores += [score(row, "thumb", float(n % 2), type="boolean") for n, row in enumerate(rows) if n % 4]
    scores += [score(row, "tone", label=("warm", "cold")[n % 2]) for n, row in enumerate(rows) if n % 5 == 0]
    assert len(add_scores(database, scores, NOW)) == len(scores)
    return database, rows, values


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("score.right<0.5", lambda n: n % 3 == 0 and n % 10 < 5),
        ("score:right<0.5", lambda n: n % 3 == 0 and n % 10 < 5),
        ("score:right>=0.5", lambda n: n % 3 == 0 and n % 10 >= 5),
        ("score.right:0.2..0.4", lambda n: n % 3 == 0 and 2 <= n % 10 <= 4),
        ("score:right", lambda n: n % 3 == 0),
        ("-score:right", lambda n: n % 3 != 0),
        ("score.right:*", lambda n: n % 3 == 0),
        ("score.right:0.3", lambda n: n % 3 == 0 and n % 10 == 3),
        ("score:thumb:true", lambda n: n % 4 and n % 2),
        ("score.thumb:false", lambda n: n % 4 and not n % 2),
        ("score.tone:warm,cold", lambda n: n % 5 == 0),
        ("score.tone:wa*", lambda n: n % 10 == 0),
        ("-score.tone:warm", lambda n: n % 10 != 0),
        ("score:*", lambda n: n % 3 == 0 or n % 4 or n % 5 == 0),
    ],
)
def test_requests_are_found_by_their_scores(
    scored: tuple[Database, list[LLMRequest], Any], text: str, holds: Callable[[int], bool]
) -> None:
    database, rows, _ = scored
    found = find_requests(database, None, DAY, parse_search(text), limit=100).requests
    assert {row["request_id"] for row in found} == {row.request_id for n, row in enumerate(rows) if holds(n)}
    traces = find_traces(database, DAY, parse_search(text, TRACE_FIELDS), limit=100).traces
    assert {row["trace_id"] for row in traces} == {row.trace_id.hex() for n, row in enumerate(rows) if holds(n)}


def test_what_cannot_be_asked_of_a_score(database: Database) -> None:
    for wrong in ("score.right:", "score:right<x", "score.<1"):
        with pytest.raises(Malformed):
            parse_search(wrong)
    with pytest.raises(Malformed, match="takes one score"):
        parse_filter({"field": "score", "op": "eq", "value": 1})
    with pytest.raises(Malformed, match=r"score\.NAME"):
        aggregate(database, DAY, ["scores.x"], ["count"])


def test_means_are_weighted_and_grouped_and_the_unscored_are_not_zero(
    scored: tuple[Database, list[LLMRequest], dict[str, float]],
) -> None:
    database, rows, values = scored
    wanted = {}
    for model in {row.model for row in rows}:
        pairs = [
            (row.weight, values[row.request_id]) for row in rows if row.model == model and row.request_id in values
        ]
        total = sum(weight for weight, _ in pairs)
        wanted[model] = (
            sum(row.weight for row in rows if row.model == model),
            total,
            pytest.approx(sum(weight * value for weight, value in pairs) / total) if total else None,
            max((value for _, value in pairs), default=None),
        )
    metrics = ["count", "count_score.right", "avg_score.right", "max_score.right"]
    found = {row["model"]: tuple(row[name] for name in metrics) for row in aggregate(database, DAY, ["model"], metrics)}
    assert found == wanted
    alone = {row["model"]: row["avg_score.right"] for row in aggregate(database, DAY, ["model"], ["avg_score.right"])}
    assert alone == {model: known[2] for model, known in wanted.items() if known[1]}


def test_the_share_of_thumbs_up_and_groups_by_score(scored: tuple[Database, list[LLMRequest], Any]) -> None:
    database, rows, _ = scored
    given = [(row.weight, n % 2) for n, row in enumerate(rows) if n % 4]
    (row,) = aggregate(database, DAY, [], ["avg_score.thumb"])
    assert row["avg_score.thumb"] == pytest.approx(sum(w * up for w, up in given) / sum(w for w, _ in given))
    by = {row["score.thumb"]: row["count"] for row in aggregate(database, DAY, ["score.thumb"], ["count"])}
    assert by == {
        "true": sum(w for w, up in given if up),
        "false": sum(w for w, up in given if not up),
        None: sum(row.weight for n, row in enumerate(rows) if not n % 4),
    }
    tones = {row["score.tone"]: row["count"] for row in aggregate(database, DAY, ["score.tone"], ["count"])}
    assert tones["warm"] == sum(row.weight for n, row in enumerate(rows) if n % 10 == 0)
    tenths = {row["score.right"] for row in aggregate(database, DAY, ["score.right"], ["count"])}
    assert tenths == {None, "0", *(f"0.{n}..0.{n + 1}" for n in range(1, 9)), "0.9..1.0"}


def test_a_mean_over_time_beside_a_percentile(scored: tuple[Database, list[LLMRequest], dict[str, float]]) -> None:
    database, rows, values = scored
    found = timeseries(database, DAY, ["avg_score.right", "count_score.right"], (), 3600)
    (line,) = found["series"]
    for start, mean, count in zip(
        found["timestamps"], line["values"]["avg_score.right"], line["values"]["count_score.right"], strict=True
    ):
        pairs = [
            (row.weight, values[row.request_id])
            for row in rows
            if row.request_id in values and ns(start) <= row.timestamp_ns < ns(start + timedelta(hours=1))
        ]
        assert count == sum(weight for weight, _ in pairs)
        assert mean == (pytest.approx(sum(w * v for w, v in pairs) / sum(w for w, _ in pairs)) if pairs else None)
    both = timeseries(database, DAY, ["p95_duration_seconds"], ["score.thumb"], 86400)
    assert {item["labels"]["score.thumb"] for item in both["series"]} == {"true", "false", None}


def test_a_score_of_the_trace_or_its_root_holds_for_every_call_in_it(database: Database) -> None:
    one, two, other = sample(3)
    rows = [one, replace(two, trace_id=one.trace_id), other]
    write(database, rows)
    database.execute("UPDATE spans SET parent_span_id = '\\x0102030405060708' WHERE span_id <> %s", [one.span_id])
    add_scores(database, [score(None, "all", 0.5, trace_id=one.trace_id), score(one, "root", 1.0), score(two, "own", 1.0,
               trace_id=one.trace_id)], NOW)  # fmt: skip

    def found(text: str) -> set[str]:
        page = find_requests(database, None, DAY, parse_search(text)).requests
        return {row["request_id"] for row in page}

    assert found("score:all") == found("score:root") == {rows[0].request_id, rows[1].request_id}
    assert found("score:own") == {rows[1].request_id}
    names = [[s["name"] for s in scores_of_request(database, row.trace_id.hex(), row.span_id.hex())] for row in rows]
    assert names == [["all", "root"], ["all", "own", "root"], []]
    marks = marks_of(database, find_requests(database, None, DAY).requests)
    assert {key: [s["name"] for s in value] for key, value in marks.items()} == {
        rows[0].request_id: ["all", "root"],
        rows[1].request_id: ["all", "own", "root"],
    }
    assert [s["name"] for s in scores_of_trace(database, one.trace_id.hex())] == ["all", "own", "root"]
    assert scores_of_trace(database, "nonsense") == []


def test_a_page_of_scores_and_the_next(scored: tuple[Database, list[LLMRequest], Any]) -> None:
    database, rows, values = scored
    filter = parse_filter({"field": "name", "op": "eq", "value": "right"}, SCORE_FIELDS)
    for order in ("-timestamp", "value", "-value"):
        seen: list[Any] = []
        cursor = None
        while True:
            page = find_scores(database, DAY, filter, order, cursor, 7)
            seen += page.scores
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len({one["score_id"] for one in seen}) == len(seen) == len(values)
        numbers = [one["value"] for one in seen]
        if order != "-timestamp":
            assert numbers == sorted(values.values(), reverse=order.startswith("-"))
    elsewhere = replace(DAY, application="nowhere")
    assert find_scores(database, elsewhere).scores == []
    assert {one["application"] for one in find_scores(database, DAY, limit=500).scores} == {r.application for r in rows}


def test_names_and_distributions(scored: tuple[Database, list[LLMRequest], dict[str, float]]) -> None:
    database, _, values = scored
    names = {one["name"]: one for one in score_names(database, DAY)}
    assert list(names) == ["thumb", "right", "tone"]
    assert names["right"]["average"] == pytest.approx(sum(values.values()) / len(values))
    assert (names["thumb"]["thumbs"], names["thumb"]["average"]) == (True, pytest.approx(30 / 45))
    assert (names["tone"]["average"], names["tone"]["labelled"]) == (None, 12)
    groups = score_groups(database, DAY, "right")
    assert [(g["low"], g["count"]) for g in groups] == [
        (pytest.approx(n / 10), sum(1 for v in values.values() if round(v * 10) == n)) for n in range(10)
    ]
    assert {g["label"]: g["count"] for g in score_groups(database, DAY, "tone")} == {"warm": 6, "cold": 6}
    assert {g["label"]: g["count"] for g in score_groups(database, DAY, "thumb")} == {"true": 30, "false": 15}
    assert score_groups(database, DAY, "nothing") == []


def test_marks_beyond_one_have_steps_of_their_own(database: Database) -> None:
    add_scores(database, [score(None, "stars", float(n), session_id=f"s{n}") for n in (1, 3, 5)], NOW)
    add_scores(database, [score(None, "flat", 42.0, session_id="s")], NOW)
    assert [g["count"] for g in score_groups(database, DAY, "stars")] == [0, 1, 0, 1, 1]
    assert sum(g["count"] for g in score_groups(database, DAY, "flat")) == 1


def test_a_session_score_knows_its_application(database: Database) -> None:
    write(database, rows := [row for row in sample(20) if row.session_id == "s1"])
    add_scores(database, [score(None, "nps", 9.0, session_id="s1"), score(None, "nps", 1.0, session_id="new")], NOW)
    (one,) = scores_of_session(database, "s1")
    assert (one["scope"], one["value"], one["pending"]) == ("session", 9.0, False)
    assert one["application"] in {row.application for row in rows}
    (unknown,) = scores_of_session(database, "new")
    assert unknown["application"] is None


def test_a_score_goes_when_its_time_is_over_or_when_it_is_deleted(database: Database) -> None:
    old = replace(score(None, "x", 1.0, session_id="s"), timestamp_ns=ns(NOW - timedelta(days=91)))
    add_scores(database, [old, score(None, "y", 1.0, session_id="s", id="mine")], NOW)
    report = run_retention(database, None, RetentionConfig(), NOW)
    assert report.scores == 1
    assert [one["name"] for one in scores_of_session(database, "s")] == ["y"]
    assert remove_score(database, "mine")
    assert not remove_score(database, "mine")
    assert scores_of_session(database, "s") == []


def test_a_score_and_its_span_that_did_not_see_each_other_are_brought_together(database: Database) -> None:
    (row,) = write(database, sample(1))
    add_scores(database, [score(row, "x", 1.0)], NOW)
    database.execute("UPDATE scores SET pending = true, application = NULL, of_trace = false")
    with database.transaction() as transaction:
        assert settle_scores(transaction, ns(NOW)) == 1
        assert settle_scores(transaction, ns(NOW)) == 0
    (found,) = scores_of_trace(database, row.trace_id.hex())
    assert (found["application"], found["pending"]) == (row.application, False)
