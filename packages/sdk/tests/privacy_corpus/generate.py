"""Writes labelled.jsonl again: `python generate.py` with faker, phonenumbers and python-stdnum; the same chance each time.

The values are made by other libraries than the detectors know; newer versions of those may make other values.
"""

# ruff: noqa: B007, E741, PLR0911, PLW0108, E501
from __future__ import annotations

import json
import random
import re
import string
from pathlib import Path

import phonenumbers
from faker import Faker
from stdnum import luhn
from stdnum.br import cpf
from stdnum.ch import ssn as ahv
from stdnum.cn import ric
from stdnum.es import dni
from stdnum.fi import hetu
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.no import fodselsnummer

CHANCE = random.Random(20261124)
LOCALES = ["en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "nl_NL", "pt_BR", "sv_SE", "ja_JP"]
FAKERS = {}
for l in LOCALES:
    f = Faker(l)
    f.seed_instance(7)
    FAKERS[l] = f
us = FAKERS["en_US"]
B62 = string.ascii_letters + string.digits


def rnd(n, a=B62):
    return "".join(CHANCE.choice(a) for _ in range(n))


def key():
    hexa = "0123456789abcdef"
    return CHANCE.choice(
        [
            lambda: "sk-proj-" + rnd(40),
            lambda: "sk-ant-api03-" + rnd(60),
            lambda: "AKIA" + rnd(16, string.ascii_uppercase + "234567"),
            lambda: "ghp_" + rnd(36),
            lambda: "hf_" + rnd(34),
            lambda: "gsk_" + rnd(48),
            lambda: "AIza" + rnd(35),
            lambda: "glpat-" + rnd(20),
            lambda: "xoxb-" + rnd(12, string.digits) + "-" + rnd(24),
            lambda: "npm_" + rnd(36),
            lambda: "SG." + rnd(22) + "." + rnd(43),
            lambda: "sk_live_" + rnd(24),
            lambda: "eyJhbGciOiJIUzI1NiJ9." + rnd(40) + "." + rnd(43),
            lambda: "shpat_" + rnd(32, hexa),
            lambda: "dop_v1_" + rnd(64, hexa),
            lambda: "r8_" + rnd(37),
            lambda: "xai-" + rnd(60),
        ]
    )()


REG = [
    "US",
    "GB",
    "DE",
    "FR",
    "ES",
    "IT",
    "PL",
    "NL",
    "BR",
    "SE",
    "JP",
    "IN",
    "AU",
    "CH",
    "AT",
    "BE",
    "CA",
    "MX",
    "ZA",
    "KR",
]


def phone():
    while True:
        reg = CHANCE.choice(REG)
        ex = phonenumbers.example_number_for_type(reg, CHANCE.choice([0, 1]))
        d = list(str(ex.national_number))
        d[-4:] = [CHANCE.choice("0123456789") for _ in range(4)]
        n = phonenumbers.PhoneNumber(ex.country_code, int("".join(d)))
        if phonenumbers.is_valid_number(n):
            nat = reg in ("GB", "DE", "FR", "JP", "US", "AU") and CHANCE.random() < 0.35
            return phonenumbers.format_number(n, 2 if nat else CHANCE.choice([1, 1, 0]))


def by_search(make, ok):
    while True:
        v = make()
        if ok(v):
            return v


def d(n):
    return rnd(n, string.digits)


def date6(f):
    return f"{CHANCE.randint(1, 28):02d}", f"{CHANCE.randint(1, 12):02d}", f"{CHANCE.randint(40, 99)}"


def nat():
    k = CHANCE.randrange(9)
    D, M, Y = date6(0)
    if k == 0:
        n = d(8)
        return n + dni.calc_check_digit(n)
    if k == 1:
        return by_search(
            lambda: (
                rnd(6, "BCDFGLMNPRST")
                + Y
                + CHANCE.choice("ABCDEHLMPRST")
                + D
                + CHANCE.choice("ABCDEFGHILM")
                + d(3)
                + rnd(1, string.ascii_uppercase)
            ),
            codicefiscale.is_valid,
        )
    if k == 2:
        return cpf.format(by_search(lambda: d(11), cpf.is_valid))
    if k == 3:
        return ahv.format(by_search(lambda: "756" + d(10), ahv.is_valid))
    if k == 4:
        n = CHANCE.choice("12") + Y + M + "75" + d(6)
        return nir.format(n + nir.calc_check_digits(n)) if hasattr(nir, "format") else n + nir.calc_check_digits(n)
    if k == 5:
        return by_search(
            lambda: D + M + Y + "-" + f"{CHANCE.randint(2, 899):03d}" + rnd(1, "0123456789ABCDEFHJKLMNPRSTUVWXY"),
            hetu.is_valid,
        )
    if k == 6:
        return by_search(lambda: "110105" + "19" + Y + M + D + d(3) + rnd(1, "0123456789X"), ric.is_valid)
    if k == 7:
        return by_search(lambda: D + M + Y + d(5), fodselsnummer.is_valid)
    return FAKERS["en_GB"].ssn() if False else "AB" + " ".join(["", d(2), d(2), d(2), CHANCE.choice("ABCD")])


PRIVATE = {
    "secret": key,
    "email": lambda: FAKERS[CHANCE.choice(LOCALES[:7])].email(),
    "phone": phone,
    "card": lambda: CHANCE.choice([lambda v: v, lambda v: v if len(v) != 16 else " ".join(re.findall("....", v))])(
        us.credit_card_number(CHANCE.choice(["visa16", "mastercard", "amex", "discover"]))
    ),
    "iban": lambda: CHANCE.choice([lambda v: v, lambda v: " ".join(v[i : i + 4] for i in range(0, len(v), 4))])(
        FAKERS[CHANCE.choice(["de_DE", "fr_FR", "es_ES", "it_IT", "pl_PL", "nl_NL", "en_GB"])].iban()
    ),
    "ssn": us.ssn,
    "national_id": nat,
    "ip": lambda: CHANCE.choice([us.ipv4_public, us.ipv6, us.ipv4_private])(),
    "mac": us.mac_address,
    "coordinates": lambda: f"{CHANCE.uniform(-70, 70):.5f}, {CHANCE.uniform(-170, 170):.5f}",
}
TEMPLATES = [
    "Please use {} from now on.",
    "Hallo, hier sind meine Daten: {}. Danke!",
    "Bonjour, voici : {}",
    "user: it is {} ok?",
    '{{"note": "{}", "n": 3}}',
    "2026-11-24 20:15:28,123 WARN [w-3] got {} after 812 ms",
    "value = '{}'  # changed",
    "| field | {} | ok |",
    "El dato es {}, gracias",
    "好的，是 {} 。",
    "- {}\n- done",
    "See {} (line 42), version 2.11.3",
    "> {}\nReceived.",
    "<p>{}</p>",
    '{{"args": "{{\\"x\\": \\"{}\\"}}"}}',
]
PLAIN = {
    "order": lambda: "order " + CHANCE.choice("789") + d(9),
    "uuid": us.uuid4,
    "sha": us.sha1,
    "version": lambda: (
        f"v{CHANCE.randint(1, 9)}.{CHANCE.randint(0, 40)}.{CHANCE.randint(0, 9)}.{CHANCE.randint(10, 99)}"
    ),
    "time": lambda: (
        f"2026-{CHANCE.randint(1, 12):02d}-{CHANCE.randint(1, 28):02d}T{CHANCE.randint(10, 23)}:{CHANCE.randint(10, 59)}:07.{d(6)}Z"
    ),
    "unix": lambda: "17" + d(11),
    "price": lambda: f"EUR {CHANCE.randint(1, 999)},{d(3)}.{d(2)}",
    "isbn": lambda: FAKERS["en_US"].isbn13(),
    "badcard": lambda: by_search(lambda: "4" + d(15), lambda v: not luhn.is_valid(v)),
    "path": lambda: "/var/lib/app/" + us.file_name(),
    "decimal": lambda: f"loss={CHANCE.random():.12f}",
    "list": lambda: str([round(CHANCE.random() * 90, 5) for _ in range(4)]),
    "ident": lambda: "get_user_by_identifier_" + CHANCE.choice(["v2", "list", "42"]),
    "date": lambda: us.date(pattern="%d.%m.%Y"),
    "prose": lambda: us.sentence(),
    "range": lambda: f"pages {CHANCE.randint(100, 199)}-{CHANCE.randint(200, 299)}",
    "span": lambda: "span_id=" + rnd(16, "0123456789abcdef"),
    "token_word": lambda: "the token: is_a_word",
    "handle": lambda: "@" + us.user_name(),
}
HARD = [
    ("my pw is correct horse battery staple 9", "secret", "correct horse battery staple 9"),
    ("Server=db;User Id=sa;Password=P@ssw0rd!;", "secret", "P@ssw0rd!"),
    ("mongodb+srv://app:s3cr3t-pw@c0.mongodb.net/x", "secret", "s3cr3t-pw"),
    (
        "token MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs for the bot",
        "secret",
        "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    ),
    (
        "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "secret",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ("export DB_PASS=hunter2", "secret", "hunter2"),
    ("write to jo at example dot com", "email", "jo at example dot com"),
    ("mail josé@example.com now", "email", "josé@example.com"),
    ("jo@münchen.de", "email", "jo@münchen.de"),
    ("https://x.test/?u=bob%40example.com&p=1", "email", "bob%40example.com"),
    ("call me at 912 345 678", "phone", "912 345 678"),
    ("my number 612345678 is new", "phone", "612345678"),
    ("+49 (0)30 901820-33", "phone", "+49 (0)30 901820-33"),
    ("+1-800-FLOWERS", "phone", "+1-800-FLOWERS"),
    ("ring 5551234", "phone", "5551234"),
    ("4111\u00a01111\u00a01111\u00a01111", "card", "4111\u00a01111\u00a01111\u00a01111"),
    ("card 4111.1111.1111.1111", "card", "4111.1111.1111.1111"),
    ("4111 1111 1111 1111 12/27 123", "card", "4111 1111 1111 1111"),
    ("de89370400440532013000", "iban", "de89370400440532013000"),
    ("DE89 3704 0044 0532 0130 00 BIC COBADEFF", "iban", "DE89 3704 0044 0532 0130 00"),
    ("DE89-3704-0044-0532-0130-00", "iban", "DE89-3704-0044-0532-0130-00"),
    ("ssn is 123456789", "ssn", "123456789"),
    ("the last four and first: 123 45 6789", "ssn", "123 45 6789"),
    ("PESEL 44051401359", "national_id", "44051401359"),
    ("44051401359", "national_id", "44051401359"),
    ("BSN: 111222333", "national_id", "111222333"),
    ("passport C01X00T47", "national_id", "C01X00T47"),
    ("host 1.2.3.4 is down", "ip", "1.2.3.4"),
    ("ping fe80::1", "ip", "fe80::1"),
    ("route 2001:db8::/32", "ip", "2001:db8::"),
    ("ban 8.8.4.4 please", "ip", "8.8.4.4"),
    ("mac 001a2b3c4d5e", "mac", "001a2b3c4d5e"),
    ("001A.2B3C.4D5E", "mac", "001A.2B3C.4D5E"),
    ("40°26'46\"N 79°58'56\"W", "coordinates", "40°26'46\"N 79°58'56\"W"),
    ('{"lat": 52.52, "lon": 13.40}', "coordinates", "52.52"),
    ("at 48.858,2.294", "coordinates", "48.858,2.294"),
    ("OID 2.16.840.113883", None, ""),
    ("v10.0.19041.1", None, ""),
    ("build 10.0.19.41", None, ""),
    ("ASIN B0123456789", None, ""),
    ("tracking 1Z999AA10123456784", None, ""),
    ("invoice 030-2024-118833", None, ""),
    ("tel. aviv has 4600000 people", None, ""),
    ("const token = getToken(user1)", None, ""),
    ("password: str = Field(min_length=8)", None, ""),
    ("api_key=os.environ['OPENAI_API_KEY2']", None, ""),
    ("call 12345678 times", None, ""),
    ("ratio 12.3456, 65.4321", None, ""),
    ("git@github.com:org/repo.git", None, ""),
    ("import foo@1.2.3", None, ""),
    ("sk-learn-contrib-0123456789-x", None, ""),
    ("000102-03-0405", None, ""),
    ("12:34:56:78:9a:bc:de:f0:11", None, ""),
    ("ISBN 978-3-16-148410-0", None, ""),
    ("0800-1600 opening hours", None, ""),
    ("EAN 4006381333931", None, ""),
    ("rows 4000000000000002..5", None, ""),
    ("dates 01-02-2024 03-04-2024", None, ""),
    ("secret: see vault/path/v2", None, ""),
    ("npm_config_registry_timeout_ms", None, ""),
]


def rows():
    """Generated texts, texts with nothing in them, and the hard ones."""
    rows = []
    for k, f in PRIVATE.items():
        for i in range(120):
            v = f()
            t = TEMPLATES[i % len(TEMPLATES)]
            a = t.split("{}")[0].replace("{{", "{").replace("}}", "}")
            rows.append({"text": t.format(v), "spans": [[k, len(a), len(a) + len(v)]]})
    for i in range(480):
        n = list(PLAIN)
        rows.append({"text": TEMPLATES[i % len(TEMPLATES)].format(PLAIN[n[i % len(n)]]()), "spans": []})
    for r in rows:
        for k, a, b in r["spans"]:
            assert 0 <= a < b <= len(r["text"])
    for text, kind, value in HARD:
        start = text.index(value) if kind else 0
        rows.append({"text": text, "spans": [[kind, start, start + len(value)]] if kind else [], "by": "hard"})
    for r in rows:
        if '"lat": 52.52' in r["text"]:
            r["spans"].append(["coordinates", r["text"].index("13.40"), r["text"].index("13.40") + 5])
    return rows


if __name__ == "__main__":
    lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows()]
    Path(__file__).with_name("labelled.jsonl").write_text("".join(lines), encoding="utf-8")
