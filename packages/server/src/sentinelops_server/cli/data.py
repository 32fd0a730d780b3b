"""`sentinelops migrate`, `export` and `import`: the schema forward, and the data out and in as JSON lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import typer

from .common import Failure, emit, open_rooms, say, settings_from

__all__ = ["export", "import_", "migrate"]

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Data folder of the server.")]
Json = Annotated[bool, typer.Option("--json", help="Print the counts as JSON.")]


def migrate(data_dir: DataDir = None, as_json: Json = False) -> None:
    """Bring the schema forward to this version; `up` does it by itself.

    Example: SENTINELOPS_DATABASE_URL=postgresql://... sentinelops migrate
    """
    from sentinelops_server.storage.postgres.migrate import current

    settings = settings_from(data_dir=data_dir)
    with open_rooms(settings, progress=not as_json) as rooms:  # opening migrates
        revision = current(rooms.database.config.url)
    if as_json:
        emit({"revision": revision})
    else:
        say(f"the schema is at revision {revision}")


def export(
    file: Annotated[
        str, typer.Argument(help="Where to write; - is standard output. A name ending in .zst is compressed.")
    ] = "-",
    since: Annotated[str | None, typer.Option("--since", help="Only what began since: 24h, 7d, 2026-01-31.")] = None,
    no_payloads: Annotated[bool, typer.Option("--no-payloads", help="Leave prompts and completions out.")] = False,
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Write spans, requests, payloads, log records, own prices and saved views as JSON lines, for another server.

    For example:

      sentinelops export everything.jsonl.zst

      sentinelops export - --since 24h --no-payloads | jq .request.model
    """
    from sentinelops_server.jobs.transfer import export_lines, moment

    try:
        start = moment(since)
    except ValueError as error:
        raise Failure(f"--since {since!r}: {error}", "write 24h, 7d, or a date like 2026-01-31") from error
    progress = _Progress("exported")
    with open_rooms(settings_from(data_dir=data_dir)) as rooms, _writer(file) as out:
        for line in export_lines(rooms.database, None if no_payloads else rooms.payloads, start):
            out.write(line)
            out.write(b"\n")
            progress.add()
    progress.done()
    if as_json:
        (say if file == "-" else typer.echo)(f'{{"exported": {progress.count}}}')


def import_(
    file: Annotated[str, typer.Argument(help="What `export` wrote; - is standard input.")],
    data_dir: DataDir = None,
    as_json: Json = False,
) -> None:
    """Store what `export` wrote. What is there already is left as it is, so importing twice changes nothing.

    Example: sentinelops import everything.jsonl.zst
    """
    from sentinelops_server.jobs.transfer import LineError, import_lines

    progress = _Progress("read")
    with _reader(file) as lines, open_rooms(settings_from(data_dir=data_dir)) as rooms:
        try:
            counts = import_lines(rooms.database, rooms.payloads, lines, time.time_ns, progress.add)
        except LineError as error:
            raise Failure(
                str(error), "give the file as `export` wrote it; what came before that line is stored"
            ) from error
    progress.done()
    if as_json:
        emit(counts)
    else:
        say(", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items()))


class _Progress:
    """A line on the terminal that counts; nothing when stderr is no terminal, but for the end."""

    def __init__(self, verb: str) -> None:
        self.count = 0
        self._verb = verb
        self._shown = 0.0

    def add(self, count: int = 1) -> None:
        self.count += count
        if sys.stderr.isatty() and time.monotonic() - self._shown > 0.2:
            self._shown = time.monotonic()
            print(f"\r{self._verb} {self.count:,}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        start = "\r" if sys.stderr.isatty() else ""
        say(f"{start}{self._verb} {self.count:,} lines")


@contextmanager
def _writer(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdout.buffer
        return
    path = Path(file)
    part = path.with_name(path.name + ".part")  # the name appears when the file is whole
    with part.open("wb") as raw:
        part.chmod(0o600)
        if path.suffix == ".zst":
            import zstandard

            with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as out:
                yield out
        else:
            yield raw
    part.replace(path)


@contextmanager
def _reader(file: str) -> Iterator[Iterator[bytes]]:
    if file == "-":
        yield iter(sys.stdin.buffer)
        return
    if not Path(file).is_file():
        raise Failure(f"there is no file {file}", "give the file that `sentinelops export` wrote")
    with Path(file).open("rb") as raw:
        if file.endswith(".zst"):
            import io

            import zstandard

            yield iter(io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(raw)))
        else:
            yield iter(raw)
