"""Shared by the SDK's tests: a real OTLP sink on a local port, a clean SDK before and after, our bugs raised."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ["SENTINELOPS_STRICT"] = "1"

import pytest
from otlp_sink import Sink
from sentinelops import _configure, _guard, _runtime
from sentinelops._stats import STATS

FORGOTTEN = ("SENTINELOPS_", "OTEL_")


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


@pytest.fixture(autouse=True)
def clean_sdk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No setting of the machine, no spans of the test before, no warning already said."""
    for name in list(os.environ):
        if name.startswith(FORGOTTEN):
            monkeypatch.delenv(name)
    monkeypatch.setattr(_guard, "strict", True)
    before = _runtime.current
    STATS.reset()
    _guard.forget_warnings()
    yield
    if _runtime.current is not before:
        _configure.shutdown(0.5)
        _runtime.current = before
    for collector in list(_configure._collectors.values()):
        collector.exporter = None


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production: what fails inside is swallowed."""
    monkeypatch.setattr(_guard, "strict", False)
