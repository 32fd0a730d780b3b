"""pydantic-ai and Logfire: agents, models and embeddings, in the newest vocabulary and in the oldest still offered."""

from __future__ import annotations

import os
from typing import Any

from pydantic_ai import Agent, BinaryContent, Embedder, InstrumentationSettings
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider
from situations import IMAGE, QUESTION, SYSTEM, URL, situation_of

os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = URL
import logfire
import openai

logfire.configure(send_to_logfire=False, service_name="shop", console=False, inspect_arguments=False)
situation = situation_of(logfire.force_flush)
client = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
there: Any = OpenAIProvider(openai_client=client)


def weather(city: str) -> str:
    """Of a city."""
    return "mild"


def agent(model: Any, **settings: Any) -> Agent:
    tools = settings.pop("tools", [])
    instrument: Any = InstrumentationSettings(**settings) if settings else True
    made = Agent(model, name="traveller", system_prompt=SYSTEM, tools=tools, metadata={"team": "blue"})
    Agent.instrument_all(instrument)
    return made


gpt: Any = OpenAIChatModel("gpt-4o", provider=there)
picture = BinaryContent.from_data_uri(IMAGE)
with situation("chat"):
    agent(gpt).run_sync(
        [QUESTION, picture], model_settings={"temperature": 0.2, "max_tokens": 64}, conversation_id="s-1"
    )
with situation("tool"):
    agent(gpt, tools=[weather]).run_sync(QUESTION, conversation_id="s-1")
with situation("aggregated"):
    agent(gpt, use_aggregated_usage_attribute_names=False).run_sync(QUESTION)
with situation("stream"):
    for _ in agent(gpt).run_stream_sync(QUESTION).stream_text():
        pass
with situation("responses"):
    agent(OpenAIResponsesModel("gpt-5", provider=there), tools=[weather]).run_sync(QUESTION)
with situation("anthropic"):
    from anthropic import AsyncAnthropic

    claude = AnthropicProvider(anthropic_client=AsyncAnthropic(base_url=URL, api_key="none", max_retries=0))
    agent(AnthropicModel("claude-sonnet-4-5", provider=claude)).run_sync(QUESTION)
with situation("embeddings"):
    from pydantic_ai.embeddings.openai import OpenAIEmbeddingModel

    Embedder(OpenAIEmbeddingModel("text-embedding-3-small", provider=there), instrument=True).embed_query_sync("one")
with situation("error"):
    agent(OpenAIChatModel("broken", provider=there)).run_sync(QUESTION)
with situation("logfire_openai"):
    plain = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    with logfire.instrument_openai(plain):
        messages: Any = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
        with logfire.span("trip", _tags=["travel"]):
            plain.chat.completions.create(model="gpt-4o", messages=messages, temperature=0.2)
        list(
            plain.chat.completions.create(
                model="gpt-4o", messages=messages, stream=True, stream_options={"include_usage": True}
            )
        )
        plain.embeddings.create(model="text-embedding-3-small", input="one")
