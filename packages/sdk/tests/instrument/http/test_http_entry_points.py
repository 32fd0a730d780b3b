"""Installed instrumentations of others: turned on where we do not watch ourselves, off again, never two for one."""

from __future__ import annotations

import logging
import os
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from opentelemetry.instrumentation.replicate import ReplicateInstrumentor
from opentelemetry.instrumentation.writer import WriterInstrumentor
from sentinelops.instrument import _entry_points, instrument, uninstrument

pytestmark = pytest.mark.filterwarnings("ignore")
CONTENT = ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "TRACELOOP_TRACE_CONTENT")


@pytest.fixture(autouse=True)
def own_variables(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in CONTENT:
        os.environ.pop(name, None)
    yield
    uninstrument()


def test_two_are_turned_on_and_off_again() -> None:
    on = instrument()
    assert {name for name in on if name.startswith("otel:")} == {"otel:replicate", "otel:writer"}
    assert "otel:groq" not in on
    assert instrument() == on
    assert ReplicateInstrumentor().is_instrumented_by_opentelemetry
    assert WriterInstrumentor().is_instrumented_by_opentelemetry
    assert os.environ["TRACELOOP_TRACE_CONTENT"] == "false"
    assert {"otel:replicate", "otel:writer"} <= set(uninstrument())
    assert not ReplicateInstrumentor().is_instrumented_by_opentelemetry


def test_those_of_libraries_that_we_watch_are_not_even_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    real = EntryPoint.load

    def load(self: EntryPoint) -> Any:
        loaded.append(self.name)
        return real(self)

    monkeypatch.setattr(EntryPoint, "load", load)
    instrument()
    assert {"replicate", "writer"} <= set(loaded)
    assert "groq" not in loaded


def test_content_follows_ours_and_a_variable_of_the_user_stands(watched: Any) -> None:
    os.environ["TRACELOOP_TRACE_CONTENT"] = "false"
    instrument()
    assert os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] == "SPAN_ONLY"
    assert os.environ["TRACELOOP_TRACE_CONTENT"] == "false"


def test_one_that_the_application_turned_on_is_its_own() -> None:
    ReplicateInstrumentor().instrument()
    assert "otel:replicate" not in instrument()
    uninstrument()
    assert ReplicateInstrumentor().is_instrumented_by_opentelemetry
    ReplicateInstrumentor().uninstrument()


def test_one_that_fails_is_named_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    broken = EntryPoint("broken", "no.such.module:Instrumentor", _entry_points.GROUP)
    real = list(_entry_points._candidates())
    monkeypatch.setattr(_entry_points, "_candidates", lambda: [_entry_points._Found(0, "broken", broken), *real])
    with caplog.at_level(logging.WARNING, "sentinelops"):
        assert instrument() == instrument()
    assert [record.message for record in caplog.records if "broken" in record.message] == [
        "sentinelops: the instrumentation broken could not be turned on (ModuleNotFoundError); its library is not watched."
    ]
