"""Whatever of ours breaks, the host gets the same answer and the same exception; uninstrument leaves nothing behind."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_support import bearing, collect
from sentinelops import _guard, _runtime
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument.langchain import _describe, _events, _frames, _names, _runs
from sentinelops.instrument.langchain._patches import patches
from sentinelops.testing import Captured


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "begin": (_events, "_begin"),
    "start_layer": (_events, "start_layer"),
    "start_span": (_runtime.Runtime, "start_span"),
    "end": (_runtime.Runtime, "end_call"),
    "names": (_names, "name_of"),
    "current": (_runs.Run, "enter"),
    "take": (_runs, "take"),
    "frame": (_frames, "waiting"),
    "describe": (_describe, "model"),
    "held": (_describe, "held"),
    "cached": (_describe, "was_cached"),
}


@tool
def double(a: int) -> int:
    """Doubles."""
    return 2 * a


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return str(getattr(made := call(), "content", made))
    except Exception as error:
        return type(error), str(error)


def _calls(llm: Any, run: Callable[..., Any]) -> list[Any]:
    chain = ChatPromptTemplate.from_template("{q}") | llm
    return [
        _outcome(lambda: chain.invoke({"q": "Hi"})),
        _outcome(lambda: run(chain.ainvoke({"q": "Hi"}))),
        _outcome(lambda: "".join(chunk.content for chunk in chain.stream({"q": "Hi"}))),
        _outcome(lambda: "".join(chunk.content for chunk in run(collect(chain.astream({"q": "Hi"}))))),
        _outcome(lambda: double.invoke({"a": 2})),
        _outcome(lambda: run(double.ainvoke({"a": 2}))),
        _outcome(lambda: llm.bind(model="too-long").invoke("Hi")),
    ]


@pytest.mark.parametrize("broken", BREAKS)
def test_every_collaborator_may_break(
    broken: str, llm: Any, captured: Captured, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    uninstrument("langchain")
    alone = _calls(llm, run)
    instrument("langchain")
    with monkeypatch.context() as patched:
        patched.setattr(*BREAKS[broken], _raises)
        assert _calls(llm, run) == alone
    _runs._runs.clear()


def test_instrument_twice_and_back(captured: Captured) -> None:
    uninstrument("langchain")
    before = dict(vars(BaseChatModel))
    instrument("langchain")
    instrument("langchain")
    assert vars(BaseChatModel)["stream"] is not before["stream"]
    uninstrument("langchain")
    assert {name: vars(BaseChatModel)[name] for name in before} == before


def test_a_task_of_the_host_is_left_as_it_was(llm: Any, captured: Captured, run: Any) -> None:
    from opentelemetry import trace

    async def call() -> bool:
        await llm.ainvoke("Hi")
        await asyncio.sleep(0)
        return trace.get_current_span().get_span_context().is_valid

    assert run(call()) is False


def test_a_models_stream_is_still_a_generator_function(llm: Any, captured: Captured, run: Any) -> None:
    """LangChain asks: what it makes of a function given to it depends on the answer."""
    assert inspect.isgeneratorfunction(llm.stream)
    assert inspect.isasyncgenfunction(llm.astream)
    assert RunnableLambda(llm.stream).invoke("Hi").content == "Hello there"
    assert run(RunnableLambda(llm.astream).ainvoke("Hi")).content == "Hello there"
    assert len(bearing(captured.spans)) == 2


def test_what_is_sent_and_thrown_into_a_stream_arrives(captured: Captured) -> None:
    heard: list[Any] = []

    def inner(owner: Any) -> Any:
        try:
            heard.append((yield 1))
            yield 2
        except KeyError:
            yield 3
        return 4

    async def ainner(owner: Any) -> Any:
        try:
            heard.append((yield 1))
            yield 2
        except KeyError:
            yield 3

    stream = patches._steps("model", inner)(None)
    assert (next(stream), stream.send("a"), stream.throw(KeyError()), next(stream, 0)) == (1, 2, 3, 0)

    async def take() -> None:
        astream = patches._async_steps("model", ainner)(None)
        assert (await anext(astream), await astream.asend("b"), await astream.athrow(KeyError())) == (1, 2, 3)
        assert await anext(astream, 0) == 0

    asyncio.run(take())
    assert heard == ["a", "b"]


def test_a_loop_that_ends_closes_open_streams_in_silence(captured: Captured, caplog: pytest.LogCaptureFixture) -> None:
    model = GenericFakeChatModel(messages=iter(["a b c"] * 3))
    left = []

    async def leave() -> None:
        for _ in range(3):
            left.append(model.astream("Hi"))
            await anext(left[-1])

    asyncio.run(leave())
    assert caplog.records == []
    assert [span["attributes"]["sentinelops.outcome"] for span in captured.spans] == ["cancelled"] * 3
