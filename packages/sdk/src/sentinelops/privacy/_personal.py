"""Detectors of personal data: e-mail, bank and card numbers, telephones, addresses of machines, places on earth."""

# ruff: noqa: E501 - a pattern reads better on one line
from __future__ import annotations

import re

from . import _checks, _national
from ._model import Detector

_VERSION = re.compile(
    r"(?<![a-z])(?:version|versions|release|ver|v|==|>=|<=|~=|\^|build|firmware|oid|section|chapter|§)[\"':= \t]{0,3}$"
)
_PLACE = re.compile(r"(?<![a-z])(?:lat|latitude|lng|lon|long|longitude|x_coord|y_coord)[^a-z0-9]{1,6}$")
# two fractions with no third before or behind them: rows of many are common
_ALONE = (
    r"(?:^[ ,]*[-+]?|[^0-9 ,+-][ ,]*[-+]?|[+-](?:[ ,]+[-+]?|[-+])|[0-9](?: +[-+]?|[ ,]*   [-+]?|[-+]))[0-9]{1,2}\.[0-9]{4,15}[,;] ?[-+]?[0-9]{1,3}\.[0-9]{4,15}"
    r"(?:$|[^0-9,]|,(?:$|[^-0-9. ]|[0-9.]{1,6}[azm])|, (?:$|[^-0-9.]))"
)
_ZOOM = re.compile(r",[0-9.]{1,6}[azm]\b")  # of a map: @52.5200,13.4050,17z
_UNIT = re.compile(r" ?(?:[mun]?s|sec|min|km|m|%)\b")
COLONS = r":(?:[0-9A-Fa-f]{1,4}:[0-9A-Fa-f]{0,4}:|:[0-9A-Fa-f])"  # in every IPv6 address, and no time of day
_HEX = frozenset("0123456789abcdefABCDEF")


def _no_version(text: str, start: int, end: int) -> bool:
    """A fifth part, or the word version before it: not an address."""
    if text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit():
        return False
    if start and (text[start - 1] == "." or (text[start - 1] == "-" and text[start - 2 : start - 1].isalnum())):
        return False
    return _VERSION.search(text[max(0, start - 16) : start].lower()) is None


def _no_longer_hex(text: str, start: int, end: int) -> bool:
    """Fingerprints go on."""
    before, after = text[max(0, start - 2) : start], text[end : end + 2]
    return not (
        (len(before) == 2 and before[1] in ":-." and before[0] in _HEX)
        or (len(after) == 2 and after[0] in ":-" and after[1] in _HEX)
    )


def _named_place(text: str, start: int, end: int) -> bool:
    """One number alone is a place if it is called latitude or longitude; with a unit it is how long something took."""
    if _UNIT.match(text, end) or (
        text[start - 5 : start].lower().startswith("long") and end - text.find(".", start) < 5
    ):
        return False
    return _PLACE.search(text[max(0, start - 20) : start].lower()) is not None


def _pair(text: str, start: int, end: int) -> bool:
    """Two numbers, not two of a row of many."""
    before, after = text[max(0, start - 3) : start].rstrip(), text[end : end + 3].lstrip()
    if text[start] not in "+-" and text[start - 1 : start] in ("+", "-"):  # its sign belongs to it
        return False
    if _ZOOM.match(text, end):
        after = ""
    longer = before[-1:] == "," and text[:start].rstrip(" ,")[-1:].isdigit() if before else False
    return not longer and not (
        after[:1] == "," and after[1:].lstrip()[:1] in "-0123456789." and after[1:].strip() != ""
    )


def no_tail(text: str, start: int, end: int) -> bool:
    """A national number begins where its digits do: behind more groups of digits it is the end of something longer."""
    before = text[max(0, start - 2) : start]
    return not (before[-1:] in " -./" and before[:1].isdigit()) and not text[end : end + 2].strip(" -/")[:1].isdigit()


def _no_remote(text: str, start: int, end: int) -> bool:
    """git@host is where a repository is, not who."""
    return not text.startswith("git@", start)


def _free(text: str, start: int, end: int) -> bool:
    """An international number is not what follows a digit: 3+49..."""
    if text[start] == "0":
        return no_tail(text, start, end)
    return start == 0 or not (text[start - 1].isalnum() and text[start] == "+")


_TELEPHONE = (
    "phone", "phones", "phonenumber", "phone_number", "phoneno", "mobilephone", "homephone", "workphone", "mobilenumber", "contactnumber",
    "tel", "telephone", "telefon", "telefono", "teléfono", "téléphone", "telefone", "telefoon", "tél", "tlf", "mobile", "mobil", "mob", "handy",
    "natel", "cell", "cellphone", "fax", "call me", "call us", "call", "ring", "whatsapp", "sms", "text me", "celular", "telemóvel", "móvil", "movil",
    "portable", "cellulare", "fono", "numéro", "mi número", "rufnummer", "puhelin", "puh", "gsm", "msisdn", "contact number", "kontakt",
    "τηλ", "τηλέφωνο", "тел", "телефон", "電話", "電話番号", "电话", "手机", "手機", "전화", "전화번호", "휴대폰", "โทร", "sđt", "điện thoại", "फ़ोन",
    "मोबाइल", "جوال", "هاتف", "טלפון", "נייד",
)  # fmt: skip
_EMAIL = r"[A-Za-z0-9À-ɏ._%+'-]{1,64}"
_HOST = r"(?:[A-Za-z0-9À-ɏ-]{1,63}\.){1,8}(?:xn--[a-z0-9-]{2,30}|[A-Za-z]{2,24})\b"

