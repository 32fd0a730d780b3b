"""The first two keys, admin and ingest: a new server can be used at once, and again after a restart."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sentinelops_server.access.keys import Keys
from sentinelops_server.errors import Permanent

from .files import read_private, write_private

__all__ = ["BootstrapKeys", "ensure_keys"]


@dataclass(frozen=True, slots=True)
class BootstrapKeys:
    """Secrets of the local owner; the database has only their digests."""

    api_key: str = field(repr=False)
    ingest_key: str = field(repr=False)


def ensure_keys(keys: Keys, data_dir: Path) -> BootstrapKeys:
    """Read the two secrets from `<data_dir>/bootstrap.json` (0600); make those that are missing, expired or revoked.

    Whoever can read that file owns the data folder, and with it everything the keys would protect.
    """
    path = data_dir / "bootstrap.json"
    held = read_private(path)
    secrets: dict[str, str] = {}
    for name, scopes in (("api_key", ("admin", "read")), ("ingest_key", ("ingest",))):
        secret = held.get(name)
        if not isinstance(secret, str) or not _good(keys, secret, scopes[0]):
            _, secret = keys.create(f"local {name.replace('_', ' ')}", scopes)
        secrets[name] = secret
    if secrets != held:
        write_private(path, dict(secrets))
    return BootstrapKeys(**secrets)


def _good(keys: Keys, secret: str, scope: str) -> bool:
    try:
        keys.authenticate(secret, scope)
    except Permanent:
        return False
    return True
