"""Runs that stream, run beside each other or are stopped: their spans end, and stand under their own run only."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import agents
import pytest
import sentinelops
from openai_support.fake import FakeOpenAI
from opentelemetry import trace as otel
from sentinelops.testing import Captured

from .conftest import Agent, Make, play, script, statuses, tree

RUNS = 8


@agents.function_tool
async def weather(city: str) -> str:
    """The weather; gives way to the other runs."""
    await asyncio.sleep(0)
    return f"Rain in {city}"


def agent(make: Make, model: str = "plain", name: str = "Helper") -> Agent:
    return agents.Agent(name=name, model=make(model), tools=[weather])


def config(name: str = "support") -> agents.RunConfig:
    return agents.RunConfig(workflow_name=name)


def bearing(captured: Captured) -> list[tuple[str, int]]:
    return [
        (span["name"], span["attributes"]["gen_ai.usage.input_tokens"])
        for span in captured.spans
        if "gen_ai.usage.input_tokens" in span["attributes"]
    ]


@pytest.mark.parametrize("client", [True, False], ids=["client watched", "client not watched"])
def test_a_stream_read_to_its_end(client: bool, kind: str, fake: FakeOpenAI, captured: Captured) -> None:
    if client:
        sentinelops.instrument("openai")

    async def work(make: Make) -> Any:
        before = otel.get_current_span()
        result = agents.Runner.run_streamed(agent(make), "Hi", run_config=config())
        events = [event.type async for event in result.stream_events()]
        assert otel.get_current_span() is before
        return result.final_output, "raw_response_event" in events

    assert play(fake, kind, work) == ("Hello there", True)
    above = "chat plain" if kind == "chat" else "chat"
    if client:
        above = "generation" if kind == "chat" else "response"
    steps = [("support", None), ("support", "support"), ("invoke_agent Helper", "support"),
             ("turn", "invoke_agent Helper"), (above, "turn")]  # fmt: skip
    below = [("chat plain", above)] if client else []
    assert tree(captured) == [*steps, *below]
    assert bearing(captured) == [("chat plain" if client else above, 100)]
    assert {status for status in statuses(captured).values()} == {("unset", None, None)}


@pytest.mark.parametrize("how", ["left", "cancelled"])
def test_a_stream_left_early(how: str, fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> None:
        before = otel.get_current_span()
        result = agents.Runner.run_streamed(agent(make, "held"), "Hi", run_config=config())
        async for event in result.stream_events():
            if event.type == "raw_response_event" and event.data.type == "response.output_text.delta":
                if how == "left":
                    break
                result.cancel()
        assert otel.get_current_span() is before

    fake.hold.clear()
    try:
        play(fake, "chat", work)
    finally:
        fake.hold.set()
    found = statuses(captured)
    assert set(found) == {"support", "invoke_agent Helper", "turn", "chat held"}
    assert {status[:2] for status in found.values()} == {("unset", None)}
    assert found["chat held"][2] == "cancelled"
    assert bearing(captured) == []  # nobody told the usage


def test_a_stream_that_is_refused(kind: str, fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> None:
        result = agents.Runner.run_streamed(agent(make, "too-long"), "Hi", run_config=config())
        async for _ in result.stream_events():
            pass

    with pytest.raises(Exception, match="maximum context length"):
        play(fake, kind, work)
    assert {status[:2] for status in statuses(captured).values()} == {("error", "BadRequestError")}


def one_tree_each(captured: Captured) -> None:
    traces: dict[str, list[Any]] = {}
    by_id = {span["span_id"]: span for span in captured.spans}
    for span in captured.spans:
        above = by_id[span["parent_id"]] if span["parent_id"] else None
        assert above is None or above["trace_id"] == span["trace_id"]
        traces.setdefault(span["trace_id"], []).append((span["name"], above and above["name"]))
    assert len(traces) == RUNS
    seen = set()
    for spans in traces.values():
        (name,) = {name for name, above in spans if above is None}
        seen.add(name)
        helper = f"invoke_agent Helper {name}"
        assert sorted(spans, key=str) == sorted(
            [(name, None), (name, name), (helper, name), *[("turn", helper), ("chat asks", "turn")] * 2,
             ("execute_tool weather", "turn")], key=str)  # fmt: skip
    assert seen == {f"run {n}" for n in range(RUNS)}


def test_runs_beside_each_other(fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "asks", ("call_1", "weather", '{"city": "Oslo"}'))

    async def work(make: Make) -> None:
        runs = [
            agents.Runner.run(agent(make, "asks", f"Helper run {n}"), "Hi", run_config=config(f"run {n}"))
            for n in range(RUNS)
        ]
        assert [one.final_output for one in await asyncio.gather(*runs)] == ["Done"] * RUNS

    play(fake, "chat", work)
    one_tree_each(captured)


def test_runs_in_threads(fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "asks", ("call_1", "weather", '{"city": "Oslo"}'))

    def run(n: int) -> Any:
        async def work(make: Make) -> Any:
            made = agent(make, "asks", f"Helper run {n}")
            return (await agents.Runner.run(made, "Hi", run_config=config(f"run {n}"))).final_output

        return play(fake, "chat", work)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(RUNS))) == ["Done"] * RUNS
    one_tree_each(captured)


def test_runs_under_one_trace_and_a_span_of_the_host(fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> None:
        with agents.trace("both"), sentinelops.span("mine"):
            await asyncio.gather(*[agents.Runner.run(agent(make, name=name), "Hi") for name in ("A", "B")])

    play(fake, "chat", work)
    found = tree(captured)
    assert found[:2] == [("both", None), ("mine", "both")]
    assert sorted(found[2:], key=str)[-2:] == [("turn", "invoke_agent A"), ("turn", "invoke_agent B")]
    assert len({span["trace_id"] for span in captured.spans}) == 1
    assert [above for name, above in found if above == "mine"] == ["mine", "mine"]


def test_a_parent_given_over_a_thread(captured: Captured) -> None:
    def work(above: Any, n: int) -> None:
        with agents.custom_span(f"step {n}", {}, parent=above), sentinelops.span(f"below {n}"):
            pass

    with agents.trace("support"), agents.custom_span("outer", {}) as outer, ThreadPoolExecutor(2) as pool:
        list(pool.map(work, [outer] * 2, range(2)))
    assert sorted(tree(captured), key=str) == sorted(
        [("support", None), ("outer", "support"), ("step 0", "outer"), ("below 0", "step 0"),
         ("step 1", "outer"), ("below 1", "step 1")], key=str)  # fmt: skip


def test_a_run_that_is_cancelled(fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> None:
        called = asyncio.Event()

        @agents.function_tool
        async def waits() -> str:
            """Never comes back."""
            called.set()
            await asyncio.Event().wait()
            return ""

        made = agents.Agent(name="Helper", model=make("waits"), tools=[waits])
        task = asyncio.ensure_future(agents.Runner.run(made, "Hi", run_config=config()))
        await called.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    with pytest.MonkeyPatch.context() as patched:
        script(patched, "waits", ("call_1", "waits", "{}"))
        play(fake, "chat", work)
    assert statuses(captured) == {
        "chat waits": ("unset", None, None),
        "execute_tool waits": ("unset", None, "cancelled"),
        "turn": ("unset", None, "cancelled"),
        "invoke_agent Helper": ("unset", None, "cancelled"),
        "support": ("unset", None, "cancelled"),
    }


def test_a_run_while_another_exception_is_handled(fake: FakeOpenAI, captured: Captured) -> None:
    async def work(make: Make) -> Any:
        try:
            raise LookupError("the host's")
        except LookupError:
            return (await agents.Runner.run(agent(make), "Hi", run_config=config())).final_output

    assert play(fake, "chat", work) == "Hello there"
    assert {status for status in statuses(captured).values()} == {("unset", None, None)}
