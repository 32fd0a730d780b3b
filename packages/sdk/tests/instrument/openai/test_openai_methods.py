"""Every method of the client stands in the table of docs/instrument-openai.md, and nothing that is not there."""

from __future__ import annotations

import inspect
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import openai
from openai._resource import SyncAPIResource

DOCS = Path(__file__).resolve().parents[5] / "docs" / "instrument-openai.md"


def methods(owner: Any, path: str = "") -> set[str]:
    found: set[str] = set()
    for name in dir(type(owner)):
        if name.startswith("_") or name in ("with_raw_response", "with_streaming_response"):
            continue
        value = getattr(owner, name)
        if isinstance(value, SyncAPIResource):
            found |= methods(value, f"{path}{name}.")
        elif inspect.ismethod(value):
            found.add(path + name)
    return found


def documented() -> list[str]:
    rows = [line.split("|")[1] for line in DOCS.read_text().splitlines() if line.startswith("| `")]
    return [pattern for row in rows for pattern in re.findall(r"`([^`]+)`", row)]


def test_no_method_is_unlisted() -> None:
    with openai.OpenAI(api_key="k") as client:
        known = documented()
        unlisted = [name for name in methods(client) if not any(fnmatchcase(name, pattern) for pattern in known)]
    assert sorted(unlisted) == []


def test_nothing_listed_is_gone() -> None:
    with openai.OpenAI(api_key="k") as client:
        present = methods(client)
    gone = [pattern for pattern in documented() if not any(fnmatchcase(name, pattern) for name in present)]
    if openai.__version__.startswith("2."):  # the table is of the newest major
        newer = ("decisions.", "live.", "safety.", "beta.", "audio.voice", "realtime.translations.")
        gone = [pattern for pattern in gone if not pattern.startswith(newer)]
    assert gone == []
