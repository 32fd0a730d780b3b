"""Agents and workflows: an agent's models and tools stand below it, a workflow's steps below its run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
import sentinelops
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import (
    Context,
    Event,
    HumanResponseEvent,
    InputRequiredEvent,
    StartEvent,
    StopEvent,
    Workflow,
    step,
)
from llamaindex_support.fake import Provider, call
from opentelemetry import context as otel_context
from sentinelops.instrument.llamaindex import _spans
from sentinelops.testing import Captured

Tree = Callable[[], list[Any]]
Spans = Callable[[], list[dict[str, Any]]]


def weather(city: str) -> str:
    """The weather of a city."""
    with sentinelops.span("looking out of the window"):
        return f"Sunny in {city}"


async def ask(agent: Any, question: str = "How is it in Oslo?") -> Any:
    with sentinelops.span("request"):
        answer = await agent.run(user_msg=question)
    assert otel_context.get_current() == {}
    return answer


@pytest.mark.parametrize("streaming", [True, False], ids=["streamed", "whole"])
def test_an_agent(captured: Captured, llm: Any, provider: Provider, tree: Tree, streaming: bool) -> None:
    provider.says = [call("weather", city="Oslo"), {"content": "It is sunny."}]
    agent = FunctionAgent(name="guide", tools=[weather], llm=llm, streaming=streaming, system_prompt="Help.")
    assert str(asyncio.run(ask(agent))) == "It is sunny."
    model = "chat gpt-4o-mini" + "*" * (not streaming)
    assert tree() == [
        [
            "request",
            [
                [
                    "invoke_agent guide",
                    [
                        [model, []],
                        ["execute_tool weather", [["looking out of the window", []]]],
                        [model, []],
                    ],
                ]
            ],
        ]
    ]
    assert captured.named("execute_tool weather")["attributes"] == {
        "sentinelops.span.type": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
        "gen_ai.tool.call.result": '"Sunny in Oslo"',
    }
    assert captured.named("invoke_agent guide")["attributes"] == {
        "sentinelops.span.type": "agent",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "guide",
        "sentinelops.input": '"How is it in Oslo?"',
        "sentinelops.output": '"It is sunny."',
    }
    assert _spans.open_count() == 0


def test_what_the_model_of_an_agent_is_told(captured: Captured, llm: Any, provider: Provider) -> None:
    provider.says = [call("weather", city="Oslo"), {"content": "It is sunny."}]
    asyncio.run(ask(FunctionAgent(tools=[weather], llm=llm, streaming=False)))
    last = [span for span in captured.spans if span["name"] == "chat gpt-4o-mini"][-1]["attributes"]
    asked = json.loads(last["gen_ai.input.messages"])
    assert [message["role"] for message in asked] == ["user", "assistant", "tool"]
    assert asked[1]["parts"] == [
        {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
    ]
    assert asked[2]["parts"] == [{"type": "tool_call_response", "id": "call_1", "response": "Sunny in Oslo"}]
    (tool,) = json.loads(last["gen_ai.tool.definitions"])
    assert (tool["type"], tool["name"]) == ("function", "weather")


def test_an_agent_that_reasons_in_text(captured: Captured, llm: Any, provider: Provider, tree: Tree) -> None:
    provider.says = [
        {"content": 'Thought: look.\nAction: weather\nAction Input: {"city": "Oslo"}\n'},
        {"content": "Thought: I can answer without using any more tools.\nAnswer: It is sunny."},
    ]
    agent = ReActAgent(name="thinker", tools=[weather], llm=llm, streaming=False)
    assert str(asyncio.run(ask(agent))) == "It is sunny."
    ((_, (agent_node,)),) = tree()
    assert [name for name, _ in agent_node[1]] == ["chat gpt-4o-mini*", "execute_tool weather", "chat gpt-4o-mini*"]


def test_a_team(captured: Captured, llm: Any, provider: Provider, tree: Tree) -> None:
    provider.says = [
        call("handoff", to_agent="local", reason="weather"),
        call("weather", city="Oslo"),
        {"content": "It is sunny."},
    ]
    desk = FunctionAgent(name="desk", description="asks others", llm=llm, streaming=False, can_handoff_to=["local"])
    local = FunctionAgent(name="local", description="knows weather", tools=[weather], llm=llm, streaming=False)
    team = AgentWorkflow(agents=[desk, local], root_agent="desk")
    assert str(asyncio.run(ask(team))) == "It is sunny."
    ((_, (team_node,)),) = tree()
    assert team_node[0] == "invoke_agent AgentWorkflow"
    model = [["chat gpt-4o-mini*", []]]
    assert team_node[1] == [
        ["invoke_agent desk", model],
        ["execute_tool handoff", []],
        ["invoke_agent local", model],
        ["execute_tool weather", [["looking out of the window", []]]],
        ["invoke_agent local", model],
    ]


def test_a_tool_that_fails(captured: Captured, llm: Any, provider: Provider) -> None:
    def broken(city: str) -> str:
        raise LookupError(city)

    provider.says = [call("broken", city="Oslo"), {"content": "I do not know."}]
    asyncio.run(ask(FunctionAgent(tools=[FunctionTool.from_defaults(fn=broken)], llm=llm, streaming=False)))
    tool = captured.named("execute_tool broken")
    assert (tool["status"], tool["attributes"]["error.type"]) == ("error", "LookupError")
    assert captured.named("invoke_agent Agent")["status"] == "unset"


def test_tools_by_themselves(captured: Captured, tree: Tree) -> None:
    tool = FunctionTool.from_defaults(fn=weather)
    tool.call(city="Oslo")
    tool(city="Bergen")
    asyncio.run(tool.acall("Turku"))
    one = ["execute_tool weather", [["looking out of the window", []]]]
    assert tree() == [one, one, one]
    given = [
        span["attributes"]["gen_ai.tool.call.arguments"]
        for span in captured.spans
        if span["name"] == "execute_tool weather"
    ]
    assert given == ['{"city":"Oslo"}', '{"city":"Bergen"}', '{"args":["Turku"]}']


class Half(Event):
    """One half of the work."""

    part: int


class Done(Event):
    """A half that is done."""

    part: int


class Flow(Workflow):
    """Two halves at once, then the end."""

    @step
    async def split(self, ctx: Context, ev: StartEvent) -> Half | None:
        for part in (1, 2):
            ctx.send_event(Half(part=part))
        return None

    @step(num_workers=2)
    async def work(self, ev: Half) -> Done:
        with sentinelops.span(f"half {ev.part}"):
            await asyncio.sleep(0)
        return Done(part=ev.part)

    @step
    async def join(self, ctx: Context, ev: Done) -> StopEvent | None:
        found = ctx.collect_events(ev, [Done, Done])
        return None if found is None else StopEvent(result=sum(one.part for one in found))


def test_a_workflow(captured: Captured, tree: Tree) -> None:
    async def go() -> Any:
        answer = await Flow().run(topic="cats")
        assert otel_context.get_current() == {}
        return answer

    assert asyncio.run(go()) == 3
    ((run, steps),) = tree()
    assert run == "invoke_workflow Flow"
    assert sorted(steps) == [
        ["Flow.join", []],
        ["Flow.join", []],
        ["Flow.split", []],
        ["Flow.work", [["half 1", []]]],
        ["Flow.work", [["half 2", []]]],
    ]
    said = captured.named("invoke_workflow Flow")["attributes"]
    assert said == {
        "sentinelops.span.type": "workflow",
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "Flow",
        "sentinelops.input": '{"topic":"cats"}',
        "sentinelops.output": "3",
    }
    works = [span["attributes"] for span in captured.spans if span["name"] == "Flow.work"]
    assert {one["sentinelops.input"] for one in works} == {'{"part":1}', '{"part":2}'}
    assert {one["sentinelops.output"] for one in works} == {'{"part":1}', '{"part":2}'}


def test_runs_at_once_do_not_mix(captured: Captured, spans: Spans) -> None:
    async def go() -> None:
        await asyncio.gather(*(Flow().run() for _ in range(3)))

    asyncio.run(go())
    by_trace: dict[str, int] = {}
    for span in spans():
        by_trace[span["trace_id"]] = by_trace.get(span["trace_id"], 0) + 1
    assert list(by_trace.values()) == [8, 8, 8]


class Broken(Workflow):
    """A step that fails."""

    @step
    async def fail(self, ev: StartEvent) -> StopEvent:
        raise LookupError("gone")


def test_a_workflow_that_fails(captured: Captured) -> None:
    async def go() -> None:
        with pytest.raises(LookupError):
            await Broken().run()

    asyncio.run(go())
    found = {span["name"]: (span["status"], span["attributes"]["error.type"]) for span in captured.spans}
    assert found == {"Broken.fail": ("error", "LookupError"), "invoke_workflow Broken": ("error", "LookupError")}
    assert _spans.open_count() == 0


class Patient(Workflow):
    """Waits for a human inside a step."""

    @step
    async def wait(self, ctx: Context, ev: StartEvent) -> StopEvent:
        said = await ctx.wait_for_event(HumanResponseEvent, waiter_event=InputRequiredEvent(prefix="Well?"))
        return StopEvent(result=said.response)


def test_waiting_for_a_human_is_no_error(captured: Captured, spans: Spans) -> None:
    async def go() -> Any:
        handler = Patient().run()
        async for event in handler.stream_events():
            if isinstance(event, InputRequiredEvent):
                handler.ctx.send_event(HumanResponseEvent(response="yes"))
        return await handler

    assert asyncio.run(go()) == "yes"
    assert {span["status"] for span in spans()} == {"unset"}
    assert "invoke_workflow Patient" in {span["name"] for span in spans()}
    assert _spans.open_count() == 0


def test_a_run_that_is_cancelled_is_no_error(captured: Captured) -> None:
    async def go() -> None:
        handler = Patient().run()
        async for _ in handler.stream_events():
            break
        await handler.cancel_run()
        (outcome,) = await asyncio.gather(handler, return_exceptions=True)
        assert type(outcome).__name__ == "WorkflowCancelledByUser"

    asyncio.run(go())
    run = captured.named("invoke_workflow Patient")
    assert (run["status"], run["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")
    assert _spans.open_count() == 0
