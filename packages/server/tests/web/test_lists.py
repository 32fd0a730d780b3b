"""The list of requests and what is opened from it: neighbours in its order, values to narrow down by."""

from __future__ import annotations

import re

from web.conftest import Site
from web.test_pages import Page


def test_next_and_previous_follow_the_order_of_the_list(site: Site) -> None:
    for sort in ("-duration_seconds", "estimated_cost"):
        address = f"?sort={sort}&q=status:ok"
        rows = [
            a["data-id"] for t, a in Page(site.get(f"/requests{address}").text).tags if t == "tr" and a.get("data-id")
        ]
        page = site.get(f"/requests/{rows[5]}{address}").text
        found = re.findall(r'href="/requests/([0-9a-f-]+)\?[^"]*" data-key="([np])"', page)
        assert found == [(rows[4], "p"), (rows[6], "n")], sort
        assert f"sort={sort}" in page


def test_facets_follow_a_search_that_rollups_can_answer(site: Site) -> None:
    def values(url: str) -> dict[str, str]:
        facets = site.get(url).text.partition("<aside")[2].partition("</aside>")[0]
        return dict(re.findall(r'<span dir="auto">([^<]+)</span></span><span class="n">([^<]+)<', facets))

    whole, failed = values("/requests"), values("/requests?q=status:error")
    assert failed["ok"] == whole["ok"]  # another status can be chosen
    assert failed != whole
    assert "<aside" not in site.get("/requests?facets=off").text
