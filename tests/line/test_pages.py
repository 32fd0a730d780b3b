"""The end of the line: what Chromium shows a person is what the client saw."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright
from serving import Line, wait_for

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
pytestmark = pytest.mark.service("chromium")


@pytest.fixture(scope="module")
def page(line: Line) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", chromium_sandbox=False, args=FLAGS)
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.goto(line.server.addresses["api"] + "/")
        assert "/signin" in opened.url
        opened.fill("input[name=key]", line.server.addresses["api_key"])
        opened.keyboard.press("Enter")
        opened.wait_for_url(lambda url: "signin" not in url)
        yield opened
        browser.close()


def tile(page: Page, what: str) -> str:
    return page.locator(".tile", has=page.locator(".what", has_text=re.compile(f"^{what}$"))).inner_text()


def test_the_overview_counts_what_the_application_did(line: Line, page: Page) -> None:
    page.goto(line.server.addresses["api"] + "/?range=1h&application=line-test")
    assert str(len(line.seen)) in tile(page, "Requests").split()
    assert "1 failed" in tile(page, "Error rate")
    failed = page.locator("main").inner_text()
    assert line.of_kind("too_long")[0]["error_type"] in failed or "400" in failed


def test_the_list_has_a_row_a_call(line: Line, page: Page) -> None:
    page.goto(line.server.addresses["api"] + "/requests?range=1h&application=line-test")
    assert page.locator("main table tbody tr").count() == len(line.seen)


@pytest.mark.parametrize("kind", ["chat", "stream"])
def test_a_call_shows_its_numbers_and_words(line: Line, page: Page, kind: str) -> None:
    [facts] = line.of_kind(kind)
    row = line.by_response_id(facts["id"])
    page.goto(line.server.addresses["api"] + f"/requests/{row['request_id']}")
    tokens = tile(page, "Tokens")
    assert str(facts["prompt_tokens"] + facts["completion_tokens"]) in tokens
    assert f"{facts['prompt_tokens']} in, {facts['completion_tokens']} out" in tokens
    assert "unknown" in tile(page, "Cost")
    shown = re.sub(r"\s+", " ", page.locator("main").inner_text())
    assert "Name one colour. \u2603" in shown
    for word in facts["text"].split():
        assert word.strip("*`_#-") in shown
    assert (facts["first_token"] is not None) if kind == "stream" else "not streamed" in tile(page, "First token")


def test_the_trace_shows_both_calls_under_the_agent(line: Line, page: Page) -> None:
    row = line.by_response_id(line.of_kind("chat")[0]["id"])
    page.goto(line.server.addresses["api"] + f"/traces/{row['trace_id']}")
    rows = page.locator("[role=treeitem]")
    wait_for(rows.count, lambda count: count == 3, 10, "three spans in the tree")
    levels = [rows.nth(number).get_attribute("aria-level") for number in range(3)]
    assert levels == ["1", "2", "2"]
    assert "converse" in rows.nth(0).inner_text()


def test_the_session_is_one_conversation(line: Line, page: Page) -> None:
    page.goto(line.server.addresses["api"] + "/sessions/session-42?range=1h")
    assert "ada" in page.locator("main").inner_text()
    assert "Name one colour. \u2603" in page.locator("main").inner_text()
