"""The dialect of Haystack's tracing: components and agent steps, with all they got and gave as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model import Span
from .base import Reading, as_text, iso_after
from .blobs import without_blobs
from .exchange import load, put_messages, take_usage

__all__ = ["Haystack"]

SIGNS = (
    "haystack.component.type",
    "haystack.pipeline.metadata",
    "haystack.agent.step",
    "haystack.agent.max_steps",
    "haystack.agent.step.llm.input",
    "haystack.tool.name",
)
COMPONENT, PIPELINE, AGENT, STEP_LLM, TOOL = (
    "haystack.component.",
    "haystack.pipeline.",
    "haystack.agent.",
    "haystack.agent.step.llm.",
    "haystack.agent.step.tool.",
)
# end of a component's class -> type of its span and operation
KINDS: tuple[tuple[str, str, str | None], ...] = (
    ("ChatGenerator", "llm", "chat"),
    ("Generator", "llm", "chat"),
    ("Embedder", "embedding", "embeddings"),
    ("Retriever", "retrieval", None),
    ("WebSearch", "retrieval", None),
    ("Ranker", "rerank", "rerank"),
    ("Evaluator", "evaluator", None),
    ("ToolInvoker", "tool", None),
    ("Agent", "agent", None),
)
# beginning of a component's class -> provider, longer names first
PROVIDERS = (
    ("AzureOpenAI", "azure.ai.openai"),
    ("OpenAI", "openai"),
    ("AnthropicVertex", "gcp.vertex_ai"),
    ("Anthropic", "anthropic"),
    ("AmazonBedrock", "aws.bedrock"),
    ("Cohere", "cohere"),
    ("Mistral", "mistral_ai"),
    ("GoogleGenAI", "gcp.gemini"),
    ("GoogleAIGemini", "gcp.gemini"),
    ("VertexAI", "gcp.vertex_ai"),
    ("HuggingFaceLocal", "local"),
    ("SentenceTransformers", "local"),
    ("Transformers", "local"),
    ("HuggingFace", "huggingface"),
    ("Ollama", "ollama"),
    ("LlamaCpp", "llama.cpp"),
    ("LlamaStack", "llama_stack"),
    ("Nvidia", "nvidia"),
    ("OpenRouter", "openrouter"),
    ("TogetherAI", "together"),
    ("Watsonx", "ibm.watsonx.ai"),
    ("VLLM", "vllm"),
    ("Jina", "jina"),
    ("Voyage", "voyage"),
)
ASKED = frozenset(("messages", "prompt", "tools", "generation_kwargs"))
QUARTER_HOUR = 900.0


class Haystack:
    """Spans of haystack.tracing over OpenTelemetry. A generator's span is the model call: nothing else tells of it."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is haystack's tracer, or a span with its tags: whoever traces names the tracer."""
        if scope_name == "haystack":
            return True
        for name in SIGNS:  # noqa: SIM110 - asked of every span of others: a generator takes twice as long
            if name in attributes:
                return True
        return False

    def read(self, span: Span) -> Reading:
        """Return what the component, the step or the pipeline says."""
        attributes = span.attributes
        reading = Reading(type="chain")
        if span.name == "haystack.component.run" or COMPONENT + "type" in attributes:
            _component(span, reading)
        elif span.name == "haystack.agent.step.llm" or STEP_LLM + "input" in attributes:
            reading.type, reading.operation = "llm", "chat"
            _call(span, reading, *_taken(attributes, reading, STEP_LLM + "input", STEP_LLM + "output"))
        elif span.name == "haystack.agent.step.tool" or TOOL + "input" in attributes:
            reading.type = "tool"
            given, result = _taken(attributes, reading, TOOL + "input", TOOL + "output")
            _keep(reading, "tool_arguments", given)
            _keep(reading, "tool_result", result)
            if attributes.get("haystack.tool.error") in (True, "true", "True"):
                reading.error_type = "tool_error"
        elif span.name == "haystack.agent.run":
            reading.type = "agent"
            _agent(reading, *_taken(attributes, reading, AGENT + "input", AGENT + "output"))
            if tools := load(attributes.get(AGENT + "tools")):
                reading.content["tool_definitions"] = _tools(tools)
                reading.bodies.append(AGENT + "tools")
        elif (
            span.name.startswith(("haystack.pipeline", "haystack.async_pipeline"))
            or PIPELINE + "metadata" in attributes
        ):
            given, result = _taken(attributes, reading, PIPELINE + "input_data", PIPELINE + "output_data")
            _keep(reading, "input", given)
            _keep(reading, "output", result)
        _metadata(attributes, reading)
        without_blobs(reading.content)
        return reading


def _metadata(attributes: Mapping[str, Any], reading: Reading) -> None:
    about = load(attributes.get(PIPELINE + "metadata"))
    if isinstance(about, dict):
        reading.metadata.update(about)
    if name := as_text(attributes.get(COMPONENT + "name")):
        reading.metadata["component"] = name


def _taken(attributes: Mapping[str, Any], reading: Reading, given: str, result: str) -> tuple[Any, Any]:
    """Parse both bodies; they leave the row."""
    reading.bodies += [name for name in (given, result) if name in attributes]
    return load(attributes.get(given)), load(attributes.get(result))


def _keep(reading: Reading, key: str, value: Any) -> None:
    if value is not None and value != "":
        reading.content[key] = value


def _component(span: Span, reading: Reading) -> None:
    attributes = span.attributes
    kind = as_text(attributes.get(COMPONENT + "type")) or ""
    given, result = _taken(attributes, reading, COMPONENT + "input", COMPONENT + "output")
    for ending, type_, operation in KINDS:
        if kind.endswith(ending):
            reading.type, reading.operation = type_, operation
            break
    provider = next((provider for start, provider in PROVIDERS if kind.startswith(start)), None)
    if reading.operation == "rerank" and provider is None:
        reading.operation = None  # sorts by itself, or asks a generator, which has a span of its own
    if reading.operation is not None:
        reading.provider = provider
        _call(span, reading, given, result)
        return
    if reading.type == "agent":
        _agent(reading, given, result)
        return
    _keep(reading, "input", given)
    documents = result.get("documents") if isinstance(result, dict) else None
    if reading.type == "retrieval" and isinstance(documents, list):
        reading.content["documents"] = documents
    else:
        _keep(reading, "output", result)


def _agent(reading: Reading, given: Any, result: Any) -> None:
    for key, value in (("input_messages", given), ("output_messages", result)):
        if isinstance(value, dict) and isinstance(value.get("messages"), list):
            put_messages(reading, key, _messages(value["messages"]), "user")


def _call(span: Span, reading: Reading, given: Any, result: Any) -> None:
    reading.layer = True
    asked = given if isinstance(given, dict) else {}
    answered = result if isinstance(result, dict) else {}
    if reading.operation == "chat":
        put_messages(reading, "input_messages", _messages(asked.get("messages", asked.get("prompt"))), "user")
        put_messages(reading, "output_messages", _messages(answered.get("replies")), "assistant")
    else:
        _keep(reading, "input", given)
        _keep(reading, "output", {name: value for name, value in answered.items() if name != "meta"})
    if tools := asked.get("tools"):
        reading.content["tool_definitions"] = _tools(tools)
    if rest := {k: v for k, v in asked.items() if k not in ASKED and v is not None and reading.operation == "chat"}:
        reading.content["input"] = rest
    if isinstance(asked.get("generation_kwargs"), dict):
        reading.parameters = {name: value for name, value in asked["generation_kwargs"].items() if value is not None}
    for meta in _metas(answered):
        reading.response_model = reading.response_model or as_text(meta.get("model"))
        reading.response_id = reading.response_id or as_text(meta.get("id"))
        reading.finish_reason = reading.finish_reason or as_text(meta.get("finish_reason"))
        reading.service_tier = reading.service_tier or as_text(meta.get("service_tier"))
        if not reading.usage:
            take_usage(reading, meta.get("usage"))
        if reading.time_to_first_token is None and meta.get("completion_start_time") is not None:
            reading.streaming = True
            reading.time_to_first_token = _first_token(meta["completion_start_time"], span)
    _error(span, reading)


def _metas(answered: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What the provider said beside the replies; n replies of one call repeat the same usage."""
    found = [reply.get("meta") for reply in _list(answered.get("replies")) if isinstance(reply, dict)]
    meta = answered.get("meta")
    found += meta if isinstance(meta, list) else [meta]
    return [one for one in found if isinstance(one, dict)]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first_token(value: Any, span: Span) -> float | None:
    """Seconds to a moment that is written in the sender's local time without its zone.

    Zones differ from UTC by whole quarters of an hour, so of a shorter call the rest within a quarter is the time.
    """
    exact = iso_after(value, span.start_ns)
    if exact is not None or not isinstance(value, str):
        return exact
    after = iso_after(f"{value}+00:00", span.start_ns)
    duration = (span.end_ns - span.start_ns) / 1e9
    if after is None or duration >= QUARTER_HOUR:
        return None
    rest = after % QUARTER_HOUR
    return rest if rest <= duration else None


