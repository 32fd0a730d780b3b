"""The dialect of LiteLLM's OpenTelemetry callbacks, both of them: the conventions with what only litellm has beside."""

from __future__ import annotations

from typing import Any

from ...analysis.messages import flattened_messages, instructions
from ...model import Span
from .base import Reading, as_float, as_text, as_words
from .blobs import without_blobs
from .exchange import literal, load, put_messages, read_answer, take_usage
from .genai import GenAi

__all__ = ["LiteLLM"]

SIGNS = ("litellm.call_id", "litellm.provider.model")
COSTS = ("gen_ai.cost.total_cost", "litellm.cost.total", "gen_ai.usage.cost")
USERS = ("litellm.end_user.id", "metadata.user_api_key_end_user_id", "litellm.user.id", "metadata.user_api_key_user_id")
FUNCTION_OF = {
    "completion": ("llm", "chat"),
    "text_completion": ("llm", "text_completion"),
    "responses": ("llm", "chat"),
    "embedding": ("embedding", "embeddings"),
    "rerank": ("rerank", "rerank"),
    "image_generation": ("llm", "image_generation"),
    "speech": ("llm", "speech"),
    "transcription": ("llm", "transcription"),
}
FUNCTIONS = ("llm.request.functions.", "gen_ai.tool.")
TOOLS = (*FUNCTIONS, "gen_ai.completion.")
# metadata.*: what litellm itself notes and nobody set
PREFIXES = ("metadata.", "litellm.metadata.", "litellm.team.")
NOTED = frozenset(("usage_object", "requester_metadata", "routing_decision", "user_api_key_end_user_id"))
SESSION = ("session_id", "thread_id", "conversation_id", "trace_session_id")
# before 1.70 under Python 3.11 the prefix of a message is the name of a constant, not what it says
MISNAMED = (
    ("SpanAttributes.LLM_PROMPTS.", "input_messages", "user"),
    ("SpanAttributes.LLM_COMPLETIONS.", "output_messages", "assistant"),
)
RAW = "raw_gen_ai_request"
GENAI = GenAi()


class LiteLLM:
    """Spans of litellm: the call, and (by the older callback) the provider's own request and answer below it."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is litellm's tracer, or a span with its marks: the tracer can be named otherwise."""
        if scope_name == "litellm":
            return True
        for name in SIGNS:  # noqa: SIM110 - asked of every span of others: a generator takes twice as long
            if name in attributes:
                return True
        return False

    def read(self, span: Span) -> Reading:
        """Return what the span says."""
        if span.name == RAW:
            return _raw(span)
        attributes = span.attributes
        reading = GENAI.read(span)
        _metadata(attributes, reading)
        if reading.operation is not None:
            _call(span, reading)
        without_blobs(reading.content)
        return reading


def _metadata(attributes: dict[str, Any], reading: Reading) -> None:
    requester = literal(attributes.get("metadata.requester_metadata"))
    for name, value in attributes.items():
        if value in ("", "[]", "{}", None) or not name.startswith(PREFIXES):
            continue
        # litellm.team.id is metadata by the name of team.id
        key = name.removeprefix("litellm.").removeprefix("metadata.")
        if key not in NOTED:
            reading.metadata[key] = value
    if isinstance(requester, dict):
        reading.metadata.update({str(name): value for name, value in requester.items()})
    said = reading.metadata
    reading.session_id = reading.session_id or next((word for key in SESSION if (word := as_text(said.get(key)))), None)
    reading.user_id = reading.user_id or next((word for key in USERS if (word := as_text(attributes.get(key)))), None)
    reading.tags = reading.tags or as_words(said.pop("request_tags", None) or said.pop("tags", None))


