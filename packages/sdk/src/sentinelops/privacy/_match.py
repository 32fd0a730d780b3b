"""One detector and a text, or the places in it where a match may be."""

from __future__ import annotations

import re

from ._model import NEAR, Detector, Match

Found = list[tuple[int, Match]]
"""Matches with the ranks of their detectors."""


def at_literals(text: str, hay: str, detector: Detector, rank: int, found: Found) -> None:
    """Try the pattern where its literals stand. hay: the text as the literals are written."""
    before, after, forward = detector.before, detector.after, detector.forward
    if before is None:
        each_match(detector, rank, text, (0, len(text)), found)
        return
    for literal in detector.literals or ():
        position, free, size = hay.find(literal), 0, len(literal)
        while position >= 0:
            if (not after or hay[position + size : position + size + 1] in after) and (
                forward is None or forward.match(text, position)
            ):
                free = max(free, _try(detector, rank, text, (max(free, position - before), position), found))
            position = hay.find(literal, max(free, position + size))


def _try(detector: Detector, rank: int, text: str, place: tuple[int, int], found: Found) -> int:
    """One match that begins within the two places; where it ends, 0 without one."""
    first, last = place
    compiled = detector.compiled
    if last - first <= _SOON:
        tries = (compiled.match(text, begin) for begin in range(first, last + 1))
        hit = next((one for one in tries if one is not None and one.end() > last), None)
    else:
        hit = compiled.search(text, first, min(len(text), last + _REACH))
        inside = hit is not None and hit.start() <= last < hit.end()
        hit = compiled.match(text, hit.start()) if hit is not None and inside else None  # not cut by the window
    if hit is None:
        return 0
    match = accepted(detector, text, hit)
    if match is not None:
        found.append((rank, match))
    return hit.end()


_SOON = 32  # places before a literal that are tried one by one sooner than a window is searched
_REACH = 640  # characters behind a literal in which a pattern with something before it has ended


def each_match(detector: Detector, rank: int, text: str, place: tuple[int, int], found: Found) -> None:
    """Every match within a part of the text; behind one that is refused the search goes on at its next character."""
    position, last = place
    search = detector.compiled.search
    while (hit := search(text, position, last)) is not None:
        match = accepted(detector, text, hit)
        if match is None:
            position = hit.start() + 1
        else:
            found.append((rank, match))
            position = max(hit.start() + 1, match.end)


def accepted(detector: Detector, text: str, hit: re.Match[str]) -> Match | None:
    """The match, unless one of the detector's checks refuses it."""
    start, end = hit.span(detector.compiled.groups)
    if detector.extent is not None:
        end = start + detector.extent(text[start:end])
        if end == start:
            return None
    if detector.number and not _stands_alone(text, start, end):
        return None
    if detector.nearby is not None:  # one character more, which shows whether the first word is whole
        window = text[max(0, start - NEAR - 1) : start].lower()
        if not detector.nearby.search(window, int(start > NEAR)):
            return None
    if detector.around is not None and not detector.around(text, start, end):
        return None
    if detector.check is not None and not detector.check(text[start:end]):
        return None
    return Match(detector.type, start, end, detector.name)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Part of a UUID, a hash, a version or a fraction is no number of its own."""
    if start > 1 and text[start] not in "+(" and text[start - 1] in "-." and text[start - 2].isalnum():
        return False
    behind = text[end : end + 2]
    return not (
        len(behind) == 2 and behind[0] in "-." and (behind[1].isdigit() or (behind[0] == "-" and behind[1].isalpha()))
    )
