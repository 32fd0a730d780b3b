"""What is private is found, what only looks like it is not, and hostile text costs no more than its length."""

from __future__ import annotations

import random
import time

import pytest
from sentinelops import privacy
from sentinelops.privacy import DETECTORS, Match, find, redact

PRIVATE = [
    ("secret", "sk-proj-abcDEF123456ghiJKL789"), ("secret", "sk-ant-api03-abcdefGHIJKL0123456789_-x"),
    ("secret", "hf_" + "aB3" * 11), ("secret", "gsk_" + "aB3" * 10), ("secret", "so_ingest_" + "aB3" * 8),
    ("secret", "AKIAIOSFODNN7EXAMPLE"), ("secret", "ghp_" + "aB3" * 12), ("secret", "github_pat_" + "aB3" * 10),
    ("secret", "glpat-" + "aB3" * 7), ("secret", "xoxb-123456789012-abcdef"), ("secret", "AIza" + "aB3d5" * 7),
    ("secret", "whsec_" + "aB3" * 8), ("secret", "npm_" + "aB3" * 12), ("secret", "SG." + "aB3" * 7 + "." + "aB3" * 14),
    ("secret", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"),
    ("secret", "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7\nabc=\n-----END RSA PRIVATE KEY-----"),
    ("email", "bob.smith+tag@mail.example.co.uk"), ("iban", "DE89 3704 0044 0532 0130 00"), ("iban", "GB29NWBK60161331926819"),
    ("card", "4111 1111 1111 1111"), ("card", "5500-0000-0000-0004"), ("card", "378282246310005"), ("ssn", "123-45-6789"),
    ("ip", "10.20.30.40"), ("ip", "fe80::1ff:fe23:4567:890a"), ("ip", "2001:db8:0:0:1:0:0:1"),
    ("phone", "+1 415 555 2671"), ("phone", "(415) 555-2671"), ("phone", "415-555-2671"), ("phone", "+49 30 901820"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), PRIVATE)
@pytest.mark.parametrize("around", ["%s", "say %s, please", "ünïcode İ %s.", '{"x":"%s"}', "a\n%s\nb"])
def test_what_is_private_is_marked_whole(kind: str, text: str, around: str) -> None:
    assert redact(around % text) == (around % f"[{kind}]", {kind: 1})


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("postgres://bob:hunter2@db/x", "postgres://bob:[secret]@db/x"),
        ("Authorization: Bearer abcDEF0123456789xyz", "Authorization: Bearer [secret]"),
        ("password = 'hunter2abc'", "password = '[secret]'"),
        ('{"api_key": "abc123def456"}', '{"api_key": "[secret]"}'),
        ("API_KEY=abc123def456 TOKEN:xyz789uvw012", "API_KEY=[secret] TOKEN:[secret]"),
        ("pay with 4111 1111 1111 1111 123 now", "pay with [card] 123 now"),
        ("pay with 4111 1111 1111 1111 12/27", "pay with [card] 12/27"),
        ("<password>Gr8-Wall</password>", "<password>[secret]</password>"),
        ('<add key="ApiKey" value="dbcf8bb2ad11" />', '<add key="ApiKey" value="[secret]" />'),
        ("ALTER USER app WITH PASSWORD 'n3w-Pass';", "ALTER USER app WITH PASSWORD '[secret]';"),
        ("curl -u admin:Passw0rd!2026 https://x", "curl -u admin:[secret] https://x"),
        ("STRIPE_KEY=" + "aB3dE5" * 4, "STRIPE_KEY=[secret]"),
        ("AWS_SESSION_TOKEN=" + "aB3dE5/" * 100, "AWS_SESSION_TOKEN=[secret]"),
        ("Set-Cookie: a=b; sid=" + "aB3dE5" * 4 + "; Path=/", "Set-Cookie: [secret]"),
        ("https://x/@52.520008,13.404954,17z", "https://x/@[coordinates],17z"),
        ("https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXX", "https://hooks.slack.com/services/[secret]"),
    ],
)
def test_of_a_secret_in_its_context_only_the_secret_is_marked(text: str, marked: str) -> None:
    assert redact(text)[0] == marked


