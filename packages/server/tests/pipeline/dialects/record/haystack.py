"""Records ../spans/haystack with haystack-ai 3.4.1, opentelemetry-haystack 2.0.0 and openai 3.57.0."""

from __future__ import annotations

import os
import sys

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

files = SpanFiles("haystack")
os.environ["HAYSTACK_CONTENT_TRACING_ENABLED"] = "true"
os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["OPENAI_API_KEY"] = "x"

from opentelemetry import trace  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=files.url)))
trace.set_tracer_provider(provider)

from haystack import Document, Pipeline, tracing  # noqa: E402
from haystack.components.agents import Agent  # noqa: E402
from haystack.components.builders import ChatPromptBuilder  # noqa: E402
from haystack.components.embedders import OpenAITextEmbedder  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator  # noqa: E402
from haystack.components.retrievers.in_memory import InMemoryBM25Retriever  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.document_stores.in_memory import InMemoryDocumentStore  # noqa: E402
from haystack.tools import tool  # noqa: E402
from haystack_integrations.tracing.opentelemetry import OpenTelemetryTracer  # noqa: E402

tracing.enable_tracing(OpenTelemetryTracer(trace.get_tracer("haystack")))
base = f"{serve()}/v1"
QUESTION = [ChatMessage.from_system("Be brief."), ChatMessage.from_user("Weather in Paris?")]


def generator(model: str = "gpt-4o-mini", **options: object) -> OpenAIChatGenerator:
    return OpenAIChatGenerator(
        model=model,
        api_base_url=base,
        max_retries=0,
        generation_kwargs={"temperature": 0.2, "max_tokens": 50, **options.pop("generation_kwargs", {})},
        **options,
    )


store = InMemoryDocumentStore()
store.write_documents([Document(id="d1", content="Paris is sunny"), Document(id="d2", content="London is wet")])
rag = Pipeline(metadata={"team": "weather"})
rag.add_component("retriever", InMemoryBM25Retriever(store, top_k=1))
rag.add_component(
    "prompt", ChatPromptBuilder(template=[ChatMessage.from_user("{{question}} {{documents[0].content}}")])
)
rag.add_component("llm", generator())
rag.connect("retriever.documents", "prompt.documents")
rag.connect("prompt.prompt", "llm.messages")
rag.run({"retriever": {"query": "Paris"}, "prompt": {"question": "Weather in Paris?"}})
files.save("rag")

embed = Pipeline()
embed.add_component("embedder", OpenAITextEmbedder(model="text-embedding-3-small", api_base_url=base, max_retries=0))
embed.run({"embedder": {"text": "sun"}})
files.save("embeddings")

stream = Pipeline()
stream.add_component(
    "llm",
    generator(
        streaming_callback=lambda chunk: None,
        generation_kwargs={"stream_options": {"include_usage": True}},
    ),
)
stream.run({"llm": {"messages": QUESTION}})
files.save("stream")

broken = Pipeline()
broken.add_component("llm", generator("broken"))
try:
    broken.run({"llm": {"messages": QUESTION}})
except Exception as error:
    print(type(error))
files.save("error")


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


Agent(chat_generator=generator(), tools=[get_weather]).run(messages=QUESTION[1:])
files.save("agent")
tools = Pipeline()
tools.add_component("llm", generator(tools=[get_weather]))
tools.run({"llm": {"messages": QUESTION}})
files.save("tool_call")
