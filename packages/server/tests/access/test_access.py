"""Keys and sessions: who gets in, for how long, and what is written of it."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta

import pytest
from sentinelops_server.access.keys import Keys
from sentinelops_server.access.sessions import Sessions
from sentinelops_server.errors import Forbidden, Malformed, NotFound, Unauthorised
from sentinelops_server.storage.postgres.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(database: Database, clock: Clock) -> Keys:
    return Keys(database, clock)


def test_a_key_lets_in_by_its_scopes_and_only_its_digest_is_kept(database: Database, keys: Keys) -> None:
    key, secret = keys.create("ci", ["read"])
    assert secret.startswith(f"so_{key.key_id}_")
    assert len(secret.rsplit("_", 1)[0]) > 0
    assert keys.authenticate(secret, "read").id == key.key_id
    with pytest.raises(Forbidden):
        keys.authenticate(secret, "ingest")
    _, admin = keys.create("root", ["admin"])
    for scope in ("ingest", "read", "admin"):
        assert keys.authenticate(admin, scope).name == "root"
    stored = str(database.fetch("SELECT * FROM api_keys"))
    assert secret[20:] not in stored
    assert secret not in repr(keys.list())


def test_what_is_no_key_is_unauthorised(keys: Keys) -> None:
    key, secret = keys.create("ci", ["read"])
    wrong_end = secret[:-1] + ("A" if secret[-1] != "A" else "B")
    for bad in (
        None,
        "",
        "x",
        wrong_end,
        secret + "x",
        f"so_{'0' * 16}_{secret[20:]}",
        "so_\0",
        "so_é_" + "a" * 43,
        "a" * 10**6,
    ):
        with pytest.raises(Unauthorised):
            keys.authenticate(bad)
    assert key.last_used_at is None


def test_an_expired_key_ends_at_its_time(keys: Keys, clock: Clock) -> None:
    _, secret = keys.create("ci", ["read"], clock.now + timedelta(seconds=5))
    assert keys.authenticate(secret)
    clock.forward(seconds=5)  # within the cache's life
    with pytest.raises(Unauthorised):
        keys.authenticate(secret)


def test_revoking_works_at_once_here_and_within_ten_seconds_elsewhere(
    database: Database, keys: Keys, clock: Clock
) -> None:
    key, secret = keys.create("ci", ["read"])
    other = Keys(database, clock)
    assert other.authenticate(secret)
    assert keys.authenticate(secret)
    keys.revoke(key.key_id)
    with pytest.raises(Unauthorised):
        keys.authenticate(secret)
    clock.forward(seconds=10)
    with pytest.raises(Unauthorised):
        other.authenticate(secret)
    with pytest.raises(NotFound):
        keys.revoke("nope")


def test_rotation_gives_a_grace(keys: Keys, clock: Clock) -> None:
    key, old = keys.create("ci", ["ingest"])
    fresh, new = keys.rotate(key.key_id, 60)
    assert (fresh.name, fresh.scopes) == ("ci", ("ingest",))
    assert keys.authenticate(old).id == key.key_id
    assert keys.authenticate(new).id == fresh.key_id
    clock.forward(seconds=60)
    with pytest.raises(Unauthorised):
        keys.authenticate(old)
    assert keys.authenticate(new)
    with pytest.raises(Malformed):
        keys.rotate(key.key_id)
    with pytest.raises(Malformed):
        keys.rotate(fresh.key_id, -1)


def test_rotation_never_lengthens_the_old_key(keys: Keys, clock: Clock) -> None:
    key, _ = keys.create("ci", ["ingest"], clock.now + timedelta(hours=1))
    fresh, _ = keys.rotate(key.key_id, 86400)
    assert keys.get(key.key_id).expires_at == key.expires_at
    assert fresh.expires_at == clock.now + timedelta(hours=1)


def test_last_use_is_written_once_a_minute(keys: Keys, clock: Clock) -> None:
    key, secret = keys.create("ci", ["read"])
    first = clock.now
    keys.authenticate(secret)
    clock.forward(seconds=59)
    keys.authenticate(secret)
    assert keys.get(key.key_id).last_used_at == first
    clock.forward(seconds=1)
    keys.authenticate(secret)
    assert keys.get(key.key_id).last_used_at == clock.now


@pytest.mark.parametrize(
    ("name", "scopes"), [("", ["read"]), ("x" * 201, ["read"]), ("a\nb", ["read"]), ("x", []), ("x", ["root"])]
)
def test_what_makes_no_key(keys: Keys, name: str, scopes: list[str]) -> None:
    with pytest.raises(Malformed):
        keys.create(name, scopes)


def test_expiry_must_lie_ahead(keys: Keys, clock: Clock) -> None:
    with pytest.raises(Malformed):
        keys.create("x", ["read"], clock.now)
    with pytest.raises(Malformed):
        keys.create("x", ["read"], datetime(2030, 1, 1))  # noqa: DTZ001


def test_every_change_is_audited_without_secrets(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "sentinelops.audit"):
        key, secret = keys.create("ci", ["read"], by="someone")
        keys.rotate(key.key_id, 5)
        keys.revoke(key.key_id)
    lines = [json.loads(record.message) for record in caplog.records]
    assert [line["action"] for line in lines] == ["key.create", "key.create", "key.expire", "key.revoke"]
    assert lines[0]["by"] == "someone"
    assert secret not in caplog.text


def test_a_link_works_once_and_a_session_lasts(database: Database, clock: Clock) -> None:
    sessions = Sessions(database, clock)
    link = sessions.create_link(["read"])
    token = sessions.redeem(link)
    assert sessions.check(token, "read").scopes == frozenset({"read"})
    with pytest.raises(Forbidden):
        sessions.check(token, "admin")
    for bad in (link, token, "x", ""):
        with pytest.raises(Unauthorised):
            sessions.redeem(bad)
    for bad in (link, None, "", "x", "é" * 500):
        with pytest.raises(Unauthorised):
            sessions.check(bad)
    assert token not in str(database.fetch("SELECT * FROM web_sessions"))
    clock.forward(days=30)
    with pytest.raises(Unauthorised):
        sessions.check(token)
    assert sessions.sweep() == 1


def test_an_old_link_is_dead(database: Database, clock: Clock) -> None:
    sessions = Sessions(database, clock)
    link = sessions.create_link()
    clock.forward(minutes=15)
    with pytest.raises(Unauthorised):
        sessions.redeem(link)


def test_signing_out(database: Database, clock: Clock) -> None:
    sessions = Sessions(database, clock)
    token = sessions.create(["read"])
    sessions.end(token)
    with pytest.raises(Unauthorised):
        sessions.check(token)
