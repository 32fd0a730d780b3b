"""What a detector is, and what it finds."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

NEAR = 48
"""Characters before a number in which a word that it wants must stand."""


class Match(NamedTuple):
    """Private text found: `text[start:end]`, its type ("email", "secret" ...) and the name of who found it."""

    type: str
    start: int
    end: int
    detector: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """One kind of private text.

    name: unique. type: what the mark says, `[type]`. pattern: RE2-compatible; where it has a group 1, only that group
    is private (the rest is its context). check: a matched text (of the group) it returns False for is left alone.
    extent: how many characters of the matched text are private, 0 for none. near: words of which one must stand in the
    48 characters before it. around: looks at the whole text and the place; False leaves the match alone.

    How `find` saves itself the search; a detector of one's own needs none of it:
    literals: every match holds one of these (in lower case when `folded`). before: a match starts at most so many
    characters before its literal, 0: with it; None: the whole text is searched. after: one of these characters stands
    behind the literal. ahead: pattern of the literal and what follows it, tried before the search from `before`.
    number: a match lies in a run of digits, single capitals and separators, with at most 3 characters before and 2
    behind. token: it begins with its literal, and that stands in a word of at least 16 of `A-Za-z0-9_-`. sieve: RE2
    pattern of which a match is in every text in which this detector finds something, where its own lets too much pass,
    or counts before its literal: in long random words that makes new states of every character.
    """

    name: str
    type: str
    pattern: str
    literals: tuple[str, ...] | None = None
    check: Callable[[str], bool] | None = None
    before: int | None = 0
    after: frozenset[str] = frozenset()
    ahead: str = ""
    folded: bool = False
    number: bool = False
    token: bool = False
    near: tuple[str, ...] = ()
    extent: Callable[[str], int] | None = None
    around: Callable[[str, int, int], bool] | None = None
    sieve: str = ""
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)
    forward: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    nearby: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __getattr__(self, name: str) -> re.Pattern[str] | None:
        """Compile a pattern when it is first asked for, which most never are: all of them take 50 ms."""
        found: re.Pattern[str] | None
        if name == "compiled":
            found = re.compile(self.pattern, re.ASCII)
        elif name == "forward":
            found = re.compile(self.ahead, re.ASCII) if self.ahead else None
        elif name == "nearby":
            found = re.compile(f"(?<![a-z])(?:{self.words})(?![a-z])") if self.near else None
        else:
            raise AttributeError(name)
        object.__setattr__(self, name, found)
        return found

    @property
    def words(self) -> str:
        """A pattern of the words of `near`."""
        return "|".join(map(re.escape, self.near))
