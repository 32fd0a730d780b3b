"""Query: full text over prompts and completions; Bloom filters say which payload segments to open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..storage.payloads import PayloadStore, might_contain
from ..storage.postgres.database import Database

__all__ = ["TextMatcher"]

_WORD = re.compile(r"\w+", re.UNICODE)
_PREVIEWS = ("prompt_preview", "completion_preview")


class TextMatcher:
    """Says of rows whether every term occurs, ignoring case, in their messages or previews. Made anew for every search.

    A segment's words are looked at once and each segment that may match is read once, so a page of rows costs its
    segments.
    """

    def __init__(self, database: Database, payloads: PayloadStore | None, terms: Sequence[str]) -> None:
        self._database = database
        self._payloads = payloads
        self._patterns = [_pattern(term) for term in terms]
        self._words = tuple(dict.fromkeys(word for term in terms for word in _whole_words(term)))
        self._hopeful: dict[str, bool] = {}
        self._found: dict[str, set[str]] = {}

    def prepare(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Look up, in one query, the words of the segments of these rows."""
        wanted = {_object(row) for row in rows} - {None} - set(self._hopeful)
        if not wanted or self._payloads is None:
            return
        names = sorted(name for name in wanted if name)
        for row in self._database.fetch(
            "SELECT object_id, words FROM payload_segments WHERE object_id = ANY(%s::text[])", [names]
        ):
            self._hopeful[row["object_id"]] = all(might_contain(row["words"], word) for word in self._words)
        for name in names:
            self._hopeful.setdefault(name, True)  # no filter: it must be read

    def matches(self, row: Mapping[str, Any]) -> bool:
        """Whether every term occurs in this row (with its storage_object_id)."""
        previews = "\n".join(row[name] or "" for name in _PREVIEWS).lower()
        if self._all_in(previews):
            return True
        name = _object(row)
        if name is None or self._payloads is None or not self._hopeful.get(name, True):
            return False
        if name not in self._found:
            self._found[name] = self._read(name, self._payloads)
        return row["storage_object_id"] in self._found[name]

    def _all_in(self, text: str) -> bool:
        return all(pattern.search(text) for pattern in self._patterns)

    def _read(self, name: str, payloads: PayloadStore) -> set[str]:
        return {place for place, content in payloads.read_segment(name) if self._all_in(_text_of(content))}


def _pattern(term: str) -> re.Pattern[str]:
    """Return a term as whole words; `refund*` is also found at the beginning of a longer word."""
    body = term.removesuffix("*")
    before = r"(?<!\w)" if re.match(r"\w", body) else ""
    after = r"(?!\w)" if re.search(r"\w$", body) and not term.endswith("*") else ""
    return re.compile(before + re.escape(body) + after)


def _whole_words(term: str) -> list[str]:
    """Return the words of a term that the filter of a segment can be asked for."""
    words = _WORD.findall(term)
    return words[:-1] if term.endswith("*") else words


def _object(row: Mapping[str, Any]) -> str | None:
    place = row["storage_object_id"]
    return place.partition(":")[0] if place else None


def _text_of(content: Any) -> str:
    """All text within content, lower case, a line each."""
    found: list[str] = []
    stack = [content]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            stack.extend(reversed(list(item.values())))
        elif isinstance(item, list):
            stack.extend(reversed(item))
    return "\n".join(found).lower()
