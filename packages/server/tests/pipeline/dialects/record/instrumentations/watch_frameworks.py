"""Frameworks that speak the conventions by themselves: `watch_frameworks.py NAME`, of the functions below."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from situations import CALLED, QUESTION, SYSTEM, URL, provider, situation_of

os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] = "gen_ai_latest_experimental"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
spans = provider()
situation = situation_of(spans.force_flush)


def weather(city: str) -> str:
    """Of a city."""
    return "mild"


def strands() -> None:
    from strands import Agent, tool
    from strands.models.anthropic import AnthropicModel
    from strands.models.openai import OpenAIModel

    who = {"session.id": "s-1", "user.id": "u-1"}
    gpt = OpenAIModel(client_args={"base_url": f"{URL}/v1", "api_key": "x"}, model_id="gpt-4o")
    with situation("strands"):
        Agent(gpt, tools=[tool(weather)], system_prompt=SYSTEM, callback_handler=None, trace_attributes=who)(QUESTION)
    claude = AnthropicModel(client_args={"base_url": URL, "api_key": "x"}, model_id="claude-sonnet-4-5", max_tokens=64)
    with situation("strands_anthropic"):
        Agent(claude, callback_handler=None)(QUESTION)


def adk() -> None:
    from google.adk.agents import LlmAgent
    from google.adk.models.lite_llm import LiteLlm
    from google.adk.runners import InMemoryRunner
    from google.genai.types import Content, Part

    async def run() -> None:
        model = LiteLlm("openai/gpt-4o", api_base=f"{URL}/v1", api_key="x")
        runner = InMemoryRunner(LlmAgent(name="traveller", model=model, instruction=SYSTEM), app_name="shop")
        await runner.session_service.create_session(app_name="shop", user_id="u-1", session_id="s-1")
        asked = Content(role="user", parts=[Part(text=QUESTION)])
        async for _ in runner.run_async(user_id="u-1", session_id="s-1", new_message=asked):
            pass

    with situation("adk"):
        asyncio.run(run())


def lmnr() -> None:
    from lmnr import Laminar, observe

    host, _, port = URL.rpartition(":")
    Laminar.initialize(project_api_key="x", base_url=host, http_port=int(port), force_http=True)
    from openai import OpenAI

    client = OpenAI(base_url=f"{URL}/v1", api_key="x", max_retries=0)

    @observe(session_id="s-1", user_id="u-1", tags=["blue"])  # type: ignore[untyped-decorator]
    def ask(question: str) -> str | None:
        return client.chat.completions.create(model="gpt-4o", messages=CALLED[:1]).choices[0].message.content

    with situation("lmnr"):
        ask(QUESTION)
        Laminar.flush()


def semantic_kernel() -> None:
    import logging

    os.environ["SEMANTICKERNEL_EXPERIMENTAL_GENAI_ENABLE_OTEL_DIAGNOSTICS_SENSITIVE"] = "true"
    import openai
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
    from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
    from semantic_kernel.contents import ChatHistory

    logs = LoggerProvider()
    logs.add_log_record_processor(SimpleLogRecordProcessor(OTLPLogExporter(f"{URL}/v1/logs")))
    logging.getLogger().addHandler(LoggingHandler(logger_provider=logs))
    logging.getLogger().setLevel(logging.INFO)
    client = openai.AsyncOpenAI(base_url=f"{URL}/v1", api_key="x", max_retries=0)
    service = OpenAIChatCompletion(ai_model_id="gpt-4o", async_client=client)
    history: Any = ChatHistory(system_message=SYSTEM)
    history.add_user_message(QUESTION)
    with situation("semantic_kernel"):
        asyncio.run(service.get_chat_message_content(history, OpenAIChatPromptExecutionSettings(temperature=0.2)))


{one.__name__: one for one in (strands, adk, lmnr, semantic_kernel)}[sys.argv[1]]()
