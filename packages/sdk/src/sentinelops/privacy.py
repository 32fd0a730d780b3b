"""Secrets and personal data in text: detectors shared by the SDK (redaction at the source) and the server's pipeline.

Standard library only. Every pattern is also a valid RE2 pattern (no lookaround, no backreference, ASCII classes), so the
server may compile the same detectors into one google-re2 Set. Time is linear in the text: every repetition is bounded or
followed by something its own class excludes, and hostile input is tested.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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

    name: unique. type: what the mark says, `[type]`. pattern: RE2-compatible; where it has a group 1, only that group is
    private (the rest is its context). literals: one of these must be in the text for the pattern to be tried, compared
    with case; None: always tried. check: a matched text it returns False for is left alone.
    """

    name: str
    type: str
    pattern: str
    literals: tuple[str, ...] | None = None
    check: Callable[[str], bool] | None = None
    compiled: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compiled", re.compile(self.pattern, re.ASCII))


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
    for pair in ["AD:24", "AE:23", "AL:28", "AT:20", "AZ:28", "BA:20", "BE:16", "BG:22", "BH:22", "BI:27", "BR:29", "BY:28", "CH:21", "CR:22", "CY:28", "CZ:24", "DE:22", "DJ:27", "DK:18", "DO:28", "EE:20", "EG:29", "ES:24", "FI:18", "FK:18", "FO:18", "FR:27", "GB:22", "GE:22", "GI:23", "GL:18", "GR:27", "GT:28", "HR:21", "HU:28", "IE:22", "IL:23", "IQ:23", "IS:26", "IT:27", "JO:30", "KW:30", "KZ:20", "LB:28", "LC:32", "LI:21", "LT:20", "LU:20", "LV:21", "LY:25", "MC:27", "MD:24", "ME:22", "MK:19", "MN:20", "MR:27", "MT:31", "MU:30", "NI:28", "NL:18", "NO:15", "OM:23", "PK:24", "PL:28", "PS:29", "PT:25", "QA:29", "RO:24", "RS:22", "RU:33", "SA:24", "SC:31", "SD:18", "SE:24", "SI:19", "SK:24", "SM:27", "SO:23", "ST:25", "SV:28", "TL:23", "TN:24", "TR:26", "UA:29", "VA:22", "VG:24", "XK:20", "YE:30"]
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
_KEYED = ("assword", "ASSWORD", "asswd", "ASSWD", "ecret", "ECRET", "pi_key", "PI_KEY", "pi-key", "PI-KEY", "pikey",
          "piKey", "PIKEY", "oken", "OKEN", "ccess_key", "CCESS_KEY", "ccessKey", "ccountKey")  # fmt: skip

# In order of precedence: where two overlap, the first one marks the text.
DETECTORS: tuple[Detector, ...] = (
    Detector(
        "private_key", "secret",
        r"-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?",
        ("PRIVATE KEY",),
    ),
    Detector(
        "connection_string", "secret",
        r"\b[a-zA-Z][a-zA-Z0-9+.-]{1,31}://[^\s:/@'\"<>]{0,128}:([^\s:/@'\"<>]{1,256})@[^\s'\"<>]{1,256}",
        ("://",),
    ),
    Detector("jwt", "secret", r"\beyJ[A-Za-z0-9_-]{8,400}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*", ("eyJ",)),
    Detector("model_key", "secret", r"\b(?:sk|rk|pk)[-_](?:[a-z0-9]{2,12}[-_]){0,4}[A-Za-z0-9_-]{16,250}", ("sk-", "sk_", "rk-", "rk_", "pk-", "pk_"), _opaque),
    Detector("huggingface_token", "secret", r"\bhf_[A-Za-z0-9]{30,60}\b", ("hf_",)),
    Detector("groq_key", "secret", r"\b(?:gsk|xai|r8|pplx|nvapi|csk|fw)[-_][A-Za-z0-9_-]{24,120}", ("gsk_", "xai-", "r8_", "pplx-", "nvapi-", "csk-", "fw_")),
    Detector("sentinelops_key", "secret", r"\bso_[a-z]{2,10}_[A-Za-z0-9_-]{20,120}", ("so_",)),
    Detector("aws_key_id", "secret", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", ("AKIA", "ASIA", "ABIA", "ACCA")),
    Detector("github_token", "secret", r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255})", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_")),
    Detector("gitlab_token", "secret", r"\bglpat-[A-Za-z0-9_-]{20,64}", ("glpat-",)),
    Detector("slack_token", "secret", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,250}", ("xox",)),
    Detector("slack_hook", "secret", r"hooks\.slack\.com/services/([A-Za-z0-9/]{20,120})", ("hooks.slack.com",)),
    Detector("google_key", "secret", r"\bAIza[A-Za-z0-9_-]{35}", ("AIza",)),
    Detector("stripe_key", "secret", r"\bwhsec_[A-Za-z0-9]{16,250}", ("whsec_",)),
    Detector("npm_token", "secret", r"\bnpm_[A-Za-z0-9]{36}\b", ("npm_",)),
    Detector("sendgrid_key", "secret", r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}", ("SG.",)),
    Detector("bearer", "secret", r"\b(?i:bearer|basic)[ \t]{1,8}([A-Za-z0-9._~+/=-]{16,1000})", ("earer ", "EARER ", "asic ", "ASIC ", "earer\t"), _opaque),
    Detector(
        "assigned_secret", "secret",
        r"(?i:passw(?:or)?d|secret|api[_-]?key|token|access[_-]?key|account[_-]?key)[\"']?[ \t]{0,4}(?:=|:|=>)[ \t]{0,4}[\"']?([A-Za-z0-9!#$%&*+./?@^_~=-]{8,250})",
        _KEYED, _opaque,
    ),
    Detector("email", "email", r"\b[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", ("@",)),
    Detector("iban", "iban", r"\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{2,4}){3,8}\b", _DIGITS, iban),
    Detector("card", "card", r"\b[2-6](?:[ -]?[0-9]){12,18}\b", _DIGITS, luhn),
    Detector("ssn", "ssn", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", ("-",), _ssn),
    Detector("ipv4", "ip", r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", (".",), _ipv4),
    Detector("ipv6", "ip", r"\b[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){2,6}[0-9A-Fa-f]{1,4}\b", (":",), _ipv6),
    Detector("phone", "phone", r"(?:\+|\(|\b)[0-9](?:[ .()-]{0,2}[0-9]){8,14}\b", _DIGITS, _phone),
)  # fmt: skip


def find(text: str, detectors: Sequence[Detector] = DETECTORS) -> list[Match]:
    """Every private passage in order of its start, none overlapping; an earlier detector wins where two overlap."""
    found: list[Match] = []
    for detector in detectors:
        literals = detector.literals
        if literals is not None and not any(literal in text for literal in literals):
            continue
        for hit in detector.compiled.finditer(text):
            start, end = hit.span(1) if hit.re.groups else hit.span()
            if detector.check is not None and not detector.check(text[start:end]):
                continue
            found.append(Match(detector.type, start, end))
    return _without_overlap(found) if len(found) > 1 else found


def _without_overlap(found: list[Match]) -> list[Match]:
    """Keep, of matches that overlap, the one of the earlier detector; the sort is stable, so `found` gives the rank."""
    ranked = sorted(range(len(found)), key=lambda index: (found[index].start, index))
    kept: list[tuple[int, Match]] = []
    for index in ranked:
        match = found[index]
        if kept and match.start < kept[-1][1].end:
            if index < kept[-1][0]:
                kept[-1] = (index, match)
            continue
        kept.append((index, match))
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
