"""The pages in Chromium: keys, live tail, a trace of 30,000 spans, a quiet console, nothing fetched elsewhere."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sentinelops_server.web.guard import COOKIE

from web.conftest import Site
from web.seed import Seeder

pytestmark = [pytest.mark.service("chromium")]

ARGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"]  # fmt: skip
SHIFT = """() => new Promise((done) => { let sum = 0;
  new PerformanceObserver((list) => { for (const e of list.getEntries()) if (!e.hadRecentInput) sum += e.value; })
    .observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum))); })"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path="/usr/bin/chromium", chromium_sandbox=False, args=ARGS)
        yield found
        found.close()


@dataclass
class Tab:
    """A page of a signed-in browser, and what it complained about or asked of others."""

    page: Page
    base: str
    site: Site
    errors: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        self.page.goto(self.base + path, wait_until="networkidle")
        return self.page


@pytest.fixture
def tab(site: Site, browser: Browser) -> Iterator[Tab]:
    listener = socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(site.app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    context = browser.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Asia/Tokyo")
    context.add_cookies([{"name": COOKIE, "value": site.token, "url": base}])
    page = context.new_page()
    found = Tab(page, base, site)
    page.on("console", lambda said: found.errors.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: found.errors.append(str(error)))
    page.on(
        "request", lambda asked: None if asked.url.startswith(base) else found.errors.append(f"elsewhere: {asked.url}")
    )
    yield found
    context.close()
    server.should_exit = True
    thread.join(20)
    listener.close()
    assert not thread.is_alive()


def test_no_page_complains_calls_elsewhere_runs_telemetry_or_jumps(tab: Tab) -> None:
    ids = tab.site.ids
    paths = [
        "/",
        "/performance",
        "/costs",
        "/requests",
        "/traces",
        "/sessions",
        "/users",
        "/settings",
        f"/requests/{ids['hostile']}",
        f"/requests/{ids['request']}",
        f"/traces/{ids['trace']}",
        f"/traces/{ids['hostile'].split('-')[0]}",
        "/sessions/chat-4711",
    ]
    for width in (1280, 390):
        tab.page.set_viewport_size({"width": width, "height": 844})
        for path in paths:
            page = tab.go(path)
            assert tab.errors == [], path
            assert page.evaluate("window.pwned") is None, path
            assert page.evaluate(SHIFT) < 0.05, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)


def test_times_turn_to_the_browsers_zone_and_to_utc(tab: Tab) -> None:
    page = tab.go(f"/requests/{tab.site.ids['request']}")
    stamp = page.locator("time[data-style=exact]").first
    sent = datetime.fromisoformat(str(stamp.get_attribute("datetime")))
    shown = f"{sent.astimezone(UTC) + timedelta(hours=9):%Y-%m-%d %H:%M:%S}"
    assert stamp.inner_text().startswith(shown)
    page.keyboard.press("u")
    assert stamp.inner_text().startswith(f"{sent.astimezone(UTC):%Y-%m-%d %H:%M:%S}")
    tab.go("/requests")  # and stays so
    assert page.evaluate("document.documentElement.dataset.zone") == "UTC"


def test_keys_find_choose_open_and_help(tab: Tab) -> None:
    page = tab.go("/requests?range=1h")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    chosen = page.locator("tr[aria-selected=true]")
    assert chosen.count() == 1
    wanted = chosen.get_attribute("data-id")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/requests/{wanted}?range=1h")
    page.go_back()
    page.keyboard.press("/")
    page.keyboard.type("status:error")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=status%3Aerror*")
    assert "range=1h" in page.url
    page.keyboard.press("[")
    page.wait_for_url("**from=*")
    page.keyboard.press("?")
    assert page.locator("dialog#keys[open]").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog#keys").is_visible()
    assert tab.errors == []


def test_the_scope_goes_along_and_back_works(tab: Tab) -> None:
    page = tab.go("/")
    page.select_option("select[name=application]", "doc-search")
    page.wait_for_url("**application=doc-search*")
    page.get_by_role("link", name="Costs").first.click()
    page.wait_for_url("**/costs?application=doc-search*")
    page.go_back()
    page.go_back()
    assert page.locator("select[name=application]").input_value() == ""


