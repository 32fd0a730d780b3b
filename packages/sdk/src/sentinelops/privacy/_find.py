"""Finding: what may be in a text at all is told by a few looks at the speed of memory, the detectors see the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ._identity import NATIONAL
from ._model import NEAR, Detector, Match
from ._personal import COLONS, FIRST, LAST
from ._readings import Places, readings
from ._secrets import SECRETS
from ._shape import Shapes, shape_of

# In order of precedence: where two overlap, the first one marks the text.
DETECTORS: tuple[Detector, ...] = (*SECRETS, *FIRST, *NATIONAL, *LAST)
RANKED = {detector.name: (rank, detector) for rank, detector in enumerate(DETECTORS)}
_Found = list[tuple[int, Match]]
_Ranked = tuple[int, Detector]


def find(
    text: str, detectors: Sequence[Detector] = DETECTORS, names: frozenset[str] | None = None, lead: str = ""
) -> list[Match]:
    """Every private passage in order of its start, none overlapping; an earlier detector wins where two overlap.

    names: only these of the detectors. With detectors of one's own the whole text is searched for each.
    lead: what is read before the text and is no part of it, the name of the value that the text is.
    """
    found: _Found = []
    for reading, places in readings(lead + text):
        seen: _Found = []
        _search(reading, detectors, names, seen)
        found += seen if places is None else [(rank, _placed(match, places)) for rank, match in seen]
    matches = [match for _, match in found] if len(found) < 2 else _without_overlap(found)
    if not lead:
        return matches
    size = len(lead)
    return [Match(one.type, one.start - size, one.end - size, one.detector) for one in matches if one.start >= size]


def _search(text: str, detectors: Sequence[Detector], names: frozenset[str] | None, found: _Found) -> None:
    if detectors is DETECTORS:
        _Search(text, names, found).run()
        return
    for rank, detector in enumerate(detectors):
        if names is None or detector.name in names:
            _each(detector, rank, text, (0, len(text)), found)


def _placed(match: Match, places: Places) -> Match:
    return Match(match.type, places.start(match.start), places.end(match.end), match.detector)


def possible(text: str) -> list[str]:
    """Names of the detectors that may find something here, in their order; none at all for most prose."""
    ranks: set[int] = set()
    for reading, _ in readings(text):
        search = _Search(reading, None, [])
        ranks |= {rank for rank, _ in search.by_literals()} | {rank for rank, _ in search.whole()}
        for _, _, shaped in search.runs():
            ranks.update(rank for rank, _ in shaped)
    return [DETECTORS[rank].name for rank in sorted(ranks)]


# First looks. They let more pass than the detectors find, never less; a test holds them to that.
_TOKEN_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_AS_TOKEN = bytes(97 if byte in _TOKEN_BYTES else 32 for byte in range(256))
_OF_TOKENS = bytes(byte if byte in _TOKEN_BYTES else 32 for byte in range(256))
_TOKEN_LEAST = 16
_LONG = b"a" * _TOKEN_LEAST
_RUN = re.compile(rb"0[0 ().+/-]{4,}0(?:A ?0(?:[0 ().+/-]*0)?)*")
_DATE = re.compile(rb"0000-00-00(?:[A ]00)?")
_BEFORE, _BEHIND = 3, 3
# two fractions behind which no third follows
_PAIR = re.compile(rb"\.0{4,15}(?=[,;] ?[-+]?0{1,3}\.0{4,15}(?!0|,[ ]?[-0.]| ,[-0.]))")
_PAIRED = 48  # characters that two fractions take at most
_DOTTED = re.compile(r"\.[0-9]{1,3}\.[0-9]{1,3}\b", re.ASCII)
_COLONS = re.compile(COLONS, re.ASCII)
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
    if literal not in ("@", "%40", "://", "°", "-----BEGIN ") and "hooks" not in literal
]
_HOOKS = [RANKED["slack_hook"], RANKED["discord_hook"]]
# in any case: those that want a sign behind the word, and the rest
_ASSIGNED = [(literal, RANKED["assigned_secret"]) for literal in (b"secret", b"token", b"credential")]
_ASSIGNED += [(b"key", RANKED["assigned_key"])]
_ASSIGNED += [(b"sig", RANKED["signature"])]
_FOLDED = [(literal, RANKED["bearer"]) for literal in (b"bearer", b"basic")]
_FOLDED += [(literal, RANKED["assigned_password"]) for literal in (b"pass", b"contrase", b"pwd", b"senha")]
_PLACES = [word.encode() for word in RANKED["coordinate_named"][1].literals or ()]
_NUMBERS = [RANKED[detector.name] for detector in DETECTORS if detector.number and detector.name != "coordinates"]
_SHAPES = Shapes(_NUMBERS)
# the words that announce a weak number, without those that hold another of them
_STEMS = {
    detector.name: [word for word in detector.near if not any(o != word and o in word for o in detector.near)]
    for detector in DETECTORS
    if detector.near
}


class _Search:
    """One text and what is looked for in it."""

    __slots__ = ("found", "lowered", "names", "raw", "shape", "text", "words")

    def __init__(self, text: str, names: frozenset[str] | None, found: _Found) -> None:
        self.text = text
        self.names = names
        self.found = found
        self.raw = text.encode("utf-8", "surrogatepass")
        self.shape = shape_of(text)
        self.lowered: str | None = None
        self.words: list[bytes] = []
        tokens = self.raw.translate(_AS_TOKEN)
        start = tokens.find(_LONG)
        while start >= 0:
            end = tokens.find(b" ", start + _TOKEN_LEAST)
            end = len(tokens) if end < 0 else end
            word = self.raw[start:end]
            self.words.append(word)
            if b"-" in word:  # another token may begin behind a dash: its pieces, short ones too
                self.words += word.split(b"-")
            start = tokens.find(_LONG, end)

    def run(self) -> None:
        names = self.names
        if names is not None and len(names) <= _FEW:
            items = [item for item in map(RANKED.get, names) if item is not None]
            if sum(detector.number for _, detector in items) > _VERY_FEW:
                self._numbers([item for item in items if item in _NUMBERS])
                items = [item for item in items if item not in _NUMBERS]
        else:
            items = [*self.by_literals(), *self.whole()]
            self._numbers(_NUMBERS)
        for rank, detector in items:
            if names is None or detector.name in names:
                self._one(rank, detector)

    def _one(self, rank: int, detector: Detector) -> None:
        """A detector that is no number's, where it may find something."""
        text, found = self.text, self.found
        if detector.name == "ipv4":
            for place in _dotted(text):
                _each(detector, rank, text, place, found)
        elif detector.name == "coordinates":
            for hit in _PAIR.finditer(self.shape):
                _each(detector, rank, text, (max(0, hit.start() - _BEFORE), hit.start() + _PAIRED), found)
        elif detector.literals and detector.before is not None:
            if detector.folded and self.lowered is None:
                self.lowered = text.lower()
            _at_literals(text, (self.lowered or "") if detector.folded else text, detector, rank, found)
        else:
            _each(detector, rank, text, (0, len(text)), found)

    def _numbers(self, chosen: list[_Ranked]) -> None:
        """Numbers, if any are looked for."""
        if not chosen:
            return
        text = self.text
        for start, end, shaped in self.runs():
            place = (max(0, start - _BEFORE), min(len(text), end + _BEHIND))
            for rank, detector in shaped:
                _each(detector, rank, text, place, self.found)

    def by_literals(self) -> set[_Ranked]:
        """Detectors of which a literal is in the text."""
        text, raw = self.text, self.raw
        items = {item for literal, item in _PLAIN if literal in text} if self.words else set()
        if "-----BEGIN " in text:
            items.add(RANKED["private_key"])
        if "hooks" in text:
            items.update(_HOOKS)
        for word in self.words:
            if word[:2] in _STARTS:
                items.update(_BY_START[word[:2]])
        if "@" in text:
            items.add(RANKED["email"])
            if "://" in text:
                items.update((RANKED["connection_string"], RANKED["url_token"]))
        if "%40" in text:
            items.add(RANKED["email_encoded"])
        folded = raw.lower()  # of ASCII letters only, which is all that is asked for
        items.update(item for literal, item in _FOLDED if literal in folded)
        if b"0.00" in self.shape and any(word in folded for word in _PLACES):
            items.add(RANKED["coordinate_named"])
        if "=" in text or ":" in text:
            items.update(item for literal, item in _ASSIGNED if literal in folded)
        return items

    def whole(self) -> list[_Ranked]:
        """Detectors that must see the whole text."""
        text, shape, items = self.text, self.shape, []
        if "°" in text:
            items += [RANKED["coordinates_dms"], RANKED["coordinates_degrees"]]
        if any(word[:4].isupper() for word in self.words):
            items += _UPPER
        if b"AA00" in shape:
            items.append(RANKED["iban"])
        colons = ":" in text and _COLONS.search(text)
        if colons:
            items.append(RANKED["ipv6"])
        if b".0000" in shape and _PAIR.search(shape):
            items.append(RANKED["coordinates"])
        if "." in text and _DOTTED.search(text):
            items.append(RANKED["ipv4"])
        if colons or ("-" in text and _HEX_DASHED.search(text)) or ("." in text and _HEX_DOTTED.search(text)):
            items.append(RANKED["mac"])
        return items

    def runs(self) -> list[tuple[int, int, tuple[_Ranked, ...]]]:
        """Start, end and possible detectors of every run of digits that may hold something."""
        text, shape, fitting = self.text, self.shape, _SHAPES.fitting
        runs: list[tuple[int, int, tuple[_Ranked, ...]]] = []
        kinds: dict[int, tuple[_Ranked, ...]] = {}  # by identity: a few tuples, many runs
        weak_places: list[int] = []
        for hit in _RUN.finditer(shape):
            start, end = hit.span()
            low = start - _BEFORE if start > _BEFORE else 0
            shaped, weak = fitting(shape[low : end + _BEHIND], text[start], start - low)
            if not shaped or (text[start : start + 2] in ("19", "20") and _DATE.fullmatch(shape, start, end)):
                continue
            if weak:
                weak_places += (start, end)
            kinds[id(shaped)] = shaped
            runs.append((start, end, shaped))
        if not runs:
            return runs
        announced = self._announced(weak_places, {item for shaped in kinds.values() for item in shaped})
        left = {kind: tuple(item for item in shaped if item in announced) for kind, shaped in kinds.items()}
        return [(start, end, wanted) for start, end, shaped in runs if (wanted := left[id(shaped)])]

    def _announced(self, places: list[int], items: set[_Ranked]) -> set[_Ranked]:
        """Those of the detectors that are asked for, and of which a word, if they want one, stands near the runs."""
        text, names = self.text, self.names
        if len(places) * NEAR < len(text):
            parts = [
                text[max(0, s - NEAR - _BEFORE) : e + _BEHIND] for s, e in zip(places[::2], places[1::2], strict=True)
            ]
            said = "\n".join(parts).lower()
        else:
            said = text.lower()
        return {
            item
            for item in items
            if (names is None or item[1].name in names)
            and (not item[1].near or any(map(said.__contains__, _STEMS[item[1].name])))
        }


