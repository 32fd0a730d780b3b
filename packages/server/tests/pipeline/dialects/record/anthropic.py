"""Records ../spans/anthropic with anthropic 2.13.0, whose client makes spans of its own."""

from __future__ import annotations

import sys

sys.path.append(sys.path.pop(0))  # this file has the library's name

from fake_models import serve  # noqa: E402
from span_files import SpanFiles  # noqa: E402

files = SpanFiles("anthropic")

from opentelemetry import trace  # noqa: E402
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: E402
from opentelemetry.sdk.trace import TracerProvider  # noqa: E402
from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: E402

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=files.url)))
trace.set_tracer_provider(provider)

from anthropic import Anthropic, beta_tool  # noqa: E402

client = Anthropic(base_url=serve(), api_key="x", max_retries=0)
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}
QUESTION = [{"role": "user", "content": "Weather in Paris?"}]
ASK = {"model": "claude-sonnet-4-5", "max_tokens": 64, "system": "Be brief.", "messages": QUESTION}

client = client.with_options(open_telemetry={"traces": {"content_mode": "content"}, "conversation_id": "s1"})
client.messages.create(**ASK, stop_sequences=["END"], service_tier="auto")
files.save("chat")
with client.messages.stream(**ASK) as stream:
    stream.until_done()
files.save("stream")
client.messages.create(**ASK, tools=[WEATHER])
files.save("tool_call")
try:
    client.messages.create(**{**ASK, "model": "broken"})
except Exception as error:
    print(type(error))
files.save("error")
image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
client.messages.create(**{**ASK, "messages": [{"role": "user", "content": [image, {"type": "text", "text": "What?"}]}]})
files.save("image")


@beta_tool
def get_weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: Its name.
    """
    return f"sunny in {city}"


client.beta.messages.tool_runner(**ASK, tools=[get_weather]).until_done()
files.save("agent")
