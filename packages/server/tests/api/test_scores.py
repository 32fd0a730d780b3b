"""Scores through the API: who may write them, what is refused by name, and that sending again changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from random_requests import NOW, sample, write
from sentinelops_server.access.keys import Keys
from sentinelops_server.api.app import api_app
from sentinelops_server.api.deps import ApiDeps
from sentinelops_server.model import LLMRequest
from sentinelops_server.storage.postgres.database import Database
from starlette.testclient import TestClient


class Door:
    def __init__(self, database: Database) -> None:
        keys = Keys(database, lambda: NOW)
        self.keys = {scope: keys.create(scope, [scope])[1] for scope in ("ingest", "read", "admin")}
        deps = ApiDeps(database, None, keys, clock=lambda: NOW)
        self.client = TestClient(api_app(deps), raise_server_exceptions=False)
        self.rows: list[LLMRequest] = write(database, sample(5))

    def ask(self, method: str, path: str, body: Any = None, scope: str = "read") -> Any:
        return self.client.request(method, path, json=body, headers={"X-API-Key": self.keys[scope]})

    def post(self, body: Any, scope: str = "ingest") -> Any:
        return self.ask("POST", "/scores", body, scope)


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_one_score_of_a_request_is_there_at_once_and_again_changes_nothing(door: Door) -> None:
    row = door.rows[0]
    said = {
        "name": "helpful",
        "value": True,
        "request_id": row.request_id,
        "comment": "thanks, bob@example.com",
        "user_id": "u-7",
    }
    made = door.post(said)
    assert made.status_code == 201, made.text
    (result,) = made.json()["scores"]
    assert result["changed"] is True
    assert door.post(said).json()["scores"] == [{**result, "changed": False}]
    (shown,) = door.ask("GET", f"/requests/{row.request_id}").json()["scores"]
    assert shown == {
        "score_id": result["score_id"], "timestamp": shown["timestamp"], "updated_at": shown["updated_at"],
        "name": "helpful", "type": "boolean", "value": 1.0, "label": None, "comment": "thanks, [email]",
        "source": "app", "scope": "span", "trace_id": row.trace_id.hex(), "span_id": row.span_id.hex(),
        "session_id": None, "response_id": None, "application": row.application, "environment": row.environment,
        "user_id": "u-7", "metadata": {}, "pending": False,
    }  # fmt: skip
    assert door.ask("GET", f"/traces/{row.trace_id.hex()}").json()["scores"] == [shown]
    changed = door.post({**said, "value": False})
    assert changed.json()["scores"] == [result]
    assert [one["value"] for one in door.ask("GET", "/scores?name=helpful").json()["scores"]] == [0.0]


def test_a_list_names_what_it_could_not_take_and_stores_the_rest(door: Door) -> None:
    trace = door.rows[1].trace_id.hex()
    answer = door.post({
        "scores": [
            {"name": "a", "value": 1, "trace_id": trace},
            {"name": "b", "trace_id": trace},
            {"name": "c", "value": "high", "trace_id": trace},
            {"name": "d", "value": 1},
            {"name": "e", "value": 1, "trace_id": "xyz"},
            {"name": "f", "value": 1, "span_id": "0" * 16},
            {"name": "g", "value": 1, "trace_id": trace, "request_id": door.rows[1].request_id},
            {"name": "h", "label": "warm", "session_id": "s1", "metadata": {"run": 7}},
            {"value": 1, "trace_id": trace, "more": 1},
            7,
            {"name": "i", "value": 1, "trace_id": trace, "timestamp": "2026-11-25T00:00:00Z"},
            {"name": "j", "value": 1, "trace_id": trace, "timestamp": "yesterday"},
        ]
    })  # fmt: skip
    assert answer.status_code == 201
    found = answer.json()
    assert [one["index"] for one in found["scores"]] == [0, 7]
    assert sorted({one["index"] for one in found["errors"]}) == [1, 2, 3, 4, 5, 6, 8, 9, 10, 11]
    details = {one["index"]: one["detail"] for one in found["errors"]}
    assert details[1] == "the score 'b' says nothing: give a value, a label or a comment"
    assert "about nothing" in details[3]
    assert "32" in details[4]
    assert {one["pointer"] for one in found["errors"] if one["index"] == 8} == {"/scores/8/name", "/scores/8/more"}
    assert {one["name"] for one in door.ask("POST", "/scores/query", {"limit": 1000}).json()["scores"]} == {"a", "h"}
    none = door.post({"scores": [{"name": "b", "trace_id": trace}]})
    assert (none.status_code, none.headers["content-type"]) == (422, "application/problem+json")
    assert none.json()["errors"][0]["pointer"] == "/scores/0"
    for wrong in ({"scores": []}, {"scores": 1}, {"scores": [{}] * 1001}):
        assert door.post(wrong).status_code == 400


def test_who_may_write_and_delete(door: Door) -> None:
    said = {"name": "a", "value": 1, "session_id": "s1", "id": "mine/1"}
    assert door.post(said, "read").status_code == 403
    assert door.client.post("/scores", json=said).status_code == 401
    assert door.post(said, "admin").status_code == 201
    assert [one["score_id"] for one in door.ask("GET", "/sessions/s1").json()["scores"]] == ["mine/1"]
    assert door.ask("DELETE", "/scores/mine/1", scope="ingest").status_code == 403
    assert door.ask("DELETE", "/scores/mine/1", scope="admin").json() == {"deleted": "mine/1"}
    assert door.ask("DELETE", "/scores/mine/1", scope="admin").status_code == 404
    assert door.ask("GET", "/sessions/s1").json()["scores"] == []


def test_a_score_of_what_has_not_arrived_and_of_an_answer(door: Door, database: Database) -> None:
    door.post({"name": "early", "value": 0.5, "trace_id": "ab" * 16, "application": "shop"})
    door.post({"name": "answer", "value": 0.5, "response_id": "chatcmpl-1"})
    shown = {one["name"]: one for one in door.ask("GET", "/scores").json()["scores"]}
    assert (shown["early"]["scope"], shown["early"]["pending"]) == ("trace", False)
    assert (shown["answer"]["scope"], shown["answer"]["pending"], shown["answer"]["trace_id"]) == ("span", True, None)


def test_means_by_model_and_over_time_through_the_api(door: Door) -> None:
    for row in door.rows:
        door.post({"name": "right", "value": 0.5, "request_id": row.request_id})
    body = {"range": "24h", "metrics": ["count", "avg_score.right"], "group_by": ["model"]}
    results = door.ask("POST", "/metrics/aggregated", body).json()["results"]
    assert {row["avg_score.right"] for row in results} == {0.5}
    assert sum(row["count"] for row in results) == sum(row.weight for row in door.rows)
    series = door.ask(
        "POST", "/metrics/timeseries", {"metrics": ["avg_score.right"], "search": "score:right>0.4"}
    ).json()
    assert {value for value in series["series"][0]["values"]["avg_score.right"]} == {None, 0.5}
    found = door.ask("POST", "/requests/query", {"filter": {"field": "score.right", "op": "lt", "value": 0.5}}).json()
    assert found["requests"] == []