def test_a_chart_is_read_by_keys_and_leads_to_its_requests(tab: Tab) -> None:
    page = tab.go("/")
    area = page.locator("[data-chart=requests] .area")
    area.focus()
    page.keyboard.press("End")
    rows = page.locator("[data-chart=requests] .behind tbody tr")
    last = rows.last.locator("td").all_text_contents()
    assert page.locator("[data-chart=requests] .tip").is_visible()
    assert page.locator("[data-chart=requests] .tip td.r").all_text_contents() == last
    assert page.locator("#says").text_content()
    page.keyboard.press("Enter")
    page.wait_for_url("**/requests?from=*")


def test_the_tail_shows_what_arrives_and_can_be_paused(tab: Tab) -> None:
    page = tab.go("/requests")
    before = page.locator("tr[data-id]").count()
    page.locator("[data-tail]").click()
    seeder = Seeder(datetime.now(UTC))
    seeder.rng.seed(99)
    seeder.chat(datetime.now(UTC) - timedelta(seconds=1))
    new = seeder.batch.requests[0].request_id
    tab.site.store.write(seeder.batch)
    page.wait_for_selector(f"tr[data-id='{new}']", timeout=10_000)
    assert page.locator("tr[data-id]").first.get_attribute("data-id") == new
    assert page.locator("tr[data-id]").count() == before + 1
    page.locator("[data-tail]").click()
    assert page.locator("[data-tail]").get_attribute("aria-pressed") == "false"
    assert tab.errors == []


def test_find_marks_and_opens_what_is_folded(tab: Tab) -> None:
    page = tab.go(f"/requests/{tab.site.ids['request']}")
    before = page.locator(".talk").text_content()
    page.keyboard.press("/")
    page.keyboard.type("the user wants")
    page.keyboard.press("Enter")
    assert page.locator("mark.here").is_visible()
    page.locator("[data-find] input").fill("")
    assert page.locator("mark").count() == 0
    assert page.locator(".talk").text_content() == before


def test_a_trace_of_thirty_thousand_spans_is_virtual_and_complete(tab: Tab) -> None:
    seeder = Seeder(datetime.now(UTC))
    seeder.rng.seed(98)
    big = seeder.long_trace(datetime.now(UTC) - timedelta(minutes=3), 30_000)
    tab.site.store.write(seeder.batch)
    page = tab.go(f"/traces/{big}")
    page.wait_for_selector("[data-ready]")
    assert page.evaluate(SHIFT) < 0.05
    rows = page.locator(".view .span")
    assert rows.count() < 80
    assert page.locator(".view .spacer").evaluate("node => node.clientHeight") == 30_000 * 28
    page.locator(".view").focus()
    page.keyboard.press("End")
    page.wait_for_selector(".span[data-n='29999'][aria-selected=true]")
    assert rows.count() < 80
    assert "span=" in page.url
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")  # fold the root: one row is left
    expect(rows).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(rows).not_to_have_count(1)
    page.keyboard.press("j")
    chosen = page.locator(".span[aria-selected=true] .label").inner_text()
    expect(page.locator("[data-span-detail] h2").first).to_have_text(chosen)
    assert tab.errors == []


def test_the_server_and_the_module_draw_the_same_rows(tab: Tab) -> None:
    path = f"/traces/{tab.site.ids['trace']}"
    drawn = re.findall(
        r'class="label"[^>]*>([^<]+)<.*?<rect class="([^"]+)" x="([^"]+)".*?width="([^"]+)".*?class="took">([^<]+)<',
        tab.site.get(path).text,
        re.S,
    )
    page = tab.go(path)
    built = page.evaluate("""() => [...document.querySelectorAll('.view .span')].map((row) => {
      const rect = row.querySelector('rect');
      const at = (name) => rect.getAttribute(name);
      return [row.querySelector('.label').textContent, at('class'), at('x'), at('width'),
        row.querySelector('.took').textContent]; })""")
    assert [row[:2] + row[4:] for row in built] == [list(row[:2] + row[4:]) for row in drawn]
    for mine, theirs in zip(built, drawn, strict=True):
        assert float(mine[2][:-1]) == pytest.approx(float(theirs[2][:-1]), abs=0.01)


def test_the_theme_is_kept(tab: Tab) -> None:
    page = tab.go("/")
    light = page.evaluate("getComputedStyle(document.body).color")
    page.locator("[data-theme-toggle]").click()
    assert page.evaluate("getComputedStyle(document.body).color") != light
    tab.go("/costs")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