FIRST: tuple[Detector, ...] = (
    Detector("email", "email", r"(?:\b|[À-ɏ])" + _EMAIL + "@" + _HOST, ("@",), before=65, ahead="@" + _HOST, around=_no_remote, sieve="@" + _HOST),
    Detector("email_encoded", "email", r"\b[A-Za-z0-9._+-]{1,64}%40" + _HOST, ("%40",), before=64, ahead="%40" + _HOST, sieve="%40" + _HOST),
    Detector("iban", "iban", r"\b[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]){11,30}", None, extent=_checks.iban_extent, before=None),
    Detector("iban_small", "iban", r"\b[a-z]{2}[0-9]{2}(?:[ -]?[a-z0-9]){11,30}", None, extent=_checks.iban_extent, before=None, near=("iban",)),
    Detector("card", "card", r"\b(?:[2-69][0-9]{3}[ .-][0-9]{4}[ .-][0-9]{4}[ .-][0-9]{4}(?:[ -][0-9]{2,3})?|3[0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}|[2-69][0-9]{12,18})\b", None, extent=_checks.card_extent, number=True),
    Detector("ssn", "ssn", r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", None, _national.us_ssn, number=True),
    Detector("ssn_near", "ssn", r"\b[0-9]{3} ?[0-9]{2} ?[0-9]{4}\b", None, _national.us_ssn, number=True, near=("ssn", "social security", "social security number")),
)  # fmt: skip
LAST: tuple[Detector, ...] = (
    Detector("coordinates", "coordinates", r"[-+]?\b[0-9]{1,2}\.[0-9]{4,15}[,;] ?[-+]?[0-9]{1,3}\.[0-9]{4,15}\b", None, _checks.coordinates, number=True, around=_pair, sieve=_ALONE),
    Detector("coordinates_degrees", "coordinates", r"[-+]?\b[0-9]{1,2}\.[0-9]{2,15}° ?[NS]?[,;]? ?[-+]?[0-9]{1,3}\.[0-9]{2,15}° ?(?:[EWO]\b)?", ("°",), _checks.coordinates, before=None),
    Detector("coordinate_named", "coordinates", r"(?i:latitude|longitude|lat|lng|long?|[xy]_coord)[^A-Za-z0-9+-]{1,6}([-+]?\b[0-9]{1,3}\.[0-9]{2,15})\b", ("lat", "lng", "lon", "x_coord", "y_coord"), folded=True, around=_named_place),
    Detector("coordinates_dms", "coordinates", r"\b[0-9]{1,3}° ?[0-9]{1,2}(?:\.[0-9]{1,6})?['′’] ?(?:[0-9]{1,2}(?:\.[0-9]{1,6})?(?:\"|″|”|'') ?)?[NSns][, ]{0,3}[0-9]{1,3}° ?[0-9]{1,2}(?:\.[0-9]{1,6})?['′’] ?(?:[0-9]{1,2}(?:\.[0-9]{1,6})?(?:\"|″|”|'') ?)?[EWOewo]\b", ("°",), before=None),
    Detector("coordinates_point", "coordinates", r"\bPOINT ?Z? ?\( ?([-+]?[0-9]{1,3}\.[0-9]{2,15} [-+]?[0-9]{1,3}\.[0-9]{2,15})", ("POINT",)),
    Detector("mac", "mac", r"\b(?:(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}|(?:[0-9A-Fa-f]{4}\.){2}[0-9A-Fa-f]{4})\b", None, _checks.mac, before=None, around=_no_longer_hex),
    Detector("ipv4", "ip", r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", None, _checks.ipv4, before=None, around=_no_version),
    Detector("ipv6", "ip", r"\b[0-9A-Fa-f]{1,4}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{1,4}\b", None, _checks.ipv6, before=None, around=_no_longer_hex, sieve=COLONS),
    Detector("phone", "phone", r"(?:\+|\b00|%2[Bb])[1-9](?:[ .()/-]{0,3}[0-9]){6,14}\b", None, _checks.phone_international, number=True, around=_free),
    Detector("phone_us", "phone", r"(?:\b1[ .-])?(?:\([2-9][0-9]{2}\) ?|\b[2-9][0-9]{2}[ .-])[2-9][0-9]{2}[ .-][0-9]{4}\b", None, _checks.phone_us, number=True, around=no_tail),
    Detector("phone_trunk", "phone", r"(?:\(0[1-9][0-9]{0,4}\)|\b0[1-9][0-9]{0,4})(?:[ ./-]{1,2}[0-9]{2,8}){1,5}\b", None, _checks.phone_trunk, number=True, around=no_tail, sieve=r"\b0[1-9](?:[ ./()-]{0,3}[0-9]){7}"),
    Detector("phone_area", "phone", r"\([0-9]{2,3}\) ?9?[0-9]{4}[ -][0-9]{4}\b", None, None, number=True),
    Detector("phone_near", "phone", r"(?:\(|\b)[0-9](?:[ .()/-]{0,2}[0-9]){6,14}\b", None, _checks.phone_near, number=True, near=_TELEPHONE),
)  # fmt: skip
