"""Scores on the pages: where they stand, the thumb of who is signed in, and what an empty page teaches."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from sentinelops_server.model import Score, check_score
from sentinelops_server.query.requests import find_requests
from sentinelops_server.query.scope import Scope, parse_range
from sentinelops_server.query.scores import add_scores, scores_of_request, scores_of_session
from sentinelops_server.query.shapes import RequestRow
from sentinelops_server.web.guard import COOKIE

from web.conftest import HTML, Site
from web.seed import HOSTILE


def newest(site: Site, count: int = 20) -> list[RequestRow]:
    return find_requests(site.deps.database, None, Scope(parse_range("24h")), limit=count).requests


def give(site: Site, row: RequestRow, name: str, value: float | None = None, **more: object) -> None:
    now = datetime.now(UTC)
    score = Score(
        name, int(now.timestamp() * 1e9), value, trace_id=bytes.fromhex(row["trace_id"]),
        span_id=bytes.fromhex(row["span_id"]), **more,  # type: ignore[arg-type]
    )  # fmt: skip
    add_scores(site.deps.database, [check_score(score)], now)


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', text)
    assert found is not None
    return found[1]


def test_a_score_stands_on_its_request_trace_session_and_in_the_list(site: Site) -> None:
    row = next(one for one in newest(site, 200) if one["session_id"])
    give(site, row, "grounded", 0.82, comment="two of three claims", source="evaluator")
    for page in (f"/requests/{row['request_id']}", f"/traces/{row['trace_id']}?span={row['span_id']}",
                 f"/sessions/{row['session_id']}", f"/requests?q=request_id:{row['request_id']}",
                 "/scores"):  # fmt: skip
        text = site.get(page).text
        assert "grounded" in text, page
        assert "0.82" in text, page
    detail = site.get(f"/requests/{row['request_id']}").text
    assert "two of three claims" in detail
    fragment = site.get(f"/traces/{row['trace_id']}/spans/{row['span_id']}").text
    assert "two of three claims" in fragment


def test_a_person_gives_a_thumb_takes_it_back_and_says_why(site: Site) -> None:
    row = newest(site)[0]
    page = f"/requests/{row['request_id']}"
    form = {"csrf": csrf(site.get(page).text), "trace_id": row["trace_id"], "span_id": row["span_id"], "back": page}
    for thumb, comment in (("up", ""), ("down", "wrong plan, ask bob@example.com")):
        answer = site.client.post("/scores", data={**form, "thumb": thumb, "comment": comment}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, page)
    (score,) = scores_of_request(site.deps.database, row["trace_id"], row["span_id"])
    assert (score["name"], score["type"], score["value"], score["source"]) == ("helpful", "boolean", 0.0, "human")
    assert score["comment"] == "wrong plan, ask [email]"
    assert "thumb down" in site.get(page).text


def test_a_session_is_commented_on(site: Site) -> None:
    row = next(one for one in newest(site, 200) if one["session_id"])
    token = csrf(site.get(f"/sessions/{row['session_id']}").text)
    data = {"csrf": token, "session_id": row["session_id"], "comment": "went in circles", "back": "//elsewhere"}
    answer = site.client.post("/scores", data=data, follow_redirects=False)
    assert answer.headers["location"] == "/"
    (score,) = scores_of_session(site.deps.database, str(row["session_id"]))
    assert (score["type"], score["comment"], score["value"]) == ("comment", "went in circles", None)


@pytest.mark.parametrize(
    "wrong",
    [{"csrf": "0" * 64}, {"thumb": "", "comment": " "}, {"trace_id": "xyz"}, {"trace_id": ""}, {"name": ""}],
    ids=["forged", "nothing", "no id", "about nothing", "no name"],
)
def test_a_form_that_cannot_be_taken_changes_nothing(site: Site, wrong: dict[str, str]) -> None:
    row = newest(site)[0]
    page = f"/requests/{row['request_id']}"
    form = {"csrf": csrf(site.get(page).text), "trace_id": row["trace_id"], "thumb": "up", "back": page, **wrong}
    answer = site.client.post("/scores", data=form, headers=HTML, follow_redirects=False)
    if wrong == {"name": ""}:  # an empty field is one that was not filled in
        assert answer.status_code == 303
        return
    assert answer.status_code == (403 if "csrf" in wrong else 400)
    assert scores_of_request(site.deps.database, row["trace_id"], row["span_id"]) == []


def test_who_is_not_signed_in_gives_nothing(site: Site) -> None:
    with TestClient(site.app) as stranger:
        stranger.cookies.delete(COOKIE) if COOKIE in stranger.cookies else None
        assert stranger.post("/scores", data={"thumb": "up"}, follow_redirects=False).status_code == 401


def test_the_page_shows_each_kind_of_score(site: Site) -> None:
    rows = newest(site)
    for number, row in enumerate(rows[:12]):
        give(site, row, "grounded", number / 12, comment=HOSTILE if number == 0 else None)
        give(site, row, "helpful", float(number % 3 > 0), type="boolean", source="user")
        give(site, row, "tone", label=("warm", "cold", HOSTILE)[number % 3])
    for name, said in (("grounded", "on average"), ("helpful", "67 %"), ("tone", "was given 12 times")):
        text = site.get(f"/scores?name={name}").text
        assert said in text, name
        assert "distribution" in text
        assert "<script>window" not in text
    text = site.get("/scores?name=grounded&by=application").text
    assert "Scored lowest" in text
    assert f"/traces/{rows[0]['trace_id']}?span={rows[0]['span_id']}" in text
    assert "score%3Agrounded" in text or "score:grounded" in text
    found = site.get("/requests?q=score:helpful:false").text
    assert found.count("data-id=") == 4


def test_a_score_that_waits_says_so(bare: Site) -> None:
    now = datetime.now(UTC)
    early = Score("early", int(now.timestamp() * 1e9), 1.0, trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    add_scores(bare.deps.database, [check_score(early)], now)
    text = bare.get("/scores").text
    assert "1 waiting" in text
    assert "has not arrived" in text


def test_an_empty_page_teaches(bare: Site) -> None:
    text = bare.get("/scores").text
    assert "Nothing is scored" in text
    assert "sentinelops.score(" in text