@pytest.mark.parametrize(
    "text",
    [
        "", "In 2024 there were 12 of them, 3.5% more than in 1999.", "version 1.2.3 of 2026-11-22 10:20:30",
        "4111 1111 1111 1112", "DE88 3704 0044 0532 0130 00", "XX89 3704 0044 0532 0130 00", "000-12-3456", "666-12-3456",
        "999.1.1.1", "127.0.0.1", "0.1.2.3", "::1", "std::vector::push_back", "12:30:45", "https://example.com/a:b/c",
        "the token: is_a_word_here", "password: ********", "sk-learn-is-a-library-for-python", "a bearer of bad news today",
        "order 1234567890123", "trace 4bf92f3577b34da6a3ce929d0e0e4736", "0000 0000 0000 0000", "user@localhost", "@someone",
        "tokens=1234567890", "1 2 3 4 5 6 7 8", "CACHE_KEY=user-4711-profile-20261129-v2x", "PUBLIC_KEY=" + "aB3dE5" * 5,
        "docker run -u 1000:1000 x", "git push -u origin:main", "cookie: none", "the run 12345678-5", "the auth: required",
        "0.1234, 0.4567, 0.8901, 12.3456, 17.2500", "company AAAPA1234", "S1234567A", "RFC 9110 and RFC 3339",
    ],
)  # fmt: skip
def test_what_only_looks_private_is_left_alone(text: str) -> None:
    assert redact(text) == (text, {})


def test_matches_are_in_order_and_an_earlier_detector_wins() -> None:
    text = "api_key=sk-abcdef1234567890abcd and bob@example.com or bob@example.com"
    found = find(text)
    assert [match.type for match in found] == ["secret", "email", "email"]
    assert text[found[0].start : found[0].end] == "sk-abcdef1234567890abcd"
    assert found == sorted(found, key=lambda match: match.start)
    assert find("sk-abcdef1234567890abcd", DETECTORS[-1:]) == []
    assert find("x bob@example.com", [d for d in DETECTORS if d.name == "email"]) == [Match("email", 2, 17, "email")]


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("IBAN DE89\u00a03704\u202f0044 0532\u20090130\u00a000.", "IBAN [iban]."),
        ("call +49\u201130\u2011901820 now", "call [phone] now"),
        ("card \uff14111 1111 1111 111\uff11", "card [card]"),
        ("mail bob\u200b@exam\u00adple.com\u200b!", "mail [email]\u200b!"),
        ("bob\uff20example\uff0ecom", "[email]"),
        ("\u5bc6\u7801 password\uff1aAb123456!", "\u5bc6\u7801 password\uff1a[secret]"),
        (r'said {"a":"x\nghp_' + "aB3" * 12 + '"}', r'said {"a":"x\n[secret]"}'),
        (r'said {"a":"x\\\\nghp_' + "aB3" * 12 + '"}', r'said {"a":"x\\\\n[secret]"}'),
        (r"mail bob\u0040example.com", "mail [email]"),
        (r"tel \u002B49 30 901820", "tel [phone]"),
        (r"at postgres:\/\/bob:hunter2@db\/x", r"at postgres:\/\/bob:[secret]@db\/x"),
        ("/?a=bob%40example.com&b=%2B49%2030%20901820&c=1", "/?a=[email]&b=[phone]&c=1"),
        ("/?q=%7B%22password%22%3A%22hunter2abc%22%7D", "/?q=%7B%22password%22%3A%22[secret]%22%7D"),
        ("/?q=bob%2540example.com", "/?q=[email]"),
        ("postgres://bob:p%40ss%2Fw0rd@db/x", "postgres://bob:[secret]@db/x"),
        ("<a>bob&#64;example.com</a> bob&#x40;example.com bob&commat;example.com", "<a>[email]</a> [email] [email]"),
        ("tel:&nbsp;+49&nbsp;30&nbsp;901820", "tel:&nbsp;[phone]"),
    ],
)  # fmt: skip
def test_what_is_meant_is_found_however_it_is_written(text: str, marked: str) -> None:
    assert redact(text)[0] == marked
    assert find(text) == find(text, list(DETECTORS))


