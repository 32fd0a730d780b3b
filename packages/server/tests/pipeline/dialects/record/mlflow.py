"""Records ../spans/mlflow with mlflow 3.17.2, openai 3.57.0 and langchain-openai 1.7.4.

With opentelemetry-sdk 1.39.1: mlflow cannot end a root span that has tags under 1.45. With the word semconv for
MLFLOW_ENABLE_OTEL_GENAI_SEMCONV.
"""

from __future__ import annotations

import os
import sys

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

semconv = "semconv" in sys.argv
files = SpanFiles("mlflow")
os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = files.url
os.environ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf"
os.environ["OTEL_SERVICE_NAME"] = "shop"
os.environ["MLFLOW_ENABLE_OTEL_GENAI_SEMCONV"] = str(semconv).lower()
os.environ["MLFLOW_TRACKING_URI"] = "sqlite:////tmp/mlflow-record.db"

import mlflow  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from mlflow.entities import Document, SpanType  # noqa: E402
from openai import OpenAI  # noqa: E402

mlflow.openai.autolog()
models = serve()
openai = OpenAI(base_url=f"{models}/v1", api_key="x", max_retries=0)
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
    from mlflow.tracing import provider

    provider.provider.get().force_flush()
    files.save(f"semconv_{situation}" if semconv else situation)


openai.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, temperature=0.2, max_tokens=50)
save("chat")
stream = openai.chat.completions.create(
    model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
)
list(stream)
save("stream")
openai.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, tools=[WEATHER])
save("tool_call")
openai.embeddings.create(model="text-embedding-3-small", input=["sun", "rain"])
save("embeddings")
try:
    openai.chat.completions.create(model="broken", messages=QUESTION)
except Exception as error:
    print(type(error))
save("error")


@mlflow.trace(span_type=SpanType.TOOL)
def get_weather(city: str) -> str:
    return f"sunny in {city}"


@mlflow.trace(span_type=SpanType.RETRIEVER)
def find(query: str) -> list[Document]:
    return [Document(id="d1", page_content="Paris is sunny", metadata={"score": 0.9})]


@mlflow.trace(span_type=SpanType.CHAIN)
def chain(question: str) -> str:
    mlflow.update_current_trace(
        tags={"team": "weather"}, metadata={"mlflow.trace.user": "u1", "mlflow.trace.session": "s1"}
    )
    find(question)
    with mlflow.start_span("claude", span_type=SpanType.CHAT_MODEL) as span:
        span.set_inputs({"model": "claude-sonnet-4-5", "messages": QUESTION, "max_tokens": 64})
        span.set_outputs({"role": "assistant", "content": "Sunny."})
        span.set_attribute("mlflow.llm.model", "claude-sonnet-4-5")
        span.set_attribute("mlflow.llm.provider", "anthropic")
        span.set_attribute(
            "mlflow.chat.tokenUsage",
            {
                "input_tokens": 160,
                "output_tokens": 25,
                "total_tokens": 185,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 40,
                "cache_creation_input_tokens_above_1hr": 10,
            },
        )
        span.set_attribute("mlflow.llm.cost", {"input_cost": 0.002, "output_cost": 0.001, "total_cost": 0.003})
    return get_weather("Paris")


chain("Weather in Paris?")
save("chain")
mlflow.openai.autolog(disable=True)
mlflow.langchain.autolog()
llm = ChatOpenAI(model="gpt-4o-mini", base_url=f"{models}/v1", api_key="x", max_retries=0, temperature=0.3)
llm.invoke("Weather in Paris?")
save("langchain")
