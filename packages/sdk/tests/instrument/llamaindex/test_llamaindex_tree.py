"""Indexes, queries, retrievers and synthesis are one tree; each model call bears its tokens once."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
import sentinelops
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.node_parser import TokenTextSplitter
from llamaindex_support.fake import Provider
from opentelemetry import context as otel_context
from opentelemetry.trace.propagation import _SPAN_KEY
from sentinelops.instrument._wire import watch
from sentinelops.instrument.llamaindex import _answers, _spans
from sentinelops.testing import Captured

Tree = Callable[[], list[Any]]
SPLIT = [TokenTextSplitter(chunk_size=40, chunk_overlap=0)]


def index_of(embedding: Any) -> VectorStoreIndex:
    documents = [Document(text="The cat sat on the mat.", metadata={"place": "home"}, id_="doc-1")]
    return VectorStoreIndex.from_documents(documents, embed_model=embedding, transformations=SPLIT)


QUERY = [
    "RetrieverQueryEngine.query",
    [
        ["retrieval VectorIndexRetriever", [["embeddings text-embedding-3-small", []]]],
        ["CompactAndRefine.synthesize", [["chat gpt-4o-mini*", []]]],
    ],
]


def test_an_index_and_a_query(captured: Captured, llm: Any, embedding: Any, tree: Tree) -> None:
    index = index_of(embedding)
    engine = index.as_query_engine(llm=llm)
    assert str(engine.query("Where is the cat?")) == "Hello there"
    assert otel_context.get_current() == {}
    building = [
        "VectorStoreIndex.from_documents",
        [["TokenTextSplitter", []], ["embeddings text-embedding-3-small", []]],
    ]
    assert tree() == [building, QUERY]


def test_async_is_the_same_tree(captured: Captured, llm: Any, embedding: Any, tree: Tree) -> None:
    engine = index_of(embedding).as_query_engine(llm=llm)
    captured._items.clear()

    async def ask() -> None:
        with sentinelops.span("request"):
            await engine.aquery("Where is the cat?")
            assert otel_context.get_current() != {}
        assert otel_context.get_current() == {}

    asyncio.run(ask())
    asked = json.loads(json.dumps(QUERY).replace(".query", ".aquery").replace(".synth", ".asynth"))
    assert tree() == [["request", [asked]]]


@pytest.mark.parametrize("count", [2, 5])
def test_parallel_queries_do_not_mix(
    captured: Captured, llm: Any, embedding: Any, spans: Callable[[], list[dict[str, Any]]], count: int
) -> None:
    engine = index_of(embedding).as_query_engine(llm=llm)
    captured._items.clear()

    async def all_at_once() -> None:
        await asyncio.gather(*(engine.aquery(f"Where is cat {number}?") for number in range(count)))

    asyncio.run(all_at_once())
    by_trace: dict[str, set[str]] = {}
    for span in spans():
        by_trace.setdefault(span["trace_id"], set()).add(span["name"])
    assert len(by_trace) == count
    assert all(len(names) == 5 for names in by_trace.values())


def test_what_a_query_says(captured: Captured, llm: Any, embedding: Any, provider: Provider) -> None:
    engine = index_of(embedding).as_query_engine(llm=llm)
    engine.query("Where is the cat?")
    query = captured.named("RetrieverQueryEngine.query")["attributes"]
    assert query == {
        "sentinelops.span.type": "chain",
        "sentinelops.input": '"Where is the cat?"',
        "sentinelops.output": '"Hello there"',
    }
    retrieval = captured.named("retrieval VectorIndexRetriever")["attributes"]
    (found,) = json.loads(retrieval.pop("gen_ai.retrieval.documents"))
    assert found.pop("id")
    assert 0.8 < found.pop("score") < 1
    assert found == {"content": "The cat sat on the mat.", "metadata": {"place": "home"}}
    assert retrieval == {
        "sentinelops.span.type": "retrieval",
        "gen_ai.operation.name": "retrieval",
        "sentinelops.metadata.top_k": 2,
        "sentinelops.input": '"Where is the cat?"',
    }
    chat = captured.named("chat gpt-4o-mini")["attributes"]
    asked = json.loads(chat.pop("gen_ai.input.messages"))
    assert [message["role"] for message in asked] == ["system", "user"]
    assert "The cat sat on the mat." in asked[1]["parts"][0]["content"]
    assert chat == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.1,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4o-mini-2026-01-01",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.output.messages": (
            '[{"role":"assistant","parts":[{"type":"text","content":"Hello there"}],"finish_reason":"stop"}]'
        ),
    }
    embeds = [span["attributes"] for span in captured.spans if span["name"] == "embeddings text-embedding-3-small"]
    assert embeds[1] == {
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": "text-embedding-3-small",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Where is the cat?"}]}]',
        "gen_ai.embeddings.dimension.count": 2,
    }


SYNTHESIS = "CompactAndRefine.synthesize"
STREAMED = json.loads(json.dumps(QUERY).replace("chat gpt-4o-mini*", "chat gpt-4o-mini"))


@pytest.mark.parametrize("read", ["all", "some", "none"])
def test_an_answer_that_is_read_elsewhere(captured: Captured, llm: Any, embedding: Any, tree: Tree, read: str) -> None:
    """The model is asked when the answer is read; the oldest versions ask for the first piece at once."""
    engine = index_of(embedding).as_query_engine(llm=llm, streaming=True)
    captured._items.clear()
    with sentinelops.context(session="s1"):
        answer: Any = engine.query("Where is the cat?")
    with sentinelops.span("reader"):
        pieces = answer.response_gen
        assert inspect.isgenerator(pieces)
        if read == "all":
            assert "".join(pieces) == "Hello there"
        elif read == "some":
            next(pieces)
        assert otel_context.get_current()[_SPAN_KEY].name == "reader"
    assert sentinelops._ambient.attributes() is None
    del answer, pieces
    gc.collect()
    made = tree()
    expected = STREAMED if read != "none" or len(made[0][1][1][1]) else [STREAMED[0], [STREAMED[1][0], [SYNTHESIS, []]]]
    assert made == [expected, ["reader", []]]
    assert {span["attributes"].get("session.id") for span in captured.spans if span["name"] != "reader"} == {"s1"}
    outcomes = [span["attributes"].get("sentinelops.outcome") for span in captured.spans if span["name"][:4] == "chat"]
    assert outcomes in ([None if read == "all" else "cancelled"], [])
    assert _spans.open_count() == watch.live_count() == 0


def test_an_answer_that_is_read_elsewhere_async(captured: Captured, llm: Any, embedding: Any, tree: Tree) -> None:
    engine = index_of(embedding).as_query_engine(llm=llm, streaming=True)
    captured._items.clear()

    async def ask() -> str:
        answer: Any = await engine.aquery("Where is the cat?")
        assert otel_context.get_current() == {}
        with sentinelops.span("reader"):
            return "".join([piece async for piece in answer.async_response_gen()])

    assert asyncio.run(ask()) == "Hello there"
    asked = json.loads(json.dumps(STREAMED).replace(".query", ".aquery").replace(".synth", ".asynth"))
    assert tree() == [asked, ["reader", []]]


def test_an_answer_that_fails_while_it_is_read(
    captured: Captured, llm: Any, embedding: Any, provider: Provider
) -> None:
    answer: Any = index_of(embedding).as_query_engine(llm=llm, streaming=True).query("Where is the cat?")
    answer.response_gen.close()
    made = captured.named("CompactAndRefine.synthesize")

    def fails() -> Any:
        yield "Hello"
        raise ValueError("no more")

    answer.response_gen = fails()
    _answers.carry(answer, otel_context.get_current())
    with pytest.raises(ValueError, match="no more"):
        list(answer.response_gen)
    assert made["status"] == "unset"
    assert otel_context.get_current() == {}
