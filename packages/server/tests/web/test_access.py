"""Who may look and change: keys in headers, and own prices from the page of costs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sentinelops_server.query.prices import list_prices
from sentinelops_server.web.app import install
from sentinelops_server.web.guard import COOKIE

from web.conftest import HTML, Site


def _csrf(site: Site) -> str:
    form = re.search(r'name="csrf" value="(\w+)"', site.get("/settings").text)
    assert form
    return form[1]


def test_a_key_in_a_header_opens_pages_to_read(bare: Site) -> None:
    bare.client.cookies.clear()
    _, reads = bare.deps.keys.create("r", ["read", "admin"])
    _, sends = bare.deps.keys.create("i", ["ingest"])
    for headers in ({"X-API-Key": reads}, {"Authorization": f"Bearer {reads}"}):
        assert bare.client.get("/requests", headers=headers).status_code == 200
    assert bare.client.get("/", headers={"X-API-Key": sends}).status_code == 403
    assert bare.client.get("/", headers={"X-API-Key": "so_0_x"}).status_code == 401
    assert bare.client.get("/", headers={"Authorization": "Basic x"}).status_code == 401
    # a form needs the cookie that it was made for, whatever the key may do
    data = {"name": "x", "scopes": "admin", "csrf": ""}
    assert bare.client.post("/settings/keys", data=data, headers={"X-API-Key": reads}).status_code == 403
    assert len(bare.deps.keys.list()) == 2


def test_a_cookie_is_asked_before_a_key(bare: Site) -> None:
    _, reads = bare.deps.keys.create("r", ["read"])
    bare.client.cookies.set(COOKIE, "forged")
    assert bare.client.get("/", headers={"X-API-Key": reads}).status_code == 401


def test_own_prices_are_added_used_and_deleted(site: Site) -> None:
    told: list[int] = []
    app = FastAPI()
    install(app, replace(site.deps, reload_prices=lambda: told.append(1)))
    client = TestClient(app)
    client.cookies.set(COOKIE, site.token)
    csrf = _csrf(site)
    page = site.get("/costs").text
    assert "Set a price" in page
    assert "history is not priced again" in page
    data = {"csrf": csrf, "provider": "*", "model": "house-<b>", "input": "$0.10", "output": "0.4"}
    answer = client.post("/costs/prices", data=data, headers=HTML, follow_redirects=False)
    assert answer.headers["location"] == "/costs#prices"
    own = list_prices(site.deps.database)
    assert [(p["provider"], p["model"], p["prices"]) for p in own] == [
        ("*", "house-<b>", {"input": "0.10", "output": "0.4"})
    ]
    assert "house-&lt;b&gt;" in site.get("/costs").text
    client.post(f"/costs/prices/{own[0]['id']}/delete", data={"csrf": csrf}, headers=HTML, follow_redirects=False)
    assert list_prices(site.deps.database) == []
    assert told == [1, 1]
    assert client.post(f"/costs/prices/{own[0]['id']}/delete", data={"csrf": csrf}, headers=HTML).status_code == 404


@pytest.mark.parametrize(
    "data",
    [{"input": "cheap", "output": "1"}, {"input": "-1", "output": "1"}, {"input": " "}, {"model": "", "input": "1"}],
)
def test_a_price_that_is_none_is_told(bare: Site, data: dict[str, str]) -> None:
    full = {"csrf": _csrf(bare), "provider": "*", "model": "m"} | data
    assert bare.client.post("/costs/prices", data=full, headers=HTML).status_code in (400, 422)
    assert list_prices(bare.deps.database) == []


def test_readers_and_other_sites_add_no_price(bare: Site) -> None:
    data = {"provider": "*", "model": "m", "input": "1"}
    assert bare.client.post("/costs/prices", data=data, headers=HTML).status_code == 403
    bare.client.cookies.set(COOKIE, bare.deps.sessions.create(["read"]))
    assert bare.client.post("/costs/prices", data=data | {"csrf": _csrf(bare)}, headers=HTML).status_code == 403
    assert "Add the price" not in bare.get("/costs").text
