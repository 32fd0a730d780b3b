"""The list of verbs; each lives in a module of its own and imports its rooms when it runs, so --help is quick."""

from __future__ import annotations

from typing import Annotated

import typer

from . import checks, data, keys, run

__all__ = ["app"]

app = typer.Typer(
    name="sentinelops",
    help="See what every call to a language model cost, how long it took, and what failed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sentinelops-server {version('sentinelops-server')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


app.command("up")(run.up)
app.command("demo")(run.demo)
app.command("migrate")(data.migrate)
app.command("export")(data.export)
app.command("import")(data.import_)
app.command("doctor")(checks.doctor)
app.command("config")(checks.config)
app.add_typer(keys.app, name="keys")
app.add_typer(keys.payload_app, name="payload-keys")
