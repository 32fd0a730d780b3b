"""Vercel's AI SDK: `ai.*` with a wrapper around each call (versions 3 to 6), gen_ai.* since version 7."""

from __future__ import annotations

import re
from typing import Any

from ...analysis.json_text import parse_json
from ...analysis.messages import canonical_messages
from ...model import Span
from .base import Reading, as_text, as_words
from .blobs import without_blobs
from .concepts import as_object, fill_usage, first, move_to_tool, numbers, prompt_to_metadata, put, texts
from .genai import GenAi

__all__ = ["Vercel"]

# operation -> spans.type and our operation, of calls; ai.generateText and its like only stand around them
CALLS = {
    "ai.generateText.doGenerate": ("llm", "chat"),
    "ai.streamText.doStream": ("llm", "chat"),
    "ai.generateObject.doGenerate": ("llm", "chat"),
    "ai.streamObject.doStream": ("llm", "chat"),
    "ai.embed.doEmbed": ("embedding", "embeddings"),
    "ai.embedMany.doEmbed": ("embedding", "embeddings"),
    "ai.rerank.doRerank": ("rerank", "rerank"),
}
METADATA = "ai.telemetry.metadata."
SETTINGS = "ai.settings."
SESSION = ("sessionId", "session_id", "session.id", "threadId", "conversationId", "chatId", "langfuseSessionId")
USER = ("userId", "user_id", "user.id", "langfuseUserId")
NAMES = {"maxTokens": "max_tokens", "maxOutputTokens": "max_tokens"}
# a provider's name ends in the interface that was used: openai.chat, anthropic.messages
INTERFACE = re.compile(r"\.(?:chat|responses|messages|completion|embedding|textEmbedding|image|speech|transcription)\Z")
USAGE = (
    ("input", "ai.usage.inputTokens"),
    ("input", "ai.usage.promptTokens"),
    ("input", "ai.usage.tokens"),
    ("output", "ai.usage.outputTokens"),
    ("output", "ai.usage.completionTokens"),
    ("total", "ai.usage.totalTokens"),
    ("cache_read", "ai.usage.inputTokenDetails.cacheReadTokens"),
    ("cache_read", "ai.usage.cachedInputTokens"),
    ("cache_write", "ai.usage.inputTokenDetails.cacheWriteTokens"),
    ("reasoning", "ai.usage.outputTokenDetails.reasoningTokens"),
    ("reasoning", "ai.usage.reasoningTokens"),
)
# provider, path within its metadata, our count: what has no attribute of its own in some version
PROVIDER_USAGE = (
    ("openai", ("cachedPromptTokens",), "cache_read"),
    ("openai", ("reasoningTokens",), "reasoning"),
    ("openai", ("usage", "cacheWriteTokens"), "cache_write"),
    ("azure", ("cachedPromptTokens",), "cache_read"),
    ("azure", ("reasoningTokens",), "reasoning"),
    ("anthropic", ("usage", "cache_read_input_tokens"), "cache_read"),
    ("anthropic", ("cacheReadInputTokens",), "cache_read"),
    ("anthropic", ("usage", "cache_creation_input_tokens"), "cache_write"),
    ("anthropic", ("cacheCreationInputTokens",), "cache_write"),
    ("anthropic", ("usage", "cache_creation", "ephemeral_5m_input_tokens"), "cache_write_5m"),
    ("anthropic", ("usage", "cache_creation", "ephemeral_1h_input_tokens"), "cache_write_1h"),
    ("bedrock", ("usage", "cacheReadInputTokens"), "cache_read"),
    ("bedrock", ("usage", "cacheWriteInputTokens"), "cache_write"),
    ("google", ("usageMetadata", "cachedContentTokenCount"), "cache_read"),
    ("google", ("usageMetadata", "thoughtsTokenCount"), "reasoning"),
)
# their cached tokens stand beside the input; the SDK adds them since version 6, which is known by its details
EXCLUSIVE = ("anthropic", "bedrock")
DETAILS = ("ai.usage.inputTokenDetails.noCacheTokens", "ai.usage.inputTokenDetails.cacheReadTokens")
GENAI = GenAi()


class Vercel:
    """The dialect of the `ai` package of JavaScript."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the scope is the package's (`gen_ai` in version 7), or a key is its own."""
        return scope_name in ("ai", "gen_ai", "@ai-sdk/otel") or "ai.operationId" in attributes

    def read(self, span: Span) -> Reading:
        """Return what the span says; the usage of a wrapper is that of the calls in it."""
        attributes = span.attributes
        operation = as_text(first(attributes, "ai.operationId", "operation.name"))
        if operation is None or not operation.startswith("ai."):
            return _newest(span)
        operation = operation.partition(" ")[0]
        if operation in CALLS:
            reading = GENAI.read_as(span, *CALLS[operation])
            _call(reading, attributes)
        else:
            reading = GENAI.read_as(span, "tool" if operation == "ai.toolCall" else "chain", None)
        _telemetry(reading, attributes)
        _bodies(reading, attributes)
        without_blobs(reading.content)
        return reading


def _newest(span: Span) -> Reading:
    """Version 7 speaks gen_ai.*, with steps around its calls, and gives wrappers of embeddings a call's name."""
    if span.attributes.get("gen_ai.operation.name") == "agent_step":
        return GENAI.read_as(span, "chain", None)
    return GENAI.read(span)


