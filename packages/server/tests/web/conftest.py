"""The pages on a real database: `site` is seeded, `bare` is empty; both signed in as an administrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sentinelops_server.access.keys import Keys
from sentinelops_server.access.sessions import Sessions
from sentinelops_server.storage.keys import KeyRing
from sentinelops_server.storage.payloads import PayloadConfig, PayloadStore
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store
from sentinelops_server.web.app import install
from sentinelops_server.web.deps import WebDeps
from sentinelops_server.web.guard import COOKIE

from web.seed import populate

HTML = {"accept": "text/html"}


@dataclass
class Site:
    """An application with the pages, what it is made of, and a browser's client."""

    app: FastAPI
    deps: WebDeps
    store: Store
    client: TestClient
    token: str
    ids: dict[str, str]

    def get(self, url: str, **kwargs: object) -> httpx.Response:
        return self.client.get(url, headers=HTML, follow_redirects=False, **kwargs)  # type: ignore[arg-type]


def make_site(database: Database, folder: Path) -> Site:
    payloads = PayloadStore(PayloadConfig(str(folder / "payloads")), KeyRing(folder / "keys"))
    keys, sessions = Keys(database), Sessions(database)
    deps = WebDeps(database, payloads, keys, sessions, facts={"Retention": {"Rows": "90 days"}}, version="0.1.0")
    app = FastAPI()
    install(app, deps)
    token = sessions.create(["read", "admin"])
    client = TestClient(app, raise_server_exceptions=False)
    client.cookies.set(COOKIE, token)
    return Site(app, deps, Store(database, payloads), client, token, {})


@pytest.fixture
def bare(database: Database, tmp_path: Path) -> Iterator[Site]:
    site = make_site(database, tmp_path)
    with site.client:
        yield site


@pytest.fixture
def site(bare: Site) -> Site:
    bare.ids = populate(bare.store, datetime.now(UTC), hours=26, per_hour=12)
    return bare
