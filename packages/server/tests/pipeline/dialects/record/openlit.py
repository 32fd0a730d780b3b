"""Records ../spans/openlit with openlit 1.45.0, openai 2.54.0 and anthropic 0.125.0."""

from __future__ import annotations

import sys

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

files = SpanFiles("openlit")

import openlit  # noqa: E402
from opentelemetry import trace  # noqa: E402

openlit.init(
    otlp_endpoint=files.address,
    application_name="shop",
    environment="prod",
    disable_metrics=True,
    disable_batch=True,
    capture_message_content=True,
    disabled_instrumentors=["httpx", "requests", "urllib", "urllib3"],
)
from anthropic import Anthropic  # noqa: E402
from openai import OpenAI  # noqa: E402

models = serve()
openai = OpenAI(base_url=f"{models}/v1", api_key="x", max_retries=0)
anthropic = Anthropic(base_url=models, api_key="x", max_retries=0)
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
    trace.get_tracer_provider().force_flush()
    files.save(situation)


openai.chat.completions.create(model="gpt-4o-mini", messages=QUESTION, temperature=0.2, max_tokens=50, user="u1")
save("chat")
list(
    openai.chat.completions.create(
        model="gpt-4o-mini", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
)
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
anthropic.messages.create(model="claude-sonnet-4-5", max_tokens=64, system="Be brief.", messages=[QUESTION[1]])
save("anthropic")
with anthropic.messages.stream(
    model="claude-sonnet-4-5", max_tokens=64, system="Be brief.", messages=[QUESTION[1]]
) as stream:
    stream.until_done()
save("anthropic_stream")


@openlit.trace
def chain(question: str) -> str:
    return "sunny"


chain("Weather in Paris?")
save("chain")
with trace.get_tracer("openlit").start_as_current_span("scored"):
    openlit.log_score("helpful", 0.8, comment="short and right")
save("score")
