"""Rerankers, chat engines, pipelines and parsers; and what happens when something of ours fails."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core import Document
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.llms import ChatMessage
from llama_index.core.node_parser import TokenTextSplitter
from llama_index.core.postprocessor import LLMRerank, SimilarityPostprocessor
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from llamaindex_support.fake import Provider
from opentelemetry import context as otel_context
from sentinelops import _guard, _layer
from sentinelops.instrument import llamaindex
from sentinelops.instrument.llamaindex import _calls, _spans, _steps
from sentinelops.testing import Captured, capture

Tree = Callable[[], list[Any]]
NODES = [NodeWithScore(node=TextNode(text=text, id_=text, embedding=[0.5] * 8), score=0.5) for text in ("one", "two")]


def test_a_reranker_that_asks_a_language_model(captured: Captured, llm: Any, provider: Provider, tree: Tree) -> None:
    provider.says = [{"content": "Doc: 2, Relevance: 9\nDoc: 1, Relevance: 3"}]
    nodes = LLMRerank(llm=llm, top_n=1).postprocess_nodes(NODES, query_bundle=QueryBundle("second"))
    assert [node.text for node in nodes] == ["two"]
    assert tree() == [["LLMRerank", [["chat gpt-4o-mini*", []]]]]
    said = captured.named("LLMRerank")["attributes"]
    assert said["sentinelops.span.type"] == "rerank"
    assert said["sentinelops.input"] == '"second"'
    assert said["sentinelops.metadata.nodes"] == 2
    assert json.loads(said["gen_ai.retrieval.documents"]) == [{"id": "two", "score": 9.0, "content": "two"}]


class EdgeRerank(BaseNodePostprocessor):
    """A reranker with a model of its own, as Cohere's, Jina's and Voyage's are."""

    model: str = "rerank-v3"

    def _postprocess_nodes(self, nodes: Any, query_bundle: Any = None) -> Any:
        return nodes[:1]


def test_a_reranker_that_is_a_model(captured: Captured) -> None:
    EdgeRerank().postprocess_nodes(NODES, query_str="first")
    said = captured.named("rerank rerank-v3")["attributes"]
    assert said == {
        "gen_ai.operation.name": "rerank",
        "gen_ai.provider.name": "edgererank",
        "gen_ai.request.model": "rerank-v3",
        "sentinelops.input": '"first"',
        "gen_ai.retrieval.documents": '[{"id":"one","score":0.5,"content":"one"}]',
    }


def test_a_postprocessor_that_ranks_nothing(captured: Captured) -> None:
    SimilarityPostprocessor(similarity_cutoff=0.4).postprocess_nodes(NODES)
    assert captured.named("SimilarityPostprocessor")["attributes"]["sentinelops.span.type"] == "chain"


@pytest.mark.parametrize("mode", ["chat", "stream_chat", "achat", "astream_chat"])
def test_a_chat_engine(captured: Captured, llm: Any, tree: Tree, mode: str) -> None:
    engine = SimpleChatEngine.from_defaults(llm=llm)

    async def talk() -> str:
        answer = await getattr(engine, mode)("Hi")
        if mode == "achat":
            return str(answer)
        return "".join([piece async for piece in answer.async_response_gen()])

    if mode.startswith("a"):
        assert asyncio.run(talk()) == "Hello there"
    else:
        answer = getattr(engine, mode)("Hi")
        assert (str(answer) if mode == "chat" else "".join(answer.response_gen)) == "Hello there"
    stars = "" if "stream" in mode else "*"
    assert tree() == [[f"SimpleChatEngine.{mode}", [[f"chat gpt-4o-mini{stars}", []]]]]
    said = captured.named(f"SimpleChatEngine.{mode}")["attributes"]
    assert said["sentinelops.input"] == '"Hi"'
    assert said.get("sentinelops.output") == (None if "stream" in mode else '"Hello there"')
    assert _spans.open_count() == 0


