"""Zero code: `sentinelops-run`, and what it or SENTINELOPS_AUTO_INSTRUMENT=1 starts in every Python process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

VARIABLE = "SENTINELOPS_AUTO_INSTRUMENT"
_ON = ("1", "true", "on", "yes")
_OPTIONS = {
    "--application": "SENTINELOPS_APPLICATION",
    "--environment": "SENTINELOPS_ENVIRONMENT",
    "--endpoint": "SENTINELOPS_ENDPOINT",
    "--capture-content": "SENTINELOPS_CAPTURE_CONTENT",
    "--hosts": "SENTINELOPS_HOSTS",
}
HELP = """\
Usage: sentinelops-run [OPTIONS] COMMAND [ARGUMENTS]

Runs a Python program so that its calls to language models are seen, without a change to it. All Python
processes that it starts are seen too.

Options (each is a variable for the program; what is not given stays as it is):
  --application NAME       SENTINELOPS_APPLICATION
  --environment NAME       SENTINELOPS_ENVIRONMENT
  --endpoint ADDRESS       SENTINELOPS_ENDPOINT, default http://localhost:4318
  --capture-content MODE   SENTINELOPS_CAPTURE_CONTENT: redact (default), on or off
  --hosts LIST             SENTINELOPS_HOSTS: your own model servers, host:port, separated by commas
  -m MODULE                as `python -m MODULE`
  --help                   this text

Examples:
  sentinelops-run python app.py
  sentinelops-run --application shop --environment production gunicorn shop.wsgi
  sentinelops-run -m uvicorn shop:app
"""
_state = {"started": False, "configured": False}


def start() -> None:
    """Watch from the first import of a library on; until then nothing is loaded. Never raises; says what is wrong."""
    if _state["started"] or os.environ.get(VARIABLE, "").strip().lower() not in _ON:
        return
    _state["started"] = True
    try:
        from .instrument import watch_when_imported

        watch_when_imported(_configure)
    except Exception as error:  # noqa: BLE001 - the program starts, whatever is wrong with us
        print(f"sentinelops: not watching ({type(error).__name__}: {error})", file=sys.stderr)


def _configure() -> None:
    """Start the SDK as the variables say, unless the application did: at the first library, not at the first line."""
    from . import _runtime
    from ._configure import configure
    from .instrument import _lazy, watch_others

    _lazy.forget("auto")
    if _state["configured"]:
        return
    _state["configured"] = True
    try:
        if _runtime.current is None:
            configure()
        watch_others()
    except ValueError as error:
        print(f"sentinelops: not watching: {error}", file=sys.stderr)


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the command: same process, same standard streams, signals and exit code."""
    rest = list(sys.argv[1:] if arguments is None else arguments)
    environment = dict(os.environ)
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        name, equals, value = rest.pop(0).partition("=")
        if name in ("--help", "-h"):
            print(HELP, end="")
            return 0
        if name == "--":
            break
        if name not in _OPTIONS or not (equals or rest):
            wrong = f"{name} needs a value" if name in _OPTIONS else f"there is no option {name}"
            print(f"sentinelops-run: {wrong}; see sentinelops-run --help", file=sys.stderr)
            return 2
        environment[_OPTIONS[name]] = value if equals else rest.pop(0)
    if not rest:
        print("sentinelops-run: no command given; try: sentinelops-run python app.py", file=sys.stderr)
        return 2
    if rest[0] == "-m":
        rest.insert(0, sys.executable)
    return _become(rest, environment)


def _become(command: list[str], environment: dict[str, str]) -> int:
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [os.path.join(here, "_site"), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment[VARIABLE] = "1"
    sys.stdout.flush()
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - the user's own command
    except FileNotFoundError:
        print(f"sentinelops-run: no such command: {command[0]}", file=sys.stderr)
        return 127
    except PermissionError:
        print(f"sentinelops-run: {command[0]} cannot be executed (python {command[0]}?)", file=sys.stderr)
        return 126
    except OSError as error:
        print(f"sentinelops-run: {command[0]}: {error.strerror}", file=sys.stderr)
        return 126
