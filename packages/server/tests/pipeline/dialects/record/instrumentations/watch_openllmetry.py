"""OpenLLMetry, its newest and its old vocabulary: `watch_openllmetry.py new|old`."""

from __future__ import annotations

import os
import sys
from typing import Any

from situations import CALLED, SYSTEM, TOOL, URL, anthropic_calls, openai_calls, situation_of

AGE = sys.argv[1]
os.environ["TRACELOOP_TELEMETRY"] = "false"

from traceloop.sdk import Traceloop  # noqa: E402
from traceloop.sdk.decorators import agent, task, tool, workflow  # noqa: E402

Traceloop.init(app_name="shop", api_endpoint=URL, api_key="none", disable_batch=False)
from opentelemetry import trace  # noqa: E402

flush = trace.get_tracer_provider().force_flush  # type: ignore[attr-defined]
plain = situation_of(flush)


def situation(name: str) -> Any:
    return plain(f"{AGE}_{name}")


openai_calls(situation, responses=AGE == "new")
if AGE == "new":
    anthropic_calls(situation)
else:
    from anthropic import Anthropic

    with situation("anthropic"):
        Anthropic(base_url=URL, api_key="none", max_retries=0).messages.create(
            model="claude-3-5-sonnet", max_tokens=64, system=SYSTEM, messages=CALLED[:1]
        )

from openai import OpenAI  # noqa: E402

client = OpenAI(base_url=f"{URL}/v1", api_key="none", max_retries=0)


@tool(name="weather")
def weather(city: str) -> str:
    return "mild"


@task(name="ask")
def ask(question: str) -> str | None:
    weather("Oslo")
    return client.chat.completions.create(model="gpt-4o", messages=CALLED, tools=[TOOL]).choices[0].message.content


@agent(name="traveller")
def travel(question: str) -> str | None:
    return ask(question)


@workflow(name="trip", version=2)
def trip(question: str) -> str | None:
    Traceloop.set_association_properties({"session_id": "s-1", "user_id": "u-1", "team": "blue"})
    return travel(question)


with situation("workflow"):
    trip("How is Oslo in May?")

from traceloop.sdk.tracing.tracing import set_external_prompt_tracing_context  # noqa: E402

with situation("prompt"):
    set_external_prompt_tracing_context("How is {{city}}?", {"city": "Oslo"}, 3)
    client.chat.completions.create(model="gpt-4o", messages=CALLED[:1])

with situation("langchain"):
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="gpt-4o", base_url=f"{URL}/v1", api_key="none", max_retries=0)  # type: ignore[arg-type]
    (ChatPromptTemplate.from_messages([("system", SYSTEM), ("user", "{question}")]) | model).invoke(
        {"question": "How is Oslo?"}, config={"metadata": {"session_id": "s-1"}, "tags": ["travel"]}
    )
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.tools import tool as langchain_tool

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document("Oslo is mild.", metadata={"page": 1})]

    @langchain_tool
    def rain(city: str) -> str:
        """Of a city."""
        return "none"

    Shelf().invoke("Oslo")
    rain.invoke({"city": "Oslo"})
