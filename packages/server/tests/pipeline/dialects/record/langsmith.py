"""Records ../spans/langsmith with langsmith 0.15.1, openai 3.57.0 and langchain-openai 1.7.4."""

from __future__ import annotations

import os
import sys

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

files = SpanFiles("langsmith")
os.environ["LANGSMITH_TRACING"] = "true"
os.environ["LANGSMITH_OTEL_ENABLED"] = "true"
os.environ["LANGSMITH_OTEL_ONLY"] = "true"
os.environ["LANGCHAIN_REVISION_ID"] = "r1"
os.environ["LANGSMITH_API_KEY"] = "ls-1"
os.environ["LANGSMITH_PROJECT"] = "shop"
os.environ["LANGSMITH_ENDPOINT"] = files.address

from opentelemetry import trace  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=files.url)))
trace.set_tracer_provider(provider)

from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from langsmith import Client, traceable  # noqa: E402
from langsmith.run_helpers import get_current_run_tree, tracing_context  # noqa: E402
from langsmith.wrappers import wrap_openai  # noqa: E402
from openai import OpenAI  # noqa: E402

client = Client()
models = serve()
openai = wrap_openai(OpenAI(base_url=f"{models}/v1", api_key="x", max_retries=0), tracing_extra={"client": client})
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
QUESTION = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Paris?"}]


def save(situation: str) -> None:
    client.flush()
    provider.force_flush()
    files.save(situation)


with tracing_context(tags=["blue", "beta"], metadata={"thread_id": "s1", "user_id": "u1", "team": "weather"}):
    openai.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, temperature=0.2, max_tokens=50)
save("chat")
stream = openai.chat.completions.create(
    model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
)
list(stream)
save("stream")
openai.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER])
save("tool_call")
try:
    openai.chat.completions.create(model="broken", messages=QUESTION)
except Exception as error:
    print(type(error))
save("error")


@traceable(run_type="tool", client=client)
def get_weather(city: str) -> str:
    return f"sunny in {city}"


@traceable(run_type="retriever", client=client)
def find(query: str) -> list[dict[str, object]]:
    return [{"page_content": "Paris is sunny", "type": "Document", "metadata": {"id": "d1", "score": 0.9}}]


@traceable(run_type="embedding", client=client, metadata={"ls_model_name": "text-embedding-3-small"})
def embed(texts: list[str]) -> list[list[float]]:
    return [[0.5, 0.5]]


@traceable(run_type="prompt", client=client)
def prompt(city: str) -> str:
    return f"Weather in {city}?"


@traceable(run_type="llm", client=client, metadata={"ls_provider": "anthropic", "ls_model_name": "claude-sonnet-4-5"})
def claude(messages: list[dict[str, str]]) -> dict[str, object]:
    get_current_run_tree().set(
        usage_metadata={
            "input_tokens": 160,
            "output_tokens": 25,
            "total_tokens": 185,
            "input_token_details": {"cache_read": 100, "cache_creation": 40, "audio": 3},
            "output_token_details": {"reasoning": 12},
            "total_cost": 0.003,
        }
    )
    return {"role": "assistant", "content": "Sunny."}


@traceable(run_type="chain", client=client)
def chain(question: str) -> str:
    prompt("Paris")
    embed([question])
    find(question)
    claude(QUESTION)
    return get_weather("Paris")


chain("Weather in Paris?")
save("chain")


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return "sunny"


llm = ChatOpenAI(model="gpt-4o-mini", base_url=f"{models}/v1", api_key="x", max_retries=0, temperature=0.3)
with tracing_context(client=client):
    llm.bind_tools([weather]).invoke("Weather in Paris?", config={"metadata": {"session_id": "s2"}, "tags": ["lc"]})
    list(llm.stream("Weather in Paris?"))
save("langchain")
