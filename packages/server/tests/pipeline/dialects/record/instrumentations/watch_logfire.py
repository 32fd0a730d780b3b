"""Logfire around the OpenAI Agents SDK and around Anthropic's client."""

from __future__ import annotations

import os

from situations import QUESTION, SYSTEM, URL, situation_of

os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = URL
import agents
import logfire
from anthropic import Anthropic
from openai import AsyncOpenAI

logfire.configure(send_to_logfire=False, service_name="shop", console=False, inspect_arguments=False)
situation = situation_of(logfire.force_flush)
agents.set_trace_processors([])  # the SDK's own goes to OpenAI
logfire.instrument_openai_agents()
client = AsyncOpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)


@agents.function_tool
def weather(city: str) -> str:
    """Of a city."""
    return "mild"


responses = agents.OpenAIResponsesModel("gpt-5", client)
chat = agents.OpenAIChatCompletionsModel("gpt-4o", client)
with situation("agents"):
    agents.Runner.run_sync(agents.Agent("traveller", instructions=SYSTEM, model=responses, tools=[weather]), QUESTION)
with situation("agents_chat"):
    agents.Runner.run_sync(agents.Agent("traveller", instructions=SYSTEM, model=chat), QUESTION)
logfire.instrument_anthropic()
with situation("logfire_anthropic"):
    Anthropic(base_url=URL, api_key="none", max_retries=0).messages.create(
        model="claude-sonnet-4-5", max_tokens=64, messages=[{"role": "user", "content": QUESTION}]
    )
