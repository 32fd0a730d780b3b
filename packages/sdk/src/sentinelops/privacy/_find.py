"""Finding: what may be in a text at all is told by a few looks at the speed of memory, the detectors see the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ._identity import NATIONAL
from ._model import Detector, Match
from ._personal import FIRST, LAST
from ._secrets import SECRETS
from ._shape import shape_of, shape_pattern

# In order of precedence: where two overlap, the first one marks the text.
DETECTORS: tuple[Detector, ...] = (*SECRETS, *FIRST, *NATIONAL, *LAST)
RANKED = {detector.name: (rank, detector) for rank, detector in enumerate(DETECTORS)}
_Found = list[tuple[int, Match]]
_Ranked = tuple[int, Detector]


def find(text: str, detectors: Sequence[Detector] = DETECTORS, names: frozenset[str] | None = None) -> list[Match]:
    """Every private passage in order of its start, none overlapping; an earlier detector wins where two overlap.

    names: only these of the detectors. With detectors of one's own the whole text is searched for each.
    """
    found: _Found = []
    if detectors is DETECTORS:
        _Search(text, names, found).run()
    else:
        for rank, detector in enumerate(detectors):
            if names is None or detector.name in names:
                _each(detector, rank, text, (0, len(text)), found)
    return [match for _, match in found] if len(found) < 2 else _without_overlap(found)


def possible(text: str) -> list[str]:
    """Names of the detectors that may find something here, in their order; none at all for most prose."""
    search = _Search(text, None, [])
    ranks = {rank for rank, _ in search.by_literals()} | {rank for rank, _ in search.whole()}
    for _, _, shaped in search.runs():
        ranks.update(rank for rank, _ in shaped)
    return [DETECTORS[rank].name for rank in sorted(ranks)]


# First looks. They let more pass than the detectors find, never less; a test holds them to that.
_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_AS_TOKEN = bytes(97 if byte in _TOKEN_BYTES else 32 for byte in range(256))
_OF_TOKENS = bytes(byte if byte in _TOKEN_BYTES else 32 for byte in range(256))
_TOKEN_LEAST = 16
_LONG = b"a" * _TOKEN_LEAST
_AS_DIGIT = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_SEPARATORS = bytes({*b" ,;.-()/+'", *range(128, 256)})
_SIX = b"0" * 6
_RUN = re.compile(r"[0-9](?:[0-9 ().,;+/'-]|[A-Z](?= ?[0-9])){5,}", re.ASCII)
_DATE = re.compile(r"(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ][0-9]{2})?[ ,.;/()-]*", re.ASCII)
_SHAPED = 96  # characters: a longer run is searched without asking for its shape
_BEFORE, _BEHIND = 3, 2
_DOTTED = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\b", re.ASCII)
_COLONS = re.compile(r":(?:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:|:[0-9A-Fa-f])", re.ASCII)  # no time of day
_IBAN_START = re.compile(r"[A-Z][A-Z][0-9][0-9] ?[0-9A-Z]", re.ASCII)
_HEX_DASHED = re.compile(r"-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-", re.ASCII)
_HEX_DOTTED = re.compile(r"\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\b", re.ASCII)

_TOKENS = [detector for detector in DETECTORS if detector.token and detector.literals]
_UPPER = [RANKED[name] for name in ("it_codice_fiscale", "mx_curp")]
_BY_START: dict[bytes, list[_Ranked]] = {}
for _detector in _TOKENS:
    for _literal in _detector.literals or ():
        _BY_START.setdefault(_literal[:2].encode(), []).append(RANKED[_detector.name])
_STARTS = frozenset(_BY_START)
# literals that no other look announces: each is searched for
_PLAIN = [
    (literal, RANKED[detector.name])
    for detector in DETECTORS
    if not detector.token and not detector.number and not detector.folded
    for literal in detector.literals or ()
    if literal not in ("@", "%40", "://", "°")
]
# in any case: those that want a sign behind the word, and the rest
_ASSIGNED = [(literal, RANKED["assigned_secret"]) for literal in (b"secret", b"key", b"token", b"credential")]
_ASSIGNED += [(literal, RANKED["signature"]) for literal in (b"sig=", b"signature=")]
_FOLDED = [
    (literal.encode(), RANKED[name])
    for name in ("bearer", "assigned_password")
    for literal in RANKED[name][1].literals or ()
]
_NUMBERS = [RANKED[detector.name] for detector in DETECTORS if detector.number]
_SHAPES = [(item, re.compile(shape_pattern(item[1].pattern), re.ASCII)) for item in _NUMBERS]
_known_shapes: dict[str, tuple[_Ranked, ...]] = {}


def _fitting(shape: str) -> tuple[_Ranked, ...]:
    """The number detectors whose pattern such a run can match; remembered, for the same few shapes come again."""
    known = _known_shapes.get(shape)
    if known is None:
        if len(_known_shapes) >= 4096:
            _known_shapes.clear()
        known = _known_shapes[shape] = tuple(item for item, pattern in _SHAPES if pattern.search(shape))
    return known


_WEAK = [detector for detector in DETECTORS if detector.near]
_STEMS = {
    detector.name: [word for word in detector.near if not any(o != word and o in word for o in detector.near)]
    for detector in _WEAK
}


def _unannounced(text: str) -> frozenset[str]:
    """Those of the detectors that want a word beside them, and no such word is in the text."""
    lowered = text.lower()
    return frozenset(name for name, stems in _STEMS.items() if not any(map(lowered.__contains__, stems)))


class _Search:
    """One text and what is looked for in it."""

    __slots__ = ("found", "names", "raw", "text", "words")

    def __init__(self, text: str, names: frozenset[str] | None, found: _Found) -> None:
        self.text = text
        self.names = names
        self.found = found
        self.raw = text.encode("utf-8", "surrogatepass")
        self.words: list[bytes] = []
        if _LONG in self.raw.translate(_AS_TOKEN):
            for word in self.raw.translate(_OF_TOKENS).split():
                if len(word) >= _TOKEN_LEAST:
                    self.words.append(word)
                    if b"-" in word:  # another token may begin behind a dash: its pieces, short ones too
                        self.words += word.split(b"-")

    def run(self) -> None:
        text, names, found = self.text, self.names, self.found
        everything = (0, len(text))
        for rank, detector in self.by_literals():
            if names is None or detector.name in names:
                _at_literals(text, detector, rank, found)
        for rank, detector in self.whole():
            if names is None or detector.name in names:
                _each(detector, rank, text, everything, found)
        for start, end, shaped in self.runs():
            for rank, detector in shaped:
                if names is None or detector.name in names:
                    _each(detector, rank, text, (max(0, start - _BEFORE), min(len(text), end + _BEHIND)), found)

    def by_literals(self) -> set[_Ranked]:
        """Detectors of which a literal is in the text."""
        text, raw = self.text, self.raw
        items = {item for literal, item in _PLAIN if literal in text}
        for word in self.words:
            if word[:2] in _STARTS:
                items.update(_BY_START[word[:2]])
        if "@" in text:
            items.add(RANKED["email"])
            if "://" in text:
                items.add(RANKED["connection_string"])
        if "%40" in text:
            items.add(RANKED["email_encoded"])
        folded = raw.lower()  # of ASCII letters only, which is all that is asked for
        items.update(item for literal, item in _FOLDED if literal in folded)
        if "=" in text or ":" in text:
            items.update(item for literal, item in _ASSIGNED if literal in folded)
        return items

    def whole(self) -> list[_Ranked]:
        """Detectors that must see the whole text."""
        text, items = self.text, []
        if "°" in text:
            items += [RANKED["coordinates_dms"], RANKED["coordinates_degrees"]]
        if any(word[:4].isupper() for word in self.words):
            items += _UPPER
        if _IBAN_START.search(text):
            items.append(RANKED["iban"])
        colons = ":" in text and _COLONS.search(text)
        if colons:
            items.append(RANKED["ipv6"])
        if "." in text and _DOTTED.search(text):
            items.append(RANKED["ipv4"])
        if colons or ("-" in text and _HEX_DASHED.search(text)) or ("." in text and _HEX_DOTTED.search(text)):
            items.append(RANKED["mac"])
        return items

    def runs(self) -> Iterable[tuple[int, int, tuple[_Ranked, ...]]]:
        """Start, end and possible detectors of every run of digits that may hold something."""
        if _SIX not in self.raw.translate(_AS_DIGIT, _SEPARATORS):
            return
        text = self.text
        absent: frozenset[str] | None = None
        for hit in _RUN.finditer(text):
            start, end = hit.span()
            if not _DATE.fullmatch(text, start, end):
                window = text[max(0, start - _BEFORE) : end + _BEHIND]
                shaped = _fitting(shape_of(window)) if len(window) <= _SHAPED else tuple(_NUMBERS)
                if shaped and absent is None:
                    absent = _unannounced(text)
                if shaped := tuple(item for item in shaped if item[1].name not in (absent or ())):
                    yield start, end, shaped


def _at_literals(text: str, detector: Detector, rank: int, found: _Found) -> None:
    """Try the pattern where its literals stand."""
    hay = text.lower() if detector.folded else text
    if detector.before is None or len(hay) != len(text):  # lower case of some scripts is longer: places would not agree
        _each(detector, rank, text, (0, len(text)), found)
        return
    for literal in detector.literals or ():
        position, free = hay.find(literal), 0
        while position >= 0:
            end = _try(detector, rank, text, (max(free, position - detector.before), position), found)
            free = max(free, end)
            position = hay.find(literal, max(free, position + len(literal)))


def _try(detector: Detector, rank: int, text: str, place: tuple[int, int], found: _Found) -> int:
    """One match that begins within the two places; where it ends, 0 without one."""
    first, last = place
    compiled = detector.compiled
    if first == last:
        hit = compiled.match(text, last)
    else:
        hit = compiled.search(text, first, min(len(text), last + _REACH))
        inside = hit is not None and hit.start() <= last < hit.end()
        hit = compiled.match(text, hit.start()) if hit is not None and inside else None  # not cut by the window
    if hit is None:
        return 0
    match = _accepted(detector, text, hit)
    if match is not None:
        found.append((rank, match))
    return hit.end()


_REACH = 640  # characters behind a literal in which a pattern with something before it has ended


def _each(detector: Detector, rank: int, text: str, place: tuple[int, int], found: _Found) -> None:
    """Every match within a part of the text; behind one that is refused the search goes on at its next character."""
    position, last = place
    search = detector.compiled.search
    while (hit := search(text, position, last)) is not None:
        match = _accepted(detector, text, hit)
        if match is None:
            position = hit.start() + 1
        else:
            found.append((rank, match))
            position = max(hit.start() + 1, match.end)


def _accepted(detector: Detector, text: str, hit: re.Match[str]) -> Match | None:
    """The match, unless one of the detector's checks refuses it."""
    start, end = hit.span(detector.compiled.groups)
    if detector.extent is not None:
        end = start + detector.extent(text[start:end])
        if end == start:
            return None
    if detector.number and not _stands_alone(text, start, end):
        return None
    if detector.check is not None and not detector.check(text[start:end]):
        return None
    if detector.nearby is not None and not detector.nearby.search(text[max(0, start - 48) : start].lower()):
        return None
    if detector.around is not None and not detector.around(text, start, end):
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


def _without_overlap(found: _Found) -> list[Match]:
    """Keep, of matches that overlap, the one of the earlier detector."""
    kept: _Found = []
    for rank, match in sorted(found, key=lambda item: (item[1].start, item[0])):
        while kept and match.start < kept[-1][1].end and rank < kept[-1][0]:
            kept.pop()
        if not kept or match.start >= kept[-1][1].end:
            kept.append((rank, match))
    return [match for _, match in kept]
