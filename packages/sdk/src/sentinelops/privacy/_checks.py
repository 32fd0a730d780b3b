"""Arithmetic of numbers that check themselves: payment cards, IBAN, calling codes, addresses, places."""

# ruff: noqa: E501 - tables read better on one line
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_AXIS = re.compile(r"[ NS]*[,; NS][ ]*")


def digits_of(text: str) -> list[int]:
    """Its ASCII digits, in order."""
    return [ord(character) - 48 for character in text if "0" <= character <= "9"]


def luhn_sum(digits: Sequence[int]) -> bool:
    """Whether the last digit is the check digit of Luhn."""
    doubled = sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return (doubled + sum(digits[-1::-2])) % 10 == 0


def weighted(digits: Iterable[int], weights: Iterable[int]) -> int:
    """Sum of the products."""
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


# first digits of issuers: from, to, lengths
_ISSUERS = (
    ("4", "4", (13, 16, 19)), ("51", "55", (16,)), ("2221", "2720", (16,)), ("34", "34", (15,)), ("37", "37", (15,)),
    ("6011", "6011", (16, 19)), ("644", "659", (16, 19)), ("3528", "3589", (16, 19)), ("300", "305", (14, 16)),
    ("36", "36", (14, 16)), ("38", "39", (14, 16)), ("62", "62", (16, 17, 18, 19)), ("50", "50", (16, 19)),
    ("56", "58", (16, 18, 19)), ("60", "60", (16,)), ("63", "63", (16, 18, 19)), ("67", "67", (16, 18, 19)), ("2200", "2204", (16, 17, 18, 19)), ("9792", "9792", (16,)),
)  # fmt: skip


def luhn(text: str) -> bool:
    """Whether the digits of a payment card number have the right check digit and the issuer's first digits and length."""
    digits = digits_of(text)
    if not 13 <= len(digits) <= 19 or len(set(digits)) < 2:
        return False
    plain = "".join(map(str, digits))
    issued = any(
        low <= plain[: len(low)] <= high and len(digits) in lengths for low, high, lengths in _ISSUERS
    )  # same length, so text order is number order
    return issued and luhn_sum(digits)


def card_extent(text: str) -> int:
    """How many characters of the text are a card's number: all, or all but what is grouped behind it. 0: none."""
    if luhn(text):
        return len(text)
    groups = text.replace("-", " ").split(" ")
    return len(text) - len(groups[-1]) - 1 if len(groups) == 5 and luhn("".join(groups[:4])) else 0


# The length of an IBAN by country; a wrong one is not an IBAN.
_IBAN_LENGTHS = {
    pair[:2]: int(pair[3:])
    for pair in (  # noqa: SIM905 - eighty lines of a list say no more
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 "
        "DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HR:21 "
        "HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 "
        "MD:24 ME:22 MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 "
        "RS:22 RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 "
        "VG:24 XK:20 YE:30"
    ).split()
}


def iban_extent(text: str) -> int:
    """How many characters of the text are an IBAN: its country's length, check digits right (mod 97). 0: none."""
    wanted = _IBAN_LENGTHS.get(text[:2].upper(), 0)
    compact: list[str] = []
    end = 0
    for position, character in enumerate(text):
        if len(compact) == wanted:
            break
        if character not in " -":
            compact.append(character)
            end = position + 1
    if not wanted or len(compact) != wanted or (end < len(text) and text[end] not in " -"):
        return 0
    number = "".join(str(int(character, 36)) for character in compact[4:] + compact[:4])
    return end if int(number) % 97 == 1 else 0


# calling codes: one digit, two, three
_ONE = frozenset("17")
_TWO = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 "  # noqa: SIM905
    "91 92 93 94 95 98".split()
)
_THREE = ("21", "22", "23", "24", "25", "26", "29", "35", "37", "38", "42", "50", "59", "67", "68", "80", "85", "87", "88", "96", "97", "99")  # fmt: skip


