"""Part of redacting: which texts there are in a record, and what is read together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson
from sentinelops import privacy

__all__ = [
    "LARGE",
    "PLAIN_KEYS",
    "SHORTEST",
    "collect",
    "collect_dict",
    "collect_list",
    "is_json_text",
    "passages",
    "read_json",
]

# no private text is shorter (a@b.co)
SHORTEST = 6
# the usual keys of payloads, which need no look
PLAIN_KEYS = frozenset(
    ("input_messages", "output_messages", "system_instructions", "tool_definitions", "content", "finish_reason")
)
# a number beyond this may be a card's
LARGE = 99_999_999
# characters on each side of the border of two text parts in which a passage cut in two is looked for
BORDER = 300


def is_json_text(text: str) -> bool:
    """Whether a string holds JSON with escapes, in which a pattern could miss what it looks for."""
    return "\\" in text and text[:1] in ("{", "[", '"')


def read_json(text: str) -> Any:
    """The value; None when it is no JSON."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def passages(items: list[Any]) -> Iterable[tuple[list[str], list[Any]]]:
    """Divide a list where its text parts end or begin: the texts of a row of them, and the items themselves."""
    texts: list[str] = []
    row: list[Any] = []
    for item in items:
        is_text = type(item) is dict and item.get("type") == "text" and type(item.get("content")) is str
        if is_text != bool(texts) and row:
            yield texts, row
            texts, row = [], []
        row.append(item)
        if is_text:
            texts.append(item["content"])
    yield texts, row


def _borders(values: Iterable[Any], texts: list[str]) -> None:
    """Add what stands around the borders of text parts that follow one another."""
    for row, _ in passages(list(values)):
        if len(row) > 1:
            joined, end = "".join(row), 0
            for text in row[:-1]:
                end += len(text)
                texts.append(joined[max(0, end - BORDER) : end + BORDER])


def collect(value: Any, texts: list[str]) -> None:
    """Add every string of a JSON value, keys too, to `texts`."""
    kind = type(value)
    if kind is dict:
        collect_dict(value, texts)
    elif kind is list or kind is tuple:
        collect_list(value, texts)
    else:
        collect_list((value,), texts)


def collect_dict(value: dict[str, Any], texts: list[str]) -> None:
    """Add every string of an object, keys too; a value whose name matters also together with it."""
    for key, item in value.items():
        if key not in PLAIN_KEYS:
            if len(key) >= SHORTEST:
                texts.append(key)
            if lead := privacy.lead_of(key):
                _collect_named(lead, item, texts)
    collect_list(value.values(), texts)


def _collect_named(lead: str, value: Any, texts: list[str]) -> None:
    """Add what is only private because of its name, once more together with it."""
    kind = type(value)
    if kind is str or kind is float or (kind is int and not -LARGE <= value <= LARGE):
        texts.append(f"{lead}{value}")
    elif kind is list:
        for item in value:
            _collect_named(lead, item, texts)


def collect_list(values: Iterable[Any], texts: list[str]) -> None:
    """Add every string of a row of values."""
    for value in values:
        kind = type(value)
        if kind is str:
            if len(value) >= SHORTEST:
                texts.append(value)
                if "\\" in value and is_json_text(value):
                    collect(read_json(value), texts)
        elif kind is dict:
            collect_dict(value, texts)
        elif kind is list or kind is tuple:
            collect_list(value, texts)
            if len(value) > 1 and type(value[0]) is dict:
                _borders(value, texts)
        elif kind is int and not -LARGE <= value <= LARGE:
            texts.append(str(value))  # a card number may come as a number
