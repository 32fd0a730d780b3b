"""What is done to private text that was found: keep, mask, hash with a key, drop; each type its own way."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ._find import DETECTORS, find
from ._model import Detector, Match

ACTIONS = ("keep", "mask", "hash", "drop")
ENTITY_TYPES = ("person", "place", "organisation")  # found by a language model, in the server only
TYPES: tuple[str, ...] = (*dict.fromkeys(detector.type for detector in DETECTORS), *ENTITY_TYPES)
TYPE_OF = {detector.name: detector.type for detector in DETECTORS}
_KEY_LEAST = 16
_FREE_FORM = ("secret", *ENTITY_TYPES)


@dataclass(frozen=True, slots=True)
class Rules:
    """What happens to each type: `mask` (`[email]`, the default), `hash` (`[email:9f86d081]`), `drop`, `keep`.

    actions: by type, or `all` for those not named. key: of the hash, at least 16 characters; the same key gives the
    same hash in SDK and server. Raises ValueError with what would do.
    """

    actions: Mapping[str, str] = field(default_factory=dict)
    key: str | None = field(default=None, repr=False)
    names: frozenset[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for kind, action in self.actions.items():
            if kind not in TYPES and kind != "all":
                raise ValueError(
                    f"there is no type {kind!r} of private text: one of {', '.join(TYPES)} or all is wanted"
                )
            if action not in ACTIONS:
                raise ValueError(f"{kind} is to be {action!r}: one of {', '.join(ACTIONS)} is wanted")
        if self.actions.get("secret") == "keep":
            raise ValueError("secrets are never kept: choose mask, hash or drop, or turn redaction off as a whole")
        if self.key is not None and len(self.key) < _KEY_LEAST:
            raise ValueError(f"the key of the hash has {len(self.key)} characters: at least {_KEY_LEAST} are wanted")
        if self.key is None and "hash" in self.actions.values():
            raise ValueError("hash needs a key: at least 16 characters, the same in SDK and server")
        kept = {kind for kind in TYPES if self.action(kind) == "keep"}
        left = frozenset(one.name for one in DETECTORS if one.type not in kept) if kept else None
        object.__setattr__(self, "names", left)

    def action(self, kind: str) -> str:
        """What is done to this type; `all=keep` does not reach secrets."""
        chosen = self.actions.get(kind) or self.actions.get("all", "mask")
        return "mask" if kind == "secret" and chosen == "keep" else chosen

    def put(self, kind: str, passage: str) -> str:
        """What stands in the place of the passage."""
        action = self.action(kind) if self.actions else "mask"
        if action == "mask":
            return f"[{kind}]"
        if action == "drop":
            return ""
        if action == "keep":
            return passage
        said = f"{kind}\0{_plain(kind, passage)}".encode("utf-8", "surrogatepass")
        return f"[{kind}:{hmac.new((self.key or '').encode(), said, hashlib.sha256).hexdigest()[:8]}]"


MASK_ALL = Rules()


def _plain(kind: str, passage: str) -> str:
    """One value however it is written: numbers without separators, the rest (but secrets) without case."""
    if kind in _FREE_FORM:
        return passage
    lowered = passage.lower().replace("%40", "@").replace("%2b", "+")
    if kind in ("email", "ip", "coordinates"):
        return lowered
    return "".join(character for character in lowered if character.isalnum() or character == "+")


def parse_actions(text: str) -> dict[str, str]:
    """`email=hash,ip=keep` as a mapping. Raises ValueError with how to write it."""
    parsed: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        kind, equals, action = (part.strip() for part in pair.partition("="))
        if not equals or not kind or not action:
            raise ValueError(f"{pair!r} is not type=action; write it as email=hash,ip=keep")
        parsed[kind] = action
    return parsed


def replace(text: str, found: Sequence[Match], rules: Rules, counts: dict[str, int]) -> str:
    """The text with the passages replaced; `counts` grows by the detectors that found them."""
    pieces: list[str] = []
    position = 0
    for match in found:
        pieces += (text[position : match.start], rules.put(match.type, text[match.start : match.end]))
        name = match.detector or match.type
        counts[name] = counts.get(name, 0) + 1
        position = match.end
    pieces.append(text[position:])
    return "".join(pieces)


def redact(text: str, detectors: Sequence[Detector] = DETECTORS, rules: Rules = MASK_ALL) -> tuple[str, dict[str, int]]:
    """The text with every private passage replaced (`[email]`), and how many of each type."""
    found = find(text, detectors, rules.names)
    if not found:
        return text, {}
    counts: dict[str, int] = {}
    for match in found:
        counts[match.type] = counts.get(match.type, 0) + 1
    return replace(text, found, rules, {}), counts


def redact_parts(
    texts: Sequence[str], counts: dict[str, int], rules: Rules = MASK_ALL, names: frozenset[str] | None = None
) -> list[str]:
    """Texts that follow one another, each redacted, and what only shows when they are read as one.

    A passage over a border is replaced in the text where it begins, and its rest taken out of those that follow.
    """
    wanted = rules.names if names is None else names
    starts = [0]
    for text in texts:
        starts.append(starts[-1] + len(text))
    alone = [
        Match(match.type, match.start + start, match.end + start, match.detector)
        for text, start in zip(texts, starts, strict=False)
        for match in find(text, DETECTORS, wanted)
    ]
    borders = starts[1:-1]
    across = [
        match
        for match in find("".join(texts), DETECTORS, wanted)
        if any(match.start < border < match.end for border in borders) and _counts(match, alone, borders)
    ]
    kept = [one for one in alone if not any(one.start < other.end and other.start < one.end for other in across)]
    return _divide(texts, starts, sorted(kept + across, key=lambda match: match.start), rules, counts)


def _counts(match: Match, alone: Sequence[Match], borders: Sequence[int]) -> bool:
    """Whether a passage over a border is more than one that ended there and the beginning of the next text."""
    if match.type == "secret":
        return True
    inside = [border for border in borders if match.start < border < match.end]
    return not any(one.end in inside or one.start in inside for one in alone)


def _divide(
    texts: Sequence[str], starts: Sequence[int], found: Sequence[Match], rules: Rules, counts: dict[str, int]
) -> list[str]:
    joined = "".join(texts)
    divided: list[list[str]] = [[] for _ in texts]
    position = number = 0

    def copy(end: int) -> None:
        nonlocal position, number
        while position < end:
            while position >= starts[number + 1]:
                number += 1
            stop = min(end, starts[number + 1])
            divided[number].append(joined[position:stop])
            position = stop

    for match in found:
        copy(match.start)
        while match.start >= starts[number + 1]:
            number += 1
        divided[number].append(rules.put(match.type, joined[match.start : match.end]))
        name = match.detector or match.type
        counts[name] = counts.get(name, 0) + 1
        position = match.end
    copy(len(joined))
    return ["".join(pieces) for pieces in divided]
