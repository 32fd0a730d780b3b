"""What a person waits for: the request list and a trace of 30,000 spans in Chromium, cold, and what they transfer.

    python benchmarks/page.py [--spans 50000] [--trace-spans 30000] [--rounds 5]

Needs Chromium (`make services`). About a minute. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import time
from typing import Any

import httpx
from ingest import offer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from playwright.sync_api import Browser, Page, sync_playwright
from serving import Served, machine, serve

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
# first row on screen, bytes transferred; measured 2026-11-22 on a busy machine of this size
PEERS = {"50 requests": "Phoenix 20.26: 8.6 s, 6.0 MB; MLflow 3.17: 5.2 MB", "trace": "others: 20 s and more, or never"}


def send_trace(served: Served, spans: int) -> str:
    """Send one trace of an agent that called tools and models over and over; its id."""
    trace = os.urandom(16)
    now = time.time_ns()
    root = os.urandom(8)
    for first in range(0, spans, 1000):
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        resource.resource.attributes.append(KeyValue(key="service.name", value=AnyValue(string_value="bench-long")))
        scope = resource.scope_spans.add()
        parent = root
        for number in range(first, min(spans, first + 1000)):
            span = scope.spans.add(trace_id=trace, span_id=os.urandom(8) if number else root, kind=1)
            span.name = "step" if number % 10 == 0 else f"execute_tool search_{number % 7}"
            if number:
                span.parent_span_id = root if number % 10 == 0 else parent
            if number % 10 == 0:
                parent = span.span_id
            span.start_time_unix_nano = now - 600_000_000_000 + number * 10_000_000
            span.end_time_unix_nano = span.start_time_unix_nano + (500_000_000_000 if number == 0 else 9_000_000)
        answer = httpx.post(
            served.addresses["otlp_http"] + "/v1/traces",
            content=request.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf", "X-API-Key": served.addresses["ingest_key"]},
            timeout=60,
        )
        answer.raise_for_status()
    return trace.hex()


def signed_in(browser: Browser, served: Served) -> Any:
    """Return the cookies of a signed-in browser."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(served.addresses["api"] + "/signin")
    page.fill("input[name=key]", served.addresses["api_key"])
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "signin" not in url)
    cookies = context.cookies()
    context.close()
    return cookies


def cold(browser: Browser, cookies: Any, url: str, row: str) -> tuple[float, int, int]:
    """Open a page with an empty cache: (seconds to the first row on screen, bytes transferred, requests made)."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.add_cookies(cookies)
    page: Page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    begun = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator(row).first.wait_for(state="visible")
    shown = time.perf_counter() - begun
    page.wait_for_load_state("networkidle")
    context.close()
    return shown, sum(sizes), len(sizes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=50_000)
    parser.add_argument("--trace-spans", type=int, default=30_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(machine())
    served = serve()
    try:
        offer(served, 600, 4, "--spans", str(options.spans), "--spread-hours", "24")
        trace_id = send_trace(served, options.trace_spans)
        api = served.addresses["api"]
        pages = {
            "50 requests": (f"{api}/requests?range=24h", "main table tbody tr"),
            "overview, 24 h": (f"{api}/?range=24h", "main .tile"),
            "trace": (f"{api}/traces/{trace_id}", "main [role=treeitem]"),
        }
        print(f"{options.spans:,} requests stored; the trace has {options.trace_spans:,} spans; empty cache\n")
        print(f"{'':16}{'first row, ms':>14}{'slowest':>9}{'KB':>8}{'requests':>10}   others")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), chromium_sandbox=False, args=FLAGS
            )
            cookies = signed_in(browser, served)
            for name, (url, row) in pages.items():
                taken = [cold(browser, cookies, url, row) for _ in range(options.rounds)]
                seconds = [one[0] * 1000 for one in taken]
                _, size, requests = taken[-1]
                print(
                    f"{name:16}{statistics.median(seconds):>14.0f}{max(seconds):>9.0f}{size / 1000:>8.0f}{requests:>10}"
                    f"   {PEERS.get(name, '')}"
                )
            browser.close()
    finally:
        served.stop()
        shutil.rmtree(served.folder, ignore_errors=True)


if __name__ == "__main__":
    main()
