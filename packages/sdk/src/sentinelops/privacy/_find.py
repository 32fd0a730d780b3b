"""Finding: what may be in a text at all is told by a few looks at the speed of memory, the detectors see the rest."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ._identity import NATIONAL
from ._match import Found, accepted, at_literals, each_match
from ._model import NEAR, Detector, Match
from ._personal import COLONS, FIRST, LAST
from ._readings import Places, readings
from ._secrets import SECRETS
from ._shape import Shapes, shape_of

# In order of precedence: where two overlap, the first one marks the text.
DETECTORS: tuple[Detector, ...] = (*SECRETS, *FIRST, *NATIONAL, *LAST)
RANKED = {detector.name: (rank, detector) for rank, detector in enumerate(DETECTORS)}
_Ranked = tuple[int, Detector]


def find(
    text: str, detectors: Sequence[Detector] = DETECTORS, names: frozenset[str] | None = None, lead: str = ""
) -> list[Match]:
    """Every private passage in order of its start, none overlapping; an earlier detector wins where two overlap.

    names: only these of the detectors. With detectors of one's own the whole text is searched for each.
    lead: what is read before the text and is no part of it, the name of the value that the text is.
    """
    found: Found = []
    for reading, places in readings(lead + text):
        seen: Found = []
        _search(reading, detectors, names, seen)
        found += seen if places is None else [(rank, _placed(match, places)) for rank, match in seen]
    matches = [match for _, match in found] if len(found) < 2 else _without_overlap(found)
    if not lead:
        return matches
    size = len(lead)
    return [Match(one.type, one.start - size, one.end - size, one.detector) for one in matches if one.start >= size]


def _search(text: str, detectors: Sequence[Detector], names: frozenset[str] | None, found: Found) -> None:
    if detectors is DETECTORS:
        _Search(text, names, found).run()
        return
    for rank, detector in enumerate(detectors):
        if names is None or detector.name in names:
            each_match(detector, rank, text, (0, len(text)), found)


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
_PAIR = re.compile(rb"\.0{4,15}(?=[,;] ?[-+]?0{1,3}\.0{4,15}(?!0|,[ ]?[-.]|,[ ]?0(?![0.]{0,5}a\b)| ,[-0.]))")
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
# literals that no other look announces: each is searched for, as is each of a sign that is soon looked for
_BY_SIGN = {
    "~": [("Q~", RANKED["azure_secret"])],
    "_": [("_KEY", RANKED["variable_key"])],
    "/": [(literal, RANKED["google_grant"]) for literal in ("4/0A", "1//0")],
    "(": [("POINT", RANKED["coordinates_point"])],
}
_ELSEWHERE = {name for ones in _BY_SIGN.values() for _, (_, one) in ones for name in (one.name,)}
_ELSEWHERE |= {"basic_option", "mailchimp_key", "terraform_token"}
_PLAIN = [
    (literal, RANKED[detector.name])
    for detector in DETECTORS
    if not detector.token and not detector.number and not detector.folded and detector.name not in _ELSEWHERE
    for literal in detector.literals or ()
    if literal not in ("@", "%40", "://", "°", "-----BEGIN ") and "hooks" not in literal
]
_TERRAFORM_LEAST = 60
_HOOKS = [RANKED["slack_hook"], RANKED["discord_hook"]]
# in any case: those that want a sign behind the word, and the rest
_ASSIGNED = [(literal, RANKED["assigned_secret"]) for literal in (b"secret", b"token", b"credential")]
_ASSIGNED += [(b"key", RANKED["assigned_key"]), (b"auth", RANKED["assigned_auth"])]
_SIGNED = [(b"sig", RANKED["signature"]), (b"cookie", RANKED["cookie"])]
_FOLDED = [(literal, RANKED["bearer"]) for literal in (b"bearer", b"basic")]
_PASSWORD = RANKED["assigned_password"]
_PASSWORDS = [word for word in _PASSWORD[1].literals or () if "pass" not in word]
_FOLDED += [(word.encode(), _PASSWORD) for word in ("contrase", "pwd", "senha")]
_SIGNED += [(word.encode(), _PASSWORD) for word in _PASSWORDS if word.isascii() and word not in ("pwd", "senha")]
_FOREIGN = [word for word in _PASSWORDS if not word.isascii()]
_PASSPORT = RANKED["passport_mixed"]
_PASSPORTS = [word.encode() for word in _PASSPORT[1].near if " " not in word]
# how the shape of a match begins; the first ones hold that of the IBAN
_BEGINS = {"iban": b"AA00", "in_pan": b"AAAAA0000A", "mx_rfc": b"AAAA000000"}
_SHAPED = _BEGINS | {"iban_small": b"aa00"}
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

    __slots__ = ("found", "lowered", "names", "raw", "shape", "signs", "text", "words")

    def __init__(self, text: str, names: frozenset[str] | None, found: Found) -> None:
        self.text = text
        self.names = names
        self.found = found
        self.raw = text.encode("utf-8", "surrogatepass")
        self.shape = shape_of(text)
        self.signs = self.shape.translate(None, b"a ")  # of prose, little: what is not here needs no look at the shape
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
                each_match(detector, rank, text, place, found)
        elif (begins := _SHAPED.get(detector.name)) is not None:
            self._where(begins, rank, detector)
        elif detector.name == "coordinates":
            for hit in _PAIR.finditer(self.shape):
                each_match(detector, rank, text, (max(0, hit.start() - _BEFORE), hit.start() + _PAIRED), found)
        elif detector.literals and detector.before is not None:
            if detector.folded and self.lowered is None:
                self.lowered = text.lower()
            at_literals(text, (self.lowered or "") if detector.folded else text, detector, rank, found)
        else:
            each_match(detector, rank, text, (0, len(text)), found)

    def _where(self, begins: bytes, rank: int, detector: Detector) -> None:
        """Try the detector where the shape of its beginning is."""
        place = self.shape.find(begins)
        while place >= 0:
            hit = detector.compiled.match(self.text, place)
            match = None if hit is None else accepted(detector, self.text, hit)
            if match is not None:
                self.found.append((rank, match))
            place = self.shape.find(begins, place + 1 if match is None else match.end)

    def _numbers(self, chosen: list[_Ranked]) -> None:
        """Numbers, if any are looked for."""
        if not chosen:
            return
        text = self.text
        for start, end, shaped in self.runs():
            place = (max(0, start - _BEFORE), min(len(text), end + _BEHIND))
            for rank, detector in shaped:
                each_match(detector, rank, text, place, self.found)

    def by_literals(self) -> set[_Ranked]:
        """Detectors of which a literal is in the text."""
        text = self.text
        items = {item for literal, item in _PLAIN if literal in text} if self.words else set()
        self._by_signs(items)
        self._by_words(items)
        for word in self.words:
            if word[:2] in _STARTS:
                items.update(_BY_START[word[:2]])
            if b"-us" in word:
                items.add(RANKED["mailchimp_key"])
        if any(len(word) >= _TERRAFORM_LEAST for word in self.words) and ".atlasv1." in text:
            items.add(RANKED["terraform_token"])
        return items

    def _by_signs(self, items: set[_Ranked]) -> None:
        """Add those of which a sign is in the text."""
        text = self.text
        if "-" in text and "-----BEGIN " in text:
            items.add(RANKED["private_key"])
        if "/" in text and "hooks" in text:
            items.update(_HOOKS)
        if "@" in text:
            items.add(RANKED["email"])
            if "://" in text:
                items.update((RANKED["connection_string"], RANKED["url_token"]))
        if "%" in text and "%40" in text:
            items.add(RANKED["email_encoded"])
        for sign, ones in _BY_SIGN.items():
            if sign in text:
                items.update(item for literal, item in ones if literal in text)
        if ":" in text and "-u" in text:
            items.add(RANKED["basic_option"])

    def _by_words(self, items: set[_Ranked]) -> None:
        """Add those that a word in any case announces."""
        text = self.text
        folded = self.raw.lower()  # of ASCII letters only, which is all that is asked for
        items.update(item for literal, item in _FOLDED if literal in folded)
        items.update(item for literal, item in _ASSIGNED if literal in folded)
        if "=" in text or ":" in text or "'" in text or '"' in text:
            items.update(item for literal, item in _SIGNED if literal in folded)
        if b"pas" in folded:
            if b"pass" in folded:
                items.add(_PASSWORD)
            if any(word in folded for word in _PASSPORTS):
                items.add(_PASSPORT)
        if b"iban" in folded and b"aa00" in self.shape:
            items.add(RANKED["iban_small"])
        if b"0.00" in self.signs and b"0.00" in self.shape and any(word in folded for word in _PLACES):
            items.add(RANKED["coordinate_named"])
        if not text.isascii() and any(map(text.lower().__contains__, _FOREIGN)):
            items.add(_PASSWORD)

    def whole(self) -> list[_Ranked]:
        """Detectors that must see the whole text."""
        text, shape, signs, items = self.text, self.shape, self.signs, []
        if "°" in text:
            items += [RANKED["coordinates_dms"], RANKED["coordinates_degrees"]]
        if any(word[:4].isupper() for word in self.words):
            items += _UPPER
        if b"AA00" in signs and b"AA00" in shape:
            items += [RANKED[name] for name, begins in _BEGINS.items() if begins in shape]
        colons = ":" in text and _COLONS.search(text)
        if colons:
            items.append(RANKED["ipv6"])
        if b".0000" in signs and _PAIR.search(shape):
            items.append(RANKED["coordinates"])
        if b".0" in signs and _DOTTED.search(text):
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


def _without_overlap(found: Found) -> list[Match]:
    """Keep, of matches that overlap, the one of the earlier detector."""
    kept: Found = []
    for rank, match in sorted(found, key=lambda item: (item[1].start, item[0], -item[1].end)):
        while kept and match.start < kept[-1][1].end and rank < kept[-1][0]:
            kept.pop()
        if not kept or match.start >= kept[-1][1].end:
            kept.append((rank, match))
    return [match for _, match in kept]
