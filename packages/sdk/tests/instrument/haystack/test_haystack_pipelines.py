"""Pipelines, synchronous and not, as one tree; of the framework's call and the client's, one bears the tokens."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sentinelops
from haystack import Document, Pipeline, component, tracing
from haystack.components.builders import ChatPromptBuilder
from haystack.components.embedders import OpenAITextEmbedder
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack.utils import Secret
from haystack_support import HAYSTACK_2, tree
from openai_support.fake import FakeOpenAI
from sentinelops import _guard
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured

KEY = Secret.from_token("sk-test")
if HAYSTACK_2:
    from haystack import AsyncPipeline
else:
    AsyncPipeline = Pipeline


def generator(fake: FakeOpenAI, model: str = "plain", **options: Any) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(api_key=KEY, api_base_url=fake.url, model=model, max_retries=0, **options)


def rag(fake: FakeOpenAI, kind: Any = Pipeline, **options: Any) -> Any:
    store = InMemoryDocumentStore()
    store.write_documents([Document(id="d1", content="Oslo is cold", meta={"page": 1})])
    pipeline = kind(metadata={"name": "rag"})
    pipeline.add_component("retriever", InMemoryBM25Retriever(store, top_k=1))
    template = [ChatMessage.from_user("{{documents[0].content}} {{question}}")]
    pipeline.add_component("prompt", ChatPromptBuilder(template=template, required_variables="*"))
    pipeline.add_component("llm", generator(fake, **options))
    pipeline.connect("retriever.documents", "prompt.documents")
    pipeline.connect("prompt.prompt", "llm.messages")
    return pipeline


ASKED = {"retriever": {"query": "oslo"}, "prompt": {"question": "?"}}
RAG = [
    ("retriever", "pipeline rag"),
    ("prompt", "pipeline rag"),
    ("chat plain", "pipeline rag"),
    ("pipeline rag", None),
]


def bearing(captured: Captured) -> list[int]:
    found = [span["attributes"].get("gen_ai.usage.input_tokens") for span in captured.spans]
    return [count for count in found if count is not None]


def test_alone_the_generator_is_the_model_call(fake: FakeOpenAI, captured: Captured) -> None:
    rag(fake, generation_kwargs={"temperature": 0.5, "max_tokens": 9}).run(ASKED)
    assert tree(captured) == RAG
    retriever, prompt, llm, whole = (span["attributes"] for span in captured.spans)
    (found,) = json.loads(retriever["gen_ai.retrieval.documents"])
    assert found.pop("score") > 0
    assert found == {"id": "d1", "content": "Oslo is cold", "metadata": {"page": 1}}
    assert json.loads(retriever["sentinelops.input"])["query"] == "oslo"
    assert retriever["sentinelops.span.type"] == "retrieval"
    assert json.loads(prompt["sentinelops.input"])["template"][0]["parts"][0]["content"].startswith("{{documents")
    assert llm == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai_compatible",
        "gen_ai.request.model": "plain",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.response.model": "plain-2026-01-01",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.output_tokens": 20,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 12,
        "gen_ai.usage.audio.input_tokens": 5,
        "gen_ai.usage.audio.output_tokens": 3,
        "sentinelops.usage.accepted_prediction_tokens": 4,
        "sentinelops.usage.rejected_prediction_tokens": 1,
        "sentinelops.metadata.component": "OpenAIChatGenerator",
        "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"Oslo is cold ?"}]}]',
        "gen_ai.output.messages": '[{"role":"assistant","parts":[{"type":"text","content":"Hello there"}],"finish_reason":"stop"}]',
    }
    assert json.loads(whole["sentinelops.input"]) == ASKED
    assert "Hello there" in whole["sentinelops.output"]


def test_above_a_watched_client_it_is_a_step(fake: FakeOpenAI, captured: Captured) -> None:
    instrument("openai")
    rag(fake).run(ASKED)
    assert tree(captured) == [*RAG[:2], ("chat plain", "llm"), ("llm", "pipeline rag"), RAG[3]]
    assert bearing(captured) == [100]
    assert captured.spans[3]["attributes"] == {
        "sentinelops.span.type": "chain",
        "sentinelops.metadata.component": "OpenAIChatGenerator",
    }


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "client watched"])
def test_an_asynchronous_pipeline_and_its_neighbours(watched: bool, fake: FakeOpenAI, captured: Captured) -> None:
    if watched:
        instrument("openai")

    async def one(number: int) -> None:
        with sentinelops.span(f"request {number}"):
            pipeline = rag(fake, AsyncPipeline)
            await pipeline.run_async(ASKED)
            await pipeline.get_component("llm").async_client.close()

    async def both() -> None:
        await asyncio.gather(one(1), one(2))

    asyncio.run(both())
    assert bearing(captured) == [100, 100]
    traces: dict[str, list[str]] = {}
    for span in captured.spans:
        traces.setdefault(span["trace_id"], []).append(span["name"])
    calls = ["chat plain", "llm"] if watched else ["chat plain"]
    expected = ["retriever", "prompt", *calls, "pipeline rag"]
    assert sorted(traces.values()) == [[*expected, "request 1"], [*expected, "request 2"]]


def test_nothing_stays_current_between_the_steps_of_an_asynchronous_pipeline(
    fake: FakeOpenAI, captured: Captured
) -> None:
    async def broken_off() -> None:
        steps = rag(fake, AsyncPipeline).run_async_generator(ASKED)
        async for _partial in steps:
            with sentinelops.span("of the application"):
                break
        await steps.aclose()

    asyncio.run(broken_off())
    assert captured.named("of the application")["parent_id"] is None
    whole = captured.named("pipeline rag")
    assert (whole["status"], whole["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")


@pytest.mark.parametrize("watched", [False, True], ids=["alone", "client watched"])
def test_streaming_tells_the_first_token(watched: bool, fake: FakeOpenAI, captured: Captured) -> None:
    if watched:
        instrument("openai")
    pieces: list[str] = []
    rag(fake, streaming_callback=lambda chunk: pieces.append(chunk.content)).run(ASKED)
    assert "".join(pieces) == "Hello there"
    (call,) = [span for span in captured.spans if "gen_ai.provider.name" in span["attributes"]]
    assert call["attributes"]["gen_ai.request.stream"] is True
    seconds = (call["end_ns"] - call["start_ns"]) / 1e9
    assert 0 <= call["attributes"]["gen_ai.response.time_to_first_chunk"] <= seconds
    assert call["attributes"]["gen_ai.usage.output_tokens"] == 20


def test_an_error_is_the_provider_s_own(fake: FakeOpenAI, captured: Captured) -> None:
    with pytest.raises(Exception, match="Slow down") as raised:
        rag(fake, model="limited").run(ASKED)
    assert type(raised.value).__name__ == "PipelineRuntimeError"
    call, whole = captured.spans[2:]
    assert [span["status"] for span in (call, whole)] == ["error", "error"]
    assert call["attributes"]["error.type"] == whole["attributes"]["error.type"] == "RateLimitError"
    assert call["attributes"]["http.response.status_code"] == 429
    assert bearing(captured) == []


def test_embeddings(fake: FakeOpenAI, captured: Captured) -> None:
    pipeline = Pipeline()
    pipeline.add_component("embedder", OpenAITextEmbedder(api_key=KEY, api_base_url=fake.url, model="embed"))
    made = pipeline.run({"embedder": {"text": "Oslo"}})["embedder"]
    attributes = captured.named("embeddings embed")["attributes"]
    assert attributes["gen_ai.operation.name"] == "embeddings"
    assert attributes["gen_ai.usage.input_tokens"] == made["meta"]["usage"]["prompt_tokens"]
    assert attributes["gen_ai.embeddings.dimension.count"] == len(made["embedding"])
    assert "gen_ai.usage.output_tokens" not in attributes


def test_a_pipeline_in_a_component_and_a_span_of_the_application_between(fake: FakeOpenAI, captured: Captured) -> None:
    inner = rag(fake)

    @component
    class Nested:
        @component.output_types(text=str)
        def run(self, question: str) -> dict[str, str]:
            with sentinelops.span("between"):
                return {"text": inner.run(ASKED)["llm"]["replies"][0].text}

    outer = Pipeline()
    outer.add_component("nested", Nested())
    outer.run({"nested": {"question": "?"}})
    assert tree(captured) == [
        *RAG[:3],
        ("pipeline rag", "between"),
        ("between", "nested"),
        ("nested", "pipeline"),
        ("pipeline", None),
    ]


class Noting(tracing.Tracer):  # type: ignore[misc]
    """A tracer of the application: what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str | None, list[str]]] = []
        self.now: list[Any] = []

    @contextmanager
    def trace(self, operation_name: str, tags: Any = None, parent_span: Any = None) -> Iterator[Any]:
        span = NotingSpan(operation_name)
        self.now.append(span)
        yield span
        self.now.pop()
        assert parent_span is None or type(parent_span) is NotingSpan
        self.told.append((operation_name, parent_span and parent_span.name, span.keys))

    def current_span(self) -> Any:
        return self.now[-1] if self.now else None


