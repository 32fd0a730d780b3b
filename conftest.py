"""For every test of the workspace: where all must run, a test that would skip itself fails and says what is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

# .ci/run sets it: what a test needs is installed there, so a test that cannot run is a test that was lost
ALL_MUST_RUN = os.environ.get("SENTINELOPS_CI") == "1"


def _failed(report: Any) -> None:
    if ALL_MUST_RUN and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"with SENTINELOPS_CI=1 nothing may be skipped. {why}. Does `make services` install it?"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[Any]:
    """A skip while a test is set up or runs."""
    report = yield
    _failed(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[Any]:
    """A skip of a whole module."""
    report = yield
    _failed(report)
    return report
