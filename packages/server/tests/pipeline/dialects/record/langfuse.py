"""Records ../spans/langfuse with langfuse 5.0.4, openai 3.57.0 and langchain-openai 1.7.4."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

files = SpanFiles("langfuse")
os.environ["LANGFUSE_PROMPT_CACHE_DEFAULT_TTL_SECONDS"] = "0"

from langchain_core.tools import tool  # noqa: E402
from langchain_openai import ChatOpenAI  # noqa: E402
from langfuse import Langfuse, observe, propagate_attributes  # noqa: E402
from langfuse.api import Prompt_Text  # noqa: E402
from langfuse.langchain import CallbackHandler  # noqa: E402
from langfuse.model import TextPromptClient  # noqa: E402
from langfuse.openai import OpenAI  # noqa: E402

client = Langfuse(public_key="pk-lf-1", secret_key="sk-lf-1", base_url=files.address, environment="prod")
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
PROMPT = TextPromptClient(
    Prompt_Text(name="weather", version=3, prompt="Weather in {{city}}?", config={}, labels=[], tags=[], type="text")
)


def save(situation: str) -> None:
    client.flush()
    files.save(situation)


with propagate_attributes(
    user_id="u1", session_id="s1", tags=["blue", "beta"], metadata={"team": "weather"}, trace_name="ask"
):
    openai.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, temperature=0.2, max_tokens=50, langfuse_prompt=PROMPT
    )
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


@observe(as_type="tool")
def get_weather(city: str) -> str:
    return f"sunny in {city}"


@observe(as_type="retriever")
def find(query: str) -> list[dict[str, object]]:
    return [{"id": "d1", "content": "Paris is sunny", "score": 0.9}]


@observe(as_type="evaluator")
def judge(answer: str) -> dict[str, object]:
    return {"name": "helpful", "value": 0.8, "comment": "short and right"}


@observe(as_type="guardrail")
def guard(text: str) -> bool:
    return True


@observe(as_type="agent")
def ask(question: str) -> str:
    guard(question)
    find(question)
    with client.start_as_current_observation(
        name="claude",
        as_type="generation",
        model="claude-sonnet-4-5",
        model_parameters={"temperature": 0.1, "max_tokens": 64},
        input=QUESTION,
        metadata={"shard": 7, "note": "by hand"},
    ) as generation:
        generation.update(
            completion_start_time=datetime.now(UTC),
            output={"role": "assistant", "content": "Sunny."},
            usage_details={
                "input": 20,
                "input_cached_tokens": 100,
                "input_cache_creation": 40,
                "input_cache_creation_5m": 30,
                "input_audio_tokens": 8,
                "output": 10,
                "output_reasoning_tokens": 15,
                "output_audio_tokens": 2,
                "searches": 1,
            },
            cost_details={"input": 0.002, "output": 0.001, "total": 0.003},
        )
    get_weather("Paris")
    judge("Sunny.")
    return "Sunny."


ask("Weather in Paris?")
save("agent")


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return "sunny"


llm = ChatOpenAI(model="gpt-4o-mini", base_url=f"{models}/v1", api_key="x", max_retries=0, temperature=0.3)
llm.invoke("Weather in Paris?", config={"callbacks": [CallbackHandler()], "tags": ["lc"]})
weather.invoke({"city": "Paris"}, config={"callbacks": [CallbackHandler()]})
save("langchain")
client.shutdown()
