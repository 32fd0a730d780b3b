"""Every page, on a database with traffic and on an empty one: numbers, escaping, policy, sign-in, links."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from sentinelops_server.query.ledger import ledger
from sentinelops_server.query.scope import Scope, parse_range
from sentinelops_server.query.summary import summary
from sentinelops_server.web import numbers
from sentinelops_server.web.guard import COOKIE, safe_next

from web.conftest import HTML, Site
from web.seed import HOSTILE

ROOMS = ["/", "/performance", "/costs", "/requests", "/traces", "/sessions", "/users", "/settings"]


class Page(HTMLParser):
    """What a browser would find: links, elements, attributes that could run or be fetched, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))

    def handle_data(self, data: str) -> None:
        self.text += data


def inert(html: str) -> None:
    """Nothing inline can run and nothing of another origin is fetched: the strict policy is met, not only sent."""
    for tag, attrs in Page(html).tags:
        assert not [name for name in attrs if name.startswith("on") or name == "style"], (tag, attrs)
        assert tag not in ("img", "iframe", "object", "embed", "base", "style"), (tag, attrs)
        if tag == "script":
            assert attrs.get("type") in ("module", "application/json")
            assert str(attrs.get("src", "/static/")).startswith("/static/")
        for name in ("href", "src", "action"):
            value = attrs.get(name) or ""
            if tag != "a":
                assert value == "" or value[0] in "/#", (tag, attrs)
            assert not value.lower().startswith(("javascript:", "data:"))


