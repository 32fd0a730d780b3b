"""`sentinelops keys` and `sentinelops payload-keys`: who may send and ask, and what seals the payloads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from .common import Failure, emit, open_rooms, say, settings_from

__all__ = ["app", "payload_app"]

app = typer.Typer(help="Create, list, rotate, expire and revoke API keys.", no_args_is_help=True)
payload_app = typer.Typer(help="The keys that seal stored prompts and completions.", no_args_is_help=True)

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SCOPES = ("ingest", "read", "admin")
SPAN = re.compile(r"^(\d+)([smhdw])$")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _in(text: str) -> timedelta:
    """`90d`, `12h`: how long from now."""
    match = SPAN.match(text)
    if not match:
        raise Failure(f"{text!r} is not a length of time", "write a number and s, m, h, d or w: 12h, 90d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _shown(key: Any) -> dict[str, Any]:
    names = ("key_id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")
    return {name: getattr(key, name) for name in names}


def _print(key: dict[str, Any], secret: str | None, as_json: bool) -> None:
    if as_json:
        emit({**key, **({"secret": secret} if secret else {})})
        return
    say(f"key {key['key_id']} ({', '.join(key['scopes'])}) {key['name']}")
    if secret:
        say("the secret is shown this once:")
        typer.echo(secret)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[list[str], typer.Option("--scope", help="ingest, read or admin; may be given more than once.")],
    expires: Annotated[str | None, typer.Option("--expires", help="How long it lasts: 12h, 90d.")] = None,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Create a key and print its secret, once.

    For example:

      sentinelops keys create "support chat" --scope ingest

      sentinelops keys create grafana --scope read --expires 90d --json
    """
    from sentinelops_server.access.keys import Keys

    wrong = [word for word in scope if word not in SCOPES]
    if wrong:
        raise Failure(f"there is no scope {wrong[0]!r}", f"one of {', '.join(SCOPES)}")
    until = datetime.now(UTC) + _in(expires) if expires else None
    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        key, secret = Keys(rooms.database).create(name, tuple(scope), expires_at=until)
        _print(_shown(key), secret, as_json)


@app.command("list")
def list_(data_dir: DataDir = None, as_json: Json = False) -> None:
    """List keys; secrets are not kept, so they are not shown.

    Example: sentinelops keys list --json
    """
    from rich.console import Console
    from rich.table import Table

    from sentinelops_server.access.keys import Keys

    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        found = [_shown(key) for key in Keys(rooms.database).list()]
    if as_json:
        emit(found)
        return
    table = Table("key", "name", "scopes", "created", "expires", "last used", "state", box=None)
    now = datetime.now(UTC)
    for key in found:
        expired = key["expires_at"] is not None and key["expires_at"] <= now
        state = "revoked" if key["revoked_at"] else "expired" if expired else "good"
        moments = (_moment(key[name]) for name in ("created_at", "expires_at", "last_used_at"))
        table.add_row(key["key_id"], key["name"], " ".join(key["scopes"]), *moments, state)
    Console().print(table)


def _moment(value: datetime | None) -> str:
    return f"{value:%Y-%m-%d %H:%M}" if value else "never"


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(help="The key, as `keys list` shows it.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """End a key now.

    Example: sentinelops keys revoke so_k_1a2b3c
    """
    from sentinelops_server.access.keys import Keys

    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        key = Keys(rooms.database).revoke(key_id)
        _print(_shown(key), None, as_json)


@app.command()
def rotate(
    key_id: Annotated[str, typer.Argument(help="The key, as `keys list` shows it.")],
    grace: Annotated[str, typer.Option("--grace", help="How long the old secret still works.")] = "1h",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Make a new secret; the old one works on for the time of grace.

    Example: sentinelops keys rotate so_k_1a2b3c --grace 1d
    """
    from sentinelops_server.access.keys import Keys

    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        key, secret = Keys(rooms.database).rotate(key_id, grace_seconds=_in(grace).total_seconds())
        _print(_shown(key), secret, as_json)


@app.command()
def expire(
    key_id: Annotated[str, typer.Argument(help="The key, as `keys list` shows it.")],
    after: Annotated[str, typer.Option("--in", help="How long it still lasts: 12h, 90d.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Set when a key ends.

    Example: sentinelops keys expire so_k_1a2b3c --in 30d
    """
    from sentinelops_server.access.keys import Keys

    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        key = Keys(rooms.database).expire(key_id, datetime.now(UTC) + _in(after))
        _print(_shown(key), None, as_json)


@app.command()
def link(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print a link that signs a browser in: it works once, within 15 minutes, while the server runs.

    Example: sentinelops keys link
    """
    from sentinelops_server.access.sessions import Sessions
    from sentinelops_server.app.files import read_private

    settings = settings_from(data_dir=data_dir)
    running = read_private(settings.server.data_dir / "server.json")
    if "api" not in running:
        raise Failure(f"no server runs on {settings.server.data_dir}", "start it: sentinelops up")
    with open_rooms(settings, progress=not as_json) as rooms:
        url = f"{running['api']}/signin?token={Sessions(rooms.database).create_link()}"
    if as_json:
        emit({"url": url})
    else:
        typer.echo(url)


@payload_app.command("rotate")
def rotate_payload_key(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Seal what comes from now on with a new key; what is stored stays readable with the old ones.

    Example: sentinelops payload-keys rotate
    """
    with open_rooms(settings_from(data_dir=data_dir), progress=not as_json) as rooms:
        key_id = rooms.keyring.rotate()
    if as_json:
        emit({"key_id": key_id})
    else:
        say(f"new payloads are sealed with key {key_id}; a running server takes it up within a minute")
