"""The model calls that every Python library is watched at; a library's own script says which and adds its own."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

URL = os.environ["PROVIDER_URL"]
SYSTEM = "Answer briefly."
QUESTION = "How is Oslo in May?"
# one pixel; long enough to be known for an image, too long to be read as text
IMAGE = (
    "data:image/png;base64,"
    + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MESSAGES: list[Any] = [
    {"role": "system", "content": SYSTEM},
    {
        "role": "user",
        "content": [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": IMAGE}}],
    },
]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL: Any = {"type": "function", "function": {"name": "weather", "description": "Of a city", "parameters": SCHEMA}}
CALLED: list[Any] = [
    {"role": "user", "content": QUESTION},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "mild"},
]
ANTHROPIC_TOOL: Any = {"name": "weather", "description": "Of a city", "input_schema": SCHEMA}


def provider() -> Any:
    """A tracer provider that sends over OTLP/HTTP, and is the global one."""
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    made = TracerProvider()
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{URL}/v1/traces")))
    trace.set_tracer_provider(made)
    return made


def situation_of(flush: Callable[[], object]) -> Callable[[str], Any]:
    """A context manager by name: what happens inside is one situation; an error that it raises is part of it."""

    @contextmanager
    def situation(name: str) -> Iterator[None]:
        urllib.request.urlopen(urllib.request.Request(f"{URL}/situation/{name}", b"", method="POST")).close()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever the client makes of a 429
            print(name, type(error).__name__, str(error)[:120])
        flush()

    return situation


def openai_calls(situation: Any, *, responses: bool = True) -> None:
    """Chat, stream, tool, embeddings, error, and the Responses API."""
    from openai import OpenAI

    client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    chat = client.chat.completions
    with situation("chat"):
        chat.create(model="gpt-4o", messages=MESSAGES, temperature=0.2, max_tokens=64, stop=["END"], user="u-1")
    with situation("stream"):
        list(chat.create(model="gpt-4o", messages=CALLED[:1], stream=True, stream_options={"include_usage": True}))
    with situation("tool"):
        chat.create(model="gpt-4o", messages=CALLED[:1], tools=[TOOL])
        chat.create(model="gpt-4o", messages=CALLED, tools=[TOOL])
    with situation("embeddings"):
        client.embeddings.create(model="text-embedding-3-small", input=["one", "two"], dimensions=2)
    with situation("error"):
        chat.create(model="broken", messages=CALLED[:1])
    if responses:
        with situation("responses"):
            client.responses.create(
                model="gpt-5",
                instructions=SYSTEM,
                input=QUESTION,
                reasoning={"effort": "low"},
                tools=[{"type": "function", **TOOL["function"], "strict": False}],
            )


def anthropic_calls(situation: Any) -> None:
    """Messages with thinking and cache, a stream, a tool."""
    from anthropic import Anthropic

    client = Anthropic(base_url=URL, api_key="none", max_retries=0)
    user: Any = [{"role": "user", "content": QUESTION}]
    common: Any = {"model": "claude-sonnet-4-5", "max_tokens": 2048, "messages": user}
    with situation("anthropic"):
        client.messages.create(**common, system=SYSTEM, thinking={"type": "enabled", "budget_tokens": 1024})
    with situation("anthropic_stream"):
        for _ in client.messages.create(**common, stream=True):
            pass
    with situation("anthropic_tool"):
        client.messages.create(**common, tools=[ANTHROPIC_TOOL])
