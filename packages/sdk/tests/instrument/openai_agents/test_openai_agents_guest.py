"""A guest in the SDK's tracing: the host's processors stay, whatever of ours breaks changes nothing, the docs are true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import agents
import pytest
import sentinelops
from agents.tracing import processors, setup, span_data
from openai_support.fake import FakeOpenAI
from opentelemetry import trace as otel
from sentinelops import _guard, _runtime
from sentinelops.instrument import openai_agents as hooked
from sentinelops.instrument.openai_agents import _calls, _processor
from sentinelops.testing import Captured, capture

from .conftest import Agent, Make, play, script, statuses

DOCS = Path(__file__).parents[5] / "docs/instrument-openai-agents.md"


class Theirs(agents.TracingProcessor):
    """A processor of the host's: what it was told, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def on_trace_start(self, trace: Any) -> None:
        self.told.append(("trace", trace.name))

    def on_trace_end(self, trace: Any) -> None:
        self.told.append(("trace ended", trace.name))

    def on_span_start(self, span: Any) -> None:
        self.told.append(("span", span.span_data.type))

    def on_span_end(self, span: Any) -> None:
        self.told.append((f"span ended {span.error}", str(span.export())[-40:] if span.error else span.span_data.type))

    def shutdown(self) -> None:
        self.told.append(("shutdown", ""))

    def force_flush(self) -> None:
        self.told.append(("flush", ""))


@agents.function_tool
def weather(city: str) -> str:
    """The weather."""
    return f"Rain in {city}"


def run(fake: FakeOpenAI, model: str, *, stream: bool = False) -> Any:
    async def work(make: Make) -> Any:
        agent: Agent = agents.Agent(name="Helper", model=make(model), tools=[weather])
        if not stream:
            return (await agents.Runner.run(agent, "Hi")).final_output
        result = agents.Runner.run_streamed(agent, "Hi")
        types = [event.type async for event in result.stream_events()]
        return result.final_output, types

    try:
        return play(fake, "chat", work)
    except Exception as error:
        return type(error), str(error)


@pytest.fixture
def provider() -> Iterator[Any]:
    """A provider as a fresh process has it: with the default exporter's processor."""
    before, setup.GLOBAL_TRACE_PROVIDER = setup.GLOBAL_TRACE_PROVIDER, None
    made = agents.tracing.get_trace_provider()
    yield made
    made.set_processors([])  # type: ignore[attr-defined]
    setup.GLOBAL_TRACE_PROVIDER = before


