"""Query: filters, as JSON or as the short form of the search box, and the parameterised SQL they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["REQUEST_FIELDS", "TRACE_FIELDS", "Filter", "parse_filter", "parse_search"]

REQUEST_FIELDS: dict[str, Any] = {}
TRACE_FIELDS: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on requests (or traces)."""

    fields: frozenset[str]  # names it mentions
    text: tuple[str, ...]  # words and phrases of full text, lower case

    def sql(self) -> tuple[str, list[Any]]:
        """(condition, parameters) for %s placeholders, without the full-text part."""
        raise NotImplementedError

    def __and__(self, other: Filter | None) -> Filter:
        """Both hold."""
        raise NotImplementedError


def parse_filter(value: Any, fields: dict[str, Any] = REQUEST_FIELDS) -> Filter | None:
    """JSON -> Filter; None and {} mean no condition. Raises Malformed naming the place and the fix.

    {"and": [...]} {"or": [...]} {"not": ...} {"field": "model", "op": "eq", "value": "gpt-4o"}; op is one of eq ne in nin lt lte
    gt gte between prefix contains exists match (match only on "text").
    """
    raise NotImplementedError


def parse_search(text: str, fields: dict[str, Any] = REQUEST_FIELDS) -> Filter | None:
    """Short form -> Filter: `model:gpt-4o status:error cost>0.01 duration>=2s -tag:beta metadata.team:a word "a phrase"`. Raises Malformed.

    Comma means any of (`model:a,b`), a trailing `*` means prefix, `field:*` means that it is known, `a..b` a range.
    Aliases: cost, duration, ttft, tokens, app, env, session, user, tag, trace.
    """
    raise NotImplementedError
