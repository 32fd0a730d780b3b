"""The URL is the state: reading it, writing it, and terms of the search box."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import pytest
from sentinelops_server.errors import Malformed
from sentinelops_server.query.filters import parse_search
from sentinelops_server.web.state import View, has_term, read_view, read_zone, term, toggle_term

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def view(query: str, path: str = "/requests", zone: ZoneInfo = BERLIN) -> View:
    return read_view(path, dict(parse_qsl(query)), NOW, zone)


def again(url: str) -> View:
    parts = urlsplit(url)
    return view(parts.query, parts.path)


def test_a_day_is_the_default() -> None:
    found = view("")
    assert found.preset == "24h"
    assert found.scope.range.end == NOW
    assert found.scope.range.seconds == 86400
    assert found.url() == "/requests"


def test_everything_goes_through_a_link_and_back() -> None:
    found = view('range=7d&application=a b&environment=prod&q=model:"x y" cost>0.01 <&sort=-estimated_cost&compare=off')
    assert again(found.url()) == found


def test_other_rooms_get_filters_and_range_but_not_the_order_or_the_page() -> None:
    url = view("range=7d&q=status:error&sort=-duration_seconds&cursor=abc").url("/costs")
    assert dict(parse_qsl(urlsplit(url).query)) == {"range": "7d", "q": "status:error"}


def test_changing_anything_starts_at_the_first_page() -> None:
    assert "cursor" not in view("cursor=abc").url(sort="timestamp")
    assert "cursor=def" in view("cursor=abc").url(cursor="def")


def test_a_preset_replaces_two_moments_and_the_other_way_round() -> None:
    fixed = view("from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z")
    assert fixed.preset == ""
    assert fixed.url(range="1h") == "/requests?range=1h"
    assert again(view("range=1h").shifted(-1)).scope.range.end == NOW - timedelta(hours=1)


def test_a_field_without_zone_is_meant_in_the_viewers() -> None:
    assert view("from=2026-11-20T10:00:00&to=2026-11-20T11:00:00").scope.range.start == datetime(
        2026, 11, 20, 9, tzinfo=UTC
    )
    # what is shared is UTC, and means the same to a colleague elsewhere
    url = view("from=2026-11-20T10:00&to=2026-11-20T11:00").url()
    assert "from=2026-11-20T09:00:00Z" in url


def test_shifting_later_stops_at_now() -> None:
    found = again(view("from=2026-11-22T09:00:00Z&to=2026-11-22T11:00:00Z").shifted(1))
    assert (found.scope.range.start, found.scope.range.end) == (NOW - timedelta(hours=2), NOW)


@pytest.mark.parametrize(
    "query", ["range=banana", "from=yesterday", "from=2026-11-22T11:00:00Z&to=2026-11-22T10:00:00Z"]
)
def test_a_range_that_cannot_be_read_is_told(query: str) -> None:
    with pytest.raises(Malformed):
        view(query)


@pytest.mark.parametrize("name", ["Nowhere/Land", "../../etc/passwd", "", "\0", "x" * 5000])
def test_an_unknown_zone_is_utc(name: str) -> None:
    assert read_zone(name).key == "UTC"


@pytest.mark.parametrize("value", ["gpt-4o", "llama3:8b", "a b", "a,b", "x*", "Köln", "<script>", "-x", "a(b)"])
def test_a_term_is_read_by_the_search_as_exactly_this_value(value: str) -> None:
    found = parse_search(term("model", value))
    assert found is not None
    assert list(found.params) == [value]


def test_a_quote_becomes_a_prefix() -> None:
    assert term("model", 'ab "c"') == "model:ab*"


def test_facets_toggle() -> None:
    text = toggle_term("cost>0.01", "model", "a b")
    assert text == 'cost>0.01 model:"a b"'
    assert has_term(text, "model", "a b")
    assert toggle_term(text, "model", "c") == "cost>0.01 model:c"
    assert toggle_term(text, "model", "a b") == "cost>0.01"


def test_buckets_are_at_most_72() -> None:
    for length in ("15m", "1h", "6h", "24h", "7d", "30d", "365d"):
        found = view(f"range={length}")
        assert found.scope.range.seconds / found.step_seconds <= 72
