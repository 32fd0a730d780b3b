"""Agents: their steps, the model calls in them and their tools, also when a tool is a pipeline or fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
import sentinelops
from haystack import Pipeline, component
from haystack.components.agents import Agent
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.tools import Tool
from haystack.utils import Secret
from haystack_support import HAYSTACK_2, tree
from openai_support.fake import FakeOpenAI
from sentinelops.instrument import instrument
from sentinelops.testing import Captured

PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


@component
class Scripted:
    """Asks for the tool of as many cities, then answers."""

    def __init__(self, *cities: str) -> None:
        self.cities = cities
        self.asked = 0

    def _reply(self) -> dict[str, Any]:
        self.asked += 1
        meta = {
            "model": "m-1",
            "usage": {"prompt_tokens": 5 * self.asked, "completion_tokens": 2},
            "finish_reason": "stop",
        }
        if self.asked > 1:
            return {"replies": [ChatMessage.from_assistant("done", meta=meta)]}
        calls = [ToolCall(tool_name="weather", arguments={"city": city}, id=city) for city in self.cities]
        return {"replies": [ChatMessage.from_assistant(tool_calls=calls, meta=meta)]}

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage],
        tools: Any = None,
        streaming_callback: Any = None,
        generation_kwargs: Any = None,
    ) -> dict[str, Any]:
        return self._reply()

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage],
        tools: Any = None,
        streaming_callback: Any = None,
        generation_kwargs: Any = None,
    ) -> dict[str, Any]:
        return self._reply()


def weather(city: str) -> str:
    if city == "Atlantis":
        raise LookupError("no such city")
    with sentinelops.span(f"in the tool {city}"):
        return f"cold in {city}"


def agent(*cities: str) -> Agent:
    tool = Tool(name="weather", description="Tells the weather", parameters=PARAMETERS, function=weather)
    options = {"raise_on_tool_invocation_failure": False}
    return Agent(chat_generator=Scripted(*cities), tools=[tool], **options)


ASKED = [ChatMessage.from_user("How is it?")]


def run(made: Agent, asynchronous: bool) -> Any:
    return asyncio.run(made.run_async(messages=ASKED)) if asynchronous else made.run(messages=ASKED)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_an_agent_is_one_tree(asynchronous: bool, captured: Captured) -> None:
    assert run(agent("Oslo", "Bergen"), asynchronous)["messages"][-1].text == "done"
    found = tree(captured)
    call = "chat"
    above = ("tool_invoker", "invoke_agent") if HAYSTACK_2 else ("agent.step 0", "agent.step 1")
    assert sorted(found, key=str) == sorted(
        [
            (call, "invoke_agent" if HAYSTACK_2 else "agent.step 0"),
            ("execute_tool weather", above[0]),
            ("execute_tool weather", above[0]),
            ("in the tool Oslo", "execute_tool weather"),
            ("in the tool Bergen", "execute_tool weather"),
            *([("tool_invoker", "invoke_agent")] if HAYSTACK_2 else [(step, "invoke_agent") for step in above]),
            (call, above[1]),
            ("invoke_agent", None),
        ],
        key=str,
    )
    calls = [span["attributes"] for span in captured.spans if span["name"] == call]
    assert [one["gen_ai.usage.input_tokens"] for one in calls] == [5, 10]
    assert [one["gen_ai.response.model"] for one in calls] == ["m-1", "m-1"]
    tools = [span["attributes"] for span in captured.spans if span["name"] == "execute_tool weather"]
    assert sorted(json.loads(one["gen_ai.tool.call.arguments"])["city"] for one in tools) == ["Bergen", "Oslo"]
    assert sorted(json.loads(one["gen_ai.tool.call.result"]) for one in tools) == ["cold in Bergen", "cold in Oslo"]
    whole = captured.named("invoke_agent")["attributes"]
    assert whole["sentinelops.span.type"] == "agent"
    assert not [key for key in whole if "usage" in key]


def test_a_tool_that_fails_is_an_error_and_the_agent_goes_on(captured: Captured) -> None:
    run(agent("Atlantis"), False)
    failed = captured.named("execute_tool weather")
    assert failed["status"] == "error"
    assert "no such city" in failed["status_message"]
    assert failed["attributes"]["error.type"] == "LookupError"
    assert captured.named("invoke_agent")["status"] == "unset"


def test_an_agent_in_a_pipeline_whose_tool_is_a_pipeline(captured: Captured) -> None:
    @component
    class Upper:
        @component.output_types(text=str)
        def run(self, city: str) -> dict[str, str]:
            return {"text": city.upper()}

    inner = Pipeline(metadata={"name": "inner"})
    inner.add_component("upper", Upper())
    tool = Tool(
        name="weather", description="", parameters=PARAMETERS,
        function=lambda city: inner.run({"upper": {"city": city}})["upper"]["text"],
    )  # fmt: skip
    outer = Pipeline(metadata={"name": "outer"})
    outer.add_component("agent", Agent(chat_generator=Scripted("Oslo"), tools=[tool]))
    outer.run({"agent": {"messages": ASKED}})
    found = dict(tree(captured))
    assert found["upper"] == "pipeline inner"
    assert found["pipeline inner"] == "execute_tool weather"
    assert (found["invoke_agent"], found["agent"], found["pipeline outer"]) == ("agent", "pipeline outer", None)


def test_a_cancelled_run_is_no_error(captured: Captured) -> None:
    started = asyncio.Event()

    @component
    class Waits:
        @component.output_types(replies=list[ChatMessage])
        def run(self, messages: list[ChatMessage]) -> dict[str, Any]:
            return {"replies": []}

        @component.output_types(replies=list[ChatMessage])
        async def run_async(self, messages: list[ChatMessage]) -> dict[str, Any]:
            started.set()
            await asyncio.Event().wait()
            return {"replies": []}

    if HAYSTACK_2:
        from haystack import AsyncPipeline
    else:
        AsyncPipeline = Pipeline
    pipeline = AsyncPipeline()
    pipeline.add_component("llm", Waits())

    async def cancelled() -> None:
        task = asyncio.ensure_future(pipeline.run_async({"llm": {"messages": ASKED}}))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    whole = captured.named("pipeline")
    assert (whole["status"], whole["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")


def test_the_step_around_a_watched_client_of_an_agent_is_named_after_its_generator(
    fake: FakeOpenAI, captured: Captured
) -> None:
    instrument("openai")
    generator = OpenAIChatGenerator(api_key=Secret.from_token("k"), api_base_url=fake.url, model="plain")
    Agent(chat_generator=generator).run(messages=ASKED)
    ((_, above),) = [(name, parent) for name, parent in tree(captured) if name == "chat plain"]
    assert above == ("chat_generator" if HAYSTACK_2 else "OpenAIChatGenerator")
