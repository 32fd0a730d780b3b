"""LangChain and LangGraph over provider clients over the HTTP hook: one span bears a call's tokens, whatever is on."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import openai
import pytest
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_support import bearing, collect, tree
from langgraph.checkpoint.memory import MemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt
from openai_support.fake import FakeOpenAI
from sentinelops.instrument import instrument
from sentinelops.instrument._wire import watch
from sentinelops.testing import Captured

STACKS = {
    "langchain": ("langchain",),
    "langchain-openai": ("langchain", "openai"),
    "langchain-openai-http": ("langchain", "openai", "http"),
    "openai": ("openai",),
}
WAYS: dict[str, Any] = {
    "invoke": lambda llm, run: llm.invoke("Hi"),
    "ainvoke": lambda llm, run: run(llm.ainvoke("Hi")),
    "stream": lambda llm, run: list(llm.stream("Hi")),
    "astream": lambda llm, run: run(collect(llm.astream("Hi"))),
    "astream_events": lambda llm, run: run(collect(llm.astream_events("Hi", version="v2"))),
    "stream_events_v3": lambda llm, run: llm.stream_events("Hi", version="v3").output,
}


@pytest.mark.filterwarnings("ignore:.*in beta.*")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stack", STACKS)
def test_one_span_bears_the_tokens(stack: str, way: str, llm: Any, captured: Captured, run: Any) -> None:
    instrument(*STACKS[stack])
    WAYS[way](llm, run)
    watch.drain()
    wanted: list[Any] = [["chat plain"]] if stack in ("langchain", "openai") else [["ChatOpenAI", ["chat plain"]]]
    assert tree(captured.spans) == wanted
    (span,) = bearing(captured.spans)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    outer = captured.spans[-1]
    if len(captured.spans) == 2:
        assert outer["attributes"] == {"sentinelops.span.type": "chain"}


class State(TypedDict):
    said: Annotated[list[str], operator.add]


@pytest.fixture
def client(fake: FakeOpenAI) -> Any:
    with openai.OpenAI(base_url=fake.url, api_key="sk-test-0123456789abcdef") as made:
        yield made


@pytest.mark.parametrize("way", ["invoke", "stream", "ainvoke", "astream"])
def test_a_graph_whose_node_calls_a_model_and_a_client(
    way: str, llm: Any, client: Any, captured: Captured, run: Any
) -> None:
    instrument("langchain", "openai")

    @tool
    def ask(question: str) -> str:
        """Asks."""
        answer = client.chat.completions.create(model="plain", messages=[{"role": "user", "content": question}])
        return str(answer.choices[0].message.content)

    def think(state: State) -> State:
        return {"said": [(ChatPromptTemplate.from_template("{q}") | llm).invoke({"q": "Hi"}).content]}

    def act(state: State) -> State:
        return {"said": [ask.invoke({"question": "Hi"})]}

    graph = StateGraph(State)
    graph.add_node("think", think)
    graph.add_node("act", act)
    graph.add_node("again", act)
    graph.add_edge(START, "think")
    graph.add_edge("think", "act")
    graph.add_edge("think", "again")
    graph.add_edge("act", END)
    graph.add_edge("again", END)
    flow = graph.compile(name="flow")
    config: Any = {"configurable": {"thread_id": "t1"}}
    if way.startswith("a"):
        made = getattr(flow, way)({"said": []}, config)
        run(made if way == "ainvoke" else collect(made))
    else:
        made = getattr(flow, way)({"said": []}, config)
        _ = list(made)
    watch.drain()
    acts = ["execute_tool ask", ["chat plain"]]
    ((root, thought, *acted),) = tree(captured.spans)
    assert root == "invoke_workflow flow"
    assert thought == ["think", ["RunnableSequence", ["ChatPromptTemplate"], ["ChatOpenAI", ["chat plain"]]]]
    assert sorted(acted) == [["act", acts], ["again", acts]]
    assert len(bearing(captured.spans)) == 3
    assert {span["attributes"]["gen_ai.conversation.id"] for span in captured.spans} == {"t1"}
    node = captured.named("act")["attributes"]
    assert (node["sentinelops.metadata.langgraph_node"], node["sentinelops.metadata.langgraph_step"]) == ("act", 2)


def test_an_interrupt_is_no_error(captured: Captured) -> None:
    instrument("langchain")

    def ask(state: State) -> State:
        return {"said": [interrupt("ok?")]}

    graph = StateGraph(State)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    flow = graph.compile(checkpointer=MemorySaver(), name="flow")
    config: Any = {"configurable": {"thread_id": "t1"}}
    flow.invoke({"said": []}, config)
    assert captured.named("ask")["attributes"]["sentinelops.outcome"] == "interrupted"
    assert {span["status"] for span in captured.spans} == {"unset"}
    assert flow.invoke(Command(resume="yes"), config)["said"] == ["yes"]
    assert len(captured.spans) == 4


def test_an_agent(captured: Captured) -> None:
    from langchain.agents import create_agent
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage

    instrument("langchain")

    class Model(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self

    @tool
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
    agent = create_agent(Model(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("3")])), [add], name="sums")
    assert agent.invoke({"messages": [("user", "1+2")]})["messages"][-1].content == "3"
    root = captured.named("invoke_agent sums")
    assert root["attributes"]["gen_ai.agent.name"] == "sums"
    assert root["attributes"]["sentinelops.span.type"] == "agent"
    assert captured.named("execute_tool add")["attributes"]["gen_ai.tool.call.id"] == "c1"
