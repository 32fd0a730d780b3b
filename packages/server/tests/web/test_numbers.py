"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sentinelops_server.web import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 ms"),
        (0.000001, "< 0.01 ms"),
        (0.00042, "0.42 ms"),
        (0.0042, "4.2 ms"),
        (0.842, "842 ms"),
        (0.99949, "999 ms"),
        (0.9996, "1.00 s"),
        (1.24, "1.24 s"),
        (12.04, "12.0 s"),
        (59.96, "1 m 00 s"),
        (125, "2 m 05 s"),
        (12000, "3 h 20 m"),
        (353_000, "4 d 2 h"),
        (-1.5, "-1.50 s"),
    ],
)
def test_seconds(value: float, text: str) -> None:
    assert numbers.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (842, "842"),
        (1234, "1,234"),
        (9999.4, "9,999"),
        (12_400, "12.4k"),
        (999_499, "999k"),
        (999_600, "1M"),
        (3_140_000, "3.14M"),
        (2.05e9, "2.05B"),
        (7e12, "7T"),
        (-12_400, "-12.4k"),
    ],
)
def test_count(value: float, text: str) -> None:
    assert numbers.count(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "$0"),
        (0.0031, "$0.0031"),
        (0.00029, "$0.00029"),
        (0.0000004, "< $0.000001"),
        (0.5, "$0.50"),
        (0.999, "$1.00"),
        (12.4, "$12.40"),
        (1204.2, "$1,204"),
        (3_100_000, "$3.1M"),
        (Decimal("0.0025"), "$0.0025"),
        (-2, "-$2.00"),
    ],
)
def test_money(value: float, text: str) -> None:
    assert numbers.money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 %"), (0.00001, "< 0.01 %"), (0.0004, "0.04 %"), (0.031, "3.1 %"), (0.42, "42 %"), (1, "100 %")],
)
def test_percent(value: float, text: str) -> None:
    assert numbers.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0 B"), (512, "512 B"), (1400, "1.4 KB"), (27e6, "27 MB"), (3e15, "3,000 TB")]
)
def test_size(value: float, text: str) -> None:
    assert numbers.size(value) == text


def test_missing_is_said_and_never_zero() -> None:
    html = numbers.data(None, "money", "cost")
    assert "unknown" in html
    assert "No price is known" in html
    assert "0" not in html
    assert numbers.data(float("nan")) == numbers.unknown()


def test_the_exact_value_rides_along() -> None:
    assert numbers.data(0.0031415, "money") == '<data value="0.0031415" title="0.0031415 USD">$0.0031</data>'
    assert 'title="12,418"' in numbers.data(12418)
    assert numbers.exact(1e-7, "money") == "0.0000001 USD"


def test_change_says_direction_and_verdict() -> None:
    worse = numbers.change(2.0, 1.0)
    assert "worse" in worse
    assert "100" in worse
    assert "up" in worse
    assert 'class="change better"' in numbers.change(1.0, 2.0)
    assert 'class="change better"' in numbers.change(2.0, 1.0, good="up")
    assert 'class="change same"' in numbers.change(2.0, 1.0, good="neither")
    assert "0.62 pp" in numbers.change(0.0162, 0.01, points=True)
    assert ">new<" in numbers.change(1.0, 0)
    assert "unchanged" in numbers.change(0, 0)
    assert "×20.8k" in numbers.change(20_776, 1)
    assert "900" not in numbers.change(100, 10)
    assert "no earlier data" in numbers.change(1.0, None)
    assert "unchanged" in numbers.change(1.001, 1.0)
