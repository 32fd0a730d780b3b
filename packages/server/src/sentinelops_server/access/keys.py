"""Access: API keys: who may send, read or administer."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from ..errors import Forbidden, Malformed, NotFound, Unauthorised
from ..storage.postgres.database import Database

__all__ = ["SCOPES", "Clock", "Key", "Keys", "Principal", "audit", "check_scopes"]

SCOPES = ("ingest", "read", "admin")
Clock = Callable[[], datetime]
CACHE_SECONDS = 10.0
USED_SECONDS = 60.0
MAX_CACHED = 10_000
_SHAPE = re.compile(r"so_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
_COLUMNS = "key_id, name, scopes, created_at, expires_at, revoked_at, last_used_at"
_log = logging.getLogger("sentinelops.audit")
_REJECTED = "the API key is unknown, expired or revoked"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a key or a browser session. `id` is public, never a secret."""

    id: str
    name: str
    scopes: frozenset[str]

    def allows(self, scope: str) -> bool:
        """Whether it holds the scope; admin holds all."""
        return scope in self.scopes or "admin" in self.scopes

    def require(self, scope: str) -> Principal:
        """Return itself. Raises Forbidden without the scope."""
        if not self.allows(scope):
            raise Forbidden(f"this needs a key with the scope {scope}; this one has {', '.join(sorted(self.scopes))}")
        return self


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key: all but its secret. Times are aware, in UTC."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(slots=True)
class _Cached:
    key: Key
    digest: bytes = field(repr=False)
    loaded_at: datetime


def audit(action: str, by: str, **details: Any) -> None:
    """Write one line of the audit log (logger sentinelops.audit): JSON, never a secret."""
    _log.info(json.dumps({"action": action, "by": by, **details}, default=str, sort_keys=True))


def check_scopes(scopes: Iterable[str]) -> list[str]:
    """Return the scopes, sorted. Raises Malformed when there is none or an unknown one."""
    found = sorted(set(scopes))
    if not found or not set(found) <= set(SCOPES):
        raise Malformed(f"scopes takes one or more of {', '.join(SCOPES)}")
    return found