def _call(reading: Reading, attributes: dict[str, Any]) -> None:
    provider = as_text(first(attributes, "gen_ai.system", "ai.model.provider"))
    reading.provider = INTERFACE.sub("", provider) if provider else None
    reading.model = reading.model or as_text(attributes.get("ai.model.id"))
    reading.response_model = reading.response_model or as_text(attributes.get("ai.response.model"))
    reading.response_id = reading.response_id or as_text(attributes.get("ai.response.id"))
    reading.finish_reason = reading.finish_reason or as_text(attributes.get("ai.response.finishReason"))
    reading.streaming = reading.streaming or "ai.response.msToFirstChunk" in attributes
    usage = reading.usage
    fill_usage(usage, ((count, attributes.get(name)) for count, name in USAGE))
    metadata = as_object(attributes.get("ai.response.providerMetadata"))
    if metadata:
        fill_usage(usage, ((count, _at(metadata.get(who), path)) for who, path, count in PROVIDER_USAGE))
        tier = _at(metadata.get("openai"), ("serviceTier",)) or _at(
            metadata.get("anthropic"), ("usage", "service_tier")
        )
        reading.service_tier = reading.service_tier or (as_text(tier) if tier != "auto" else None)
        reading.exclusive_input = any(who in metadata for who in EXCLUSIVE) and not any(
            name in attributes for name in DETAILS
        )


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _telemetry(reading: Reading, attributes: dict[str, Any]) -> None:
    """Take what the caller said of the call: metadata, settings, the function's name."""
    told: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith(METADATA):
            told[name[len(METADATA) :]] = value
        elif name.startswith(SETTINGS) and reading.operation is not None:
            setting = name[len(SETTINGS) :]
            reading.parameters.setdefault(NAMES.get(setting) or _snake(setting), value)
    reading.session_id = reading.session_id or as_text(first(told, *SESSION))
    reading.user_id = reading.user_id or as_text(first(told, *USER))
    reading.tags = reading.tags or as_words(told.pop("tags", None))
    prompt = as_object(told.pop("langfusePrompt", None))
    prompt_to_metadata(reading, name=prompt.get("name"), version=prompt.get("version"))
    if function := as_text(attributes.get("ai.telemetry.functionId")):
        reading.metadata["function_id"] = function
    for name, value in told.items():
        if name not in SESSION and name not in USER:
            reading.metadata[name] = value


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda match: "_" + match[1].lower(), name)


def _bodies(reading: Reading, attributes: dict[str, Any]) -> None:
    if reading.type == "llm":
        if (prompt := parse_json(attributes.get("ai.prompt.messages"))) is not None:
            put(reading, "input_messages", _messages(prompt), "ai.prompt.messages")
        put(reading, "tool_definitions", _each_json(attributes.get("ai.prompt.tools")), "ai.prompt.tools")
        _answer(reading, attributes)
    elif reading.type == "embedding":
        put(reading, "input_messages", texts(attributes.get("ai.values")), "ai.values")
    else:
        for name in ("ai.prompt", "ai.value", "ai.values", "ai.documents", "ai.toolCall.args"):
            put(reading, "input", _each_json(parse_json(attributes.get(name))), name)
        for name in ("ai.response.text", "ai.response.object", "ai.toolCall.result"):
            put(reading, "output", parse_json(attributes.get(name)), name)
    for name in ("ai.embeddings", "ai.embedding"):
        put(reading, "output", numbers(attributes.get(name)), name)
    if (ranking := _each_json(attributes.get("ai.ranking"))) is not None:
        put(reading, "documents", _ranked(ranking, _each_json(attributes.get("ai.documents"))), "ai.ranking")
    if reading.type == "tool":
        move_to_tool(reading)


def _answer(reading: Reading, attributes: dict[str, Any]) -> None:
    """Put the answer together: its reasoning, text or object, and calls of tools stand in attributes of their own."""
    names = ("ai.response.reasoning", "ai.response.text", "ai.response.object", "ai.response.toolCalls")
    thought, text, made, calls = (attributes.get(name) for name in names)
    parts: list[Any] = []
    if thought:
        parts.append({"type": "reasoning", "content": thought})
    parts += [{"type": "text", "content": said} for said in (text, made) if said]
    parts += [_part(call) for call in _list(parse_json(calls))]
    if parts and "output_messages" not in reading.content:
        reading.content["output_messages"] = canonical_messages([{"role": "assistant", "parts": parts}], "assistant")
        reading.bodies += [name for name in names if name in attributes]


def _messages(prompt: Any) -> list[dict[str, Any]]:
    read = []
    for message in _list(prompt):
        if isinstance(message, dict) and isinstance(message.get("content"), list):
            parts = [_part(part) for part in message["content"]]
            read.append({"role": message.get("role", "user"), "parts": parts})
        else:
            read.append(message)
    return canonical_messages(read)


def _part(part: Any) -> Any:
    """One part of a message in the conventions' words; the SDK's own are toolCallId, toolName, args or input."""
    if not isinstance(part, dict):
        return part
    if part.get("type") == "tool-result":
        answer = part.get("output", part.get("result"))
        if isinstance(answer, dict) and answer.keys() == {"type", "value"}:
            answer = answer["value"]
        return {"type": "tool_call_response", "id": part.get("toolCallId"), "response": answer}
    if "toolCallId" in part and "toolName" in part:
        arguments = parse_json(part.get("input", part.get("args")))
        return {"type": "tool_call", "id": part["toolCallId"], "name": part["toolName"], "arguments": arguments}
    return part


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _each_json(value: Any) -> Any:
    """Lists come with each item as JSON by itself."""
    return [parse_json(item) for item in value] if isinstance(value, list) else parse_json(value)


def _ranked(ranking: Any, documents: Any) -> list[dict[str, Any]]:
    ranked = []
    for place in _list(ranking):
        if not isinstance(place, dict):
            continue
        index = place.get("index")
        known = isinstance(index, int) and isinstance(documents, list) and 0 <= index < len(documents)
        ranked.append(
            {"id": index, "score": place.get("relevanceScore"), "content": documents[index] if known else None}
        )
    return ranked
