"""OpenInference: OpenAI, Anthropic, LangChain and LlamaIndex, its context and its own helpers for scores and costs."""

from __future__ import annotations

from typing import Any

from openinference.instrumentation import (
    TracerProvider,
    get_annotation_attributes,
    get_evaluation_attributes,
    get_reranker_attributes,
    using_attributes,
)
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from situations import MESSAGES, URL, anthropic_calls, openai_calls, situation_of

provider = TracerProvider()
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: E402

provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{URL}/v1/traces")))
situation = situation_of(provider.force_flush)

native = OpenAIInstrumentor(), AnthropicInstrumentor()
for one in native:
    one.instrument(tracer_provider=provider)
openai_calls(situation)
anthropic_calls(situation)

from openai import OpenAI  # noqa: E402

client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
with (
    situation("context"),
    using_attributes(
        session_id="s-1",
        user_id="u-1",
        metadata={"team": "blue", "level": 3},
        tags=["travel", "beta"],
        prompt_template="How is {city}?",
        prompt_template_version="v3",
        prompt_template_variables={"city": "Oslo"},
    ),
):
    client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
for one in native:
    one.uninstrument()

tracer: Any = provider.get_tracer("openinference.instrumentation.shop")
with situation("scores"), tracer.start_as_current_span("answer", openinference_span_kind="llm") as span:
    span.set_attributes({"llm.model_name": "gpt-4o", "llm.provider": "openai", "llm.token_count.prompt": 40})
    span.set_attributes({"llm.cost.prompt": 0.001, "llm.cost.completion": 0.002, "llm.cost.total": 0.003})
    score: Any = {"name": "correct", "score": 0.75, "label": "mostly", "explanation": "no rain"}
    span.set_attributes(get_evaluation_attributes(evaluations=[score, {"name": "rude", "label": "no"}]))
    span.set_attributes(
        get_annotation_attributes(annotations=[{"name": "thumbs", "score": 1, "annotator_kind": "HUMAN"}])
    )
with situation("rerank"), tracer.start_as_current_span("rerank", openinference_span_kind="reranker") as span:
    documents: Any = [
        {"id": "a", "content": "Oslo is mild.", "score": 0.9},
        {"id": "b", "content": "Rome is hot.", "score": 0.1},
    ]
    span.set_attributes(
        get_reranker_attributes(
            query="Oslo", model_name="rerank-v3", top_k=1, input_documents=documents, output_documents=documents[:1]
        )
    )

from langchain_core.documents import Document  # noqa: E402
from langchain_core.prompts import ChatPromptTemplate  # noqa: E402
from langchain_core.retrievers import BaseRetriever  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402

LangChainInstrumentor().instrument(tracer_provider=provider)
model = ChatOpenAI(model="gpt-4o", base_url=f"{URL}/v1", api_key="none", max_retries=0, temperature=0.2)  # type: ignore[arg-type]


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document("Oslo is mild.", id="a", metadata={"page": 1})]


@tool
def weather(city: str) -> str:
    """Of a city."""
    return "mild"


with situation("langchain_chain"):
    chain = ChatPromptTemplate.from_messages([("system", "Answer briefly."), ("user", "{question}")]) | model
    chain.invoke({"question": "How is Oslo?"}, config={"metadata": {"session_id": "s-1"}, "tags": ["travel"]})
with situation("langchain_tool"):
    model.bind_tools([weather]).invoke("How is Oslo?")
    weather.invoke({"city": "Oslo"})
with situation("langchain_retrieval"):
    Shelf().invoke("Oslo")
with situation("langchain_agent"):
    from langchain.agents import create_agent

    create_agent(model, [weather], name="traveller").invoke({"messages": [("user", "How is Oslo?")]})
LangChainInstrumentor().uninstrument()

from llama_index.core import VectorStoreIndex  # noqa: E402
from llama_index.core.schema import TextNode  # noqa: E402
from llama_index.embeddings.openai import OpenAIEmbedding  # noqa: E402
from llama_index.llms.openai import OpenAI as LlamaOpenAI  # noqa: E402

LlamaIndexInstrumentor().instrument(tracer_provider=provider)
with situation("llama_index"):
    there: Any = {"api_base": f"{URL}/v1", "api_key": "none", "max_retries": 0}
    embed = OpenAIEmbedding(model="text-embedding-3-small", **there)
    index = VectorStoreIndex([TextNode(text="Oslo is mild.", id_="a")], embed_model=embed)
    index.as_query_engine(llm=LlamaOpenAI(model="gpt-4o", **there)).query("How is Oslo?")