def test_a_value_is_read_with_its_name() -> None:
    for name, value in (("password", "hunter2abc"), ("mobilePhone", "612345678"), ("x-api-key", "abc123def456")):
        assert find(value) == []
        assert [(one.start, one.end) for one in find(value, lead=privacy.lead_of(name))] == [(0, len(value))]
    assert [privacy.lead_of(name) for name in ("model", "tool.call.id", "name", "latency")] == [""] * 4


def test_the_short_cuts_find_what_searching_everything_finds() -> None:
    text = " and ".join(text for _, text in PRIVATE)
    assert find(text) == find(text, list(DETECTORS))
    assert len(find(text)) == len(PRIVATE)


PROSE = "Dear all, the re-run of 12 March: 3.5 of 10 were done - see step_two. Note: well-known words are unaffected; "


def test_the_first_look_lets_nothing_slip() -> None:
    """Random text of the very pieces the detectors are made of: with and without the first look, the same is found."""
    chance = random.Random(7)
    pieces = [word for detector in DETECTORS for word in detector.literals or ()]
    pieces += [text for _, text in PRIVATE] + [
        "aB3dE5fG7h",
        "0123456789abcdefABCDEF",
        "=> '",
        ': "',
        "Token",
        "PASSWORD",
    ]
    pieces += [*" -_.:=@/7x", "\n", "é", "İ", "12", "GB29", "apiKey=", "BeArEr ", "::"]
    pieces += [
        "001A.2B3C.4D5E",
        "00:1a:2b:3c:4d:5e",
        "lat: 52.52",
        "LONG=1.2345",
        "AB 12 34 56 C",
        "AB123456C",
        "12345678-Z",
    ]
    pieces += [
        "44051401359",
        "pesel ",
        "tel ",
        "Call ",
        "nhs",
        "131052-308T",
        "1234567",
        "2026-11-24T20:15:28",
        "10.0.19.41",
    ]
    for _ in range(9_000):
        text = "".join(chance.choice(pieces) for _ in range(chance.randint(1, 12)))
        assert find(text) == find(text, list(DETECTORS)), text
    for _, text in PRIVATE:
        assert find(PROSE + text + " " + PROSE) == find(PROSE + text + " " + PROSE, list(DETECTORS))


def test_ordinary_prose_is_not_looked_at_twice() -> None:
    assert privacy.possible(PROSE * 20) == []


HOSTILE = [
    "a", "1", "-", "@", "a@", "a.", "1 ", "1.", "eyJ", "eyJaaaaaaaa.", "-eyJaaaaaaaaa.", "sk-", "sk-a-", "://", "a://", "a://b:",
    "a://b:c@", ":", "a:", "::", "DE89 ", "4 ", "(1", "+1", "password", "password=", "token: ", "bearer ", "bearer a", "xox",
    "xoxb-", "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "SG.", "SG.aaaaaaaaaaaaaaaaaaaa.", "İ", "AB12", "a@b.", "1-",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    """Eight times the text takes about eight times as long; a quadratic search would take sixty-four times."""

    def seconds(length: int) -> float:
        text = (unit * (length // len(unit) + 1))[:length]
        best = float("inf")
        for _ in range(3):
            began = time.thread_time()  # not of the clock: others use this machine too
            find(text)
            best = min(best, time.thread_time() - began)
        return best

    short = max(seconds(8_000), 0.0002)
    assert seconds(64_000) / short < 30


def test_every_detector_is_valid_re2_and_named_once() -> None:
    import re2

    for detector in DETECTORS:
        assert re2.compile(detector.pattern) is not None
    assert len({detector.name for detector in DETECTORS}) == len(DETECTORS)
    assert privacy.luhn("12") is False
