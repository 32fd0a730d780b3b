"""The dialect of MLflow: every value is JSON text, a call's request and answer stand in the inputs and outputs."""

from __future__ import annotations

from typing import Any

from ...model import Span
from .base import Reading, as_float, as_text
from .blobs import without_blobs
from .exchange import load, put_messages, read_answer, read_request, take_usage
from .genai import GenAi

__all__ = ["MLflow"]

TYPES = {
    "LLM": "llm",
    "CHAT_MODEL": "llm",
    "EMBEDDING": "embedding",
    "RERANKER": "rerank",
    "CHAIN": "chain",
    "WORKFLOW": "chain",
    "TASK": "chain",
    "AGENT": "agent",
    "TOOL": "tool",
    "RETRIEVER": "retrieval",
    "MEMORY": "memory",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
}
OPERATIONS = {"LLM": "chat", "CHAT_MODEL": "chat", "EMBEDDING": "embeddings", "RERANKER": "rerank"}
# mlflow.message.format of what watches a provider's client -> provider; all other formats are frameworks'
CLIENTS = {
    "openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gcp.gemini",
    "bedrock": "aws.bedrock",
    "groq": "groq",
    "mistral": "mistral_ai",
}
GENAI = GenAi()


class MLflow:
    """Spans of mlflow's tracing, in its own attributes or translated by it to the GenAI conventions."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is one of mlflow's tracers, named as its modules are, or a span with a type."""
        return scope_name.startswith("mlflow") or "mlflow.spanType" in attributes

    def read(self, span: Span) -> Reading:
        """Return what the span says."""
        attributes = span.attributes
        if "gen_ai.operation.name" in attributes and "mlflow.spanType" not in attributes:
            return _translated(span)
        kind = load(attributes.get("mlflow.spanType"))
        kind = kind.upper() if isinstance(kind, str) else ""
        reading = Reading(type=TYPES.get(kind, "span"), operation=OPERATIONS.get(kind))
        _identity(attributes, reading)
        given, result = load(attributes.get("mlflow.spanInputs")), load(attributes.get("mlflow.spanOutputs"))
        reading.bodies = [name for name in ("mlflow.spanInputs", "mlflow.spanOutputs") if name in attributes]
        if reading.operation is not None:
            _call(span, reading, given, result)
        else:
            _content(kind, given, result, reading)
        without_blobs(reading.content)
        return reading


def _identity(attributes: dict[str, Any], reading: Reading) -> None:
    reading.session_id = as_text(load(attributes.get("session.id", attributes.get("mlflow.trace.session"))))
    reading.user_id = as_text(load(attributes.get("user.id", attributes.get("mlflow.trace.user"))))
    for name, value in attributes.items():
        if name.startswith("mlflow.traceTag.") and len(name) > 16:
            reading.metadata[name[16:]] = value
    prompts = load(attributes.get("mlflow.linkedPrompts"))
    if isinstance(prompts, list) and prompts and isinstance(prompts[0], dict):
        for name in ("name", "version"):
            if (word := as_text(prompts[0].get(name))) is not None:
                reading.metadata[f"prompt.{name}"] = word


def _call(span: Span, reading: Reading, given: Any, result: Any) -> None:
    attributes = span.attributes
    client = CLIENTS.get(as_text(load(attributes.get("mlflow.message.format"))) or "")
    reading.layer = client is None
    reading.provider = as_text(load(attributes.get("mlflow.llm.provider"))) or client
    invocation = load(attributes.get("invocation_params"))
    if isinstance(invocation, dict):
        reading.model = as_text(invocation.get("model"))
        reading.parameters = {
            name: value
            for name, value in invocation.items()
            if value is not None and name not in ("model", "model_name", "stream", "_type", "tools")
        }
        reading.streaming = invocation.get("stream") is True
    read_request(reading, given)
    # what mlflow calls the model is the one that answered, where the answer names it
    named = as_text(load(attributes.get("mlflow.llm.model")))
    asked = as_text(load(attributes.get("model")))
    reading.model = reading.model or asked or named
    take_usage(reading, load(attributes.get("mlflow.chat.tokenUsage")))
    if reading.usage:
        reading.exclusive_input = False  # mlflow adds the cache to the input itself
    if reading.operation == "chat":
        read_answer(reading, result)
    elif isinstance(result, dict):
        reading.response_model = as_text(result.get("model"))
        take_usage(reading, result.get("usage"))
        reading.content["output"] = result.get("data", result)
    if reading.response_model is None and named != reading.model:
        reading.response_model = named
    if tools := load(attributes.get("mlflow.chat.tools")):
        reading.content.setdefault("tool_definitions", tools)
        reading.bodies.append("mlflow.chat.tools")
    _chunks(span, reading)
    costs = load(attributes.get("mlflow.llm.cost"))
    if isinstance(costs, dict) and (cost := as_float(costs.get("total_cost"))):
        reading.metadata["reported_cost"] = cost


def _chunks(span: Span, reading: Reading) -> None:
    """The event of the first chunk says when it came."""
    for event in span.events:
        if event.name == "mlflow.chunk.item.0":
            reading.streaming = True
            # before 3.5 the time of an event is in microseconds
            time_ns = event.time_ns if event.time_ns > span.start_ns // 10 else event.time_ns * 1000
            reading.time_to_first_token = (time_ns - span.start_ns) / 1e9
            return


def _content(kind: str, given: Any, result: Any, reading: Reading) -> None:
    names = ("tool_arguments", "tool_result") if kind == "TOOL" else ("input", "output")
    if kind == "RETRIEVER" and isinstance(result, list):
        names = ("input", "documents")
    if kind == "AGENT" and isinstance(given, dict) and isinstance(given.get("messages"), list):
        put_messages(reading, "input_messages", given, "user")
        names = ("", names[1])
    for name, value in zip(names, (given, result), strict=True):
        if name and value is not None:
            reading.content[name] = value


def _translated(span: Span) -> Reading:
    """Read what MLFLOW_ENABLE_OTEL_GENAI_SEMCONV makes: mlflow's own words as operations, and no cache."""
    operation = span.attributes["gen_ai.operation.name"]
    if isinstance(operation, str) and operation in TYPES:
        reading = GENAI.read_as(span, TYPES[operation], OPERATIONS.get(operation))
    else:
        reading = GENAI.read(span)
    if reading.operation is not None:
        reading.layer = True
        # request.model is the model that answered: the one that was asked for stands beside it, as mlflow got it
        if asked := as_text(load(span.attributes.get("model"))):
            reading.response_model = reading.response_model or reading.model
            reading.model = asked
        if load(span.attributes.get("stream")) is True:
            reading.streaming = True
        _chunks(span, reading)
    return reading