def calling(digits: str) -> bool:
    """Whether a number in international form has a calling code that is given out, and as many digits as can be."""
    if digits[0] == "1":
        return len(digits) == 11 and digits[1] in "23456789" and digits[4] in "23456789"
    if digits[0] == "7":
        return len(digits) == 11
    known = digits[:2] in _TWO or digits[:2] in _THREE
    return known and 8 <= len(digits) <= 15


def phone_international(text: str) -> bool:
    """+49 30 901820, 0049 30 901820: a calling code, and groups if the prefix is 00."""
    digits = "".join(map(str, digits_of(text.removeprefix("%2B").removeprefix("%2b"))))
    if text[0] in "+%":
        return calling(digits)
    return any(separator in text for separator in " -./(") and calling(digits[2:])


def phone_us(text: str) -> bool:
    """Ten digits of the North American plan; area and exchange are not N11, separators agree."""
    digits = digits_of(text)[-10:]
    separators = {character for character in text.replace("(", "").replace(")", "") if character in ".-"}
    return digits[1:3] != [1, 1] and digits[4:6] != [1, 1] and len(separators) <= 1


def phone_trunk(text: str) -> bool:
    """A national number with its leading 0, 9 to 12 digits in two groups or more; not a date."""
    digits = digits_of(text)
    groups = [group for group in text.replace("(", " ").replace(")", " ").replace("/", " ").replace("-", " ").replace(".", " ").split(" ") if group]  # fmt: skip
    if not 9 <= len(digits) <= 12 or len(groups) < 2 or len(set(digits)) < 3:
        return False
    if len(groups[0]) <= 2 and len(groups[1]) <= 2 and int(groups[0]) <= 31 and not _in_pairs(groups):
        return False
    return not ("." in text and len(groups) == 2 and " " not in text)  # 012.345678 is a fraction


def _in_pairs(groups: list[str]) -> bool:
    return len(groups) == 5 and all(len(group) == 2 for group in groups)


def phone_near(text: str) -> bool:
    """Beside a word that announces one: 7 to 15 digits, and no date."""
    digits = digits_of(text)
    return (
        7 <= len(digits) <= 15 and len(set(digits)) > 2 and not (text[:2] in ("19", "20") and text[4:5] in ("-", "/"))
    )


def ipv4(text: str) -> bool:
    """Four octets, without leading zeros; unspecified, loopback and netmasks are nobody's; so is one digit each."""
    parts = text.split(".")
    octets = [int(part) for part in parts]
    if any(octet > 255 for octet in octets) or any(len(part) > 1 and part[0] == "0" for part in parts):
        return False
    return octets[0] not in (0, 127, 255) and max(octets) > 9


def ipv6(text: str) -> bool:
    """An address, not a time of day and not a C++ scope: checked by the standard library."""
    import ipaddress

    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    return text.count(":") >= 3 or text.split(":", maxsplit=1)[0].lower().startswith(
        ("fe8", "fd", "fc", "20", "26", "2a")
    )


def mac(text: str) -> bool:
    """No broadcast, no zeros; of dotted quads at least one letter."""
    plain = text.lower().replace(":", "").replace("-", "").replace(".", "")
    return len(set(plain)) > 2 and ("." not in text or any(c.isalpha() for c in plain))


def coordinates(text: str) -> bool:
    """Latitude within 90 degrees, longitude within 180; two fractions of one are vectors."""
    pair = _AXIS.split(text.replace("°", " ").strip(" EWO"), maxsplit=1)
    try:
        latitude, longitude = (float(part) for part in pair)
    except ValueError:
        return False
    return abs(latitude) <= 90 and abs(longitude) <= 180 and not (abs(latitude) <= 1 and abs(longitude) <= 1)


def opaque(text: str) -> bool:
    """Whether an assigned value looks like a secret: letters and digits, no template, no repeated character."""
    return len(set(text)) >= 6 and any(c.isdigit() for c in text) and any(c.isalpha() for c in text)
