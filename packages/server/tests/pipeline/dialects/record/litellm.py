"""Records ../spans/litellm with litellm 1.110.2; with the word v2 for LITELLM_OTEL_V2, which sees async calls only."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

v2 = "v2" in sys.argv
files = SpanFiles("litellm")
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
os.environ["LITELLM_OTEL_V2"] = str(v2).lower()
os.environ["OTEL_EXPORTER"] = "otlp_http"
os.environ["OTEL_ENDPOINT"] = files.url
os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = files.address
os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
os.environ["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] = "SPAN_ONLY"
os.environ["OTEL_BSP_SCHEDULE_DELAY"] = "200"
os.environ["OPENAI_API_KEY"] = "x"
os.environ["ANTHROPIC_API_KEY"] = "x"

import litellm  # noqa: E402
from opentelemetry import trace  # noqa: E402

litellm.callbacks = ["otel"]
models = serve()
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
    for _ in range(100):  # callbacks run in a thread of their own
        time.sleep(0.05)
        provider = trace.get_tracer_provider()
        if hasattr(provider, "force_flush"):
            provider.force_flush()
        if files.has_spans():
            time.sleep(1.0)
            getattr(trace.get_tracer_provider(), "force_flush", lambda: None)()
            break
    files.save(f"v2_{situation}" if v2 else situation)


async def later(name: str, arguments: dict[str, Any]) -> None:
    answer = await getattr(litellm, f"a{name}")(**arguments)
    if arguments.get("stream"):
        async for _ in answer:
            pass
    await asyncio.sleep(1.0)  # the callback is a task of this loop


def call(name: str, **arguments: Any) -> None:
    if v2:
        asyncio.run(later(name, arguments))
        return
    answer = getattr(litellm, name)(**arguments)
    if arguments.get("stream"):
        list(answer)


OPENAI = {"api_base": f"{models}/v1", "num_retries": 0, "max_retries": 0}
call(
    "completion",
    model="openai/gpt-4o-mini",
    messages=QUESTION,
    temperature=0.2,
    max_tokens=50,
    user="u1",
    metadata={"session_id": "s1", "tags": ["blue"], "team": "weather"},
    **OPENAI,
)
save("chat")
call(
    "completion",
    model="openai/gpt-4o-mini",
    messages=QUESTION,
    stream=True,
    stream_options={"include_usage": True},
    **OPENAI,
)
save("stream")
call("completion", model="openai/gpt-4o-mini", messages=QUESTION, tools=[WEATHER], **OPENAI)
save("tool_call")
call("embedding", model="openai/text-embedding-3-small", input=["sun", "rain"], **OPENAI)
save("embeddings")
try:
    call("completion", model="openai/broken", messages=QUESTION, **OPENAI)
except Exception as error:
    print(type(error))
save("error")
call("completion", model="anthropic/claude-sonnet-4-5", messages=QUESTION, api_base=models)
save("anthropic")