def _call(span: Span, reading: Reading) -> None:
    attributes = span.attributes
    reading.layer = True
    _kind(attributes, reading)
    _misnamed(attributes, reading)
    if reading.provider is None:  # embeddings of the older callback
        provider, slash, _ = (as_text(attributes.get("litellm.provider.model")) or "").partition("/")
        reading.provider = provider if slash else None
    if reading.response_id is not None and reading.response_id == attributes.get("litellm.call_id"):
        reading.response_id = None  # litellm's own number, where the provider gave none
    if attributes.get("litellm.request.streaming") in (True, "true", "True"):
        reading.streaming = True
    if span.status == 2 and not any(reading.usage.values()):
        reading.usage = {}  # a failed call counts zeros
    take_usage(reading, literal(attributes.get("metadata.usage_object")))
    reading.exclusive_input = False  # litellm adds the cache to the input itself
    cost = next((cost for name in COSTS if (cost := as_float(attributes.get(name)))), None)
    if cost is not None:
        reading.metadata["reported_cost"] = cost
    _tools(attributes, reading)


def _kind(attributes: dict[str, Any], reading: Reading) -> None:
    """Where there is no operation, the name of litellm's function says it: `completion` is its chat, a- is async."""
    called = attributes.get("llm.request.type")
    if not isinstance(called, str) or "gen_ai.operation.name" in attributes:
        return
    name = called.removeprefix("a") if called.removeprefix("a") in FUNCTION_OF else called
    if name in FUNCTION_OF:
        reading.type, reading.operation = FUNCTION_OF[name]


def _misnamed(attributes: dict[str, Any], reading: Reading) -> None:
    for prefix, key, role in MISNAMED:
        names = [name for name in attributes if name.startswith(prefix)]
        if names and key not in reading.content:
            reading.content[key] = flattened_messages(attributes, prefix, role)
            reading.bodies += names


def _tools(attributes: dict[str, Any], reading: Reading) -> None:
    """Flattened definitions, and the calls that the older callback leaves out of its messages."""
    found: dict[str, dict[str, Any]] = {}
    calls: dict[str, dict[str, Any]] = {}
    for name, value in attributes.items():
        if not name.startswith(TOOLS):
            continue
        for prefix in FUNCTIONS:
            if name.startswith(prefix):
                index, _, field = name[len(prefix) :].partition(".")
                if index.isdecimal() and field:
                    found.setdefault(index, {"type": "function"})[field] = load(value)
                    reading.bodies.append(name)
        if name.startswith("gen_ai.completion.") and ".function_call." in name:
            index, _, field = name[18:].partition(".function_call.")
            calls.setdefault(index, {"type": "tool_call", "id": None})[field] = load(value)
    if found:
        tools = [found[index] for index in sorted(found, key=int)]
        reading.content.setdefault("tool_definitions", tools)
    messages = reading.content.get("output_messages")
    if calls and isinstance(messages, list) and not any(message.get("parts") for message in messages):
        role = {"role": "assistant", "parts": list(calls.values())}
        reading.content["output_messages"] = [{**messages[0], **role} if messages else role]


def _raw(span: Span) -> Reading:
    """The provider's own request and answer, as Python reprs: content of a plain span, the call is its parent."""
    reading = Reading(type="span")
    fields: dict[str, Any] = {}
    for name, value in span.attributes.items():
        _, _, rest = name.partition(".")
        _, _, field = rest.partition(".")
        if name.startswith("llm.") and field:
            fields[field] = value
            if field in ("messages", "choices", "content", "system", "tools", "input", "data", "output"):
                reading.bodies.append(name)
    for field, key in (("messages", "input_messages"), ("input", "input_messages")):
        put_messages(reading, key, literal(fields.get(field)) or fields.get(field), "user")
    answer = {
        name: literal(fields[name]) or fields[name] for name in ("choices", "content", "output") if name in fields
    }
    if answer:
        taken = Reading()
        read_answer(taken, answer)
        reading.content.update(taken.content)
    for field, key in (("tools", "tool_definitions"), ("data", "output")):
        if field in fields:
            reading.content[key] = literal(fields[field]) or fields[field]
    if "system" in fields:
        reading.content["system_instructions"] = instructions(literal(fields["system"]) or fields["system"])
    without_blobs(reading.content)
    return reading
