"""The dialect of Langfuse's SDKs: observations, with everything that is structured as JSON text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...model import Span
from .base import Reading, ReportedScore, as_count, as_float, as_text, as_words, iso_after
from .blobs import without_blobs
from .exchange import load, put_messages, read_answer, read_request, take_usage

__all__ = ["Langfuse"]

ERROR = 2
OBSERVATION = "langfuse.observation."
TYPES = {
    "generation": "llm",
    "embedding": "embedding",
    "agent": "agent",
    "tool": "tool",
    "chain": "chain",
    "retriever": "retrieval",
    "evaluator": "evaluator",
    "guardrail": "guardrail",
    "span": "span",
    "event": "span",
}
OPERATIONS = {"generation": "chat", "embedding": "embeddings"}
# the spans of langfuse.openai are the client's own: all other generations may hold the call of another instrumentation
CLIENT_NAMES = frozenset(("OpenAI-generation", "OpenAI-embedding"))
NOTED = ("ls_", "lc_", "is_langchain_root", "finish_reason")  # metadata that LangChain and the SDK put there
METADATA = ("langfuse.trace.metadata", "langfuse.observation.metadata")
PROVIDERS_OWN = ("prompt_tokens", "completion_tokens", "input_tokens", "output_tokens", "inputTokens")
# buckets that say at which tier another was counted: not tokens of their own
NOT_TOKENS = ("priority", "input_priority", "output_priority")


class Langfuse:
    """Spans of langfuse-sdk, and of others that set langfuse.observation.type."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is Langfuse's tracer, or a span that says what kind of observation it is."""
        return scope_name == "langfuse-sdk" or "langfuse.observation.type" in attributes

    def read(self, span: Span) -> Reading:
        """Return what the observation says."""
        attributes = span.attributes
        reading = Reading()
        kind = attributes.get(OBSERVATION + "type")
        kind = kind if isinstance(kind, str) else "span"
        reading.type = TYPES.get(kind, "span")
        reading.operation = OPERATIONS.get(kind)
        _identity(attributes, reading)
        if attributes.get(OBSERVATION + "level") == "ERROR" and span.status != ERROR:
            # the SDK sets the status with the level since version 4; before, and by hand, the level alone is set
            reading.error_type = "ERROR"
            reading.error_message = as_text(attributes.get(OBSERVATION + "status_message"))
        given, result = (load(attributes.get(OBSERVATION + name)) for name in ("input", "output"))
        reading.bodies = [OBSERVATION + name for name in ("input", "output") if OBSERVATION + name in attributes]
        if reading.operation is not None:
            _call(span, reading)
            read_request(reading, given)
            if reading.operation == "chat":
                read_answer(reading, result)
            elif result is not None:
                reading.content["output"] = result
        else:
            _content(kind, given, result, reading)
        if not reading.tags and isinstance(reading.metadata.get("tags"), list):
            reading.tags = as_words(reading.metadata.pop("tags"))
        reading.metadata = {key: value for key, value in reading.metadata.items() if not key.startswith(NOTED)}
        if kind == "evaluator":
            reading.scores = _scores(span.name, result)
        without_blobs(reading.content)
        return reading


def _identity(attributes: Mapping[str, Any], reading: Reading) -> None:
    reading.session_id = as_text(attributes.get("session.id", attributes.get("langfuse.session.id")))
    reading.user_id = as_text(attributes.get("user.id", attributes.get("langfuse.user.id")))
    reading.tags = as_words(attributes.get("langfuse.trace.tags"))
    for name, value in attributes.items():
        if name.startswith(METADATA):
            _, _, key = name.partition(".metadata")
            # metadata that is no dict is written whole
            reading.metadata[key[1:] or "metadata"] = load(value)
    for name in ("release", "version"):
        if word := as_text(attributes.get(f"langfuse.{name}")):
            reading.metadata.setdefault(name, word)
    for name in ("name", "version"):
        if word := as_text(attributes.get(f"langfuse.observation.prompt.{name}")):
            reading.metadata[f"prompt.{name}"] = attributes[f"langfuse.observation.prompt.{name}"]


