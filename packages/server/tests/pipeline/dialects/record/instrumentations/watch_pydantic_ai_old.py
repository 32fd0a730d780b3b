"""pydantic-ai before version 1: messages as `events`, usage of the whole run under the names of a call."""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIModel
from pydantic_ai.providers.openai import OpenAIProvider
from situations import QUESTION, SYSTEM, URL, provider, situation_of

tracer_provider = provider()
situation = situation_of(tracer_provider.force_flush)
model = OpenAIModel("gpt-4o", provider=OpenAIProvider(base_url=f"{URL}/v1", api_key="none"))


def weather(city: str) -> str:
    """Of a city."""
    return "mild"


with situation("old_tool"):
    Agent(model, name="traveller", system_prompt=SYSTEM, tools=[weather], instrument=True).run_sync(QUESTION)
with situation("old_logfire"):
    import os

    import logfire
    import openai

    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = URL
    logfire.configure(send_to_logfire=False, service_name="shop", console=False, inspect_arguments=False)
    client = openai.OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)
    logfire.instrument_openai(client)
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": QUESTION}]
    client.chat.completions.create(model="gpt-4o", messages=messages, temperature=0.2)  # type: ignore[arg-type]
    stream = client.chat.completions.create(model="gpt-4o", messages=messages, stream=True)  # type: ignore[call-overload]
    list(stream)
    logfire.force_flush()