@pytest.mark.parametrize("path", ROOMS)
def test_each_room_answers_with_traffic(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 200
    inert(answer.text)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert len(answer.content) < 250_000


@pytest.mark.parametrize(
    "path", [*ROOMS, "/requests?q=status:error&range=7d", "/traces?tq=status:error", "/costs?by=user"]
)
def test_each_room_answers_without_any(bare: Site, path: str) -> None:
    answer = bare.get(path)
    assert answer.status_code == 200
    if path in ("/", "/requests", "/traces", "/settings"):
        assert "http://testserver:4318" in answer.text  # the first call, with the right endpoint
        assert "sentinelops.configure" in answer.text
    inert(answer.text)


def test_details_answer(site: Site) -> None:
    for path in (
        f"/requests/{site.ids['request']}",
        f"/traces/{site.ids['trace']}",
        f"/traces/{site.ids['long']}",
        "/sessions/chat-4711",
        "/users/ada@example.org",
        f"/requests/{site.ids['hostile']}",
        "/requests/facet?field=operation",
    ):
        answer = site.get(path)
        assert answer.status_code == 200, path
        inert(answer.text)


def test_every_link_of_every_room_leads_somewhere(site: Site) -> None:
    seen = set()
    for path in [
        *ROOMS,
        f"/requests/{site.ids['hostile']}",
        f"/requests/{site.ids['request']}",
        f"/traces/{site.ids['trace']}",
    ]:
        page = Page(site.get(path).text)
        for link in page.links:
            shape = re.sub(r"[0-9a-f]{8,}|chat-\d+-\d+|user-\d+|from=[^&]*|to=[^&]*", "*", link)
            if link.startswith("/") and shape not in seen:
                seen.add(shape)
                assert site.get(link).status_code == 200, link
    assert len(seen) > 60


def test_numbers_are_those_of_the_query(site: Site) -> None:
    fixed = "from=2020-01-01T00:00:00Z&to=2029-01-01T00:00:00Z"
    found = summary(site.deps.database, Scope(parse_range("2020-01-01T00:00:00Z/2029-01-01T00:00:00Z")))
    page = site.get(f"/?{fixed}").text
    for value, kind in (
        (found["count"], "count"),
        (found["error_rate"], "percent"),
        (found["duration_seconds"]["p95"], "seconds"),
        (found["total_tokens"], "count"),
        (found["estimated_cost"], "money"),
    ):
        assert str(numbers.data(value, kind)) in page
    assert f"{numbers.count(found['unpriced_requests'])} unpriced" in page
    # and the link behind the error rate shows exactly these requests
    failed = [r for r in csv.DictReader(io.StringIO(site.get(f"/requests.csv?{fixed}&q=status:error").text))]
    assert len(failed) == found["error_count"]


def test_the_ledger_is_the_ledger(site: Site) -> None:
    found = ledger(site.deps.database, Scope(parse_range("24h", datetime.now(UTC))))
    page = Page(site.get("/settings").text).text
    assert numbers.count(found["received"]) in page
    assert "no_trace_id" in page
    assert "Every record is accounted for" in page


def test_a_hostile_call_is_text_everywhere(site: Site) -> None:
    for path in (
        "/",
        "/requests",
        "/costs",
        "/performance",
        "/settings",
        "/users",
        "/sessions",
        "/traces",
        f"/requests/{site.ids['hostile']}",
        f"/traces/{site.ids['hostile'].split('-')[0]}",
        f"/users/{quote(chr(117) + chr(39) + '><svg onload=window.pwned=4>', safe='')}",
        f"/requests?q={quote(HOSTILE)}",
        f"/requests?application={quote(HOSTILE)}",
        f"/nothing/{quote(HOSTILE)}",
    ):
        answer = site.get(path)
        assert answer.status_code in (200, 404), path
        assert "<script>" not in answer.text, path
        inert(answer.text)


def test_a_conversation_is_shown_whole(site: Site) -> None:
    text = Page(site.get(f"/requests/{site.ids['request']}").text).text
    for part in (
        "You are the order desk.",
        "track_order",
        "in transit",
        "Leipzig",
        "مرحبا",
        "The user wants the state",
        "$0.0",
        "genai-prices 0.2.3",
        "2 × email",
        "temperature",
        "chatcmpl-9x",
        "gpt-4o-2024-11-20",
        "512 ms",
    ):
        assert part in text, part


def test_next_and_previous_follow_the_list(site: Site) -> None:
    rows = [a["data-id"] for t, a in Page(site.get("/requests").text).tags if t == "tr" and a.get("data-id")]
    page = site.get(f"/requests/{rows[2]}").text
    assert f"/requests/{rows[1]}" in page
    assert f"/requests/{rows[3]}" in page


def test_paging_shows_every_row_once(site: Site) -> None:
    seen: list[str] = []
    url: str | None = "/requests?from=2020-01-01T00:00:00Z&to=2029-01-01T00:00:00Z&sort=-estimated_cost"
    while url:
        page = Page(site.get(url).text)
        seen += [str(a["data-id"]) for t, a in page.tags if t == "tr" and a.get("data-id")]
        url = next((a["href"] for t, a in page.tags if t == "a" and a.get("rel") == "next"), None)
    assert len(seen) == len(set(seen)) > 250


def test_the_tail_gives_only_rows_from_around_then(site: Site) -> None:
    answer = site.get(f"/requests/tail?after={datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z")
    assert answer.status_code == 200
    assert answer.text.count("<tr") < 20
    assert site.get("/requests/tail?after=yesterday").status_code == 400


def test_a_search_that_cannot_be_read_is_told_beside_the_field(site: Site) -> None:
    answer = site.get("/requests?q=modell:x")
    assert answer.status_code == 200
    assert 'aria-invalid="true"' in answer.text
    assert "modell" in Page(answer.text).text
    assert "data-id" not in answer.text


def test_csv_is_exact_and_no_formula(site: Site) -> None:
    rows = list(csv.DictReader(io.StringIO(site.get("/requests.csv?range=7d&q=user:ada@example.org").text)))
    assert {row["request_id"] for row in rows} >= {site.ids["request"]}
    row = next(row for row in rows if row["request_id"] == site.ids["request"])
    assert row["duration_seconds"] == "3.1"
    assert row["timestamp"].endswith("Z")
    from sentinelops_server.web.pages.exports import _cell

    assert [_cell(v) for v in ("=1+1", "-2", "@x", -2, None)] == ["'=1+1", "'-2", "'@x", -2, ""]


def test_without_a_session_there_is_only_the_sign_in(bare: Site) -> None:
    bare.client.cookies.clear()
    answer = bare.get("/requests?q=status:error")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/signin?next=%2Frequests%3Fq%3Dstatus%3Aerror"
    assert bare.client.get("/requests").status_code == 401
    assert bare.get("/signin").status_code == 200
    bare.client.cookies.set(COOKIE, "forged")
    assert bare.get("/").status_code == 303


def test_a_link_signs_in_once(bare: Site) -> None:
    bare.client.cookies.clear()
    link = f"/signin?token={bare.deps.sessions.create_link()}"
    answer = bare.get(link)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert bare.get("/").status_code == 200
    again = bare.get(link)
    assert again.status_code == 401
    assert "used already" in again.text


def test_a_key_signs_in_when_it_may_read(bare: Site) -> None:
    bare.client.cookies.clear()
    _, reads = bare.deps.keys.create("r", ["read"])
    _, sends = bare.deps.keys.create("i", ["ingest"])
    assert bare.client.post("/signin", data={"key": sends}, headers=HTML).status_code == 403
    assert bare.client.post("/signin", data={"key": "so_0_x"}, headers=HTML).status_code == 401
    other = bare.client.post("/signin", data={"key": reads}, headers=HTML | {"sec-fetch-site": "cross-site"})
    assert other.status_code == 403
    good = bare.client.post(
        "/signin", data={"key": reads, "next": "//evil.example"}, headers=HTML, follow_redirects=False
    )
    assert good.headers["location"] == "/"
    # a reader sees the settings but changes nothing
    form = re.search(r'name="csrf" value="(\w+)"', bare.get("/settings").text)
    assert form
    made = bare.client.post("/settings/keys", data={"name": "x", "scopes": "admin", "csrf": form[1]}, headers=HTML)
    assert made.status_code == 403
    assert len(bare.deps.keys.list()) == 2


@pytest.mark.parametrize("path", ["//evil", "/\\evil", "https://evil", "evil", "/a\nb", "\\/evil", ""])
def test_sign_in_never_leads_to_another_site(path: str) -> None:
    assert safe_next(path) == "/"


def test_keys_are_made_shown_once_rotated_and_revoked(bare: Site) -> None:
    form = re.search(r'name="csrf" value="(\w+)"', bare.get("/settings").text)
    assert form
    data = {"csrf": form[1]}
    made = bare.client.post(
        "/settings/keys", data=data | {"name": "ci <b>", "scopes": ["ingest", "read"], "days": "30"}, headers=HTML
    )
    secret = re.search(r'id="secret"[^>]*>(so_[^<]+)<', made.text)
    assert secret
    assert made.headers["cache-control"] == "no-store"
    assert bare.deps.keys.authenticate(secret[1], "ingest").name == "ci <b>"
    assert secret[1] not in bare.get("/settings").text
    key = bare.deps.keys.list()[0]
    rotated = bare.client.post(f"/settings/keys/{key.key_id}/rotate", data=data, headers=HTML)
    assert "not shown again" in rotated.text
    bare.client.post(f"/settings/keys/{key.key_id}/revoke", data=data, headers=HTML)
    assert bare.deps.keys.get(key.key_id).revoked_at is not None


def test_a_form_of_another_site_changes_nothing(bare: Site) -> None:
    for data in ({"name": "x", "scopes": "admin"}, {"name": "x", "scopes": "admin", "csrf": "0" * 64}):
        assert bare.client.post("/settings/keys", data=data, headers=HTML).status_code == 403
    assert bare.deps.keys.list() == []


def test_views_are_saved_and_deleted(site: Site) -> None:
    form = re.search(r'name="csrf" value="(\w+)"', site.get("/requests").text)
    assert form
    query = "range=7d&q=status:error"
    site.client.post("/requests/views", data={"csrf": form[1], "name": "failures & co", "query": query}, headers=HTML)
    page = site.get("/requests")
    assert "failures &amp; co" in page.text
    assert f"/requests?{query}" in Page(page.text).links
    target = re.search(r'action="(/requests/views/[^"]+/delete)"', page.text)
    assert target
    back = site.client.post(
        target[1], data={"csrf": form[1], "back": "https://evil"}, headers=HTML, follow_redirects=False
    )
    assert back.headers["location"] == "/"
    assert "failures &amp; co" not in site.get("/requests").text


def test_signing_out_ends_the_session(bare: Site) -> None:
    form = re.search(r'name="csrf" value="(\w+)"', bare.get("/").text)
    assert form
    bare.client.post("/signout", data={"csrf": form[1]}, headers=HTML, follow_redirects=False)
    bare.client.cookies.set(COOKIE, bare.token)
    assert bare.get("/").status_code == 303


def test_errors_say_what_failed_and_what_to_do(bare: Site) -> None:
    for path, status in (
        ("/nope", 404),
        (f"/requests/{'0' * 32}-{'0' * 16}", 404),
        ("/traces/xyz", 404),
        ("/?range=banana", 400),
        ("/requests?cursor=x", 400),
    ):
        answer = bare.get(path)
        assert answer.status_code == status, path
        assert "<h1>" in answer.text
        assert "Overview" in answer.text
        plain = bare.client.get(path)
        assert plain.headers["content-type"].startswith("application/problem+json")


def test_a_fault_of_ours_shows_no_cause(bare: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret detail of the inside")

    monkeypatch.setattr("sentinelops_server.web.pages.overview.summary", broken)
    answer = bare.get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "fault in the server" in answer.text


def test_static_files_are_named_by_content_and_kept(bare: Site) -> None:
    page = bare.get("/").text
    for url in set(re.findall(r"/static/[\w.-]+", page)):
        answer = bare.client.get(url, headers={"accept-encoding": "gzip"})
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        for inner in re.findall(r'from "\./([\w.-]+)"', answer.text):
            assert bare.client.get(f"/static/{inner}").status_code == 200
    assert bare.get("/static/../app.py").status_code == 404
    assert bare.get("/static/app.css").status_code == 404


def test_an_unchanged_page_is_not_sent_again(bare: Site) -> None:
    first = bare.get("/signin")
    again = bare.client.get("/signin", headers=HTML | {"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_times_are_in_the_viewers_zone(site: Site) -> None:
    site.client.cookies.set("zone", "Asia/Tokyo")
    page = site.get(f"/requests/{site.ids['request']}").text
    assert 'data-zone="Asia/Tokyo"' in page
    stamp = re.search(r'<time datetime="([^"]+)" data-style="exact" title="[^"]+ UTC">([^<]+)</time>', page)
    assert stamp
    seen = datetime.fromisoformat(stamp[2]).replace(tzinfo=UTC).timestamp()
    assert seen - datetime.fromisoformat(stamp[1]).timestamp() == pytest.approx(9 * 3600, abs=0.01)
    site.client.cookies.set("theme", '"><script>')
    assert "<script>" not in site.get("/").text
