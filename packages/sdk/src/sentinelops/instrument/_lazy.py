"""Runs something as soon as a package is imported, without importing it: what makes a start without code cheap."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .._guard import swallow

_waiting: dict[str, dict[str, Callable[[], object]]] = {}  # package -> owner -> what to run
_executed: set[str] = set()  # packages whose import we are in the last step of: everything in them is there
_seeking = threading.local()


def when_imported(package: str, run: Callable[[], object], *, owner: str) -> None:
    """Run it now when the package is loaded, else after its first import; a failure of it never reaches the import."""
    if _loaded(package):
        _guarded(package, run)
        return
    _waiting.setdefault(package, {})[owner] = run
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(owner: str) -> bool:
    """Wait no longer on behalf of this owner; whether anything was waited for."""
    waited = [runs.pop(owner, None) for runs in _waiting.values()]
    return any(run is not None for run in waited)


def _loaded(package: str) -> bool:
    module = sys.modules.get(package)
    # a module that is being imported has no classes yet
    if module is None:
        return False
    return package in _executed or not getattr(getattr(module, "__spec__", None), "_initializing", False)


def _guarded(package: str, run: Callable[[], object]) -> None:
    try:
        run()
    except Exception as error:
        swallow(f"import.{package}", error)


class _Finder:
    """First in `sys.meta_path`; of every name but those waited for it knows nothing."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find what the others find, and look on when it is executed."""
        if name not in _waiting or getattr(_seeking, "name", None) == name:
            return None
        _seeking.name = name
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            return None  # whoever imports it gets the error of the finders behind us
        finally:
            _seeking.name = None
        loader: Any = None if spec is None else spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is None:
            return spec

        def exec_module(module: ModuleType) -> None:
            loader.__dict__.pop("exec_module", None)
            execute(module)
            _executed.add(name)
            for run in _waiting.pop(name, {}).values():
                _guarded(name, run)

        try:
            loader.exec_module = exec_module
        except (AttributeError, TypeError):
            return spec  # a loader without room for it: this package goes unwatched
        return spec


_finder = _Finder()
