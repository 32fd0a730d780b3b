"""The tables in the docs say what becomes of everything that the installed library's dispatcher reports."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import workflows.runtime.types.step_function
from llama_index.core.instrumentation import DISPATCHER_SPAN_DECORATED_ATTR, DispatcherSpanMixin, events
from llama_index.core.instrumentation.events import BaseEvent
from sentinelops.instrument.llamaindex import _handlers, _plans

PAGE = (Path(__file__).parents[5] / "docs" / "instrument-llamaindex.md").read_text()
KINDS = {
    "call": _plans.LAYER,
    "step": _plans.STEP,
    "outermost": _plans.INSIDE,
    "folded": _plans.FOLD,
    "stream": _plans.FOLD,
}
ROW = re.compile(r"^\| `(\w+)` \| (.+) \| (\w+)[^|]*\|$", re.MULTILINE)


def written() -> dict[tuple[str, str], str]:
    table, _, _ = PAGE.partition("| events |")
    return {
        (base, method): KINDS[word]
        for base, methods, word in ROW.findall(table)
        for method in re.findall(r"`(\w+)`", methods)
    }


def below(cls: type) -> Iterator[type]:
    yield cls
    for one in cls.__subclasses__():
        yield from below(one)


def base_of(cls: type) -> str:
    return next(one.__name__ for one in cls.__mro__ if DispatcherSpanMixin in one.__bases__)


def reported() -> dict[tuple[str, str], str]:
    """What the dispatcher decorates in the library itself, public methods and those that are no mere halves."""
    _plans.families()
    found: dict[tuple[str, str], str] = {}
    for cls in below(DispatcherSpanMixin):
        if not cls.__module__.startswith("llama_index.core"):
            continue
        for name, method in cls.__dict__.items():
            shown = not name.startswith("_") or name == "__call__" or name in _plans._TELLING
            if shown and callable(method) and hasattr(method, DISPATCHER_SPAN_DECORATED_ATTR):
                found[base_of(cls), name] = _plans._planned(cls, name).kind
    return found


def test_every_method_is_in_the_table_with_what_becomes_of_it() -> None:
    said, real = written(), reported()
    assert said == real


def test_every_event_is_in_the_table() -> None:
    known: set[str] = set()
    for module in pkgutil.iter_modules(events.__path__):
        found: Any = importlib.import_module(f"{events.__name__}.{module.name}")
        known |= {
            name
            for name, value in vars(found).items()
            if isinstance(value, type) and issubclass(value, BaseEvent) and value is not BaseEvent
        }
    known |= {
        name
        for name, value in vars(workflows.runtime.types.step_function).items()
        if isinstance(value, type) and issubclass(value, BaseEvent) and value is not BaseEvent
    }
    _, _, table = PAGE.partition("| events |")
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    said = {
        name: row.rsplit("|", 2)[1].split(":")[0].strip() for row in rows for name in re.findall(r"`(\w+Event)`", row)
    }
    assert set(said) == known
    assert {name for name, word in said.items() if word == "yes"} == set(_handlers._HEARD)