def _call(span: Span, reading: Reading) -> None:
    attributes = span.attributes
    reading.layer = span.name not in CLIENT_NAMES
    name = as_text(attributes.get("langfuse.observation.model.name"))
    reading.model = as_text(reading.metadata.get("ls_model_name")) or name
    reading.response_model = name if name != reading.model else None
    reading.provider = as_text(reading.metadata.get("ls_provider")) or (None if reading.layer else "openai")
    parameters = load(attributes.get("langfuse.observation.model.parameters"))
    if isinstance(parameters, dict):
        # an OpenAI call without max_tokens is written as "Infinity"
        reading.parameters = {key: value for key, value in parameters.items() if value != "Infinity"}
        reading.service_tier = as_text(reading.parameters.pop("service_tier", None))
    reading.finish_reason = as_text(reading.metadata.get("finish_reason"))
    reading.time_to_first_token = iso_after(attributes.get("langfuse.observation.completion_start_time"), span.start_ns)
    reading.streaming = reading.time_to_first_token is not None
    _usage(load(attributes.get("langfuse.observation.usage_details")), reading)
    costs = load(attributes.get("langfuse.observation.cost_details"))
    if isinstance(costs, dict):
        total = as_float(costs.get("total"))
        parts = [cost for key, value in costs.items() if key != "total" and (cost := as_float(value)) is not None]
        cost = total if total is not None else sum(parts)
        if cost > 0:
            reading.metadata["reported_cost"] = cost


def _usage(usage: Any, reading: Reading) -> None:
    """Sum the buckets, of which no token is in two; what a provider said itself is taken as it was said."""
    if not isinstance(usage, dict):
        return
    if any(name in usage for name in PROVIDERS_OWN) and "input" not in usage and "output" not in usage:
        take_usage(reading, usage)
        return
    counts = {key: count for key, value in usage.items() if (count := as_count(value)) is not None}
    total = counts.pop("total", None)
    has_parts = any(key.startswith(("input_", "output_")) for key in counts)
    plain = counts.get("input", 0) + counts.get("output", 0)
    # where the writer's own total is input and output alone, the parts are inside them already
    inclusive = has_parts and total is not None and total == plain
    for side in ("input", "output"):
        parts = {key: count for key, count in counts.items() if _is_part(key, side)}
        if side in counts or parts:
            reading.usage[side] = counts.get(side, 0) + (0 if inclusive else _sum(parts))
    for key, count in counts.items():
        if key in ("input", "output") or key.startswith(NOT_TOKENS):
            continue
        concept = _concept(key)
        reading.usage[concept] = reading.usage.get(concept, 0) + count
    if total is not None:
        reading.usage["total"] = total
    if "cache_write" not in reading.usage and (split := [n for k, n in counts.items() if k.endswith(("_5m", "_1h"))]):
        reading.usage["cache_write"] = sum(split)


def _is_part(key: str, side: str) -> bool:
    return (key.startswith(f"{side}_") or (side == "input" and key.startswith("cache_"))) and not key.startswith(
        NOT_TOKENS
    )


def _sum(parts: Mapping[str, int]) -> int:
    """All tokens of a side; a cache write that is told in whole and by its lifetime counts once."""
    whole = any(_concept(key) == "cache_write" for key in parts)
    return sum(
        count for key, count in parts.items() if not (whole and _concept(key) in ("cache_write_5m", "cache_write_1h"))
    )


def _concept(key: str) -> str:
    """The name in Reading.usage of a bucket: by its words, as every integration spells them in its own way."""
    if "cache" in key or "ephemeral" in key:
        if "5m" in key or "1h" in key:
            return "cache_write_5m" if "5m" in key else "cache_write_1h"
        return "cache_write" if "creation" in key or "write" in key else "cache_read"
    if key.startswith("output") and ("reasoning" in key or "thinking" in key):
        return "reasoning"
    for modality in ("audio", "image"):
        if modality in key and key.startswith(("input", "output")):
            return f"{modality}_{key.partition('_')[0]}"
    return key


def _content(kind: str, given: Any, result: Any, reading: Reading) -> None:
    content = reading.content
    if kind == "agent":
        put_messages(reading, "input_messages", given, "user")
        put_messages(reading, "output_messages", result, "assistant")
        return
    names = ("tool_arguments", "tool_result") if kind == "tool" else ("input", "output")
    if kind == "retriever":
        names = ("input", "documents" if isinstance(result, list) else "output")
    for name, value in zip(names, (given, result), strict=True):
        if value is not None:
            content[name] = value


def _scores(name: str, result: Any) -> list[ReportedScore]:
    """The evaluations that an evaluator returned: one, a list of them, a bare number or a word."""
    found = []
    for one in result if isinstance(result, list) else [result]:
        said = one if isinstance(one, dict) else {"value": one}
        value = said.get("value", said.get("score"))
        number = float(value) if isinstance(value, bool) else as_float(value)
        label = value if isinstance(value, str) and number is None else as_text(said.get("label"))
        if number is not None or label:
            comment = as_text(said.get("comment", said.get("reasoning")))
            found.append(ReportedScore(as_text(said.get("name")) or name, number, label, comment))
    return found
