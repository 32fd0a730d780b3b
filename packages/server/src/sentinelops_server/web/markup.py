"""Text from telemetry as HTML: everything escaped, Markdown only dressed, so that what is seen is what was written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markupsafe import Markup, escape

__all__ = ["dress", "json_tree"]

_FENCE = re.compile(r"^(\s{0,3}(`{3,}|~{3,})[^\n`]*)$")
_HEADING = re.compile(r"#{1,6} \S")
# One alternation, each branch linear: `code`, **bold**, http(s) link. Nothing else becomes an element.
_INLINE = re.compile(r"`[^`\n]{1,400}`|\*\*[^*\n]{1,400}\*\*|https?://[^\s<>\"'`)\]}]{1,2000}")
_MAX_CHARACTERS = 200_000
_MAX_ITEMS = 200
_MAX_DEPTH = 24


def dress(text: str) -> Markup:
    """Markdown that keeps every character: fences, headings, bold, code and http(s) links get an element, markers stay.

    The text content of the result is the text itself, so copying and finding are exact. Over 200,000 characters it is
    only escaped.
    """
    if len(text) > _MAX_CHARACTERS:
        return escape(text)
    return Markup("").join(_blocks(text))


def _blocks(text: str) -> Iterator[Markup]:
    fence = ""
    for line in text.splitlines(keepends=True):
        bare = line.rstrip("\r\n")
        opening = _FENCE.match(bare)
        if fence:
            closes = opening is not None and bare.strip().startswith(fence) and not bare.strip().strip(fence[0])
            if closes:
                fence = ""
                yield Markup('</code><span class="md-mark">{}</span>').format(line)
            else:
                yield escape(line)
        elif opening:
            fence = opening[2]
            yield Markup('<span class="md-mark">{}</span><code class="md-block">').format(line)
        elif _HEADING.match(bare):
            yield Markup('<strong class="md-heading">{}</strong>{}').format(_inline(bare), line[len(bare) :])
        else:
            yield _inline(line)
    if fence:
        yield Markup("</code>")


def _inline(text: str) -> Markup:
    parts, last = [], 0
    for match in _INLINE.finditer(text):
        parts.append(escape(text[last : match.start()]))
        found = match[0]
        if found[0] == "`":
            parts.append(Markup("<code>{}</code>").format(found))
        elif found[0] == "*":
            parts.append(Markup("<strong>{}</strong>").format(found))
        else:
            parts.append(
                Markup('<a href="{}" rel="noopener noreferrer nofollow" target="_blank">{}</a>').format(found, found)
            )
        last = match.end()
    parts.append(escape(text[last:]))
    return Markup("").join(parts)


def json_tree(value: Any) -> Markup:
    """JSON as nested lists that fold; long lists and deep nesting end in a note of what is left out."""
    if isinstance(value, dict | list) and value:
        return _branch(value, 0)
    return _leaf(value)


def _leaf(value: Any) -> Markup:
    if isinstance(value, dict | list):
        return Markup('<span class="j-none">{}</span>').format("{}" if isinstance(value, dict) else "[]")
    if value is None or isinstance(value, bool):
        return Markup('<span class="j-none">{}</span>').format("null" if value is None else str(value).lower())
    if isinstance(value, int | float):
        return Markup('<span class="j-number">{}</span>').format(value)
    return Markup('<span class="j-text" dir="auto">{}</span>').format(str(value))


def _branch(value: dict[str, Any] | list[Any], depth: int) -> Markup:
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    rows = [_pair(key, item, depth + 1) for key, item in pairs[:_MAX_ITEMS]]
    if len(pairs) > _MAX_ITEMS:
        rows.append(Markup('<li class="j-none">and {} more</li>').format(len(pairs) - _MAX_ITEMS))
    return Markup('<ul class="json">{}</ul>').format(Markup("").join(rows))


def _pair(key: Any, value: Any, depth: int) -> Markup:
    if not isinstance(value, dict | list) or not value:
        return Markup('<li><span class="j-key">{}</span> {}</li>').format(key, _leaf(value))
    if depth >= _MAX_DEPTH:
        return Markup(
            '<li><span class="j-key">{}</span> <span class="j-none">deeper than {} levels</span></li>'
        ).format(key, _MAX_DEPTH)
    shape = f"{{{len(value)}}}" if isinstance(value, dict) else f"[{len(value)}]"
    opened = Markup(" open") if depth < 3 and len(value) <= 12 else Markup("")
    return Markup(
        '<li><details{}><summary><span class="j-key">{}</span> <span class="j-none">{}</span></summary>{}</details>'
        "</li>"
    ).format(opened, key, shape, _branch(value, depth))
