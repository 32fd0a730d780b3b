"""OpenTelemetry's own instrumentations: `watch_official.py PREFIX INSTRUMENTOR...`, whichever clients are there."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import entry_points
from typing import Any

from situations import CALLED, QUESTION, SYSTEM, URL, anthropic_calls, openai_calls, provider, situation_of

PREFIX, *NAMES = sys.argv[1:]
os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")
os.environ |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: E402
from opentelemetry.sdk._logs import LoggerProvider  # noqa: E402
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor  # noqa: E402

logs = LoggerProvider()
logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{URL}/v1/logs")))
spans = provider()
plain = situation_of(spans.force_flush)
for entry in entry_points(group="opentelemetry_instrumentor"):
    if entry.name in NAMES:
        entry.load()().instrument(tracer_provider=spans, logger_provider=logs)


def situation(name: str) -> Any:
    return plain(f"{PREFIX}{name}")


def early_stop() -> None:
    from openai import OpenAI

    client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    with situation("early"):
        stream = client.chat.completions.create(model="gpt-4o", messages=CALLED[:1], stream=True)
        next(iter(stream))
        stream.close()


def langchain_agent() -> None:
    from langchain.agents import create_agent
    from langchain_openai import ChatOpenAI

    def weather(city: str) -> str:
        """Of a city."""
        return "mild"

    model = ChatOpenAI(model="gpt-4o", base_url=f"{URL}/v1", api_key="none", max_retries=0)  # type: ignore[arg-type]
    with situation("langchain"):
        create_agent(model, [weather], system_prompt=SYSTEM, name="traveller").invoke(
            {"messages": [("user", QUESTION)]}, config={"configurable": {"thread_id": "s-1"}}
        )

    from langchain_core.documents import Document
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.retrievers import BaseRetriever

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document("Oslo is mild.", id="d1", metadata={"page": 1})]

    with situation("langchain_chain"):
        prompt = ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "How is {city}?")])
        (prompt | model).invoke({"city": "Oslo"})
        Shelf().invoke("Oslo")


def bedrock_calls() -> None:
    import boto3

    client = boto3.client("bedrock-runtime", endpoint_url=URL)
    messages = [{"role": "user", "content": [{"text": QUESTION}]}]
    claude, nova = "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-pro-v1:0"
    with situation("converse"):
        client.converse(modelId=claude, messages=messages, system=[{"text": SYSTEM}])
    with situation("converse_stream"):
        list(client.converse_stream(modelId=nova, messages=messages)["stream"])
    with situation("converse_stream_openai"):
        list(client.converse_stream(modelId="openai.gpt-oss-120b-1:0", messages=messages)["stream"])
    with situation("titan_embedding"):
        client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps({"inputText": "one"}))


def gemini_calls() -> None:
    from google import genai
    from google.genai.types import GenerateContentConfig, HttpOptions

    client = genai.Client(api_key="none", http_options=HttpOptions(base_url=URL))
    with situation("gemini"):
        asked = GenerateContentConfig(system_instruction=SYSTEM, temperature=0.2)
        client.models.generate_content(model="gemini-2.5-flash", contents=QUESTION, config=asked)


if "openai" in NAMES:
    openai_calls(situation, responses=not PREFIX)
    early_stop()
if "anthropic" in NAMES:
    anthropic_calls(situation)
if "langchain" in NAMES:
    langchain_agent()
if "bedrock" in NAMES or "botocore" in NAMES:
    bedrock_calls()
if "google-genai" in NAMES:
    gemini_calls()
