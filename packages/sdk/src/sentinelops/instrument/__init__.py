"""One module per client library; what they share stands once in `sentinelops._call`. This is their registry.

Each module has `instrument() -> None` and `uninstrument() -> None`, both idempotent.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from .._guard import swallow
from . import _lazy

# Our name for it: the package whose presence means "installed"; of several, any.
LIBRARIES: dict[str, str] = {
    "anthropic": "anthropic",
    "azure": "azure.ai.inference",
    "bedrock": "botocore",
    "haystack": "haystack",
    "http": "httpx httpx2 requests aiohttp",
    "huggingface": "huggingface_hub",
    "langchain": "langchain_core",
    "llamaindex": "llama_index.core",
    "mcp": "mcp",
    "openai": "openai",
    "openai_agents": "agents",
    "transformers": "transformers",
}

__all__ = ["LIBRARIES", "instrument", "uninstrument"]


def instrument(*names: str) -> tuple[str, ...]:
    """Watch the model calls of these client libraries; without names, of every one that is installed.

    Without names nothing is imported: a library that the application has not loaded yet is watched from its first
    import on, and so are those for which another OpenTelemetry instrumentation is installed (docs/instrument-http.md).
    Returns the names now watched. Calling it again changes nothing. A library that is named and not installed, or a
    name we do not know, raises ValueError; one that cannot be watched (an unknown version) is left alone, with a
    warning.
    """
    chosen = _chosen(names)
    if not names:
        return (*filter(_watch_when_imported, chosen), *_with_others("instrument"))
    for name in chosen:
        if not _installed(LIBRARIES[name]):
            raise ValueError(f"instrument({name!r}): the package {LIBRARIES[name]!r} is not installed")
    return tuple(name for name in chosen if _run(name, "instrument"))


def _watch_when_imported(name: str) -> bool:
    """Whether it is watched, or will be."""
    watched = []
    for package in LIBRARIES[name].split():
        _lazy.when_imported(package, lambda: watched.append(_run(name, "instrument")), owner=name)
    return all(watched)


def _with_others(verb: str) -> tuple[str, ...]:
    try:
        found: tuple[str, ...] = getattr(import_module(f"{__name__}._entry_points"), verb)()
        return found
    except Exception as error:
        swallow(f"{verb}.entry_points", error)
        return ()


def watch_when_imported(first: Callable[[], object]) -> None:
    """Watch every library from its first import on, installed or not; `first` runs before any of them is watched."""
    for name, packages in LIBRARIES.items():
        for package in packages.split():
            _lazy.when_imported(package, first, owner="auto")
        _watch_when_imported(name)


def watch_others() -> tuple[str, ...]:
    """Turn on the instrumentations of others; their names."""
    return _with_others("instrument")


def uninstrument(*names: str) -> tuple[str, ...]:
    """Stop watching these libraries (all, without names) and put their functions back; returns the names let go."""
    chosen = _chosen(names, installed=False)
    waited = {name for name in chosen if _lazy.forget(name)}
    others = () if names else _with_others("uninstrument")
    ours = [name for name in chosen if (_loaded(name) and _run(name, "uninstrument")) or name in waited]
    return (*ours, *others)


def _chosen(names: tuple[str, ...], *, installed: bool = True) -> tuple[str, ...]:
    unknown = sorted(set(names) - set(LIBRARIES))
    if unknown:
        known = ", ".join(sorted(LIBRARIES))
        raise ValueError(f"no instrumentation called {', '.join(map(repr, unknown))}; there are: {known}")
    if names:
        return tuple(dict.fromkeys(names))
    return tuple(name for name, package in LIBRARIES.items() if not installed or _installed(package))


def _installed(packages: str) -> bool:
    return any(map(_there, packages.split()))


def _there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def _module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def _loaded(name: str) -> bool:
    import sys

    return f"{__name__}.{name}" in sys.modules


def _run(name: str, verb: str) -> bool:
    try:
        return bool(getattr(_module(name), verb)())
    except Exception as error:
        swallow(f"{verb}.{name}", error)
        return False
