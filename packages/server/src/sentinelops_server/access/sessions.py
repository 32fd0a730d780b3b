"""Access: browser sessions, begun by a one-time link; only digests are kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from ..errors import Unauthorised
from ..storage.postgres.database import Database
from .keys import Clock, Principal, audit, check_scopes

__all__ = ["LINK_LIFE", "SESSION_LIFE", "Sessions"]

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(days=30)


class Sessions:
    """Makes one-time links, turns one into a session, checks sessions. Thread-safe; tokens are 256 random bits."""

    def __init__(self, database: Database, clock: Clock = lambda: datetime.now(UTC)) -> None:
        self._database = database
        self._clock = clock

    def create_link(self, scopes: Iterable[str] = ("read", "admin")) -> str:
        """Return the token of a link that works once within 15 minutes. Raises Malformed."""
        return self._make("link", check_scopes(scopes), LINK_LIFE)

    def redeem(self, token: str) -> str:
        """Spend a link and return the token of a session of 30 days.

        Raises Unauthorised when it is spent, expired or unknown.
        """
        with self._database.transaction() as transaction:
            row = transaction.fetch_one(
                "DELETE FROM web_sessions WHERE digest = %s AND kind = 'link' RETURNING scopes, expires_at",
                [_digest(token)],
            )
        if row is None or row["expires_at"] <= self._now():
            raise Unauthorised(
                "this sign-in link is spent, expired or unknown: ask for a new one with `sentinelops keys link`"
            )
        return self._make("session", row["scopes"], SESSION_LIFE)

    def create(self, scopes: Iterable[str]) -> str:
        """Return the token of a session for who has shown a key. Raises Malformed."""
        return self._make("session", check_scopes(scopes), SESSION_LIFE)

    def check(self, token: str | None, scope: str | None = None) -> Principal:
        """Return whose session this is. Raises Unauthorised, Forbidden, Temporary."""
        row = None
        if token and len(token) < 200:
            row = self._database.fetch_one(
                "SELECT scopes, expires_at FROM web_sessions WHERE digest = %s AND kind = 'session'", [_digest(token)]
            )
        if row is None or row["expires_at"] <= self._now():
            raise Unauthorised("you are not signed in, or the session has expired")
        identity = f"session:{_digest(token or '').hex()[:12]}"
        principal = Principal(identity, "browser session", frozenset(row["scopes"]))
        return principal.require(scope) if scope else principal

    def end(self, token: str) -> None:
        """End a session: sign out."""
        self._database.execute("DELETE FROM web_sessions WHERE digest = %s", [_digest(token)])
        audit("session.end", f"session:{_digest(token).hex()[:12]}")

    def sweep(self) -> int:
        """Delete what has expired; how many there were."""
        return self._database.execute("DELETE FROM web_sessions WHERE expires_at <= %s", [self._now()])

    def _make(self, kind: str, scopes: Iterable[str], life: timedelta) -> str:
        token, now = secrets.token_urlsafe(32), self._now()
        self._database.execute(
            "INSERT INTO web_sessions (digest, kind, scopes, created_at, expires_at) VALUES (%s, %s, %s, %s, %s)",
            [_digest(token), kind, list(scopes), now, now + life],
        )
        audit(f"{kind}.create", "system", scopes=list(scopes), id=_digest(token).hex()[:12])
        return token

    def _now(self) -> datetime:
        return self._clock().astimezone(UTC).replace(tzinfo=None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
