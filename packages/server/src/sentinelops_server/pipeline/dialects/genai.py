"""The OpenTelemetry GenAI conventions in every spelling since gen_ai.system, and our own additions to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sentinelops import semconv

from ...analysis.json_text import parse_json
from ...analysis.messages import canonical_messages, event_content, flattened_messages, instructions, merge_content
from ...model import Span
from .base import Reading, as_count, as_float, as_text, as_words, iso_after, milliseconds
from .blobs import without_blobs
from .operations import INFERENCE, OTHER_OPERATIONS, SPELLINGS, TYPES, WRAPPERS
from .writers import ends_in_milliseconds, is_exclusive, is_framework

__all__ = ["GenAi", "Native"]

# concept -> attributes that say it, best first: the first that is there wins, and two are never added
CONCEPTS: dict[str, tuple[str, ...]] = {
    "span_type": (semconv.SPAN_TYPE,),
    "operation": (semconv.OPERATION,),
    "llm_type": ("llm.request.type",),
    "wrapper": ("traceloop.span.kind",),
    "mcp": ("mcp.method.name",),
    "provider": (semconv.PROVIDER, "gen_ai.system", "llm.vendor"),
    "model": (semconv.REQUEST_MODEL, "llm.request.model", "gen_ai.model"),
    "response_model": (semconv.RESPONSE_MODEL, "llm.response.model"),
    "response_id": (semconv.RESPONSE_ID, "gen_ai.openai.response.id", "llm.response.id"),
    "finish": (
        semconv.RESPONSE_FINISH_REASONS,
        "gen_ai.response.finish_reason",
        "llm.response.finish_reason",
        "llm.response.stop_reason",
        "anthropic.message.stop_reason",
    ),
    "ttft": (
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK,
        "gen_ai.response.time_to_first_token",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
    ),
    "ttft_ms": ("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
    "ttft_iso": ("langfuse.observation.completion_start_time",),
    "inference": (semconv.INFERENCE_DURATION_SECONDS,),
    "memory": (semconv.MEMORY_USED_BYTES,),
    "stream": (semconv.REQUEST_STREAM, "gen_ai.is_streaming", "llm.is_streaming"),
    "outcome": (semconv.OUTCOME,),
    "error_type": (semconv.ERROR_TYPE,),
    "tier": (
        semconv.OPENAI_RESPONSE_SERVICE_TIER,
        "gen_ai.openai.response.service_tier",
        "anthropic.response.service_tier",
        "aws.bedrock.response.service_tier",
        semconv.OPENAI_REQUEST_SERVICE_TIER,
        "gen_ai.openai.request.service_tier",
        "anthropic.request.service_tier",
    ),
    "server": (semconv.SERVER_ADDRESS, "gen_ai.openai.api_base", "net.peer.name"),
    "session": (
        semconv.SESSION_ID,
        semconv.CONVERSATION_ID,
        "traceloop.association.properties.session_id",
        "lmnr.association.properties.session_id",
        "gcp.vertex.agent.session_id",
    ),
    "user": (
        semconv.USER_ID,
        "enduser.id",
        "gen_ai.user",
        "llm.user",
        "traceloop.association.properties.user_id",
        "lmnr.association.properties.user_id",
    ),
    "tags": (semconv.TAGS, "lmnr.association.properties.tags"),
    # counts
    "usage.input": (
        semconv.USAGE_INPUT_TOKENS,
        "gen_ai.usage.prompt_tokens",
        "llm.usage.prompt_tokens",
        "llm.usage.input_tokens",
    ),
    "usage.output": (
        semconv.USAGE_OUTPUT_TOKENS,
        "gen_ai.usage.completion_tokens",
        "llm.usage.completion_tokens",
        "llm.usage.output_tokens",
    ),
    "usage.total": ("gen_ai.usage.total_tokens", "llm.usage.total_tokens"),
    "usage.cache_read": (
        semconv.USAGE_CACHE_READ_TOKENS,
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cached_input_tokens",
        "llm.usage.cache_read_input_tokens",
    ),
    "usage.cache_write": (
        semconv.USAGE_CACHE_WRITE_TOKENS,
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.usage.cache_creation_input_tokens",
    ),
    "usage.cache_write_5m": ("anthropic.usage.cache_creation.ephemeral_5m_input_tokens",),
    "usage.cache_write_1h": ("anthropic.usage.cache_creation.ephemeral_1h_input_tokens",),
    "usage.reasoning": (
        semconv.USAGE_REASONING_TOKENS,
        "gen_ai.usage.reasoning_tokens",
        "llm.usage.reasoning_tokens",
    ),
    "usage.audio_input": (semconv.USAGE_AUDIO_INPUT_TOKENS,),
    "usage.audio_output": (semconv.USAGE_AUDIO_OUTPUT_TOKENS,),
    "usage.audio_cache_read": ("gen_ai.usage.audio.cache_read.input_tokens",),
    "usage.image_input": (semconv.USAGE_IMAGE_INPUT_TOKENS,),
    "usage.image_output": (semconv.USAGE_IMAGE_OUTPUT_TOKENS,),
    "usage.image_cache_read": ("gen_ai.usage.image.cache_read.input_tokens",),
    "usage.text_input": ("gen_ai.usage.text.input_tokens",),
    "usage.text_output": ("gen_ai.usage.text.output_tokens",),
    "usage.images": (semconv.USAGE_IMAGES,),
    "usage.characters": (semconv.USAGE_CHARACTERS,),
    "usage.web_searches": (semconv.USAGE_WEB_SEARCHES,),
    "audio_seconds": (semconv.USAGE_AUDIO_SECONDS,),
    # bodies
    "body.input_messages": (semconv.INPUT_MESSAGES, "gen_ai.input_messages", "gen_ai.prompt"),
    "body.output_messages": (semconv.OUTPUT_MESSAGES, "gen_ai.output_messages", "gen_ai.completion"),
    "body.system_instructions": (semconv.SYSTEM_INSTRUCTIONS,),
    "body.tool_definitions": (semconv.TOOL_DEFINITIONS,),
    "body.tool_arguments": (semconv.TOOL_CALL_ARGUMENTS, "gen_ai.tool.input"),
    "body.tool_result": (semconv.TOOL_CALL_RESULT, "gen_ai.tool.output"),
    "body.documents": (semconv.RETRIEVAL_DOCUMENTS, "gen_ai.memory.records"),
    "body.input": (semconv.INPUT, "gen_ai.retrieval.query.text", "gen_ai.memory.query.text", "traceloop.entity.input"),
    "body.output": (semconv.OUTPUT, "traceloop.entity.output"),
}
# attribute -> concept, how good a source of it, and whether it is a body
CONCEPT_OF = {
    name: (concept, rank, concept.startswith("body."))
    for concept, names in CONCEPTS.items()
    for rank, name in enumerate(names)
}
USAGE_NAMES = {concept: concept[6:] for concept in CONCEPTS if concept.startswith("usage.")}
PARAMETERS = {
    "gen_ai.openai.request.seed": "seed",
    "llm.request.max_tokens": "max_tokens",
    "llm.temperature": "temperature",
    "llm.top_p": "top_p",
    "llm.top_k": "top_k",
    "llm.frequency_penalty": "frequency_penalty",
    "llm.presence_penalty": "presence_penalty",
    "llm.chat.stop_sequences": "stop_sequences",
    semconv.OUTPUT_TYPE: "output_type",
    semconv.EMBEDDINGS_DIMENSIONS: "dimensions",
    semconv.OPENAI_API_TYPE: "api_type",
}

# a caller that stops reading is no failure of the provider
CANCELLED_TYPES = frozenset({"GeneratorExit", "CancelledError", "KeyboardInterrupt", "AbortError"})


OWN_SCOPE = "sentinelops"


class GenAi:
    """The dialect of OpenTelemetry itself: the one that reads what no other recognised."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return True: a span without any known key is a plain span."""
        return True

    def read(self, span: Span) -> Reading:
        """Return what the span's attributes and events say."""
        reading = Reading()
        found = _gather(span.attributes, reading)
        _classify(found, reading)
        return self._finish(span, found, reading)

    def read_as(
        self, span: Span, kind: str, operation: str | None, attributes: Mapping[str, Any] | None = None
    ) -> Reading:
        """Return the same for a span of which another dialect knows the type, and the operation if it is a call.

        `attributes`: those that are not the other dialect's own, where it has told them apart; default all.
        """
        reading = Reading(type=kind, operation=operation)
        found = _gather(span.attributes if attributes is None else attributes, reading)
        return self._finish(span, found, reading)

    def _finish(self, span: Span, found: Mapping[str, Any], reading: Reading) -> Reading:
        _identity(found, reading, span)
        if reading.operation is not None:
            _call(found, reading, span)
        _content(found, reading, span)
        return reading


