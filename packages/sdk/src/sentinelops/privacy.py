"""Secrets and personal data in text: detectors shared by the SDK (redaction at the source) and the server's pipeline.

Standard library only. Every pattern is also a valid RE2 pattern (no lookaround, no backreference, ASCII classes), so
the server may compile the same detectors into one google-re2 Set. Time is linear in the text: every repetition is
bounded or followed by something its own class excludes, and hostile input is tested.
"""

# ruff: noqa: E501 - a pattern reads better on one line
from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Match(NamedTuple):
    """Private text found: `text[start:end]`, and its type ("email", "secret" ...)."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Detector:
    """One kind of private text.

    name: unique. type: what the mark says, `[type]`. pattern: RE2-compatible; where it has a group 1, only that group
    is private (the rest is its context). check: a matched text (of the group) it returns False for is left alone.

    How `find` saves itself the search; who compiles the patterns into a set of their own needs none of it:
    literals: every match holds one of these (in lower case when `folded`). before: a match starts at most so many
    characters before its literal, 0: with it; None: the whole text is searched. number: a match lies in a run of so
    many digits and separators at least. token: a match holds no blank and at least 18 characters (of those with
    `before` 0 and not folded).
    """

    name: str
    type: str
    pattern: str
    literals: tuple[str, ...]
    check: Callable[[str], bool] | None = None
    before: int | None = 0
    folded: bool = False
    number: int = 0
    token: bool = True
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)
    tail: re.Pattern[str] = field(init=False, repr=False, compare=False)  # what follows the literal, when before > 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern, re.ASCII))
        object.__setattr__(
            self, "tail", re.compile(self.pattern.partition(self.literals[0])[2] if self.before else "", re.ASCII)
        )


def luhn(text: str) -> bool:
    """Whether the digits of a payment card number, 13 to 19 of them, have the right check digit and a known issuer."""
    digits = [ord(character) - 48 for character in text if character.isdigit()]
    if not 13 <= len(digits) <= 19 or len(set(digits)) == 1 or digits[0] not in (2, 3, 4, 5, 6):
        return False
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


# The length of an IBAN by country; a wrong one is not an IBAN.
_IBAN_LENGTHS = dict(
    pair.split(":")
    for pair in (  # noqa: SIM905 - eighty lines of a list say no more
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 "
        "DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 "
        "HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 "
        "MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 "
        "RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 "
        "VG:24 XK:20 YE:30"
    ).split()
)


def iban(text: str) -> bool:
    """Whether an IBAN has its country's length and the right check digits (mod 97)."""
    compact = text.replace(" ", "").upper()
    if str(len(compact)) != _IBAN_LENGTHS.get(compact[:2]):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def _phone(text: str) -> bool:
    """A phone number has 9 to 15 digits, and looks like one: a leading + or parenthesis, or two or more separators."""
    digits = sum(character.isdigit() for character in text)
    separators = sum(character in " .-()" for character in text)
    return 9 <= digits <= 15 and (text[0] in "+(" or (digits in (10, 11) and separators == (digits - 10) + 2))


def _ipv4(text: str) -> bool:
    """Four octets; loopback, unspecified and version-like 0.x.y.z are nobody's address."""
    octets = [int(octet) for octet in text.split(".")]
    return all(octet <= 255 for octet in octets) and octets[0] not in (0, 127)


def _ipv6(text: str) -> bool:
    """An address, not a time of day and not a C++ scope: checked by the standard library."""
    import ipaddress

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified) and text.count(":") >= 3