def there(provider: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = provider._multi_processor._processors
    return found


def test_the_default_export_stays(provider: Any) -> None:
    default, exporter = processors.default_processor(), processors.default_exporter()
    assert there(provider) == (default,)
    sentinelops.instrument("openai_agents")
    sentinelops.instrument("openai_agents")
    assert there(provider) == (default, hooked._ours)
    assert default._exporter is exporter is processors.default_exporter()
    assert sentinelops.uninstrument("openai_agents") == ("openai_agents",)
    assert there(provider)[0] is default


def test_the_hosts_processors_are_told_the_same(
    fake: FakeOpenAI, provider: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "asks", ("call_1", "weather", '{"city": "Oslo"}'))
    first, last = Theirs(), Theirs()
    agents.set_trace_processors([first])
    alone = run(fake, "asks"), run(fake, "too-long")
    told, first.told = first.told, []
    sentinelops.instrument("openai_agents")
    agents.add_trace_processor(last)
    with capture() as captured:
        assert (run(fake, "asks"), run(fake, "too-long")) == alone
    assert there(provider) == (first, hooked._ours, last)
    assert first.told == last.told == told
    assert len(told) > 20
    assert captured.spans


def test_processors_set_afterwards_take_ours_away_until_the_next_call(fake: FakeOpenAI) -> None:
    agents.set_trace_processors([theirs := Theirs()])
    with capture() as captured:
        run(fake, "plain")
        assert captured.spans == []
        sentinelops.uninstrument("openai_agents")
        sentinelops.instrument("openai_agents")
        run(fake, "plain")
    assert "invoke_agent Helper" in statuses(captured)
    assert there(agents.tracing.get_trace_provider()) == (theirs, hooked._ours)


def test_a_provider_of_the_hosts_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Own:
        def __init__(self) -> None:
            self.added: list[Any] = []

        def register_processor(self, one: Any) -> None:
            self.added.append(one)

    own: Any = Own()
    monkeypatch.setattr(setup, "GLOBAL_TRACE_PROVIDER", own)
    assert hooked.instrument()
    assert hooked.instrument()
    assert own.added == [hooked._ours]


def test_switched_off_in_the_middle_what_is_open_still_ends(captured: Captured) -> None:
    before = otel.get_current_span()
    with agents.trace("support"), agents.custom_span("one", {}):
        sentinelops.uninstrument("openai_agents")
        with agents.custom_span("two", {}):
            pass
    assert set(statuses(captured)) == {"support", "one"}
    assert otel.get_current_span() is before


def test_tracing_that_the_host_disabled(fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> Any:
        agent: Agent = agents.Agent(name="Helper", model=make("plain"))
        return await agents.Runner.run(agent, "Hi", run_config=agents.RunConfig(tracing_disabled=True))

    sentinelops.instrument("openai")
    assert play(fake, "chat", work).final_output == "Hello there"
    assert list(statuses(captured)) == ["chat plain"]


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "step": (_processor.Processor, "_step"),
    "layer": (_processor.Processor, "_layer"),
    "parent": (_processor.Processor, "_under"),
    "note": (_processor.Processor, "_note"),
    "end": (_processor.Processor, "_end"),
    "made": (_processor, "_made"),
    "describe": (_processor, "_describe"),
    "failure": (_processor.Processor, "_failure"),
    "start_layer": (_processor, "start_layer"),
    "described": (_processor, "_described"),
    "tool": (_processor.ToolRecord, "_settle"),
    "asked": (_calls.Calls, "asked"),
    "taken": (_calls.Calls, "taken"),
    "forget": (_calls.Calls, "forget"),
    "start_span": (_runtime.Runtime, "start_span"),
    "end_call": (_runtime.Runtime, "end_call"),
    "step's start": (_processor.ActiveSpan, "start"),
    "attach": (_processor.ActiveSpan, "attach"),
    "detach": (_processor.ActiveSpan, "detach"),
    "layer's detach": (_processor.Layer, "detach"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_every_collaborator_may_break(
    broken: str, fake: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script(monkeypatch, "asks", ("call_1", "weather", '{"city": "Oslo"}'))
    monkeypatch.setattr(_guard, "strict", False)

    def outcomes() -> list[Any]:
        return [run(fake, "asks"), run(fake, "too-long"), run(fake, "plain", stream=True)]

    sentinelops.uninstrument("openai_agents")
    alone = outcomes()
    assert alone[0] == "Done"
    sentinelops.instrument("openai_agents")
    monkeypatch.setattr(hooked._ours, "_open", {})
    monkeypatch.setattr(hooked._ours, "_calls", _calls.Calls())
    monkeypatch.setattr(*BREAKS[broken], _raises)
    with capture() as captured:
        assert outcomes() == alone
        assert captured.spans is not None
    assert not [one for one in caplog.records if one.name == "openai.agents" and "processor" in one.getMessage()]


def test_the_docs_name_every_type_of_span() -> None:
    made = [one for one in vars(span_data).values() if isinstance(one, type) and one is not span_data.SpanData]
    types = {one.type.fget(None) for one in made if issubclass(one, span_data.SpanData)}
    rows = re.findall(r"^\| ([a-z_, ]+) \| ", DOCS.read_text(), re.MULTILINE)
    named = {name for row in rows for name in row.split(", ")} - {
        "trace",
        "span of the SDK",
        "sandboxes",
        "voice pipelines",
    }
    assert named == types
    assert {*_processor._TYPES, *_processor._OPERATIONS, *_processor._MODEL} <= types
