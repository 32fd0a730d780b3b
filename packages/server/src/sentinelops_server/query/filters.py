"""Query: filters, as JSON or as the short form of the search box, and the parameterised SQL they mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Malformed
from .conditions import REQUEST_FIELDS, TRACE_FIELDS, Field, clean_text, comparison, find_field

__all__ = ["REQUEST_FIELDS", "TRACE_FIELDS", "Filter", "parse_filter", "parse_search"]

MAX_DEPTH = 20
MAX_CONDITIONS = 200
MAX_TERMS = 20


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on requests (alias r) or traces (alias t): SQL and its parameters, and the terms of full text."""

    condition: str = "TRUE"
    params: tuple[Any, ...] = ()
    fields: frozenset[str] = field(default_factory=frozenset)  # names it mentions
    text: tuple[str, ...] = ()  # words and phrases, lower case; all must occur

    def sql(self) -> tuple[str, list[Any]]:
        """(condition, parameters) for %s placeholders, without the full-text part."""
        return self.condition, list(self.params)

    def __and__(self, other: Filter | None) -> Filter:
        """Both hold."""
        return self if other is None else _all([self, other])


def _all(parts: list[Filter]) -> Filter:
    plain = [part for part in parts if part.condition != "TRUE"]
    condition = " AND ".join(f"({part.condition})" for part in plain) if len(plain) != 1 else plain[0].condition
    return Filter(
        condition or "TRUE",
        tuple(param for part in plain for param in part.params),
        frozenset().union(*(part.fields for part in parts)),
        tuple(dict.fromkeys(term for part in parts for term in part.text)),
    )


def _any(parts: list[Filter]) -> Filter:
    _no_text(parts)
    return Filter(
        " OR ".join(f"({part.condition})" for part in parts),
        tuple(param for part in parts for param in part.params),
        frozenset().union(*(part.fields for part in parts)),
    )


def _not(part: Filter) -> Filter:
    _no_text([part])
    return Filter(f"({part.condition}) IS NOT TRUE", part.params, part.fields)


def _no_text(parts: list[Filter]) -> None:
    if any(part.text for part in parts):
        raise Malformed("full text (text, match) cannot stand under or / not: put it beside them, under and")


def _leaf(name: Any, op: Any, value: Any, fields: Mapping[str, Field]) -> Filter:
    if find_field(name, fields).kind == "fulltext" and op == "match":
        return Filter(fields=frozenset({name}), text=_terms(clean_text(value, "text")))
    if not isinstance(op, str):
        raise Malformed("op is text, for example eq")
    condition, params = comparison(name, op, value, fields)
    return Filter(condition, tuple(params), frozenset({name}))


def _terms(text: str) -> tuple[str, ...]:
    found = [(quoted or word).strip().lower() for quoted, word in re.findall(r'"([^"]*)"?|([^\s"]+)', text)]
    terms = tuple(dict.fromkeys(term for term in found if term))
    if not terms or len(terms) > MAX_TERMS:
        raise Malformed(f"full text takes 1 to {MAX_TERMS} words or phrases")
    return terms


def parse_filter(value: Any, fields: Mapping[str, Field] = REQUEST_FIELDS) -> Filter | None:
    """JSON -> Filter; None and {} mean no condition. Raises Malformed naming the place and the fix.

    {"and": [...]} {"or": [...]} {"not": ...} {"field": "model", "op": "eq", "value": "gpt-4o"}; op is one of eq ne in
    nin lt lte gt gte between prefix contains exists match (match only on "text"). At most 20 deep and 200 conditions.
    """
    if value is None or value == {}:
        return None
    count = [0]
    return _parse(value, fields, 1, count)


def _parse(value: Any, fields: Mapping[str, Field], depth: int, count: list[int]) -> Filter:
    count[0] += 1
    if depth > MAX_DEPTH:
        raise Malformed(f"the filter is nested deeper than {MAX_DEPTH}")
    if count[0] > MAX_CONDITIONS:
        raise Malformed(f"the filter has more than {MAX_CONDITIONS} conditions: use in with a list")
    if not isinstance(value, dict):
        raise Malformed(
            'a filter is an object: {"and": [...]}, {"or": [...]}, {"not": ...} or {"field", "op", "value"}'
        )
    keys = set(value)
    if keys == {"not"}:
        return _not(_parse(value["not"], fields, depth + 1, count))
    if keys in ({"and"}, {"or"}):
        (name,) = keys
        parts = value[name]
        if not isinstance(parts, list) or not parts:
            raise Malformed(f"{name} takes a list of filters that is not empty")
        parsed = [_parse(part, fields, depth + 1, count) for part in parts]
        return _all(parsed) if name == "and" else _any(parsed)
    if keys <= {"field", "op", "value"} and {"field", "op"} <= keys:
        return _leaf(value["field"], value["op"], value.get("value"), fields)
    raise Malformed('a filter has exactly one of "and", "or", "not", or "field" with "op" and "value"')