class Native(GenAi):
    """The same for the spans of our own SDK: asked first, since most spans are, so that no other has to be."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether our SDK wrote the span."""
        return scope_name == OWN_SCOPE


def _gather(attributes: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """One pass over the attributes: concept -> value, first spelling wins; prefixes go straight into the reading."""
    found: dict[str, Any] = {}
    ranks: dict[str, int] = {}
    for key, value in attributes.items():
        hit = CONCEPT_OF.get(key)
        if hit is None:
            _unlisted(key, value, reading)
            continue
        if value is None or value == "":
            continue
        concept, rank, body = hit
        if rank == 0:  # nearly always
            found[concept] = value
            if ranks:
                ranks.pop(concept, None)
        elif concept not in found or rank < ranks.get(concept, 0):
            found[concept] = value
            ranks[concept] = rank
        if body:
            reading.bodies.append(key)
    return found


MAX_PARAMETERS = 64


def _unlisted(key: str, value: Any, reading: Reading) -> None:
    """Take what is told by the beginning of its name."""
    if key.startswith("gen_ai.request."):
        if len(reading.parameters) < MAX_PARAMETERS:
            reading.parameters[key[15:]] = value
    elif key.startswith(_PREFIXES):
        _prefixed(key, value, reading)
    elif key in PARAMETERS:
        reading.parameters.setdefault(PARAMETERS[key], value)


_PREFIXES = (semconv.METADATA_PREFIX, semconv.REDACTIONS_PREFIX, "gen_ai.prompt.", "gen_ai.completion.")
_VARIABLE = "gen_ai.prompt.variable."


def _prefixed(key: str, value: Any, reading: Reading) -> None:
    if key.startswith(semconv.METADATA_PREFIX):
        reading.metadata[key[len(semconv.METADATA_PREFIX) :]] = value
    elif key.startswith(semconv.REDACTIONS_PREFIX):
        if count := as_count(value):
            reading.redactions[key[len(semconv.REDACTIONS_PREFIX) :]] = count
    elif key.split(".", 3)[2].isdecimal():
        # gen_ai.prompt.0.content; but gen_ai.prompt.name is no message
        reading.bodies.append(key)
    elif key in ("gen_ai.prompt.name", "gen_ai.prompt.version"):
        reading.metadata[key[7:]] = value
    elif key.startswith(_VARIABLE):
        reading.metadata.setdefault("prompt.variables", {})[key[len(_VARIABLE) :]] = value


def _classify(found: Mapping[str, Any], reading: Reading) -> None:
    """Say of which type the span is, and whether it is a model call."""
    operation = as_text(found.get("operation")) or as_text(found.get("llm_type"))
    operation = operation.lower() if operation else None
    declared = as_text(found.get("span_type"))
    if operation in INFERENCE:
        reading.type = INFERENCE[operation]
        reading.operation = SPELLINGS.get(operation, operation)
        return
    if declared in ("llm", "embedding"):
        reading.type = declared
        reading.operation = operation or ("chat" if declared == "llm" else "embeddings")
    elif declared in TYPES:
        reading.type = declared
    elif operation is not None and (operation in OTHER_OPERATIONS or "_memory" in operation):
        reading.type = OTHER_OPERATIONS.get(operation, "memory")
    elif (kind := as_text(found.get("wrapper")) or "") in WRAPPERS:
        reading.type = WRAPPERS[kind]
    elif found.get("mcp") == "tools/call":
        reading.type = "tool"
    elif ("model" in found or "response_model" in found) and ("usage.input" in found or "usage.output" in found):
        reading.type, reading.operation = "llm", operation or "chat"


def _identity(found: Mapping[str, Any], reading: Reading, span: Span) -> None:
    reading.session_id = as_text(found.get("session"))
    reading.user_id = as_text(found.get("user"))
    error = as_text(found.get("error_type"))
    # Semantic Kernel writes the repr of the class
    reading.error_type = error.removeprefix("<class '").removesuffix("'>") if error else None
    if "tags" in found:
        reading.tags = as_words(found["tags"])


def _call(found: Mapping[str, Any], reading: Reading, span: Span) -> None:
    """Fill in what only model calls have."""
    reading.provider = as_text(found.get("provider"))
    reading.model = as_text(found.get("model"))
    reading.response_model = as_text(found.get("response_model"))
    reading.response_id = as_text(found.get("response_id"))
    reading.server_address = as_text(found.get("server"))
    tier = as_text(found.get("tier"))
    reading.service_tier = None if tier == "auto" else tier
    if "finish" in found:
        reasons = as_words(found["finish"])
        reading.finish_reason = _member(reasons[0]) if reasons else None
    usage = reading.usage
    for concept, value in found.items():
        name = USAGE_NAMES.get(concept)
        if name is not None and (count := as_count(value)) is not None:
            usage[name] = count
    if (seconds := as_float(found.get("audio_seconds"))) is not None and seconds >= 0:
        reading.units["audio_seconds"] = seconds
    if "cache_write" not in usage and ("cache_write_5m" in usage or "cache_write_1h" in usage):
        usage["cache_write"] = usage.get("cache_write_5m", 0) + usage.get("cache_write_1h", 0)
    reading.inference_time = as_float(found.get("inference"))
    reading.memory_used = as_float(found.get("memory"))
    reading.time_to_first_token = _first_token(found, span)
    reading.streaming = found.get("stream") in (True, "true", "True") or reading.time_to_first_token is not None
    reading.exclusive_input = is_exclusive(span, reading)
    reading.layer = is_framework(span.scope_name)
    if reading.operation == "text_completion" and "embed" in (reading.model or "") and "output" not in usage:
        reading.type, reading.operation = "embedding", "embeddings"  # what some who watch Bedrock call these
    kind = (reading.error_type or "").rpartition(".")[2]
    reading.cancelled = found.get("outcome") == "cancelled" or kind in CANCELLED_TYPES


def _member(reason: str) -> str:
    """The reason that a repr of Python's enumeration shows: FinishReason.TOOL_CALLS."""
    kind, _, name = reason.partition(".")
    return name.lower() if kind == "FinishReason" and name else reason


def _first_token(found: Mapping[str, Any], span: Span) -> float | None:
    if "ttft" in found:
        return (milliseconds if ends_in_milliseconds(span.scope_name) else as_float)(found["ttft"])
    if "ttft_ms" in found:
        return milliseconds(found["ttft_ms"])
    if "ttft_iso" in found:
        return iso_after(found["ttft_iso"], span.start_ns)
    return None


def _content(found: Mapping[str, Any], reading: Reading, span: Span) -> None:
    """Message bodies: attributes first, then flattened ones, then events; the first that has a list gives it."""
    content = reading.content
    if reading.bodies:
        for concept, value in found.items():
            reader = _BODY_READERS.get(concept)
            if reader is not None and (content_value := reader(value)) not in (None, []):
                content[concept[5:]] = content_value
        if len(reading.bodies) > len(content):
            _flattened(reading, span)
    if span.events:
        events: dict[str, Any] = {}
        for event in span.events:
            if event.name.startswith("gen_ai."):
                merge_content(events, event_content(event.name, None, event.attributes))
        for key, value in events.items():
            content.setdefault(key, value)
    if content and span.scope_name != OWN_SCOPE:  # our SDK sends none
        without_blobs(content)


def _flattened(reading: Reading, span: Span) -> None:
    content = reading.content
    for key, prefix, role in (
        ("input_messages", "gen_ai.prompt.", "user"),
        ("output_messages", "gen_ai.completion.", "assistant"),
    ):
        if key not in content and any(body.startswith(prefix) for body in reading.bodies):
            content[key] = flattened_messages(span.attributes, prefix, role)


_BODY_READERS = {
    "body.system_instructions": instructions,
    "body.input_messages": canonical_messages,
    "body.output_messages": lambda value: canonical_messages(value, "assistant"),
    "body.tool_definitions": parse_json,
    "body.tool_arguments": parse_json,
    "body.tool_result": parse_json,
    "body.documents": parse_json,
    "body.input": parse_json,
    "body.output": parse_json,
}
