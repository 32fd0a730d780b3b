"""Turns on installed OpenTelemetry instrumentations of model libraries and vector stores that we do not watch."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any, NamedTuple

from .. import _runtime
from .._guard import logger, warn_once

GROUP = "opentelemetry_instrumentor"
# Families in the order of preference, by the name of the distribution.
_FAMILIES = (
    re.compile(r"^opentelemetry-instrumentation-genai-|^opentelemetry-instrumentation-(?:google-genai|vertexai)$"),
    re.compile(r"^openinference-instrumentation-"),
    re.compile(
        r"^opentelemetry-instrumentation-(?:agno|alephalpha|chromadb|crewai|dspy|google-generativeai|lancedb|marqo|milvus"
        r"|pinecone|portkey|qdrant|replicate|sagemaker|smolagents|voyageai|watsonx|weaviate|writer)$"
    ),
)
# Distributions whose model calls we see ourselves: at their client, at their framework, or below it over HTTP.
WATCHED = frozenset((
    "aiobotocore", "anthropic", "azure-ai-inference", "boto3", "botocore", "cohere", "fireworks-ai", "google-genai",
    "groq", "haystack-ai", "huggingface-hub", "langchain", "langchain-core", "litellm", "llama-index",
    "llama-index-core", "mcp", "mistralai", "ollama", "openai", "openai-agents", "together", "transformers",
))  # fmt: skip
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")
_EXTRA = re.compile(r"extra\s*==\s*[\"']instruments[\"']")
_CONTENT = {
    True: {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"},
    False: {
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
        "OPENINFERENCE_HIDE_INPUTS": "true",
        "OPENINFERENCE_HIDE_OUTPUTS": "true",
        "TRACELOOP_TRACE_CONTENT": "false",
    },
}
_on: dict[str, Any] = {}  # name of the entry point -> its instrumentor, which we turned on


class _Found(NamedTuple):
    rank: int
    name: str
    entry: EntryPoint


def instrument() -> tuple[str, ...]:
    """Turn them on; the names of those that are, as `otel:<entry point>`. One that fails is named once and left."""
    taken: set[str] = set()
    for _, name, entry in sorted(_candidates(), key=lambda found: found[:2]):
        if name in _on:
            taken |= _libraries(_on[name])
            continue
        try:
            if _declared(entry) & WATCHED:
                continue  # not even loaded: that would import the library, which the application perhaps never does
            instrumentor = entry.load()()
            libraries = _libraries(instrumentor)
            if not libraries or libraries & WATCHED or libraries & taken or not all(map(_installed, libraries)):
                continue
            taken |= libraries
            if not getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
                _turn_on(instrumentor)
                if getattr(instrumentor, "is_instrumented_by_opentelemetry", True):  # it may decline a version
                    _on[name] = instrumentor
        except Exception as error:  # somebody else's code: whatever it raises
            warn_once(
                f"entry_point.{name}",
                "sentinelops: the instrumentation %s could not be turned on (%s); its library is not watched.",
                name, type(error).__name__,
            )  # fmt: skip
            logger.debug("sentinelops: %s failed", name, exc_info=error)
    return tuple(f"otel:{name}" for name in _on)


def uninstrument() -> tuple[str, ...]:
    """Turn off those that we turned on."""
    names = tuple(f"otel:{name}" for name in _on)
    while _on:
        name, instrumentor = _on.popitem()
        try:
            instrumentor.uninstrument()
        except Exception as error:  # as above
            logger.debug("sentinelops: %s could not be turned off", name, exc_info=error)
    return names


def _candidates() -> Iterator[_Found]:
    for entry in entry_points(group=GROUP):
        if entry.dist is None:
            continue
        package = _normal(entry.dist.name)
        for rank, family in enumerate(_FAMILIES):
            if family.match(package):
                yield _Found(rank, entry.name, entry)
                break


def _turn_on(instrumentor: Any) -> None:
    """Content leaves the process by them only when ours does, unredacted; what the user set himself stands."""
    runtime = _runtime.current
    whole = runtime is not None and runtime.config.capture_content == "on"
    for variable, value in _CONTENT[whole].items():
        os.environ.setdefault(variable, value)
    if runtime is None:
        instrumentor.instrument()
    else:
        instrumentor.instrument(tracer_provider=runtime.provider)


def _declared(entry: EntryPoint) -> set[str]:
    """Distributions that it instruments, as its own distribution says; none where it does not say."""
    needs = (entry.dist.requires or ()) if entry.dist is not None else ()
    return {_normal(matched[0]) for one in needs if _EXTRA.search(one) and (matched := _NAME.match(one))}


def _libraries(instrumentor: Any) -> set[str]:
    """Distributions that it instruments, by normal name."""
    given = instrumentor.instrumentation_dependencies()
    return {_normal(matched[0]) for one in given if (matched := _NAME.match(str(one)))}


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