class Keys:
    """Makes, checks and ends keys `so_<key id>_<secret>`. Only a digest is kept. Thread-safe.

    What another process revokes is honoured here within ten seconds; what this one revokes, at once.
    """

    def __init__(self, database: Database, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock
        self._cache: dict[str, _Cached] = {}
        self._used: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def create(
        self, name: str, scopes: Iterable[str], expires_at: datetime | None = None, by: str = "system"
    ) -> tuple[Key, str]:
        """Make a key; the second value is the whole key, shown this once. Raises Malformed."""
        name = name.strip()
        if not 1 <= len(name) <= 200 or not name.isprintable():
            raise Malformed("the name of a key has 1 to 200 printable characters")
        if expires_at is not None and (expires_at.tzinfo is None or expires_at <= self._clock()):
            raise Malformed("expires_at must be in the future and have a time zone")
        key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        key = Key(key_id, name, tuple(check_scopes(scopes)), self._clock(), expires_at)
        self._database.execute(
            "INSERT INTO api_keys (key_id, name, digest, scopes, created_at, expires_at)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [key_id, name, _digest(secret), list(key.scopes), _naive(key.created_at), _naive(expires_at)],
        )
        audit("key.create", by, key_id=key_id, name=name, scopes=key.scopes, expires_at=expires_at)
        return key, f"so_{key_id}_{secret}"

    def list(self) -> list[Key]:
        """Return all keys, newest first, ended ones too."""
        return [
            _key(row)
            for row in self._database.fetch(f"SELECT {_COLUMNS} FROM api_keys ORDER BY created_at DESC, key_id")
        ]

    def get(self, key_id: str) -> Key:
        """Return one key. Raises NotFound."""
        row = (
            self._database.fetch_one(f"SELECT {_COLUMNS} FROM api_keys WHERE key_id = %s", [key_id])
            if key_id.isalnum()
            else None
        )
        if row is None:
            raise NotFound("there is no key of that id")
        return _key(row)

    def revoke(self, key_id: str, by: str = "system") -> Key:
        """End a key now. Raises NotFound."""
        self.get(key_id)
        self._database.execute(
            "UPDATE api_keys SET revoked_at = %s WHERE key_id = %s AND revoked_at IS NULL",
            [_naive(self._clock()), key_id],
        )
        self._forget(key_id)
        audit("key.revoke", by, key_id=key_id)
        return self.get(key_id)

    def expire(self, key_id: str, at: datetime, by: str = "system") -> Key:
        """Let a key end at a time. Raises NotFound, Malformed."""
        if at.tzinfo is None:
            raise Malformed("the time has no zone")
        self.get(key_id)
        self._database.execute("UPDATE api_keys SET expires_at = %s WHERE key_id = %s", [_naive(at), key_id])
        self._forget(key_id)
        audit("key.expire", by, key_id=key_id, at=at)
        return self.get(key_id)

    def rotate(self, key_id: str, grace_seconds: float = 86400.0, by: str = "system") -> tuple[Key, str]:
        """Make a key of the same name and scopes; the old one lasts `grace_seconds` more (default a day).

        Raises NotFound, Malformed.
        """
        if not 0 <= grace_seconds <= 90 * 86400:
            raise Malformed("grace_seconds is 0 to 7,776,000 (90 days)")
        old = self.get(key_id)
        now = self._clock()
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
            raise Malformed("that key has ended: make a new one")
        # the new key lasts as long as the old one was made to last
        lasting = now + (old.expires_at - old.created_at) if old.expires_at else None
        made = self.create(old.name, old.scopes, lasting, by)
        end = now + timedelta(seconds=grace_seconds)
        self.expire(key_id, min(end, old.expires_at) if old.expires_at else end, by)
        return made

    def authenticate(self, secret: str | None, scope: str | None = None) -> Principal:
        """Return whose key this is.

        Raises Unauthorised (unknown, expired, revoked), Forbidden (lacks the scope), Temporary.
        """
        if not secret:
            raise Unauthorised("there is no API key: send it as X-API-Key or as Authorization: Bearer")
        match = _SHAPE.fullmatch(secret)
        if match is None:
            raise Unauthorised(_REJECTED)
        cached = self._load(match[1])
        # an unknown id is compared too, so that time tells nothing of which ids exist
        if not hmac.compare_digest(_digest(match[2]), cached.digest if cached else b"\0" * 32) or cached is None:
            raise Unauthorised(_REJECTED)
        key, now = cached.key, self._clock()
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
            raise Unauthorised(_REJECTED)
        self._touch(key.key_id, now)
        principal = Principal(key.key_id, key.name, frozenset(key.scopes))
        return principal.require(scope) if scope else principal

    def _load(self, key_id: str) -> _Cached | None:
        now = self._clock()
        cached = self._cache.get(key_id)
        if cached is not None and abs((now - cached.loaded_at).total_seconds()) < CACHE_SECONDS:
            return cached
        row = self._database.fetch_one(f"SELECT {_COLUMNS}, digest FROM api_keys WHERE key_id = %s", [key_id])
        if row is None:
            self._forget(key_id)
            return None
        cached = _Cached(_key(row), bytes(row["digest"]), now)
        with self._lock:
            if len(self._cache) >= MAX_CACHED:
                self._cache.clear()
            self._cache[key_id] = cached
        return cached

    def _forget(self, key_id: str) -> None:
        with self._lock:
            self._cache.pop(key_id, None)

    def _touch(self, key_id: str, now: datetime) -> None:
        with self._lock:
            last = self._used.get(key_id)
            if last is not None and abs((now - last).total_seconds()) < USED_SECONDS:
                return
            self._used[key_id] = now
        self._database.execute("UPDATE api_keys SET last_used_at = %s WHERE key_id = %s", [_naive(now), key_id])


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _naive(time: datetime | None) -> datetime | None:
    return time.astimezone(UTC).replace(tzinfo=None) if time is not None else None


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None else None


def _key(row: dict[str, Any]) -> Key:
    return Key(
        key_id=row["key_id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"].replace(tzinfo=UTC),
        expires_at=_aware(row["expires_at"]),
        revoked_at=_aware(row["revoked_at"]),
        last_used_at=_aware(row["last_used_at"]),
    )
