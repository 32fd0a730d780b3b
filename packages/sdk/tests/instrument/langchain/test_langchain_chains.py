"""Chains, models, tools, retrievers: one tree with right parents in every way to run them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sentinelops
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models.fake import FakeListLLM
from langchain_core.messages import AIMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_core.tools import tool
from langchain_support import bearing, collect, tree
from sentinelops.instrument import uninstrument
from sentinelops.instrument.langchain import SentinelOpsCallbackHandler, _runs
from sentinelops.testing import Captured

pytestmark = pytest.mark.filterwarnings("ignore:astream_log is deprecated")
ONE = ["RunnableSequence", ["ChatPromptTemplate"], ["chat plain"], ["StrOutputParser"]]
Q = {"q": "Hi"}


@pytest.fixture
def chain(llm: Any) -> Any:
    return ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{q}")]) | llm | StrOutputParser()


WAYS: dict[str, tuple[Any, list[Any]]] = {
    "invoke": (lambda chain, run: chain.invoke(Q), [ONE]),
    "ainvoke": (lambda chain, run: run(chain.ainvoke(Q)), [ONE]),
    "stream": (lambda chain, run: list(chain.stream(Q)), [ONE]),
    "astream": (lambda chain, run: run(collect(chain.astream(Q))), [ONE]),
    "astream_log": (lambda chain, run: run(collect(chain.astream_log(Q))), [ONE]),
    "astream_events": (lambda chain, run: run(collect(chain.astream_events(Q, version="v2"))), [ONE]),
    "batch": (lambda chain, run: chain.batch([Q, Q, Q]), [ONE, ONE, ONE]),
    "abatch": (lambda chain, run: run(chain.abatch([Q, Q])), [ONE, ONE]),
    "parallel": (lambda chain, run: RunnableParallel(a=chain, b=chain).invoke(Q), [["RunnableParallel<a,b>", ONE, ONE]]),
    "aparallel": (
        lambda chain, run: run(RunnableParallel(a=chain, b=chain).ainvoke(Q)), [["RunnableParallel<a,b>", ONE, ONE]]
    ),
    "lambda": (lambda chain, run: RunnableLambda(chain.invoke).invoke(Q), [["invoke", ONE]]),
}  # fmt: skip


def _sorted(given: Any) -> Any:
    """Parallel branches start in any order."""
    return sorted((_sorted(item) if isinstance(item, list) else item for item in given), key=str)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_run_a_chain(way: str, chain: Any, captured: Captured, run: Any) -> None:
    call, wanted = WAYS[way]
    call(chain, run)
    assert _sorted(tree(captured.spans)) == _sorted(wanted)
    counts = [
        (span["attributes"]["gen_ai.usage.input_tokens"], span["attributes"]["gen_ai.usage.output_tokens"])
        for span in bearing(captured.spans)
    ]
    assert counts == [(100, 20)] * str(wanted).count("chat plain")
    assert {span["status"] for span in captured.spans} == {"unset"}


@pytest.mark.parametrize("way", WAYS)
def test_what_the_host_gets_is_the_same_with_and_without_us(way: str, chain: Any, captured: Captured, run: Any) -> None:
    if way in ("astream_log", "astream_events"):
        call = lambda: [type(item) for item in WAYS[way][0](chain, run)]  # noqa: E731 - run ids differ
    else:
        call = lambda: WAYS[way][0](chain, run)  # noqa: E731
    watched = call()
    uninstrument("langchain")
    seen = len(captured.spans)
    assert call() == watched
    assert len(captured.spans) == seen


def test_what_a_model_says(llm: Any, captured: Captured) -> None:
    llm.invoke([("system", "Be brief."), ("human", "Hi")], config={"tags": ["t"], "metadata": {"plan": "pro"}})
    (span,) = captured.spans
    wanted = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "plain",
        "gen_ai.response.model": "plain-2026-01-01",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.audio.output_tokens": 3,
        "sentinelops.tags": ["t"],
        "sentinelops.metadata.plan": "pro",
    }
    assert {key: span["attributes"].get(key) for key in wanted} == wanted
    assert captured.messages("chat plain") == [
        {"role": "system", "parts": [{"type": "text", "content": "Be brief."}]},
        {"role": "user", "parts": [{"type": "text", "content": "Hi"}]},
    ]
    assert captured.messages("chat plain", "gen_ai.output.messages") == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hello there"}], "finish_reason": "stop"}
    ]
    assert "sk-test" not in str(captured.spans)


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_stream_of_a_model(asynchronous: bool, llm: Any, captured: Captured, run: Any) -> None:
    chunks = run(collect(llm.astream("Hi"))) if asynchronous else list(llm.stream("Hi"))
    assert "".join(chunk.content for chunk in chunks) == "Hello there"
    (span,) = captured.spans
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert span["attributes"]["gen_ai.request.stream"] is True
    assert span["attributes"]["gen_ai.response.time_to_first_chunk"] > 0


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_abandoned_streams_leave_nothing(asynchronous: bool, llm: Any, captured: Captured, run: Any) -> None:
    async def leave() -> None:
        async for _ in llm.astream("Hi"):
            break

    for _ in range(20):
        if asynchronous:
            run(leave())
        else:
            for _ in llm.stream("Hi"):
                break
    run(asyncio.sleep(0))
    import gc

    gc.collect()
    run(asyncio.sleep(0))
    assert _runs.live() == 0
    assert [span["attributes"].get("sentinelops.outcome") for span in captured.spans] == ["cancelled"] * 20
    assert {span["status"] for span in captured.spans} == {"unset"}


def test_nothing_is_current_between_the_steps_of_a_stream(llm: Any, captured: Captured) -> None:
    from opentelemetry import trace

    stream = llm.stream("Hi")
    next(stream)
    assert not trace.get_current_span().get_span_context().is_valid
    list(stream)
    assert len(captured.spans) == 1


def test_a_cancelled_call_is_no_error(captured: Captured, run: Any) -> None:
    async def wait(_: Any) -> None:
        await asyncio.sleep(30)

    async def cancel() -> None:
        task = asyncio.create_task(RunnableLambda(wait).ainvoke("x"))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    run(cancel())
    (span,) = captured.spans
    assert (span["status"], span["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")


class Finder(BaseRetriever):
    async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        if query == "wait":
            await asyncio.sleep(30)
        return self._get_relevant_documents(query, run_manager=run_manager)

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        with sentinelops.span("look"):
            return [Document(page_content="Oslo is a city", id="d1", metadata={"score": 0.5, "page": 3})]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_retriever(asynchronous: bool, captured: Captured, run: Any) -> None:
    finder = Finder()
    run(finder.ainvoke("Oslo")) if asynchronous else finder.invoke("Oslo")
    assert tree(captured.spans) == [["retrieval Finder", ["look"]]]
    attributes = captured.named("retrieval Finder")["attributes"]
    assert attributes["gen_ai.operation.name"] == "retrieval"
    assert attributes["sentinelops.input"] == '"Oslo"'
    assert captured.messages("retrieval Finder", "gen_ai.retrieval.documents") == [
        {"id": "d1", "score": 0.5, "content": "Oslo is a city", "metadata": {"score": 0.5, "page": 3}}
    ]


def test_a_cancelled_retriever_ends(captured: Captured, run: Any) -> None:
    async def cancel() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(Finder().ainvoke("wait"), 0.01)

    run(cancel())
    (span,) = captured.spans
    assert (span["name"], span["attributes"]["sentinelops.outcome"]) == ("retrieval Finder", "cancelled")


@tool
def add(a: int, b: int) -> int:
    """Adds."""
    with sentinelops.span("inside"):
        return a + b


@tool
def fails(a: int) -> int:
    """Fails."""
    raise ValueError("no")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_a_tool(asynchronous: bool, captured: Captured, run: Any) -> None:
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1", "type": "tool_call"}
    answer = run(add.ainvoke(call)) if asynchronous else add.invoke(call)
    assert answer.content == "3"
    assert tree(captured.spans) == [["execute_tool add", ["inside"]]]
    assert captured.named("execute_tool add")["attributes"] == {
        "sentinelops.span.type": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "gen_ai.tool.call.id": "call_1",
        "gen_ai.tool.call.arguments": '{"a":1,"b":2}',
        "gen_ai.tool.call.result": '"3"',
    }


def test_a_tool_that_fails(captured: Captured) -> None:
    with pytest.raises(ValueError, match="no"):
        fails.invoke({"a": 1})
    (span,) = captured.spans
    assert (span["status"], span["attributes"]["error.type"], span["status_message"]) == ("error", "ValueError", "no")


def test_a_model_that_fails(llm: Any, captured: Captured) -> None:
    with pytest.raises(Exception, match="context") as raised:
        llm.bind(model="too-long").invoke("Hi")
    (span,) = captured.spans
    assert (span["status"], span["attributes"]["error.type"]) == ("error", raised.type.__qualname__)
    assert bearing(captured.spans) == []


FALLBACK_WAYS: dict[str, Any] = {
    "invoke": lambda chain, run: chain.invoke(Q),
    "ainvoke": lambda chain, run: run(chain.ainvoke(Q)),
    "stream": lambda chain, run: list(chain.stream(Q)),
    "astream": lambda chain, run: run(collect(chain.astream(Q))),
    "batch": lambda chain, run: chain.batch([Q]),
}


@pytest.mark.parametrize("way", FALLBACK_WAYS)
def test_what_is_tried_stands_under_the_fallbacks(way: str, llm: Any, captured: Captured, run: Any) -> None:
    tried = llm.model_copy(update={"model_name": "too-long"}).with_fallbacks([llm])
    FALLBACK_WAYS[way](ChatPromptTemplate.from_template("{q}") | tried | StrOutputParser(), run)
    ((_, _, fallbacks, _),) = tree(captured.spans)
    assert fallbacks == ["RunnableWithFallbacks", ["chat too-long"], ["chat plain"]]
    assert [span["name"] for span in captured.spans if span["status"] == "error"] == ["chat too-long"]
    assert [span["name"] for span in bearing(captured.spans)] == ["chat plain"]


def test_counts_that_langchain_was_not_told_are_unknown(captured: Captured) -> None:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

    usage: Any = {"input_tokens": 0, "output_tokens": 20, "total_tokens": 20}
    GenericFakeChatModel(messages=iter([AIMessage("Hello", usage_metadata=usage)])).invoke("Hi")
    (span,) = captured.spans
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert "gen_ai.usage.input_tokens" not in span["attributes"]


def test_under_the_applications_own_spans(chain: Any, captured: Captured) -> None:
    def work(q: Any) -> Any:
        with sentinelops.span("mine"):
            return chain.invoke(q)

    with sentinelops.span("outer"):
        RunnableLambda(work).invoke(Q)
    assert tree(captured.spans) == [["outer", ["work", ["mine", ONE]]]]


def test_a_cached_answer_is_no_model_call(llm: Any, captured: Captured) -> None:
    from langchain_core.caches import InMemoryCache

    llm.cache = InMemoryCache()
    llm.invoke("Hi")
    llm.invoke("Hi")
    first, second = captured.spans
    assert bearing(captured.spans) == [first]
    assert second["attributes"]["sentinelops.metadata.cached"] is True
    assert "gen_ai.operation.name" not in second["attributes"]
    assert "Hello there" in second["attributes"]["sentinelops.output"]


def test_the_handler_alone_and_with_the_rest_sees_a_run_once(llm: Any, captured: Captured) -> None:
    handler = SentinelOpsCallbackHandler()
    llm.invoke("Hi", config={"callbacks": [handler, SentinelOpsCallbackHandler()]})
    uninstrument("langchain")
    llm.invoke("Hi")
    llm.invoke("Hi", config={"callbacks": [handler]})
    assert tree(captured.spans) == [["chat plain"], ["chat plain"]]


def test_text_models_and_handlers_of_others(captured: Captured, run: Any) -> None:
    heard: list[str] = []

    class Slow(AsyncCallbackHandler):
        async def on_llm_start(self, *args: Any, **kwargs: Any) -> None:
            heard.append("start")

        async def on_llm_end(self, *args: Any, **kwargs: Any) -> None:
            heard.append("end")

    model = FakeListLLM(responses=["a", "b"])
    run(model.agenerate(["x", "y"], callbacks=[Slow()]))
    assert sorted(heard) == ["end", "end", "start", "start"]
    assert [span["attributes"]["gen_ai.operation.name"] for span in captured.spans] == ["text_completion"] * 2
    assert bearing(captured.spans) == []


def test_every_event_of_langchain_is_in_our_hands() -> None:
    """A new event of BaseCallbackHandler fails here, and is to be added to docs/instrument-langchain.md."""
    from pathlib import Path

    page = (Path(__file__).parents[5] / "docs" / "instrument-langchain.md").read_text()
    ours = SentinelOpsCallbackHandler
    for name in (name for name in dir(BaseCallbackHandler) if name.startswith("on_")):
        assert f"`{name}`" in page
        assert getattr(ours, name) is not getattr(BaseCallbackHandler, name), name


def test_forgotten_runs_give_way(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    from uuid import uuid4

    handler = SentinelOpsCallbackHandler()
    monkeypatch.setattr(_runs, "MOST", 50)
    for _ in range(200):
        handler.on_chain_start(None, {}, run_id=uuid4(), name="lost")
    assert _runs.live() <= 50
    _runs.forget()
    assert {span["attributes"]["sentinelops.outcome"] for span in captured.spans} == {"cancelled"}


def test_an_answer_made_by_hand(captured: Captured) -> None:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

    call = {"name": "add", "args": {"a": 1}, "id": "c1"}
    model = GenericFakeChatModel(messages=iter([AIMessage("", tool_calls=[call])]))
    model.invoke("Hi")
    (span,) = captured.spans
    said = captured.messages(span["name"], "gen_ai.output.messages")
    assert said == [
        {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "add", "arguments": {"a": 1}}]}
    ]
    assert bearing(captured.spans) == []
