"""Who is put beside each other in benchmarks/wrappers.py: nothing, ours, three others, all exporting the same way."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_OTEL = "opentelemetry.instrumentation."
_INFERENCE = "openinference.instrumentation."
# contender -> library -> the instrumentor's module and class
PEERS: dict[str, dict[str, tuple[str, str]]] = {
    "otel": {
        "openai": (_OTEL + "genai.openai", "OpenAIInstrumentor"),
        "anthropic": (_OTEL + "genai.anthropic", "AnthropicInstrumentor"),
        "bedrock": (_OTEL + "genai.bedrock", "BedrockInstrumentor"),
        "http": (_OTEL + "httpx", "HTTPXClientInstrumentor"),
        "langchain": (_OTEL + "genai.langchain", "LangChainInstrumentor"),
        "llamaindex": (_OTEL + "genai.llama_index", "LlamaIndexInstrumentor"),
    },
    "openllmetry": {
        "openai": (_OTEL + "openai", "OpenAIInstrumentor"),
        "anthropic": (_OTEL + "anthropic", "AnthropicInstrumentor"),
        "bedrock": (_OTEL + "bedrock", "BedrockInstrumentor"),
        "langchain": (_OTEL + "langchain", "LangchainInstrumentor"),
        "llamaindex": (_OTEL + "llamaindex", "LlamaIndexInstrumentor"),
        "haystack": (_OTEL + "haystack", "HaystackInstrumentor"),
        "mcp": (_OTEL + "mcp", "McpInstrumentor"),
    },
    "openinference": {
        "openai": (_INFERENCE + "openai", "OpenAIInstrumentor"),
        "anthropic": (_INFERENCE + "anthropic", "AnthropicInstrumentor"),
        "bedrock": (_INFERENCE + "bedrock", "BedrockInstrumentor"),
        "langchain": (_INFERENCE + "langchain", "LangChainInstrumentor"),
        "llamaindex": (_INFERENCE + "llama_index", "LlamaIndexInstrumentor"),
        "haystack": (_INFERENCE + "haystack", "HaystackInstrumentor"),
        "mcp": (_INFERENCE + "mcp", "MCPInstrumentor"),
    },
}
NOTHING, OURS = "nothing", "sentinelops"
_CONTENT = {
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "span_only",
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "TRACELOOP_TRACE_CONTENT": "true",
}


def contenders(library: str) -> list[str]:
    """Who watches this library."""
    return [NOTHING, OURS, *(name for name, known in PEERS.items() if library in known)]


def installed(contender: str, library: str) -> bool:
    """Whether it can be put on in this interpreter."""
    if contender in (NOTHING, OURS):
        return True
    try:
        return find_spec(PEERS[contender][library][0]) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def put_on(contender: str, library: str, sink: str) -> Callable[[], Any]:
    """Watch the library for the rest of this process, content captured; what sends all that waits."""
    if contender == NOTHING:
        return lambda: None
    if contender == OURS:
        import sentinelops

        sentinelops.configure(application="bench", endpoint=sink)
        assert sentinelops.instrument(library) == (library,), f"{library} cannot be watched here"
        return sentinelops.flush
    os.environ.update(_CONTENT)
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(sink + "/v1/traces"), schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    module, name = PEERS[contender][library]
    instrumentor = getattr(import_module(module), name)()
    instrumentor.instrument(tracer_provider=provider, raise_exception_on_conflict=True)
    return provider.force_flush
