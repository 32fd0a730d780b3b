"""Corners of a process's life: the child of a fork, seen from inside; exits and providers whose parts fail."""

from __future__ import annotations

import os
from typing import Any

import pytest
import sentinelops
from opentelemetry.sdk.trace import TracerProvider
from otlp_sink import Sink
from sentinelops import _configure, _memory, _processor, _runtime
from sentinelops._stats import STATS


def test_in_a_child_memory_is_read_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    before = _memory.rss_bytes()
    assert before is not None
    monkeypatch.setattr(_memory, "_owner", os.getpid() + 1)  # the descriptor is a parent's
    _memory._forked()
    again = _memory.rss_bytes()
    assert again is not None
    assert abs(again - before) < 100_000_000
    assert _memory._owner == os.getpid()
    assert _memory._open() == _memory._descriptor  # a second thread finds it open


def test_where_there_is_no_proc_memory_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> int:
        raise FileNotFoundError

    monkeypatch.setattr(_memory, "_descriptor", None)
    monkeypatch.setattr(_memory, "_owner", 0)
    monkeypatch.setattr(_memory.os, "open", refuse)
    assert _memory.rss_bytes() is None
    monkeypatch.undo()
    _memory._forked()
    assert _memory.rss_bytes() is not None


def test_in_a_child_what_the_parent_queued_is_gone(sink: Sink) -> None:
    sentinelops.configure(endpoint=sink.url, schedule_delay_seconds=60.0)
    with sentinelops.span("the parent's"):
        pass
    assert sentinelops.stats()["queued"] == 1
    _configure._forked()  # as os.fork() calls it in the child
    assert sentinelops.stats()["created"] == 0
    with sentinelops.span("the child's"):
        pass
    assert sentinelops.flush(10)
    assert [span["name"] for span in sink.spans()] == ["the child's"]


class _Broken:
    """A sink whose every method fails."""

    def __getattr__(self, name: str) -> Any:
        def fails(*_: Any, **__: Any) -> Any:
            raise RuntimeError("ours")

        return fails


@pytest.mark.usefixtures("lenient")
def test_a_broken_exporter_is_silent_at_every_door() -> None:
    collector = _processor.Collector()
    collector.exporter = _Broken()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(collector)
    with provider.get_tracer("x").start_as_current_span("s"):
        pass
    assert provider.force_flush() is False
    provider.shutdown()
    assert {"span.end", "flush", "shutdown"} <= set(STATS.snapshot()["internal_errors"])


def test_a_collector_without_an_exporter_lets_all_pass() -> None:
    collector = _processor.Collector()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(collector)
    with provider.get_tracer("x").start_as_current_span("s") as span:
        collector.take(span, None)  # type: ignore[arg-type]
    collector.forked()
    assert provider.force_flush() is True
    provider.shutdown()


@pytest.mark.usefixtures("lenient")
def test_a_broken_runtime_is_silent_at_every_door(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    sentinelops.configure(endpoint=sink.url)
    runtime = _runtime.current
    assert runtime is not None
    real = runtime.exporter
    monkeypatch.setattr(runtime, "exporter", _Broken())
    assert sentinelops.flush() is False
    _configure._at_exit()
    monkeypatch.setattr(_configure, "shutdown", _Broken().anything)
    _configure._at_exit()
    monkeypatch.setattr(_configure, "_collectors", 7)
    _configure._forked()
    monkeypatch.undo()
    assert real is not None
    real.shutdown(0.1)
    sentinelops.configure(endpoint=sink.url, max_queue_spans=7)
    assert sentinelops.flush(1)


@pytest.mark.usefixtures("lenient")
def test_a_start_that_fails_leaves_the_sdk_off(monkeypatch: pytest.MonkeyPatch, sink: Sink) -> None:
    monkeypatch.setattr(_configure, "_build", _Broken().anything)
    sentinelops.configure(endpoint=sink.url)
    assert _runtime.current is None
    assert sentinelops.flush() is True
