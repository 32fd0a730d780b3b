"""pydantic-ai, Logfire and pydantic-evals: gen_ai.* with names of their own for runs, raw requests and scores."""

from __future__ import annotations

from typing import Any

from ...analysis.json_text import parse_json
from ...analysis.messages import canonical_messages, event_content, merge_content
from ...model import Span
from .base import Reading, ReportedScore, as_float, as_text, as_words
from .blobs import without_blobs
from .concepts import as_object, fill_usage, first, move_to_tool, numbers, put, report_cost, texts
from .genai import GenAi
from .usage_counts import usage_counts

__all__ = ["PydanticAi"]

EVALS = "pydantic-evals"
AGENTS = "logfire.openai_agents"
ERROR = 2
DETAILS = "gen_ai.usage.details."
USAGE = (
    ("cache_read", DETAILS + "cache_read_tokens"),
    ("cache_read", DETAILS + "cached_tokens"),
    ("cache_read", DETAILS + "cache_read_input_tokens"),
    ("cache_write", DETAILS + "cache_write_tokens"),
    ("cache_write", DETAILS + "cache_creation_input_tokens"),
    ("reasoning", DETAILS + "reasoning_tokens"),
    ("audio_input", DETAILS + "input_audio_tokens"),
    ("audio_output", DETAILS + "output_audio_tokens"),
)
TOTALS = ("input", "output", "total")
NO_PARAMETERS = frozenset(("model", "messages", "input", "tools", "prompt", "stream_options", "extra_headers"))
GENAI = GenAi()


class PydanticAi:
    """The dialect of pydantic-ai and of Logfire's instrumentations and spans."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether the scope is one of theirs."""
        return scope_name.startswith(("pydantic-ai", "logfire")) or scope_name == EVALS

    def read(self, span: Span) -> Reading:
        """Return what the span says; the usage of a run is that of its calls."""
        attributes = span.attributes
        if span.scope_name == EVALS:
            return _evaluation(span)
        kind, operation = _classify(span)
        reading = GENAI.read(span) if kind is None else GENAI.read_as(span, kind, operation)
        for name, value in as_object(attributes.get("metadata")).items():
            reading.metadata.setdefault(name, value)
        # LLM is what Logfire calls every call
        reading.tags = reading.tags or [tag for tag in as_words(attributes.get("logfire.tags")) if tag != "LLM"]
        if reading.operation is not None:
            _call(reading, span)
        _bodies(reading, attributes)
        without_blobs(reading.content)
        return reading


def _classify(span: Span) -> tuple[str | None, str | None]:
    """Return type and operation where the span does not say them in the conventions' words."""
    attributes = span.attributes
    if span.scope_name == AGENTS and (kind := _kind_in_agents(span)) is not None:
        return kind, None
    if span.scope_name.startswith("logfire"):
        if "request_data" not in attributes:
            return None, None
        operation = as_text(attributes.get("gen_ai.operation.name")) or "chat"
        kind = "embedding" if operation == "embeddings" else "llm"
        return kind, None if _is_opening(span) else operation
    if "gen_ai.operation.name" in attributes:
        return None, None
    if "tool_arguments" in attributes or "gen_ai.tool.name" in attributes:
        return "tool", None
    if "agent_name" in attributes:
        return "agent", None
    return ("chain", None) if "tools" in attributes else (None, None)


def _kind_in_agents(span: Span) -> str | None:
    """The type of what stands around the calls of an OpenAI agent: Logfire tells it by the span's name alone."""
    kinds = (("Agent run", "agent"), ("Function:", "tool"), ("OpenAI Agents trace", "chain"), ("Task:", "chain"),
             ("Turn ", "chain"), ("Handoff", "chain"), ("Guardrail", "guardrail"))  # fmt: skip
    return next((kind for start, kind in kinds if span.name.startswith(start)), None)


def _is_opening(span: Span) -> bool:
    """Whether this is a stream's first half: Logfire tells the answer in a record of its own, which is the call."""
    attributes = span.attributes
    return (
        attributes.get("logfire.span_type") != "log"
        and span.status != ERROR
        and not any(event.name == "exception" for event in span.events)
        and first(attributes, "gen_ai.usage.input_tokens", "gen_ai.response.id", "response_data") is None
        and "gen_ai.output.messages" not in attributes
    )


