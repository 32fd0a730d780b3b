"""The dialect of LangSmith's OpenTelemetry export: gen_ai names, with inputs and outputs of runs as JSON in them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from ...model import Span
from .base import Reading, as_float, as_text
from .blobs import without_blobs
from .exchange import literal, load, put_messages, read_answer, read_request, take_usage
from .genai import GenAi

__all__ = ["LangSmith"]

# run type -> type of the span and operation; the export itself calls retrievers embeddings and prompts chat
RUNS: dict[str, tuple[str, str | None]] = {
    "llm": ("llm", "chat"),
    "embedding": ("embedding", "embeddings"),
    "chain": ("chain", None),
    "tool": ("tool", None),
    "retriever": ("retrieval", None),
    "prompt": ("span", None),
    "parser": ("span", None),
}
METADATA = "langsmith.metadata."
BODIES = ("gen_ai.prompt", "gen_ai.completion")
# metadata.session_id is the caller's; langsmith.trace.session_id is the project
SESSION = ("thread_id", "session_id", "conversation_id")
# what the SDK itself notes about the process and the call, said elsewhere or of no use
OWN_METADATA = ("ls_", "lc_", "LANGSMITH_", "LANGCHAIN_")
NOTED = frozenset((*SESSION, "user_id", "usage_metadata", "model", "model_name", "stream", "_type", "temperature"))
ERROR_TYPE = re.compile(r"([A-Za-z_][\w.]{0,200})\(")
GENAI = GenAi()


class LangSmith:
    """Spans that langsmith makes of its runs."""

    def detect(self, scope_name: str, attributes: dict[str, Any]) -> bool:
        """Return whether this is langsmith's tracer, or a span that says which kind of run it is."""
        return scope_name == "langsmith" or "langsmith.span.kind" in attributes

    def read(self, span: Span) -> Reading:
        """Return what the run says."""
        attributes = span.attributes
        others = {name: value for name, value in attributes.items() if name not in BODIES}
        bare = replace(span, attributes=others, events=[])
        kind = attributes.get("langsmith.span.kind")
        known = RUNS.get(kind) if isinstance(kind, str) else None
        reading = GENAI.read(bare) if known is None else GENAI.read_as(bare, *known)
        _identity(attributes, reading)
        given, result = (load(attributes.get(name)) for name in BODIES)
        reading.bodies += [name for name in BODIES if name in attributes]
        if reading.operation is not None:
            _call(attributes, reading, given, result)
        else:
            _content(reading, given, result)
        _error(span, reading)
        without_blobs(reading.content)
        return reading


def _identity(attributes: dict[str, Any], reading: Reading) -> None:
    for name, value in attributes.items():
        if name.startswith(METADATA):
            key = name[len(METADATA) :]
            if key and key not in NOTED and not key.startswith(OWN_METADATA):
                reading.metadata[key] = value
    session = next((word for key in SESSION if (word := as_text(attributes.get(METADATA + key)))), None)
    reading.session_id = session or reading.session_id
    reading.user_id = as_text(attributes.get(METADATA + "user_id")) or reading.user_id
    tags = attributes.get("langsmith.span.tags")
    if isinstance(tags, str):
        reading.tags = [tag for tag in (one.strip() for one in tags.split(",")) if tag]


def _call(attributes: dict[str, Any], reading: Reading, given: Any, result: Any) -> None:
    reading.layer = True
    # gen_ai.system is guessed from the model's name, and "langchain" where the guess fails
    guessed = None if reading.provider == "langchain" else reading.provider
    reading.provider = as_text(attributes.get(METADATA + "ls_provider")) or guessed
    reading.model = reading.model or as_text(attributes.get(METADATA + "ls_model_name"))
    if attributes.get("langsmith.request.streaming") in (True, "true", "True"):
        reading.streaming = True
    reading.service_tier = reading.service_tier or as_text(attributes.get("gen_ai.response.service_tier"))
    for name, key in (("ls_temperature", "temperature"), ("ls_max_tokens", "max_tokens"), ("ls_stop", "stop")):
        if (value := attributes.get(METADATA + name)) is not None:
            reading.parameters.setdefault(key, value)
    _usage(attributes, reading)
    read_request(reading, given)
    if reading.operation == "chat":
        read_answer(reading, result)
    elif result is not None:
        reading.content["output"] = result


def _usage(attributes: dict[str, Any], reading: Reading) -> None:
    """The details are the repr of a dict; a run that counted by itself has everything in its metadata."""
    details = {
        name: parsed
        for name in ("input_token_details", "output_token_details")
        if (parsed := literal(attributes.get(f"gen_ai.usage.{name}")))
    }
    take_usage(reading, details)
    noted = load(attributes.get(METADATA + "usage_metadata"))
    take_usage(reading, noted)
    reading.exclusive_input = False  # usage_metadata counts the cache in
    if isinstance(noted, dict) and (cost := as_float(noted.get("total_cost"))):
        reading.metadata["reported_cost"] = cost


def _content(reading: Reading, given: Any, result: Any) -> None:
    if isinstance(result, dict) and set(result) == {"output"}:
        result = result["output"]
    names = ("tool_arguments", "tool_result") if reading.type == "tool" else ("input", "output")
    if reading.type == "retrieval":
        if isinstance(result, dict) and isinstance(result.get("documents"), list):
            result = result["documents"]
        names = ("input", "documents" if isinstance(result, list) else "output")
    if reading.type == "agent":
        put_messages(reading, "input_messages", given, "user")
        put_messages(reading, "output_messages", result, "assistant")
        return
    for name, value in zip(names, (given, result), strict=True):
        if value is not None:
            reading.content[name] = value


def _error(span: Span, reading: Reading) -> None:
    """Every exception is written as type Exception, with the repr of the true one before its traceback."""
    for event in reversed(span.events):
        message = event.attributes.get("exception.message") if event.name == "exception" else None
        if isinstance(message, str) and (match := ERROR_TYPE.match(message)):
            reading.error_type = match[1]
            return
