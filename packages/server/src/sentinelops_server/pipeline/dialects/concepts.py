"""What dialects have in common: first hit of several names, objects in JSON, flattened trees, counts, tools' bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...analysis.json_text import parse_json
from ...analysis.messages import canonical_messages
from .base import Reading, as_count, as_float

__all__ = [
    "as_object",
    "fill_usage",
    "first",
    "items_of",
    "move_to_tool",
    "numbers",
    "prompt_to_metadata",
    "put",
    "report_cost",
    "texts",
    "tree_of",
]

MAX_DEPTH = 16


def first(attributes: Mapping[str, Any], *names: str) -> Any:
    """Return the value of the first name that says something, or None."""
    for name in names:
        value = attributes.get(name)
        if value is not None and value != "":
            return value
    return None


def as_object(value: Any) -> dict[str, Any]:
    """Return an object that came as such or as JSON, else an empty one."""
    value = parse_json(value)
    return value if isinstance(value, dict) else {}


def fill_usage(usage: dict[str, int], counts: Iterable[tuple[str, Any]]) -> None:
    """Add the counts that are not there yet: the first that says one wins."""
    for name, value in counts:
        if name not in usage and value is not None and (count := as_count(value)) is not None:
            usage[name] = count


def put(reading: Reading, key: str, value: Any, name: str | None = None) -> None:
    """Set a body that no better spelling has given; `name` is the attribute that it was taken from as a whole."""
    if value is None or value in ("", []):
        return
    if key not in reading.content:
        reading.content[key] = value
        if name is not None:
            reading.bodies.append(name)


def texts(value: Any) -> list[dict[str, Any]]:
    """Return one user message for each text of a list, or of JSON that is one: what embeddings are made of."""
    value = parse_json(value)
    items = value if isinstance(value, list) else [value]
    return [message for item in items for message in canonical_messages(parse_json(item))]


def numbers(vectors: Any) -> list[str]:
    """Return what is kept of vectors, which nobody reads: how long each is."""
    vectors = parse_json(vectors)
    if isinstance(vectors, list) and vectors and isinstance(vectors[0], (int, float)):
        vectors = [vectors]
    kept = []
    for item in vectors if isinstance(vectors, list) else ():
        vector = parse_json(item)
        kept.append(f"[{len(vector)} numbers]" if isinstance(vector, list) else "[a vector]")
    return kept


def move_to_tool(reading: Reading) -> None:
    """What went into a tool's span are the tool's arguments, what came out its result."""
    content = reading.content
    for plain, of_tool in (("input", "tool_arguments"), ("output", "tool_result")):
        if plain in content:
            content.setdefault(of_tool, content[plain])
            del content[plain]


def prompt_to_metadata(reading: Reading, **said: Any) -> None:
    """Keep which prompt it was: id, name, version, template, variables; what is None is unknown."""
    for key, value in said.items():
        if value is not None and value not in ("", {}):
            reading.metadata.setdefault(f"prompt.{key}", value)


def report_cost(reading: Reading, value: Any) -> None:
    """Keep what the sender says a call cost, in dollars."""
    cost = as_float(value)
    if cost is not None and cost >= 0:
        reading.metadata["reported_cost"] = cost


def tree_of(attributes: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return flattened attributes as a tree of objects: `a.0.b` = 1 is {a: {0: {b: 1}}}. Depth ends at 17."""
    tree: dict[str, Any] = {}
    for name in names:
        *path, leaf = name.split(".")
        if len(path) > MAX_DEPTH:
            continue
        node: Any = tree
        for step in path:
            node = node.setdefault(step, {})
            if type(node) is not dict:
                break
        else:
            node.setdefault(leaf, attributes[name])
    return tree


def items_of(tree: Any, *path: str) -> list[dict[str, Any]]:
    """Return the objects of a flattened list in the order of their indexes, which may have gaps."""
    for step in path:
        tree = tree.get(step) if isinstance(tree, dict) else None
    if not isinstance(tree, dict):
        return []
    found = [(int(index), item) for index, item in tree.items() if index.isdecimal() and len(index) < 10]
    return [item for _, item in sorted(found, key=lambda pair: pair[0]) if isinstance(item, dict)]
