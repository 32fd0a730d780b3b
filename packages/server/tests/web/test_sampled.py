"""Pages say which numbers are estimates, and what sampling left out."""

from __future__ import annotations

import time
from typing import Any

import pytest
from otlp_bytes import batch, call, span
from sentinelops import semconv
from sentinelops_server.model import Outcome
from sentinelops_server.pipeline.meter import Meter
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.process import Pipeline
from sentinelops_server.pipeline.redact import Redactor

from web.conftest import Site

COMMON = {semconv.SESSION_ID: "chat-1", semconv.USER_ID: "u-1"}
NUMBERS = ("/", "/costs", "/performance")
PEOPLE = ("/sessions", "/sessions/chat-1", "/users", "/users/u-1")


def store(site: Site, *spans: dict[str, Any]) -> None:
    now = time.time_ns() - 60_000_000_000
    times = {"start_time_unix_nano": now - 2_000_000_000, "end_time_unix_nano": now}
    pipeline = Pipeline(site.store, Redactor(), Pricer(), Meter())
    assert pipeline.process([batch([one | times for one in spans])]) == [Outcome(len(spans), len(spans), 0)]


@pytest.mark.parametrize("path", [*NUMBERS, *PEOPLE])
def test_a_page_says_that_its_numbers_are_estimates(bare: Site, path: str) -> None:
    store(bare, call(1, 1, attributes={**COMMON, semconv.SAMPLING_WEIGHT: 50.0}), call(2, 2, attributes=COMMON))
    page = bare.get(path).text
    assert "≈" in page
    assert "51" in page
    if path in NUMBERS:
        assert "2 requests were sent for about 51 that were made" in page


@pytest.mark.parametrize("path", [*NUMBERS, *PEOPLE])
def test_without_sampling_nothing_of_it_is_said(bare: Site, path: str) -> None:
    store(bare, call(1, 1, attributes=COMMON), call(2, 2, attributes=COMMON))
    page = bare.get(path).text
    assert "≈" not in page
    assert "data-estimated" not in page


def test_a_call_without_its_detail_says_why(bare: Site) -> None:
    thin = {semconv.SAMPLING_DETAIL: False}
    store(bare, call(1, 1, parent=9, attributes=thin), call(2, 2, parent=9), span(3, 3))
    request = bare.get(f"/requests/{1:032x}-{1:016x}").text
    assert "left out by sampling" in request
    trace = bare.get(f"/traces/{1:032x}").text
    assert "Trace whose steps were left out by sampling" in trace
    assert "1 without their parent (left out by sampling)" in trace
    assert "Its messages and the steps around it were left out by sampling" in trace
    other = bare.get(f"/traces/{2:032x}").text
    assert "Trace without a root yet" in other
    assert "sampling" not in other
    assert "sampling" not in bare.get(f"/requests/{2:032x}-{2:016x}").text.replace("capture_content", "")
