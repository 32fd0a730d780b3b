"""What a run of digits looks like, each digit a 0 and each letter an A: by it a pattern is ruled out once for all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from ._model import Detector

_AS_SHAPE = bytes(
    48 if 48 <= byte <= 57 else 65 if 65 <= byte <= 90 else 97 if 97 <= byte <= 122 else byte for byte in range(256)
)
_PART = re.compile(r"\\.|\[[^\]]*\]|\{[0-9,]+\}|\(\?[a-z]*:|.", re.DOTALL)


def shape_of(text: str) -> bytes:
    """`AB 12-x` is `AA 00-a`; one byte for each character."""
    return text.encode("ascii", "replace").translate(_AS_SHAPE)


def shape_pattern(pattern: str) -> str:
    """A pattern that matches the shape of everything that the pattern matches, even with its digits left in place."""
    return "".join(_part(part) for part in _PART.findall(pattern))


def _part(part: str) -> str:
    if part[0] == "[" and part[1] != "^":
        added = {"0" if c.isdigit() else "A" if c.isupper() else "a" for c in part[1:-1] if c.isalnum() and c.isascii()}
        dash = "-" if part[1] == "-" else ""  # first, or it would mean a range
        return f"[{dash}{''.join(sorted(added))}{part[1:].removeprefix('-')}"
    if len(part) == 1 and part.isalnum() and part.isascii():
        return f"[0{part}]" if part.isdigit() else "A" if part.isupper() else "a"
    return part


_Ranked = tuple[int, Detector]


class Shapes:
    """Which number detectors a run of digits can fit, by its shape and its first digit; the same few come again."""

    def __init__(self, numbers: Sequence[_Ranked]) -> None:
        self._all = tuple(numbers)
        self._known: dict[tuple[bytes, str, int], tuple[tuple[_Ranked, ...], bool]] = {}

    @cached_property
    def _patterns(self) -> list[tuple[_Ranked, re.Pattern[bytes]]]:
        """Compiled when the first number comes: that takes some milliseconds."""
        return [(item, re.compile(shape_pattern(item[1].pattern).encode(), re.ASCII)) for item in self._all]

    def fitting(self, shape: bytes, first: str, place: int) -> tuple[tuple[_Ranked, ...], bool]:
        """The detectors, with their ranks, whose pattern such a run can match; whether one of them wants a word.

        shape: of the run and what stands around it. first: the digit at `place`, where the run begins. A run that is
        longer than most is not asked for its shape.
        """
        key = (shape, first, place)
        known = self._known.get(key)
        if known is None:
            if len(shape) > _LONGEST:
                return self._all, True
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            begun = shape[:place] + first.encode() + shape[place + 1 :]
            fits = tuple(item for item, pattern in self._patterns if pattern.search(begun))
            known = self._known[key] = fits, any(detector.near for _, detector in fits)
        return known


_LONGEST, _REMEMBERED = 96, 4096