def _dotted(text: str) -> Iterable[tuple[int, int]]:
    """Where digits with dots between them stand, and one character more, which says that they end."""
    position = 0
    while (hit := _DOTTED.search(text, position)) is not None:
        start, position = hit.span()
        while start > 0 and text[start - 1] in "0123456789.":
            start -= 1
        while position < len(text) and text[position] in "0123456789.":
            position += 1
        stretch = text[start:position]
        if ".." in stretch or stretch.strip(".").count(".") == 3:  # five parts are no address, nor are four of them
            yield start, min(len(text), position + 1)


_VERY_FEW = 2  # numbers that are looked for in the whole text sooner than in its runs of digits
_FEW = 8  # detectors that are already known to be the only ones: their own search is cheaper than the first looks


def _at_literals(text: str, hay: str, detector: Detector, rank: int, found: _Found) -> None:
    """Try the pattern where its literals stand. hay: the text as the literals are written."""
    before, after, forward = detector.before, detector.after, detector.forward
    if before is None:
        _each(detector, rank, text, (0, len(text)), found)
        return
    for literal in detector.literals or ():
        position, free, size = hay.find(literal), 0, len(literal)
        while position >= 0:
            if (not after or hay[position + size : position + size + 1] in after) and (
                forward is None or forward.match(text, position)
            ):
                free = max(free, _try(detector, rank, text, (max(free, position - before), position), found))
            position = hay.find(literal, max(free, position + size))


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
    if detector.nearby is not None:  # one character more, which shows whether the first word is whole
        window = text[max(0, start - NEAR - 1) : start].lower()
        if not detector.nearby.search(window, int(start > NEAR)):
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
    for rank, match in sorted(found, key=lambda item: (item[1].start, item[0], -item[1].end)):
        while kept and match.start < kept[-1][1].end and rank < kept[-1][0]:
            kept.pop()
        if not kept or match.start >= kept[-1][1].end:
            kept.append((rank, match))
    return [match for _, match in kept]
