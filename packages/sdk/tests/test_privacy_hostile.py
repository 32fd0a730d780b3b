"""Text made to be slow costs as much per KB in half a megabyte as in a tenth of it, in the SDK and with the server's set."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

import pytest
from sentinelops import privacy
from sentinelops_server.pipeline.redact import Redactor

UNITS = [
    "a", "1", "a@", "a@b.", "1 ", "1.", "4-", "[", "[{", "(", "{\"a\":[", "://", "a://b:", "::", "+1", "token=", "password ",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "eyJaaaaaaaaaaaaaaaa.", "lat 1.", "0.1234, ", "%40",
    "key=", "A_KEY=", "Q~", "a:", "\\", "%2", "&#", "\u200b", "cookie: a=b;", "AA00",
    "passport A1",
]  # fmt: skip
REDACTOR = Redactor()


def seconds(search: Callable[[str], object], unit: str, length: int) -> float:
    text = (unit * (length // len(unit) + 1))[:length]
    began = time.thread_time()  # not of the clock: others use this machine too
    search(text)
    return time.thread_time() - began


def test_long_random_words_cost_half_a_megabyte_what_they_cost_a_tenth_of_it() -> None:
    """Images, signatures and encrypted reasoning as base64; of every second character a new word begins, or none."""
    for letters in (string.ascii_letters + string.digits + "+/", string.ascii_letters + string.digits):
        words = "".join(random.Random(3).choices(letters, k=500_000))
        for search in (privacy.find, lambda text: REDACTOR.redact_value([text], {})):
            long = (seconds(search, words, 500_000) for _ in range(5))
            assert any(one / max(seconds(search, words[:50_000], 50_000), 0.001) < 30 for one in long)


@pytest.mark.parametrize("unit", UNITS)
def test_half_a_megabyte_costs_per_kilobyte_what_a_tenth_of_it_does(unit: str) -> None:
    """Ten times the text takes less than thirty times as long; a quadratic search takes a hundred times."""
    searches: list[Callable[[str], object]] = [privacy.find, lambda text: REDACTOR.redact_value([text], {})]
    for search in searches:
        # side by side and more than once: what others do to the caches of this machine comes and goes
        assert any(seconds(search, unit, 500_000) / max(seconds(search, unit, 50_000), 0.001) < 30 for _ in range(5))