def test_a_pipeline(captured: Captured, embedding: Any, tree: Tree) -> None:
    pipeline = IngestionPipeline(transformations=[TokenTextSplitter(chunk_size=40, chunk_overlap=0), embedding])
    (node,) = pipeline.run(documents=[Document(text="The cat sat.", id_="d")])
    assert node.embedding
    inside = [["TokenTextSplitter", []], ["embeddings text-embedding-3-small", []]]
    assert tree() == [["IngestionPipeline.run", inside]]
    everything = json.dumps([span["attributes"] for span in captured.spans])
    assert "1.0, 5.0" not in everything
    assert "embedding\\" not in everything


def test_a_parser_by_itself(captured: Captured, tree: Tree) -> None:
    TokenTextSplitter(chunk_size=40, chunk_overlap=0).get_nodes_from_documents([Document(text="The cat sat.")])
    assert tree() == [["TokenTextSplitter", []]]


def test_content_that_is_not_wanted(captured: Captured, llm: Any) -> None:
    with capture(capture_content="off") as quiet:
        SimpleChatEngine.from_defaults(llm=llm).chat("Hi")
    words = json.dumps(quiet.spans)
    assert "Hello there" not in words
    assert '"Hi' not in words
    assert {span["attributes"].get("gen_ai.usage.input_tokens") for span in quiet.spans} == {None, 100}


def test_long_texts_are_cut(captured: Captured) -> None:
    with capture(max_content_chars=10) as short:
        SimilarityPostprocessor().postprocess_nodes([NodeWithScore(node=TextNode(text="x" * 100), score=1.0)])
    (span,) = short.spans
    assert json.loads(span["attributes"]["gen_ai.retrieval.documents"])[0]["content"] != "x" * 100


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (_spans, "_begin"), (_spans, "_parent"), (_calls, "start"), (_calls, "start_layer"), (_calls, "end"),
        (_steps, "start"), (_steps, "finish"), (_layer, "LayerRecord"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)  # fmt: skip
def test_whatever_fails_in_here_the_answer_is_the_same(
    captured: Captured, llm: Any, monkeypatch: pytest.MonkeyPatch, module: Any, name: str
) -> None:
    def broken(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("ours")

    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setattr(module, name, broken)
    engine = SimpleChatEngine.from_defaults(llm=llm)
    assert str(engine.chat("Hi")) == "Hello there"
    assert [piece.delta for piece in llm.stream_chat([ChatMessage(role="user", content="Hi")])][1:3] == [
        "Hello",
        " there",
    ]
    assert str(asyncio.run(engine.achat("Hi"))) == "Hello there"
    assert otel_context.get_current() == {}
    assert _spans.open_count() == 0


def test_it_is_taken_out_again(llm: Any) -> None:
    root = get_dispatcher()
    before = (list(root.span_handlers), list(root.event_handlers), type(llm).__dict__["stream_chat"])
    assert llamaindex.instrument()
    assert llamaindex.instrument()
    assert len(root.span_handlers) == len(before[0]) + 2
    assert type(llm).__dict__["stream_chat"] is not before[2]
    assert llamaindex.uninstrument()
    assert not llamaindex.uninstrument()
    with capture() as captured:
        list(llm.stream_chat([ChatMessage(role="user", content="Hi")]))
    assert captured.spans == []
    assert (root.span_handlers, root.event_handlers) == before[:2]
    assert type(llm).__dict__["stream_chat"] is before[2]


def test_spans_that_never_end_are_bounded(captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_spans, "_MOST", 3)
    bound = inspect.signature(lambda: None).bind()
    uuid = "00000000-0000-0000-0000-00000000000"
    for number in range(6):
        contextvars.copy_context().run(get_dispatcher().span_enter, f"Lost.run-{uuid}{number}", bound)
    assert _spans.open_count() == 3
    assert {span["attributes"]["sentinelops.outcome"] for span in captured.spans} == {"cancelled"}
