"""Whatever of ours breaks, the host gets the same answer and the same exception; uninstrument leaves nothing behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_support import collect
from sentinelops import _guard, _runtime
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument.langchain import _describe, _events, _frames, _names, _runs
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