def _messages(value: Any) -> Any:
    """Haystack's ChatMessage, of this and of older writers, as {role, parts}; texts stay texts."""
    if not isinstance(value, list):
        return value
    return [_message(item) if isinstance(item, dict) else item for item in value]


def _message(item: dict[str, Any]) -> dict[str, Any]:
    content = item.get("content", item.get("_content"))
    if not isinstance(content, list):
        return item
    message: dict[str, Any] = {
        "role": item.get("role", item.get("_role")),
        "parts": [_part(part) if isinstance(part, dict) else part for part in content],
    }
    if name := item.get("name", item.get("_name")):
        message["name"] = name
    return message


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if isinstance(part.get("text"), str):
        return {"type": "text", "content": part["text"]}
    call, result, thought = part.get("tool_call"), part.get("tool_call_result"), part.get("reasoning")
    if isinstance(call, dict):
        return {
            "type": "tool_call",
            "id": call.get("id"),
            "name": call.get("tool_name"),
            "arguments": call.get("arguments"),
        }
    if isinstance(result, dict):
        origin = result.get("origin")
        of_call = origin.get("id") if isinstance(origin, dict) else None
        return {"type": "tool_call_response", "id": of_call, "response": result.get("result")}
    if isinstance(thought, dict):
        return {"type": "reasoning", "content": as_text(thought.get("reasoning_text")) or ""}
    kind = next(iter(part), "unknown")
    inner = part.get(kind)
    return {**inner, "type": kind} if isinstance(inner, dict) else part


def _tools(value: Any) -> Any:
    """The definition within what says how a tool is made."""
    if not isinstance(value, list):
        return value
    return [_tool(item) for item in value]


def _tool(item: Any) -> Any:
    data = item.get("data") if isinstance(item, dict) else None
    if not isinstance(data, dict) or "name" not in data:
        return item
    return {"type": "function", **{name: data.get(name) for name in ("name", "description", "parameters")}}


def _error(span: Span, reading: Reading) -> None:
    """A pipeline wraps what a component raised in an exception of its own: only the text is the true one's."""
    for event in reversed(span.events):
        if isinstance(kind := event.attributes.get("exception.type"), str):
            reading.error_type = kind.rpartition(".")[2]
            return
