"""OpenInference (Arize): llm.*, embedding.*, retrieval.*, all flattened, with a copy of the raw request beside."""

from __future__ import annotations

import re
from typing import Any

from ...analysis.json_text import parse_json
from ...analysis.messages import canonical_messages
from ...model import Span
from .base import Reading, ReportedScore, as_float, as_text, as_words
from .blobs import without_blobs
from .concepts import (
    as_object,
    fill_usage,
    first,
    items_of,
    move_to_tool,
    numbers,
    prompt_to_metadata,
    put,
    report_cost,
    texts,
    tree_of,
)
from .genai import GenAi

__all__ = ["OpenInference"]

SCOPE = "openinference.instrumentation."
# these watch the client that makes the call; all others watch a framework
CLIENTS = frozenset(("anthropic", "bedrock", "google_genai", "groq", "mistralai", "openai", "together", "vertexai"))
TYPES = {
    "LLM": "llm",
    "CHAIN": "chain",
    "TOOL": "tool",
    "AGENT": "agent",
    "RETRIEVER": "retrieval",
    "EMBEDDING": "embedding",
    "RERANKER": "rerank",
    "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluator",
    "PROMPT": "chain",
}
CALLS = {"llm": "chat", "embedding": "embeddings", "rerank": "rerank"}
COUNTS = (
    ("input", "prompt"),
    ("output", "completion"),
    ("total", "total"),
    ("cache_read", "prompt_details.cache_read"),
    ("cache_read", "prompt_details.cache_input"),
    ("cache_write", "prompt_details.cache_write"),
    ("reasoning", "completion_details.reasoning"),
    ("audio_input", "prompt_details.audio"),
    ("audio_output", "completion_details.audio"),
)
USAGE = tuple((count, "llm.token_count." + name) for count, name in COUNTS)
PREFIXES = ("llm.", "retrieval.", "reranker.", "embedding.", "evaluations.", "annotations.", "input.", "output.")
ITEM = re.compile(
    r"(?:llm\.(?:input_messages|output_messages|tools|prompts|choices)|retrieval\.documents|embedding\.embeddings"
    r"|reranker\.(?:input|output)_documents)\.[0-9]{1,9}\.(?:message|tool|prompt|completion|document|embedding)\."
)
# parts of a message that its readers have no use for; they stay attributes
KEPT = (".signature", ".encrypted_content", ".reasoning_signature", "message_content.id")
SCORES = ("evaluations.", "annotations.")
# not parameters but what stands elsewhere
NO_PARAMETERS = frozenset(("model", "model_name", "tools", "functions", "messages", "_type", "stream_options"))
OWN = ("ls_", "lc_", "langgraph_", "checkpoint_ns")
GENAI = GenAi()


class OpenInference:
    """The dialect of Arize's instrumentations and of whoever writes openinference.span.kind."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the scope is one of its packages, or the span has its kind."""
        return scope_name.startswith(SCOPE) or "openinference.span.kind" in attributes

    def read(self, span: Span) -> Reading:
        """Return what the span says; where it has both vocabularies, gen_ai.* wins concept by concept."""
        attributes = span.attributes
        flattened, scores, others = _sorted(attributes)
        tree = tree_of(attributes, flattened)
        kind = TYPES.get((as_text(attributes.get("openinference.span.kind")) or "").upper(), "span")
        operation = CALLS.get(kind) if _is_call(kind, tree, span) else None
        reading = GENAI.read_as(span, kind, operation, others)
        told = parse_json(attributes.get("output.value"))
        _identity(reading, attributes)
        if operation is not None:
            _call(reading, span, told if kind == "llm" and isinstance(told, dict) else {})
        _bodies(reading, tree, flattened, attributes)
        _told(reading, attributes, told)
        without_blobs(reading.content)
        if scores:
            _scores(reading, tree_of(attributes, scores))
        return reading


def _sorted(attributes: dict[str, Any]) -> tuple[list[str], list[str], dict[str, Any]]:
    """Return the names of flattened bodies, those of scores, and what is not this vocabulary's own."""
    flattened: list[str] = []
    scores: list[str] = []
    others: dict[str, Any] = {}
    for name, value in attributes.items():
        if not name.startswith(PREFIXES):
            others[name] = value
        elif ITEM.match(name):
            flattened.append(name)
        elif name.startswith(SCORES):
            scores.append(name)
    return flattened, scores, others