_ALIASES = {
    "cost": "estimated_cost",
    "duration": "duration_seconds",
    "ttft": "time_to_first_token_seconds",
    "tokens": "total_tokens",
    "app": "application",
    "env": "environment",
    "session": "session_id",
    "user": "user_id",
    "tag": "tags",
    "trace": "trace_id",
    "prompt": "prompt_preview",
    "completion": "completion_preview",
}
_CONTAINS = {"error", "prompt_preview", "completion_preview", "name"}
_TOKEN = re.compile(
    r'\s*(?P<minus>-)?(?:(?P<field>[A-Za-z_][A-Za-z0-9_.\-]*)(?P<op>:|>=|<=|>|<|=)(?P<value>"[^"]*"|[^\s"]*)'
    r'|"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))'
)
_SCORE = re.compile(r"([^<>=:\s]+)(?:(>=|<=|>|<|=|:)(.+))?")
_ORDERS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?(?:[eE]-?\d+)?)(ms|s|m|h|k)?")
_FACTORS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "k": 1000.0, None: 1.0}


def parse_search(text: str, fields: Mapping[str, Field] = REQUEST_FIELDS) -> Filter | None:
    """Short form -> Filter. Raises Malformed.

    `model:gpt-4o status:error cost>0.01 duration>=2s -tag:beta metadata.team:a word "a phrase"`
    Scores: `score.helpful<0.5`, or `score:helpful<0.5`; `score:helpful` has one, `-score:helpful` has none.
    Comma means any of (`model:a,b`), a trailing `*` means prefix, `field:*` means that it is known, `a..b` a range.
    Aliases: cost duration ttft tokens app env session user tag trace prompt completion.
    """
    if len(text) > 4000:
        raise Malformed("the search is longer than 4000 characters")
    text = text.strip()
    parts: list[Filter] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            break
        position = match.end()
        part = _search_part(match, fields)
        if part is not None:
            parts.append(_not(part) if match["minus"] else part)
    if len(parts) > MAX_CONDITIONS:
        raise Malformed(f"the search has more than {MAX_CONDITIONS} conditions")
    return _all(parts) if parts else None


def _search_part(match: re.Match[str], fields: Mapping[str, Field]) -> Filter | None:
    if match["field"] is None:
        term = match["phrase"] if match["phrase"] is not None else match["word"]
        if not term.strip():
            return None
        if "text" in fields:
            return Filter(fields=frozenset({"text"}), text=(clean_text(term, "the search").strip().lower(),))
        return _leaf("name", "contains", term, fields)
    name, op, value = _ALIASES.get(match["field"], match["field"]), match["op"], match["value"]
    if name == "score" and value != "*" and (named := _SCORE.fullmatch(value)):
        name, op, value = f"score.{named[1]}", named[2] or ":", named[3] or "*"
    try:
        kind = find_field(name, fields).kind
    except Malformed as error:
        quoted = match[0].strip()
        raise Malformed(f'{error}; to search for it as text, write it in quotes: "{quoted}"') from error
    quoted_value = value.startswith('"')
    value = value.strip('"') if quoted_value else value
    if op in _ORDERS:
        return _leaf(name, _ORDERS[op], _value(name, "number" if kind == "score" else kind, value), fields)
    if not value:
        raise Malformed(f"{name} lacks its value, for example {name}:something")
    return _equality(name, kind, value, fields) if not quoted_value else _plain(name, kind, value, fields)


def _equality(name: str, kind: str, value: str, fields: Mapping[str, Field]) -> Filter:
    if value == "*":
        return _leaf(name, "exists", True, fields)
    if ".." in value and kind in ("number", "time", "json", "score"):
        low, _, high = value.partition("..")
        bounds = [("gte", low), ("lte", high)]
        return _all(
            [
                _leaf(name, op, _value(name, "number" if kind in ("json", "score") else kind, end), fields)
                for op, end in bounds
                if end
            ]
        )
    if "," in value:
        return _any([_equality(name, kind, item, fields) for item in value.split(",") if item])
    if value.endswith("*") and kind in ("text", "hex", "list", "json", "score"):
        return _leaf(name, "prefix", value[:-1], fields)
    return _plain(name, kind, value, fields)


def _plain(name: str, kind: str, value: str, fields: Mapping[str, Field]) -> Filter:
    op = "contains" if name in _CONTAINS else "eq"
    return _leaf(name, op, value if kind == "json" else _value(name, kind, value), fields)


def _value(name: str, kind: str, text: str) -> Any:
    if kind == "score":  # a thumb, a number or a label
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        return float(text) if _AMOUNT.fullmatch(text) and text[-1].isdigit() else text
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise Malformed(f"{name} is true or false")
        return text.lower() == "true"
    if kind not in ("number", "json"):
        return text
    match = _AMOUNT.fullmatch(text.removeprefix("$"))
    if match is None:
        raise Malformed(f"{name}: {text[:80]!r} is no number (units: ms s m h for durations, k for thousands)")
    return float(match[1]) * _FACTORS[match[2]]
