"""The REST API through its own application: who may ask, what is answered, and how it refuses."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from random_requests import NOW, sample, write
from sentinelops_server.access.keys import Keys
from sentinelops_server.access.sessions import Sessions
from sentinelops_server.api.app import api_app
from sentinelops_server.api.config import ApiConfig
from sentinelops_server.api.deps import ApiDeps
from sentinelops_server.api.guards import RateLimiter
from sentinelops_server.errors import Overloaded
from sentinelops_server.model import LLMRequest
from sentinelops_server.storage.postgres.database import Database, PostgresConfig
from starlette.testclient import TestClient

READS = [
    ("GET", "/metrics/summary", None),
    ("POST", "/metrics/query", {"metrics": ["count"]}),
    ("POST", "/metrics/aggregated", {"metrics": ["count"], "group_by": ["model"]}),
    ("POST", "/metrics/timeseries", {"metrics": ["count"]}),
    ("POST", "/requests/query", {}),
    ("GET", "/requests/export", None),
    ("GET", "/requests/{request_id}", None),
    ("POST", "/traces/query", {}),
    ("GET", "/traces/{trace_id}", None),
    ("GET", "/traces/{trace_id}/spans/{span_id}", None),
    ("POST", "/sessions/query", {}),
    ("GET", "/sessions/s1", None),
    ("POST", "/users/query", {}),
    ("GET", "/users/u1", None),
    ("POST", "/anomalies/query", {}),
    ("GET", "/models", None),
    ("GET", "/applications", None),
    ("GET", "/ledger", None),
    ("GET", "/prices", None),
    ("GET", "/scores", None),
    ("POST", "/scores/query", {}),
]
ADMINS = [
    ("GET", "/keys", None, 200),
    ("POST", "/keys", {"name": "x", "scopes": ["read"]}, 201),
    ("POST", "/keys/{key_id}/rotate", {"grace_seconds": 5}, 201),
    ("DELETE", "/keys/{key_id}", None, 200),
    ("POST", "/prices", {"model": "m", "prices": {"input": "1"}}, 201),
]


@dataclass
class Door:
    client: TestClient
    keys: dict[str, str]
    rows: list[LLMRequest]
    deps: ApiDeps
    reloads: list[int]

    def ask(self, method: str, path: str, body: Any = None, scope: str | None = "read", **more: Any) -> Any:
        headers = {"X-API-Key": self.keys[scope]} if scope else {}
        headers |= more.pop("headers", {})
        return self.client.request(method, path, json=body, headers=headers, **more)


def make(database: Database, config: ApiConfig | None = None) -> Door:
    keys = Keys(database, lambda: NOW)
    secrets = {scope: keys.create(scope, [scope])[1] for scope in ("ingest", "read", "admin")}
    reloads: list[int] = []
    deps = ApiDeps(
        database,
        None,
        keys,
        Sessions(database, lambda: NOW),
        None,
        lambda: NOW,
        config or ApiConfig(),
        lambda: reloads.append(1),
    )
    return Door(
        TestClient(api_app(deps), raise_server_exceptions=False), secrets, write(database, sample(60)), deps, reloads
    )


@pytest.fixture
def door(database: Database) -> Door:
    return make(database)


def fill(path: str, door: Door) -> str:
    row = next(row for row in door.rows if row.session_id == "s1")
    key_id = door.deps.keys.create("victim", ["ingest"])[0].key_id if "{key_id}" in path else ""
    return path.format(request_id=row.request_id, trace_id=row.trace_id.hex(), span_id=row.span_id.hex(), key_id=key_id)


def is_problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = response.json()
    assert found["status"] == status
    assert found["title"]
    assert found["detail"]
    assert "Traceback" not in response.text
    return found


def test_who_may_read(door: Door) -> None:
    for method, path, body in READS:
        url = fill(path, door)
        assert door.ask(method, url, body).status_code == 200, path
        assert door.ask(method, url, body, "admin").status_code == 200, path
        is_problem(door.ask(method, url, body, "ingest"), 403)
        refused = door.ask(method, url, body, None)
        is_problem(refused, 401)
        assert refused.headers["www-authenticate"].startswith("Bearer")


def test_who_may_administer(door: Door) -> None:
    for method, path, body, status in ADMINS:
        assert door.ask(method, fill(path, door), body, "admin").status_code == status, path
        for scope in ("read", "ingest"):
            is_problem(door.ask(method, fill(path, door), body, scope), 403)
        is_problem(door.ask(method, fill(path, door), body, None), 401)


def test_a_bearer_token_is_as_good(door: Door) -> None:
    bearer = {"Authorization": f"bearer {door.keys['read']}"}
    assert door.ask("GET", "/models", scope=None, headers=bearer).status_code == 200
    is_problem(door.ask("GET", "/models", scope=None, headers={"Authorization": "Basic eDp5"}), 401)


def test_a_signed_in_browser_may_read_but_not_post(door: Door) -> None:
    assert door.deps.sessions is not None
    token = door.deps.sessions.create(["read", "admin"])
    cookie = {"Cookie": f"sentinelops_session={token}"}
    assert door.ask("GET", "/requests/export", scope=None, headers=cookie).status_code == 200
    is_problem(door.ask("POST", "/requests/query", {}, None, headers=cookie), 401)
    is_problem(door.ask("POST", "/keys", {"name": "x", "scopes": ["admin"]}, None, headers=cookie), 401)


def test_summary_and_aggregates(door: Door) -> None:
    weight = sum(row.weight for row in door.rows)
    found = door.ask("GET", "/metrics/summary?range=24h&compare=true").json()
    assert found["count"] == weight
    assert found["previous"]["count"] == 0
    assert found["start"] == "2026-11-21T12:34:56.789012Z"
    rows = door.ask(
        "POST", "/metrics/aggregated", {"metrics": ["count", "p95_duration_seconds"], "group_by": ["model"]}
    ).json()
    assert sum(row["count"] for row in rows["results"]) == weight
    series = door.ask(
        "POST", "/metrics/timeseries", {"metrics": ["count"], "search": "model:gpt-4o", "range": "1d"}
    ).json()
    assert sum(series["series"][0]["values"]["count"]) == sum(row.weight for row in door.rows if row.model == "gpt-4o")


def test_lists_details_and_etags(door: Door) -> None:
    first = door.ask("POST", "/requests/query", {"limit": 40, "order": "-duration_seconds"}).json()
    second = door.ask(
        "POST", "/requests/query", {"limit": 40, "order": "-duration_seconds", "cursor": first["next_cursor"]}
    ).json()
    assert len({row["request_id"] for row in first["requests"] + second["requests"]}) == 60
    assert second["next_cursor"] is None
    path = f"/requests/{first['requests'][0]['request_id']}"
    one = door.ask("GET", path)
    assert one.json()["duration_seconds"] == first["requests"][0]["duration_seconds"]
    again = door.ask("GET", path, headers={"If-None-Match": one.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    trace = door.ask("GET", f"/traces/{one.json()['trace_id']}").json()
    assert isinstance(trace["spans"], list)
    assert trace["spans"][0]["model"] == one.json()["model"]
    assert door.ask("GET", "/sessions/s%2F3").json()["session_id"] == "s/3"
    for missing in (
        "/requests/x",
        "/traces/x",
        f"/traces/{'0' * 32}/spans/x",
        "/sessions/none",
        "/users/none",
        "/anomalies/none",
    ):
        is_problem(door.ask("GET", missing), 404)


def test_exports(door: Door) -> None:
    hostile = replace(sample(1, seed=50)[0], user_id="=HYPERLINK(1)", session_id='a"b,\n', prompt_preview="+1")
    write(door.deps.database, [hostile])
    text = door.ask("GET", "/requests/export?format=csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert len(rows) == 61
    [found] = [row for row in rows if row["request_id"] == hostile.request_id]
    assert (found["user_id"], found["session_id"], found["prompt_preview"]) == ("'=HYPERLINK(1)", 'a"b,\n', "'+1")
    assert found["estimated_cost"] == ("" if hostile.estimated_cost is None else repr(float(hostile.estimated_cost)))
    assert "attachment" in text.headers["content-disposition"]
    lines = door.ask("GET", "/requests/export?format=jsonl&search=model:gpt-4o").text.splitlines()
    assert {json.loads(line)["request_id"] for line in lines} == {
        row.request_id for row in [*door.rows, hostile] if row.model == "gpt-4o"
    }
    is_problem(door.ask("GET", "/requests/export?search=cost>x"), 400)
    is_problem(door.ask("GET", "/requests/export?format=exe"), 422)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("PUT", "/models", None, 405),
        ("GET", "/requests/query/", None, 404),
        ("GET", "/metrics/summary?range=xyz", None, 400),
        ("GET", "/metrics/summary?range=1h&start=2026-01-01T00:00:00Z", None, 400),
        ("GET", "/metrics/summary?end=2026-01-01T00:00:00Z", None, 400),
        ("GET", "/metrics/summary?application=%00", None, 400),
        ("GET", "/metrics/summary?nope=1", None, 422),
        ("GET", "/sessions/a%00b", None, 400),
        ("POST", "/requests/query", {"limit": 0}, 422),
        ("POST", "/requests/query", {"limit": "5"}, 422),
        ("POST", "/requests/query", {"limit": 10**30}, 422),
        ("POST", "/requests/query", {"nope": 1}, 422),
        ("POST", "/requests/query", {"filter": "x"}, 422),
        ("POST", "/requests/query", {"filter": {"field": "model", "op": "eq", "value": "\0"}}, 400),
        ("POST", "/requests/query", {"filter": {"field": "x'; --", "op": "eq", "value": 1}}, 400),
        ("POST", "/requests/query", {"cursor": "abc"}, 400),
        ("POST", "/requests/query", {"order": "1; DROP TABLE spans"}, 400),
        ("POST", "/metrics/query", {}, 422),
        ("POST", "/metrics/query", {"metrics": ["x"]}, 400),
        ("POST", "/metrics/aggregated", {"metrics": ["count"]}, 422),
        ("POST", "/metrics/timeseries", {"metrics": ["count"], "interval_seconds": 1}, 400),
        ("POST", "/traces/query", {"search": "\ud800"}, 422),
    ],
)
def test_every_refusal_is_a_problem(door: Door, method: str, path: str, body: Any, status: int) -> None:
    content = json.dumps(body).encode() if body is not None else None
    headers = {"X-API-Key": door.keys["read"], "Content-Type": "application/json"}
    found = is_problem(door.client.request(method, path, content=content, headers=headers), status)
    if status == 422:
        assert found["errors"]
        assert all("pointer" in error or "parameter" in error for error in found["errors"])


def test_bodies_that_are_no_json_or_too_deep_or_too_large(door: Door) -> None:
    headers = {"X-API-Key": door.keys["read"], "Content-Type": "application/json"}
    for content, statuses in (
        (b"{", {400, 422}),
        (b"\xff", {400, 422}),
        (b"[" * 100_000, {400, 422}),
        (b'{"filter": ' + b'{"not":' * 5000 + b"{}" + b"}" * 5000 + b"}", {400, 422}),
        (b'{"limit": NaN}', {400, 422}),
        (b'{"search": "' + b"x" * 2_000_000 + b'"}', {413}),
    ):
        response = door.client.post("/requests/query", content=content, headers=headers)
        assert response.status_code in statuses, content[:20]
        is_problem(response, response.status_code)


def test_a_pointer_names_the_place(door: Door) -> None:
    found = is_problem(door.ask("POST", "/requests/query", {"limit": 0}), 422)
    assert found["errors"][0]["pointer"] == "/limit"
    found = is_problem(door.ask("GET", "/metrics/summary?compare=perhaps"), 422)
    assert found["errors"][0]["parameter"] == "compare"


def test_too_many_requests_are_told_when_to_return(database: Database) -> None:
    door = make(database, ApiConfig(rate_per_second=0.001, rate_burst=3))
    answers = [door.ask("GET", "/models") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[0].headers["ratelimit"].startswith('"key";r=2')
    is_problem(answers[3], 429)
    assert int(answers[3].headers["retry-after"]) > 100
    assert door.ask("GET", "/models", scope="admin").status_code == 200


def test_the_limit_can_be_off(database: Database) -> None:
    door = make(database, ApiConfig(rate_per_second=0, rate_burst=1))
    assert {door.ask("GET", "/keys", scope="read").status_code for _ in range(5)} == {403}


def test_buckets_fill_again() -> None:
    now = [0.0]
    limiter = RateLimiter(2, 3, lambda: now[0])
    for _ in range(3):
        limiter.take("a")
    with pytest.raises(Overloaded) as refused:
        limiter.take("a")
    assert refused.value.retry_after_seconds == pytest.approx(0.5)
    limiter.take("b")
    now[0] = 0.5
    limiter.take("a")


def test_keys_and_prices_through_the_api(door: Door) -> None:
    made = door.ask("POST", "/keys", {"name": "ci", "scopes": ["read"]}, "admin").json()
    assert door.client.get("/models", headers={"X-API-Key": made["key"]}).status_code == 200
    assert made["key"] not in door.ask("GET", "/keys", scope="admin").text
    assert door.ask("DELETE", f"/keys/{made['key_id']}", scope="admin").status_code == 200
    assert door.client.get("/models", headers={"X-API-Key": made["key"]}).status_code == 401
    price = door.ask(
        "POST", "/prices", {"provider": "openai", "model": "m", "prices": {"input": "1.5"}}, "admin"
    ).json()
    assert door.ask("GET", "/prices").json()["prices"][0]["prices"] == {"input": "1.5"}
    assert door.ask("DELETE", f"/prices/{price['id']}", scope="admin").status_code == 200
    is_problem(door.ask("DELETE", f"/prices/{price['id']}", scope="admin"), 404)
    is_problem(door.ask("DELETE", "/prices/99999999999", scope="admin"), 422)
    is_problem(door.ask("POST", "/prices", {"model": "m", "prices": {"inputs": 1}}, "admin"), 400)
    assert len(door.reloads) == 2


def test_health_is_open_and_honest(door: Door) -> None:
    up = door.ask("GET", "/health", scope=None)
    assert (up.status_code, up.json()["status"], up.json()["database"]) == (200, "ok", "ok")


@pytest.fixture
def away() -> Iterator[Database]:
    config = PostgresConfig("postgresql://nobody@127.0.0.1:1/none", pool_min=0, connect_timeout_seconds=0.2)
    with Database(config) as database:
        yield database


def test_a_database_that_is_away_is_503(away: Database) -> None:
    deps = ApiDeps(away, None, Keys(away))
    client = TestClient(api_app(deps), raise_server_exceptions=False)
    down = client.get("/health")
    assert (down.status_code, down.json()["status"]) == (503, "unavailable")
    key = "so_" + "0" * 16 + "_" + "a" * 43
    found = client.get("/models", headers={"X-API-Key": key})
    is_problem(found, 503)
    assert int(found.headers["retry-after"]) >= 1
    assert "nobody" not in found.text


def test_the_description_needs_nothing_from_elsewhere(door: Door) -> None:
    document = door.ask("GET", "/openapi.json", scope=None).json()
    assert {"/requests/query", "/traces/{trace_id}", "/ledger"} <= set(document["paths"])
    assert door.ask("GET", "/docs", scope=None).status_code == 404


def test_every_route_is_documented(door: Door) -> None:
    text = (Path(__file__).parents[4] / "docs" / "api.md").read_text()
    document = door.ask("GET", "/openapi.json", scope=None).json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert re.search(rf"`{method.upper()} {re.escape(path)}`", text), f"{method} {path}"


def test_settings_that_make_no_sense() -> None:
    for bad in ({"rate_per_second": -1}, {"rate_burst": 0}, {"max_body_bytes": 1}, {"max_export_rows": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            ApiConfig(**bad)  # type: ignore[arg-type]