def _is_call(kind: str, tree: dict[str, Any], span: Span) -> bool:
    """Whether a span of a model's kind is a call: its frameworks give that kind to what stands around calls too."""
    if kind not in CALLS:
        return False
    attributes = span.attributes
    if "llm.token_count.prompt" in attributes or "llm.token_count.total" in attributes:
        return True
    said = tree.get({"llm": "llm", "embedding": "embedding", "rerank": "reranker"}[kind])
    if said:
        return True
    named = first(attributes, "llm.model_name", "llm.request.model_name", "embedding.model_name", "reranker.model_name")
    return named is not None and span.scope_name != SCOPE + "llama_index"


def _identity(reading: Reading, attributes: dict[str, Any]) -> None:
    metadata = as_object(attributes.get("metadata"))
    reading.session_id = reading.session_id or as_text(first(metadata, "session_id", "thread_id", "conversation_id"))
    reading.user_id = reading.user_id or as_text(first(metadata, "user_id"))
    for name, value in metadata.items():
        if not name.startswith(OWN) and value != reading.session_id:
            reading.metadata.setdefault(name, value)
    if "tag.tags" in attributes:
        reading.tags = reading.tags or as_words(attributes["tag.tags"])
    prompt_to_metadata(
        reading,
        id=first(attributes, "prompt.id"),
        version=first(attributes, "llm.prompt_template.version"),
        template=first(attributes, "llm.prompt_template.template"),
        variables=parse_json(first(attributes, "llm.prompt_template.variables")),
    )


def _call(reading: Reading, span: Span, answer: dict[str, Any]) -> None:
    attributes = span.attributes
    given = as_object(first(attributes, "llm.invocation_parameters", "embedding.invocation_parameters"))
    for name, value in given.items():
        if value is not None and name not in NO_PARAMETERS:
            reading.parameters.setdefault(name, value)
    asked = first(attributes, "llm.request.model_name") or first(given, "model", "model_name")
    seen = first(attributes, "llm.model_name", "embedding.model_name", "reranker.model_name")
    reading.model = reading.model or as_text(asked) or as_text(seen)
    answered = as_text(first(attributes, "llm.response.model_name"))
    if answered is None and as_text(seen) != reading.model:
        answered = as_text(seen)
    reading.response_model = reading.response_model or answered
    reading.provider = reading.provider or as_text(first(attributes, "llm.provider", "llm.system"))
    fill_usage(reading.usage, ((count, attributes.get(name)) for count, name in USAGE))
    _answer(reading, answer)
    reading.finish_reason = as_text(attributes.get("llm.finish_reason")) or reading.finish_reason
    if reading.user_id is None:
        reading.user_id = as_text(given.get("user"))
    reading.streaming = reading.streaming or given.get("stream") is True
    for event in span.events:
        if event.name == "First Token Stream Event":
            reading.streaming = True
            if reading.time_to_first_token is None:
                reading.time_to_first_token = (event.time_ns - span.start_ns) / 1e9
    report_cost(reading, attributes.get("llm.cost.total"))
    scope = span.scope_name
    reading.layer = scope.startswith(SCOPE) and scope[len(SCOPE) :] not in CLIENTS


def _answer(reading: Reading, answer: dict[str, Any]) -> None:
    """Take from the raw answer what it has no attribute for: the id and the tier."""
    if isinstance(answer.get("id"), str) and ("usage" in answer or "object" in answer or "choices" in answer):
        reading.response_id = reading.response_id or answer["id"] or None
        tier = answer.get("service_tier")
        usage = answer.get("usage")
        if tier is None and isinstance(usage, dict):
            tier = usage.get("service_tier")
        if isinstance(tier, str) and tier != "auto":
            reading.service_tier = reading.service_tier or tier


def _bodies(reading: Reading, tree: dict[str, Any], flattened: list[str], attributes: dict[str, Any]) -> None:
    llm = tree.get("llm")
    for key, role, single, text in (
        ("input_messages", "user", "prompts", "prompt"),
        ("output_messages", "assistant", "choices", "completion"),
    ):
        messages = [_message(item.get("message"), role) for item in items_of(llm, key)]
        put(reading, key, canonical_messages(messages, role))
        plain = [
            (item.get(text) or {}).get("text") for item in items_of(llm, single) if isinstance(item.get(text), dict)
        ]
        put(reading, key, [message for one in plain for message in canonical_messages(one, role)])
    put(reading, "tool_definitions", [_tool(item.get("tool")) for item in items_of(llm, "tools")])
    embedded = [item.get("embedding") for item in items_of(tree, "embedding", "embeddings")]
    vectors = [item for item in embedded if isinstance(item, dict)]
    put(reading, "input_messages", texts([item["text"] for item in vectors if "text" in item]) if vectors else None)
    put(reading, "output", numbers([item["vector"] for item in vectors if "vector" in item]))
    _documents(reading, tree, attributes)
    reading.bodies += [name for name in flattened if not name.endswith(KEPT)]
    put(reading, "input", parse_json(attributes.get("input.value")), "input.value")