def _call(reading: Reading, span: Span) -> None:
    attributes = span.attributes
    usage = reading.usage
    fill_usage(usage, ((count, attributes.get(name)) for count, name in USAGE))
    # the provider's own usage, which Logfire keeps beside; its input is not the conventions', who count the cache in
    raw = first(attributes, "gen_ai.usage.raw", "usage") or as_object(attributes.get("response_data")).get("usage")
    counts, _ = usage_counts(parse_json(raw))
    fill_usage(usage, ((name, count) for name, count in counts.items() if name not in TOTALS))
    report_cost(reading, attributes.get("operation.cost"))
    asked = as_object(attributes.get("request_data"))
    for name, value in asked.items():
        if name not in NO_PARAMETERS and value is not None:
            reading.parameters.setdefault(name, value)
    reading.model = reading.model or as_text(asked.get("model"))
    if attributes.get("logfire.span_type") == "log":  # the record of a stream, written at its end
        reading.streaming = True
        reading.inference_time = as_float(attributes.get("duration"))
    reading.streaming = reading.streaming or asked.get("stream") is True
    reading.layer = span.scope_name in ("pydantic-ai", AGENTS)  # the client below may be watched too


def _bodies(reading: Reading, attributes: dict[str, Any]) -> None:
    if (events := first(attributes, "events", "all_messages_events")) is not None:
        name = "events" if attributes.get("events") is not None else "all_messages_events"
        _events(reading, parse_json(events), name)
    if reading.type == "agent":
        messages = attributes.get("pydantic_ai.all_messages")
        put(reading, "input_messages", canonical_messages(messages) if messages else None, "pydantic_ai.all_messages")
        put(reading, "output", parse_json(attributes.get("final_result")), "final_result")
    elif reading.type == "tool":
        for name in ("tool_arguments", "input"):
            put(reading, "tool_arguments", parse_json(attributes.get(name)), name)
        for name in ("tool_response", "output"):
            put(reading, "tool_result", parse_json(attributes.get(name)), name)
        move_to_tool(reading)
    elif reading.type == "embedding":
        put(reading, "input_messages", texts(attributes.get("inputs")) if "inputs" in attributes else None, "inputs")
        put(reading, "output", numbers(attributes.get("embeddings")), "embeddings")
    elif reading.type == "llm":
        _raw(reading, attributes)


def _events(reading: Reading, events: Any, name: str) -> None:
    """Messages as a list of events in one attribute, as before version 1."""
    content: dict[str, Any] = {}
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and isinstance(event.get("event.name"), str):
            merge_content(content, event_content(event["event.name"], event, {}))
    if content:
        for key, value in content.items():
            reading.content.setdefault(key, value)
        reading.bodies.append(name)
    if reading.response_id is not None and "output_messages" not in reading.content:
        _answer_apart(reading.content)


def _answer_apart(content: dict[str, Any]) -> None:
    """Responses of agents are told as assistant's messages behind the input, without a choice."""
    messages = content.get("input_messages", [])
    start = len(messages)
    while start and messages[start - 1].get("role") == "assistant":
        start -= 1
    if 0 < start < len(messages):
        content["input_messages"], content["output_messages"] = messages[:start], messages[start:]


def _raw(reading: Reading, attributes: dict[str, Any]) -> None:
    """Messages and tools out of the raw request, where nothing better says them; it stays as an attribute else."""
    for name, role in (("input", "user"), ("output", "assistant")):  # of an agent's chat
        if isinstance(messages := parse_json(attributes.get(name)), list):
            put(reading, f"{name}_messages", canonical_messages(messages, role), name)
    asked = as_object(first(attributes, "request_data"))
    if "messages" in asked or "input" in asked:
        put(reading, "input_messages", canonical_messages(asked.get("messages", asked.get("input"))), "request_data")
        put(reading, "tool_definitions", asked.get("tools"))
    told = as_object(attributes.get("response_data"))
    if isinstance(told.get("message"), dict):
        put(reading, "output_messages", canonical_messages([told["message"]], "assistant"), "response_data")
    elif told.get("combined_chunk_content"):
        put(
            reading, "output_messages", canonical_messages(told["combined_chunk_content"], "assistant"), "response_data"
        )
    tools = as_object(attributes.get("model_request_parameters")).get("function_tools")
    put(reading, "tool_definitions", tools)


def _evaluation(span: Span) -> Reading:
    """A case of an experiment with its scores, or what stands around cases."""
    attributes = span.attributes
    is_case = "case_name" in attributes or "evaluator_name" in attributes
    reading = GENAI.read_as(span, "evaluator" if is_case else "chain", None)
    for group in ("scores", "assertions", "labels"):
        for name, said in as_object(attributes.get(group)).items():
            value = said.get("value") if isinstance(said, dict) else said
            comment = as_text(said.get("reason")) if isinstance(said, dict) else None
            number = float(value) if isinstance(value, bool) else as_float(value)
            label = as_text(value) if number is None else None
            if number is not None or label is not None:
                reading.scores.append(ReportedScore(name, number, label, comment))
    put(reading, "input", parse_json(attributes.get("inputs")), "inputs")
    put(reading, "output", parse_json(attributes.get("output")), "output")
    without_blobs(reading.content)
    return reading
