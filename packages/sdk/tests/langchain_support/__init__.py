"""How the tests of LangChain look at what was captured."""

from __future__ import annotations

from typing import Any

Tree = list[Any]


def tree(spans: list[Any], parent: str | None = None) -> Tree:
    """[name, *children] of each root, in order of start; a span whose parent is missing fails."""
    known = {span["span_id"] for span in spans}
    assert all(span["parent_id"] is None or span["parent_id"] in known for span in spans)
    return _below(spans, parent)


def _below(spans: list[Any], parent: str | None) -> Tree:
    chosen = sorted((span for span in spans if span["parent_id"] == parent), key=lambda span: span["start_ns"])
    return [[span["name"], *_below(spans, span["span_id"])] for span in chosen]


def bearing(spans: list[Any]) -> list[Any]:
    """The spans that bear tokens."""
    return [span for span in spans if any(key.startswith("gen_ai.usage.") for key in span["attributes"])]


async def collect(items: Any) -> list[Any]:
    """All of an async iterator."""
    return [item async for item in items]
