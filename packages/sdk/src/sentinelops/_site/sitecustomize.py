"""What `sentinelops-run` puts first on PYTHONPATH: starts the SDK, after the sitecustomize that this one hides."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from os.path import abspath, dirname

_HERE = dirname(abspath(__file__))


def _hidden() -> None:
    """Run the sitecustomize that the interpreter would have found without us; what it raises is the user's to see."""
    spec = PathFinder.find_spec("sitecustomize", [path for path in sys.path if abspath(path or ".") != _HERE])
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


def _start() -> None:
    try:
        from sentinelops._auto import start
    except ImportError as error:
        # an interpreter without the SDK, started below one that has it
        print(f"sentinelops-run: not watching, {sys.executable} has no sentinelops ({error})", file=sys.stderr)
    else:
        start()


try:
    _hidden()
finally:
    _start()
