"""`sentinelops doctor` and `sentinelops config`: what is wrong here, and what is set."""

from __future__ import annotations

import shutil
import socket
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .common import Failure, emit, open_rooms, say, settings_from

if TYPE_CHECKING:
    from sentinelops_server.jobs.examine import Finding
    from sentinelops_server.settings import Settings

__all__ = ["config", "doctor"]

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the server.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
MARKS = {"ok": "ok      ", "warning": "warning ", "problem": "PROBLEM "}


def doctor(
    since: Annotated[str, typer.Option("--since", help="How far back to look in the data: 24h, 7d.")] = "24h",
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Check this installation, and look in the data for broken instrumentation. Exit code 1 when there is a problem.

    For example:

      sentinelops doctor

      sentinelops doctor --since 7d --json
    """
    from sentinelops_server.jobs.transfer import moment

    try:
        start = moment(since)
    except ValueError as error:
        raise Failure(f"--since {since!r}: {error}", "write 24h, 7d, or a date like 2026-01-31") from error
    assert start is not None
    settings = settings_from(data_dir=data_dir)
    findings = [*_installation(settings), *_data(settings, start, progress=not as_json)]
    if as_json:
        emit([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(f"{MARKS[finding.state]} {finding.name}: {finding.detail}")
            if finding.example:
                typer.echo(f"           for example {finding.example}")
            if finding.fix:
                typer.echo(f"           fix: {finding.fix}")
    if any(finding.state == "problem" for finding in findings):
        raise typer.Exit(1)


def _installation(settings: Settings) -> list[Finding]:
    return [_versions(), *_ports(settings), _disk(settings), *_modes(settings.server.data_dir), *_prices(settings)]


def _prices(settings: Settings) -> list[Finding]:
    from sentinelops_server.app.prices import PriceFileError, read_prices
    from sentinelops_server.jobs.examine import Finding

    path = settings.server.prices_file
    if path is None:
        return []
    try:
        return [Finding("prices file", "ok", f"{len(read_prices(path))} own prices in {path}")]
    except PriceFileError as error:
        return [Finding("prices file", "problem", str(error), "correct it; docs/ingest.md has examples")]


def _versions() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    from sentinelops_server.jobs.examine import Finding

    try:
        sdk, server = version("sentinelops"), version("sentinelops-server")
    except PackageNotFoundError as error:
        return Finding(
            "versions", "warning", f"{error.name} is not installed as a package", "pip install sentinelops-server"
        )
    python = sys.version.split()[0]
    if sdk != server:
        fix = "pip install --upgrade sentinelops sentinelops-server"
        return Finding("versions", "problem", f"sentinelops {sdk} beside sentinelops-server {server}", fix)
    return Finding("versions", "ok", f"sentinelops {server}, Python {python}")


def _ports(settings: Settings) -> list[Finding]:
    from sentinelops_server.app.lock import DataDirLock
    from sentinelops_server.jobs.examine import Finding

    holder = DataDirLock(settings.server.data_dir).holder()
    if holder is not None:
        return [Finding("server", "ok", f"runs with process id {holder}")]
    found = []
    for option in ("port", "otlp_http_port", "otlp_grpc_port"):
        port = getattr(settings.server, option)
        if port and _taken(settings.server.host, port):
            flag = f"--{option.replace('_', '-')}"
            found.append(
                Finding("ports", "problem", f"{port} is used by another program", f"stop it, or choose another: {flag}")
            )
    return found or [Finding("ports", "ok", "free; no server runs on this data folder")]


def _taken(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
    return False


def _disk(settings: Settings) -> Finding:
    from sentinelops_server.jobs.examine import Finding

    folder = settings.server.data_dir
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    detail = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.1f} GB in {folder}"
    if usage.free < 1e9 or usage.free < usage.total * 0.02:
        return Finding(
            "disk space", "problem", detail, "free space, shorten retention, or move the data folder: --data-dir"
        )
    return Finding("disk space", "ok", detail)


def _modes(data_dir: Path) -> list[Finding]:
    from sentinelops_server.jobs.examine import Finding

    if not data_dir.exists():
        return [Finding("private files", "ok", "none yet")]
    open_to_others = [
        path
        for path in (data_dir / name for name in ("bootstrap.json", "payload-keys.json", "server.json"))
        if path.exists() and path.stat().st_mode & 0o077
    ]
    if open_to_others:
        names = " ".join(str(path) for path in open_to_others)
        return [
            Finding("private files", "problem", f"others can read {names}", f"chmod 600 {names}; then rotate the keys")
        ]
    return [Finding("private files", "ok", "readable by their owner only")]


def _data(settings: Settings, start: datetime, *, progress: bool) -> list[Finding]:
    from sentinelops_server.app.stores import StoresError
    from sentinelops_server.errors import SentinelOpsError
    from sentinelops_server.jobs.examine import Finding, examine

    if not settings.server.database_url and not settings.server.data_dir.exists():
        return [Finding("data", "ok", "none yet: `sentinelops up` makes it")]
    try:
        with open_rooms(settings, progress=progress) as rooms:
            row = rooms.database.fetch_one("SELECT now() AT TIME ZONE 'UTC' AS now, version() AS version")
            assert row is not None
            found = [Finding("database", "ok", row["version"].split(" on ")[0])]
            apart = abs((row["now"] - datetime.now(UTC).replace(tzinfo=None)).total_seconds())
            state, fix = ("ok", "") if apart < 2 else ("problem", "set the clocks of both machines (NTP)")
            found.append(Finding("clock", state, f"{apart:.1f} s apart from the database's", fix))
            settled = datetime.now(UTC).replace(tzinfo=None) - timedelta(minutes=1)
            found.extend(examine(rooms.database, start.astimezone(UTC).replace(tzinfo=None), settled))
    except (Failure, StoresError, SentinelOpsError, OSError) as error:
        fix = getattr(error, "fix", "") or "see the server's log; is SENTINELOPS_DATABASE_URL right?"
        return [Finding("database", "problem", str(error), fix)]
    return found


def config(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Print every setting: its variable, what holds now, and what it is for.

    Example: sentinelops config --json
    """
    from sentinelops_server.settings import SETTINGS, shown

    settings = settings_from(data_dir=data_dir)
    rows = [
        {
            "variable": each.variable,
            "value": shown(settings, each),
            "set": each.variable in settings.given,
            "help": each.help,
        }
        for each in SETTINGS
    ]
    if as_json:
        emit(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("variable", "value", "", "what it is for", box=None)
    for row in rows:
        table.add_row(row["variable"], str(row["value"]), "set" if row["set"] else "", row["help"])
    Console().print(table)
    say("variables are read from the environment; see docs/configuration.md")
