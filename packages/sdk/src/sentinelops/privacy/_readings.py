"""A text as it is meant: escapes undone, spaces, dashes, digits of other scripts as plain ones, the invisible left out.

Detectors know ASCII. What they find in a text that was rewritten so is told in places of the text as it stands.
"""

# ruff: noqa: E501 - tables read better on one line
from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence

_SPACES = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_DASHES = "\u2010-\u2015\u2212\ufe63\uff0d"
_UNSEEN = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_WIDE = (
    "\uff08-\uff0b\uff0e-\uff1a\uff1d\uff20-\uff3a\uff41-\uff5a"  # of the full-width forms those that stand in values
)
_DIGITS = ("\u0660", "\u06f0", "\u0966", "\u09e6", "\u0e50")  # the zeros of Arabic, Persian, Hindi, Bengali, Thai


def _each(ranges: str) -> list[str]:
    """The characters of a class as `re` writes it."""
    return [chr(code) for low, high in re.findall(r"(.)(?:-(.))?", ranges) for code in range(ord(low), ord(high or low) + 1)]  # fmt: skip


_TABLE = {
    **dict.fromkeys(_each(_SPACES), " "),
    **dict.fromkeys(_each(_DASHES), "-"),
    **dict.fromkeys(_each(_UNSEEN), ""),
    **{wide: chr(ord(wide) - 0xFEE0) for wide in _each(_WIDE)},
    **{chr(ord(zero) + digit): str(digit) for zero in _DIGITS for digit in range(10)},
    "\u0130": "I",  # the only one whose small letter is two characters
}
_ODD_CLASS = "".join(map(re.escape, _TABLE))
_ODD = re.compile(rf"[\\{_ODD_CLASS}](?:(?<=\\)\\{{0,7}}(?:[nrt/]|u[0-9A-Fa-f]{{4}}))?")
_NAMED = {"amp": "&", "quot": '"', "apos": "'", "nbsp": " ", "commat": "@", "lt": "<", "gt": ">", "plus": "+", "period": ".", "colon": ":", "equals": "="}  # fmt: skip
_CODED = re.compile(
    rf"%(?:25){{0,3}}([2-7][0-9A-Fa-f])|&(?:amp;){{0,3}}(?:#([0-9]{{1,4}})|#[xX]([0-9A-Fa-f]{{1,4}})|({'|'.join(_NAMED)}));"
)
ODD = rf"\\[nrtu/\\]|[{_ODD_CLASS}]|%[2-7][0-9A-Fa-f]|&(?:#[0-9xX]|{'|'.join(_NAMED)})"
"""RE2 pattern of which a match is in every text that has a reading other than itself."""


class Places:
    """Where what stands in a rewritten text stood before."""

    __slots__ = ("_begins", "_ends", "_old")

    def __init__(self, begins: Sequence[int], ends: Sequence[int], old: Sequence[tuple[int, int]]) -> None:
        self._begins, self._ends, self._old = (
            begins,
            ends,
            old,
        )  # of every piece: in the new text, and its place in the old

    def start(self, place: int) -> int:
        """Of a first character."""
        return self._of(place)[0]

    def end(self, place: int) -> int:
        """Behind a last character."""
        return self._of(place - 1)[1]

    def _of(self, place: int) -> tuple[int, int]:
        number = bisect_right(self._begins, place) - 1
        if number < 0:
            return place, place + 1
        if place < self._ends[number]:
            return self._old[number]
        moved = self._old[number][1] + place - self._ends[number]
        return moved, moved + 1


Reading = tuple[str, Places | None]


def readings(text: str) -> list[Reading]:
    """The text as it is meant, and once more without the escapes of URLs and HTML if it has such; mostly itself alone.

    Those escapes also stand within passwords in URLs, which are only seen whole as they are written: so both are read.
    """
    plain: Reading = (text, None)
    if "\\" in text or not text.isascii():
        plain = _rewritten(text, _ODD, _meant)
    if "%" not in text and "&" not in text:
        return [plain]
    coded = _rewritten(text, _CODED, _decoded)
    return [plain] if coded[0] is text else [plain, coded]


def _meant(hit: re.Match[str]) -> str:
    said = hit[0]
    tail = said.lstrip("\\")
    if said == tail:
        return _TABLE[said]
    if not tail:
        return said
    if tail[0] == "u":
        character = chr(int(tail[1:], 16))
        return _TABLE.get(character, character)
    return "/" if tail == "/" else "\n"


def _decoded(hit: re.Match[str]) -> str:
    hexadecimal, decimal, other, named = hit.groups()
    if named:
        return _NAMED[named]
    character = chr(int(decimal) if decimal else int(hexadecimal or other, 16))
    return _TABLE.get(character, character)


def _rewritten(text: str, pattern: re.Pattern[str], put: Callable[[re.Match[str]], str]) -> Reading:
    """The text with what matches replaced, and where its characters stood; no places when none has moved."""
    pieces: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    old: list[tuple[int, int]] = []
    position = length = 0
    moved = False
    for hit in pattern.finditer(text):
        start, end = hit.span()
        piece = put(hit)
        moved = moved or len(piece) != end - start
        begin = length + start - position
        length = begin + len(piece)
        pieces += (text[position:start], piece)
        begins.append(begin)
        ends.append(length)
        old.append((start, end))
        position = end
    if not pieces:
        return text, None
    pieces.append(text[position:])
    return "".join(pieces), Places(begins, ends, old) if moved else None