def _ssn(text: str) -> bool:
    """Numbers that the US administration never gives out are not social security numbers."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area[0] != "9" and group != "00" and serial != "0000"


def _opaque(text: str) -> bool:
    """Whether an assigned value looks like a secret: letters and digits, no template, no repeated character."""
    return len(set(text)) >= 6 and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)


_DIGITS = tuple("0123456789")

# In order of precedence: where two overlap, the first one marks the text.
DETECTORS: tuple[Detector, ...] = (
    Detector("private_key", "secret", r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?", ("-----BEGIN ",), token=False),
    Detector("connection_string", "secret", r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,31}://[^\s:/@'\"<>]{0,128}:([^\s:/@'\"<>]{1,256})@[^\s'\"<>]{1,256}", ("://",), before=32),
    Detector("jwt", "secret", r"\beyJ[A-Za-z0-9_-]{8,400}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", ("eyJ",)),
    Detector("model_key", "secret", r"\b(?:sk|rk|pk)[-_](?:[a-z0-9]{2,12}[-_]){0,4}[A-Za-z0-9_-]{16,250}", ("sk-", "sk_", "rk-", "rk_", "pk-", "pk_"), _opaque),
    Detector("huggingface_token", "secret", r"\bhf_[A-Za-z0-9]{30,60}\b", ("hf_",)),
    Detector("provider_key", "secret", r"\b(?:gsk|xai|r8|pplx|nvapi|csk|fw)[-_][A-Za-z0-9_-]{24,120}", ("gsk_", "xai-", "r8_", "pplx-", "nvapi-", "csk-", "fw_")),
    Detector("sentinelops_key", "secret", r"\bso_[a-z]{2,10}_[A-Za-z0-9_-]{20,120}", ("so_",)),
    Detector("aws_key_id", "secret", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", ("AKIA", "ASIA")),
    Detector("github_token", "secret", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")),
    Detector("gitlab_token", "secret", r"\bglpat-[A-Za-z0-9_-]{20,64}", ("glpat-",)),
    Detector("slack_token", "secret", r"\bxox[abeoprs]-[A-Za-z0-9-]{14,250}", ("xox",)),
    Detector("slack_hook", "secret", r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,120})", ("hooks.slack.com/",)),
    Detector("google_key", "secret", r"\bAIza[A-Za-z0-9_-]{35}", ("AIza",)),
    Detector("stripe_hook", "secret", r"\bwhsec_[A-Za-z0-9]{16,250}", ("whsec_",)),
    Detector("npm_token", "secret", r"\bnpm_[A-Za-z0-9]{36}\b", ("npm_",)),
    Detector("sendgrid_key", "secret", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", ("SG.",)),
    Detector("bearer", "secret", r"\b(?i:bearer|basic)[ \t]{1,8}([A-Za-z0-9._~+/=-]{16,1000})", ("bearer", "basic"), _opaque, folded=True),
    Detector(
        "assigned_secret", "secret",
        r"(?i:passw(?:or)?d|secret|api[_-]?key|token|access[_-]?key|account[_-]?key)[\"']?[ \t]{0,4}(?:=|:|=>)[ \t]{0,4}[\"']?([A-Za-z0-9!#$%&*+./?@^_~=-]{8,250})",
        ("passw", "secret", "api", "token", "access", "account"), _opaque, folded=True,
    ),
    Detector("email", "email", r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", ("@",), before=64),
    Detector("iban", "iban", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{2,4}){3,8}\b", _DIGITS, iban, number=2),
    Detector("card", "card", r"\b[2-6](?:[ -]?[0-9]){12,18}\b", _DIGITS, luhn, number=13),
    Detector("ssn", "ssn", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", _DIGITS, _ssn, number=11),
    Detector("ipv4", "ip", r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", _DIGITS, _ipv4, number=7),
    Detector("ipv6", "ip", r"\b[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){2,6}[0-9A-Fa-f]{1,4}\b", (":",), _ipv6, before=None),
    Detector("phone", "phone", r"(?:\+|\(|\b)[0-9](?:[ .()-]{0,2}[0-9]){8,14}\b", _DIGITS, _phone, number=9),
)  # fmt: skip

# Digits and separators: where the number detectors look. Two capitals before them may begin an IBAN.
_RUN = re.compile(r"[0-9][0-9 ().-]+", re.ASCII)
_CAPITALS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_RARE = frozenset("_-@/.")  # looking for one character is ten times cheaper than for two
_TOKEN_LEAST = 18
_RUN_LEAST = 7  # as short as 1.1.1.1


def find(text: str, detectors: Sequence[Detector] = DETECTORS) -> list[Match]:
    """Every private passage in order of its start, none overlapping; an earlier detector wins where two overlap."""
    if detectors is DETECTORS:
        ranked = [_RANKED[name] for name in possible(text)]
        if not ranked:
            return []
    else:
        ranked = list(enumerate(detectors))
    found: list[tuple[int, Match]] = []
    numeric = [(rank, detector) for rank, detector in ranked if detector.number]
    if numeric:
        runs = _runs(text)
        for rank, detector in numeric:
            _in_runs(text, detector, rank, runs, found)
    if len(numeric) < len(ranked):
        _by_literals(text, [item for item in ranked if not item[1].number], found)
    return [match for _, match in found] if len(found) < 2 else _without_overlap(found)


def _by_literals(text: str, ranked: list[tuple[int, Detector]], found: list[tuple[int, Match]]) -> None:
    lowered = ""
    tokens: str | None = None
    absent = {character for character in _RARE if character not in text}
    for rank, detector in ranked:
        if detector.before is None:
            if text.count(detector.literals[0]) >= 3:
                _keep(detector, rank, detector.compiled.finditer(text), found)
            continue
        if detector.folded:
            lowered = lowered or text.lower()
        hay = lowered if detector.folded else text
        in_token = detector.token and detector.before == 0 and not detector.folded
        if in_token and tokens is None:
            tokens = " ".join([word for word in text.split() if len(word) >= _TOKEN_LEAST])
        for literal in detector.literals:
            if literal[-1] not in absent and (tokens is None or not in_token or literal in tokens):
                position = hay.find(literal)
                if position >= 0:
                    _at_literal(text, hay, (detector, rank, literal), position, found)


# First looks, for the text that nearly all text is: one search for a rare character each, at the speed of memory, and what
# stands beside it. They let more pass than the detectors find, never less; a test holds them to that.
_RANKED = {detector.name: (rank, detector) for rank, detector in enumerate(DETECTORS)}
_NUMBER = re.compile(r"[0-9](?:(?<=[A-Z][A-Z][0-9])[0-9]|[0-9 ().-]{6})", re.ASCII)
_NUMBER_NAMES = tuple(detector.name for detector in DETECTORS if detector.number)
_DASHED = re.compile(r"-(?<=(?:[srp]k|ai|lx|pi|at|x[abeoprs])-)[A-Za-z0-9_-]{14}", re.ASCII)
_DASHED_NAMES = ("model_key", "provider_key", "gitlab_token", "slack_token")
_LOWLINED = re.compile(r"_(?<=(?:[srp]k|hf|r8|fw|so|h[pousr]|at|ec|pm)_)[A-Za-z0-9_-]{14}", re.ASCII)
_LOWLINED_NAMES = (
    "model_key", "huggingface_token", "provider_key", "sentinelops_key", "github_token", "stripe_hook", "npm_token",
)  # fmt: skip
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:", re.ASCII)
_ASSIGNED = r"%s(?<=[dtynDTYN\"' \t]%s)>?[ \t]{0,4}[\"']?[A-Za-z0-9!#$%%&*+./?@^_~=-]{8}"
_ASSIGNED_BY_COLON = re.compile(_ASSIGNED % (":", ":"), re.ASCII)
_ASSIGNED_BY_EQUALS = re.compile(_ASSIGNED % ("=", "="), re.ASCII)
# detectors whose literal is rare in itself
_WORDS = (
    ("private_key", "-----BEGIN "), ("jwt", "eyJ"), ("aws_key_id", "AKIA"), ("aws_key_id", "ASIA"),
    ("slack_hook", "hooks.slack.com/"), ("google_key", "AIza"), ("sendgrid_key", "SG."),
)  # fmt: skip


def possible(text: str) -> list[str]:
    """Names of the detectors that may find something here, in their order; none at all for most prose."""
    names = {name for name, word in _WORDS if word in text}
    _look_at_marks(text, names)
    if any(map(text.__contains__, _DIGITS)):
        if _NUMBER.search(text):
            names.update(_NUMBER_NAMES)
        folded = text.encode("utf-8", "surrogatepass").lower()  # of ASCII letters only, which is all that is asked for
        if b"bearer" in folded or b"basic" in folded:
            names.add("bearer")
    return sorted(names, key=_rank_of) if names else []


def _look_at_marks(text: str, names: set[str]) -> None:
    if "_" in text and _LOWLINED.search(text):
        names.update(_LOWLINED_NAMES)
    if "-" in text and _DASHED.search(text):
        names.update(_DASHED_NAMES)
    if "@" in text:
        names.add("email")
        if "://" in text:
            names.add("connection_string")
    if ":" in text:
        if _COLONS.search(text):
            names.add("ipv6")
        if _ASSIGNED_BY_COLON.search(text):
            names.add("assigned_secret")
    if "=" in text and _ASSIGNED_BY_EQUALS.search(text):
        names.add("assigned_secret")


def _rank_of(name: str) -> int:
    return _RANKED[name][0]


def _keep(detector: Detector, rank: int, hits: Iterable[re.Match[str]], found: list[tuple[int, Match]]) -> None:
    group = detector.compiled.groups
    for hit in hits:
        start, end = hit.span(group)
        if detector.check is None or detector.check(hit.group(group)):
            found.append((rank, Match(detector.type, start, end)))


def _at_literal(
    text: str, hay: str, what: tuple[Detector, int, str], position: int, found: list[tuple[int, Match]]
) -> None:
    """Try the pattern where its literal stands, from `position` on."""
    detector, rank, literal = what
    if len(hay) != len(text):  # lower case of some scripts is longer: positions would not agree
        _keep(detector, rank, detector.compiled.finditer(text), found)
        return
    before, free = detector.before or 0, 0
    while position >= 0:
        if before:
            tail = detector.tail.match(text, position + len(literal))
            hit = None if tail is None else detector.compiled.search(text, max(free, position - before), tail.end() + 1)
        else:
            hit = detector.compiled.match(text, position)
        if hit is not None and hit.start() <= position:
            free = hit.end()
            _keep(detector, rank, (hit,), found)
        position = hay.find(literal, max(free, position + len(literal)))


def _runs(text: str) -> list[tuple[int, int, bool]]:
    """Start, end and whether letters lead, of every run long enough to hold something."""
    runs: list[tuple[int, int, bool]] = []
    if not any(digit in text for digit in _DIGITS):
        return runs
    for hit in _RUN.finditer(text):
        start, end = hit.span()
        lettered = start > 1 and text[start - 1] in _CAPITALS and text[start - 2] in _CAPITALS
        if lettered or end - start >= _RUN_LEAST:
            runs.append((start, end, lettered))
    return runs


def _in_runs(
    text: str, detector: Detector, rank: int, runs: list[tuple[int, int, bool]], found: list[tuple[int, Match]]
) -> None:
    compiled = detector.compiled
    for start, end, lettered in runs:
        if detector.name == "iban":
            hit = compiled.match(text, start - 2) if lettered else None
            _keep(detector, rank, () if hit is None else (hit,), found)
        elif end - start >= detector.number:
            _keep(detector, rank, compiled.finditer(text, max(0, start - 1), end + 1), found)


def _without_overlap(found: list[tuple[int, Match]]) -> list[Match]:
    """Keep, of matches that overlap, the one of the earlier detector."""
    kept: list[tuple[int, Match]] = []
    for rank, match in sorted(found, key=lambda item: (item[1].start, item[0])):
        if kept and match.start < kept[-1][1].end:
            if rank < kept[-1][0]:
                kept[-1] = (rank, match)
            continue
        kept.append((rank, match))
    return [match for _, match in kept]


def redact(text: str, detectors: Sequence[Detector] = DETECTORS) -> tuple[str, dict[str, int]]:
    """The text with every private passage replaced by its mark (`[email]`), and how many of each type."""
    found = find(text, detectors)
    if not found:
        return text, {}
    pieces: list[str] = []
    counts: dict[str, int] = {}
    position = 0
    for match in found:
        pieces += (text[position : match.start], f"[{match.type}]")
        counts[match.type] = counts.get(match.type, 0) + 1
        position = match.end
    pieces.append(text[position:])
    return "".join(pieces), counts