class NotingSpan(tracing.Span):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.name = name
        self.keys: list[str] = []

    def set_tag(self, key: str, value: Any) -> None:
        self.keys.append(key)

    def raw_span(self) -> str:
        return "raw"


def test_the_application_s_tracer_is_told_the_same_with_and_without_us(fake: FakeOpenAI, captured: Captured) -> None:
    theirs = Noting()
    tracing.enable_tracing(theirs)
    try:
        rag(fake).run(ASKED)
        assert tracing.tracer.actual_tracer is theirs
        assert tree(captured) == RAG
        with tracing.tracer.trace("own", tags={"a": 1}) as span:
            assert isinstance(span, tracing.Span)
            assert (span.raw_span(), span.name, tracing.tracer.current_span().raw_span()) == ("raw", "own", "raw")
        watched, theirs.told = theirs.told[:-1], []
        uninstrument("haystack")
        rag(fake).run(ASKED)
        assert theirs.told == watched
        assert not [key for _name, _parent, keys in watched for key in keys if "input" in key]  # content is off there
    finally:
        tracing.disable_tracing()
    assert len(captured.spans) == 5


def test_uninstrument_puts_everything_back(captured: Captured) -> None:
    uninstrument("haystack")
    from haystack.components.agents import Agent
    from haystack.core.pipeline.base import PipelineBase

    proxy = tracing.tracer.__class__
    found = [vars(proxy)["trace"], vars(proxy)["current_span"], vars(PipelineBase)["_create_component_span"].__func__,
             vars(Agent)["_create_agent_span"]]  # fmt: skip
    assert not [one for one in found if one.__module__.startswith("sentinelops")]
    assert instrument("haystack") == ("haystack",)
    assert instrument("haystack") == ("haystack",)


@pytest.mark.parametrize("broken", ["_start", "Facts", "_describe.held", "_describe.model_call", "_describe.pipeline"])
def test_what_breaks_in_us_costs_the_host_nothing(
    broken: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentinelops.instrument.haystack import _trace

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    owner: Any = _trace
    *path, name = broken.split(".")
    for part in path:
        owner = getattr(owner, part)
    monkeypatch.setattr(owner, name, fails)
    monkeypatch.setattr(_guard, "strict", False)
    made = rag(fake).run(ASKED)
    assert made["llm"]["replies"][0].text == "Hello there"
    assert captured.spans is not None


def test_ten_threads_keep_to_themselves(fake: FakeOpenAI, captured: Captured) -> None:
    pipelines = [rag(fake) for _ in range(10)]
    threads = [threading.Thread(target=pipeline.run, args=(ASKED,)) for pipeline in pipelines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    traces: dict[str, set[str]] = {}
    for span in captured.spans:
        traces.setdefault(span["trace_id"], set()).add(span["name"])
    assert list(traces.values()) == [{name for name, _parent in RAG}] * 10
