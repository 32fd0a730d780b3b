"""OpenLLMetry (Traceloop): gen_ai.* with flattened or whole messages, llm.*, and traceloop.* around the calls."""

from __future__ import annotations

from typing import Any

from ...analysis.json_text import parse_json
from ...model import Span
from .base import Reading, as_text
from .blobs import without_blobs
from .concepts import as_object, first, items_of, move_to_tool, prompt_to_metadata, put, tree_of
from .genai import GenAi
from .operations import INFERENCE, SPELLINGS, WRAPPERS

__all__ = ["OpenLLMetry"]

SCOPE = "opentelemetry.instrumentation."
# what its packages are called after the prefix; others of that prefix are OpenTelemetry's own
# fmt: off
PACKAGES = frozenset((
    "agno", "alephalpha", "anthropic", "bedrock", "chromadb", "cohere", "crewai", "google_generativeai",
    "groq", "haystack", "lancedb", "langchain", "llamaindex", "marqo", "mcp", "milvus", "mistralai", "ollama",
    "openai", "openai_agents", "pinecone", "qdrant", "replicate", "sagemaker", "together", "transformers",
    "vertexai", "voyageai", "watsonx", "weaviate", "writer",
))
# fmt: on
# these watch a framework, not the client that makes the call
FRAMEWORKS = frozenset(("agno", "crewai", "haystack", "langchain", "llamaindex", "openai_agents"))
OPERATIONS = {"vector_db_retrieve": "retrieval", "execute_task": "chain", "llm_request": "span"}
ASSOCIATION = "traceloop.association.properties."
VARIABLE = "traceloop.prompt.template_variables."
FUNCTION = "llm.request.functions."
OWN_PREFIXES = (ASSOCIATION, VARIABLE, FUNCTION)
CHUNKS = frozenset(("llm.content.completion.chunk", "gen_ai.content.completion.chunk"))
SESSION = ("session_id", "sessionId", "conversation_id", "thread_id", "chat_id")
USER = ("user_id", "userId")
# LangChain's own notes on a run, which are no one's metadata; they stay attributes
OWN = ("ls_", "lc_")
COPIES = {"gen_ai.task.input": "traceloop.entity.input", "gen_ai.task.output": "traceloop.entity.output"}
TOOL_COPIES = {
    "gen_ai.tool.call.arguments": "traceloop.entity.input",
    "gen_ai.tool.call.result": "traceloop.entity.output",
}
GENAI = GenAi()


class OpenLLMetry:
    """The dialect of Traceloop's instrumentations and of its decorators, since llm.* was its vocabulary."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the scope is one of its packages, or a key is its own."""
        if scope_name.startswith(SCOPE):
            return scope_name[len(SCOPE) :].partition(".")[0] in PACKAGES
        return (
            scope_name == "traceloop.tracer" or "traceloop.span.kind" in attributes or "llm.request.type" in attributes
        )

    def read(self, span: Span) -> Reading:
        """Return what the span says; decorated functions are never calls, whatever usage stands on them."""
        attributes = span.attributes
        package = span.scope_name.removeprefix(SCOPE).partition(".")[0]
        kind, operation = _classify(attributes)
        reading = GENAI.read(span) if kind is None else GENAI.read_as(span, kind, operation)
        _own(reading, attributes)
        if reading.operation is not None:
            _call(reading, span)
            # the count of a stream holds the first event's tokens twice: anyone else who saw the call knows better
            reading.layer = package in FRAMEWORKS or (package == "anthropic" and reading.streaming)
        _bodies(reading, attributes)
        return reading


def _classify(attributes: dict[str, Any]) -> tuple[str | None, str | None]:
    operation = as_text(attributes.get("gen_ai.operation.name")) or as_text(attributes.get("llm.request.type")) or ""
    operation = operation.lower()
    if operation == "vector_db_retrieve":
        return "retrieval", None
    kind = as_text(attributes.get("traceloop.span.kind")) or ""
    if kind in WRAPPERS:
        return WRAPPERS[kind], None
    if operation in INFERENCE:
        return INFERENCE[operation], SPELLINGS.get(operation, operation)
    return OPERATIONS.get(operation), None


def _own(reading: Reading, attributes: dict[str, Any]) -> None:
    """Association properties, prompt and functions: what is told by the beginning of a name, in one pass."""
    properties: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    functions: list[str] = []
    for name, value in attributes.items():
        if not name.startswith(OWN_PREFIXES):
            continue
        if name.startswith(ASSOCIATION):
            properties[name[len(ASSOCIATION) :]] = value
        elif name.startswith(VARIABLE):
            variables[name[len(VARIABLE) :]] = value
        elif name.startswith(FUNCTION):
            functions.append(name)
    reading.session_id = reading.session_id or as_text(first(properties, *SESSION))
    reading.user_id = reading.user_id or as_text(first(properties, *USER))
    for name, value in properties.items():
        if name not in SESSION and name not in USER and not name.startswith(OWN):
            reading.metadata[name] = value
    if (reading.provider or "").lower() == "langchain":  # who serves is not the framework
        reading.provider = as_text(properties.get("ls_provider"))
    prompt_to_metadata(
        reading,
        name=first(attributes, "traceloop.prompt.key"),
        version=first(attributes, "traceloop.prompt.version", "traceloop.prompt.version_hash"),
        template=first(attributes, "traceloop.prompt.template"),
        variables=variables,
    )
    if functions and "tool_definitions" not in reading.content:
        reading.content["tool_definitions"] = [
            {"type": "function", **{key: parse_json(value) for key, value in function.items()}}
            for function in items_of(tree_of(attributes, functions), "llm", "request", "functions")
        ]
        reading.bodies += functions


def _call(reading: Reading, span: Span) -> None:
    usage = reading.usage
    if usage.get("input") == 0 and not usage.get("output"):
        # what its old versions write when they could not count; a call without any prompt there is not
        usage.clear()
    if reading.operation == "text_completion" and span.name.endswith(".chat"):
        reading.operation = "chat"  # what Anthropic's messages were called at first
    if reading.finish_reason is None:
        reading.finish_reason = as_text(span.attributes.get("gen_ai.completion.0.finish_reason"))
    if reading.streaming and reading.time_to_first_token is None:
        for event in span.events:
            if event.name in CHUNKS:
                reading.time_to_first_token = (event.time_ns - span.start_ns) / 1e9
                break


def _bodies(reading: Reading, attributes: dict[str, Any]) -> None:
    copies = TOOL_COPIES if reading.type == "tool" else COPIES
    for copy, origin in copies.items():
        value = attributes.get(copy)
        if value is not None and value == attributes.get(origin) and copy not in reading.bodies:
            reading.bodies.append(copy)
    content = reading.content
    if reading.type == "tool":
        if "tool_arguments" in content and content.get("tool_arguments") == content.get("input"):
            del content["tool_arguments"]
        if "tool_result" in content and content.get("tool_result") == content.get("output"):
            del content["tool_result"]
        move_to_tool(reading)
        _unwrap_tool(content)
    elif reading.type == "retrieval":
        put(reading, "documents", as_object(content.get("output")).get("documents"))
    without_blobs(content)


def _unwrap_tool(content: dict[str, Any]) -> None:
    """Its LangChain package wraps what a tool was given and gave in the framework's own note of the run."""
    given, told = content.get("tool_arguments"), content.get("tool_result")
    if isinstance(given, dict) and "input_str" in given and isinstance(given.get("inputs"), dict):
        content["tool_arguments"] = given["inputs"]
    if isinstance(told, dict) and told.keys() == {"output", "kwargs"}:
        content["tool_result"] = told["output"]
