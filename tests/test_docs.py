"""What a user can set, call, scrape or type is documented, and what is documented is there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
import typer

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text()


def verbs(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from verbs(child, (*words, name))
    else:
        yield " ".join(words), command


def command_line() -> dict[str, Any]:
    from sentinelops_server.cli import app

    return dict(verbs(typer.main.get_command(app)))


def test_every_setting_is_in_the_configuration_with_its_default() -> None:
    from sentinelops_server.settings import SETTINGS

    documented = dict(re.findall(r"^\| `(SENTINELOPS_\w+)` \| ([^|]*) \|", page("configuration.md"), re.M))
    assert set(documented) == {setting.variable for setting in SETTINGS}
    for setting in SETTINGS:
        if setting.default_text is not None:
            assert documented[setting.variable].strip(" `") == setting.default_text, setting.variable


def test_every_verb_and_option_is_in_the_command_line_page() -> None:
    text = page("cli.md")
    sections = dict(re.findall(r"^## `sentinelops ([a-z -]+)[^`]*`\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    assert {name.strip() for name in sections} == set(command_line())
    for name, command in command_line().items():
        section = sections[name] if name in sections else sections[f"{name} "]
        for parameter in command.params:
            shown = parameter.opts[0] if parameter.param_type_name == "option" else (parameter.name or "").upper()
            if shown not in ("--help", "-h"):
                assert f"`{shown}" in section, f"{name}: {shown}"


@pytest.mark.parametrize("name", sorted(command_line()))
def test_every_verb_explains_itself_by_an_example(name: str) -> None:
    assert "xample" in (command_line()[name].help or ""), name
    assert all(p.help for p in command_line()[name].params if p.param_type_name == "option" and p.name != "help"), name


def routes() -> list[tuple[str, str]]:
    """Every method and path of the API, of an application whose database is never asked."""
    from sentinelops_server.access.keys import Keys
    from sentinelops_server.api.app import api_app
    from sentinelops_server.api.deps import ApiDeps
    from sentinelops_server.storage.postgres.database import Database, PostgresConfig

    database = Database(PostgresConfig("postgresql:///none"))
    paths = api_app(ApiDeps(database, None, Keys(database))).openapi()["paths"]
    return [(method.upper(), re.escape(path)) for path, methods in paths.items() for method in methods]


def test_every_route_is_in_the_api_page() -> None:
    text = page("api.md")
    missing = [
        f"{method} {path}" for method, path in routes() if not re.search(rf"{method} (/api/v1)?{path}(?![\w/{{])", text)
    ]
    assert missing == []


def test_every_metric_is_in_the_metrics_page() -> None:
    from sentinelops_server.pipeline.meter import Meter

    text = page("metrics.md")
    families = set(re.findall(r"^# (?:HELP|TYPE) (\w+)", Meter().exposition()[0].decode(), re.M))
    assert families
    assert sorted(name for name in families if name not in text) == []


def sdk_options() -> set[str]:
    """What configure() takes: its parameters, and the members of the TypedDict that its **options are."""
    import sentinelops

    hints = get_type_hints(sentinelops.configure, include_extras=True)
    named = set(inspect.signature(sentinelops.configure).parameters) - {"options"}
    return named | set(get_args(hints["options"])[0].__annotations__)


def test_the_sdks_variables_are_no_misspelt_settings_of_the_server() -> None:
    from sentinelops_server.settings import SDK_NAMES, SETTINGS

    ours = {setting.variable for setting in SETTINGS}
    variables = {f"SENTINELOPS_{option.upper()}" for option in sdk_options()}
    assert variables - SDK_NAMES == set()
    assert ours & SDK_NAMES == set()


def test_every_option_of_the_sdk_is_in_its_page() -> None:
    import sentinelops

    text = page("sdk.md")
    options = sdk_options()
    assert sorted(name for name in options if f"`{name}" not in text) == []
    assert sorted(name for name in sentinelops.__all__ if name not in text) == []


def links() -> list[tuple[str, str]]:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    return [
        (str(p.relative_to(ROOT)), link) for p in pages for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", p.read_text())
    ]


def test_every_link_between_pages_leads_somewhere() -> None:
    broken = [
        (source, link)
        for source, link in links()
        if "://" not in link and not (ROOT / source).parent.joinpath(link).exists()
    ]
    assert broken == []