def _told(reading: Reading, attributes: dict[str, Any], told: Any) -> None:
    """Take what came out of the span; a tool's bodies have names of their own."""
    if reading.type != "embedding" or "output" not in reading.content:
        put(reading, "output", told, "output.value")
    elif told is not None:  # the same vectors once more
        reading.bodies.append("output.value")
    if reading.type == "tool":
        move_to_tool(reading)
        if "tool_arguments" not in reading.content:
            put(reading, "tool_arguments", parse_json(attributes.get("tool.parameters")), "tool.parameters")


def _documents(reading: Reading, tree: dict[str, Any], attributes: dict[str, Any]) -> None:
    put(reading, "documents", [_document(item) for item in items_of(tree, "retrieval", "documents")])
    ranked = items_of(tree, "reranker", "output_documents")
    given = items_of(tree, "reranker", "input_documents")
    put(reading, "documents", [_document(item) for item in ranked])
    if given or "reranker.query" in attributes:
        asked = {"query": attributes.get("reranker.query"), "documents": [_document(item) for item in given]}
        put(reading, "input", asked, "reranker.query")


def _document(item: dict[str, Any]) -> dict[str, Any]:
    document = item.get("document")
    if not isinstance(document, dict):
        return item
    return {**document, "metadata": parse_json(document["metadata"])} if "metadata" in document else document


def _tool(tool: Any) -> Any:
    if not isinstance(tool, dict):
        return tool
    if "json_schema" not in tool:
        return tool
    schema = parse_json(tool["json_schema"])
    return schema if len(tool) == 1 else {**tool, "json_schema": schema}


def _message(message: Any, role: str) -> dict[str, Any]:
    """One flattened message as the provider's own: {role, content, tool_calls}."""
    if not isinstance(message, dict):
        return {"role": role, "content": parse_json(message)}
    read: dict[str, Any] = {"role": message.get("role") or role, "content": message.get("content")}
    calls = [_call_of(item.get("tool_call")) for item in items_of(message, "tool_calls")]
    parts = items_of(message, "contents")
    if parts:
        read["content"] = [part for item in parts if (part := _part(item, bool(calls))) is not None]
    if "function_call_name" in message:
        arguments = message.get("function_call_arguments_json")
        calls.append({"name": message["function_call_name"], "arguments": arguments})
    if calls:
        read["tool_calls"] = calls
    for name in ("tool_call_id", "name"):
        if message.get(name) is not None:
            read[name] = message[name]
    return read


def _call_of(call: Any) -> dict[str, Any]:
    if not isinstance(call, dict):
        return {}
    function = call.get("function")
    return {"id": call.get("id"), **(function if isinstance(function, dict) else {})}


def _part(item: dict[str, Any], has_calls: bool) -> dict[str, Any] | None:
    """One part of flattened contents; a tool call that stands among tool_calls too is not said twice."""
    if "tool_call" in item:
        return None if has_calls else {"type": "tool_call", **_call_of(item["tool_call"])}
    part = item.get("message_content")
    if not isinstance(part, dict):
        return None
    kind = part.get("type")
    image = part.get("image")
    if isinstance(image, dict):
        inner = image.get("image")
        return {"type": "image_url", "image_url": inner if isinstance(inner, dict) else image}
    if kind in ("text", "reasoning"):
        return {"type": kind, "text": part.get("text", ""), "content": part.get("text", "")}
    return part


def _scores(reading: Reading, tree: dict[str, Any]) -> None:
    for group, one in (("evaluations", "evaluation"), ("annotations", "annotation")):
        for item in items_of(tree, group):
            said = item.get(one)
            if not isinstance(said, dict) or (name := as_text(said.get("name"))) is None:
                continue
            value, label = as_float(said.get("score")), as_text(said.get("label"))
            if value is not None or label is not None:
                reading.scores.append(ReportedScore(name, value, label, as_text(said.get("explanation"))))
