"""What is known of single writers of the GenAI conventions: who watches a framework, and who means something else."""

from __future__ import annotations

from ...model import Span
from .base import Reading

__all__ = ["ends_in_milliseconds", "is_exclusive", "is_framework"]

OFFICIAL = "opentelemetry.instrumentation.genai."
# their spans of a call stand above those of the client that makes it, if that is watched too
FRAMEWORKS = (
    "strands.",
    "gcp.vertex.agent",
    "semantic_kernel.",
    "agent_framework",
    "autogen",
    "livekit-agents",
    "@mastra/",
    *(
        OFFICIAL + name
        for name in ("agno", "crewai", "dspy", "langchain", "llama_index", "openai_agents", "smolagents")
    ),
)
# both hand on what Bedrock says, whose input leaves the cache out; OpenLLMetry's is of any version
BEDROCK = ("opentelemetry.instrumentation.bedrock", "opentelemetry.instrumentation.botocore")
EXCLUSIVE_BEDROCK = frozenset({"", "1.0b0", "1.1b0", "1.2b0", "1.3b0"})
STRANDS = "strands."


def is_framework(scope_name: str) -> bool:
    """Whether spans of this scope tell of calls that a client below makes."""
    return scope_name.startswith(FRAMEWORKS)


def is_exclusive(span: Span, reading: Reading) -> bool:
    """Whether the writer is known to leave cached tokens out of its input count.

    All who watch Bedrock do, but in streams of OpenAI's models the input holds them; only one writer says what streams.
    """
    scope, model = span.scope_name, reading.model or ""
    is_official = scope == OFFICIAL + "bedrock"
    if "openai." in model and (reading.streaming or not is_official):
        return False
    if scope.startswith(STRANDS):  # of some versions and models: the total tells
        usage = reading.usage
        cached = usage.get("cache_read", 0) + usage.get("cache_write", 0)
        return cached > 0 and usage.get("total") == usage.get("input", 0) + usage.get("output", 0) + cached
    if scope.startswith(BEDROCK):
        return True
    return is_official and span.scope_version in EXCLUSIVE_BEDROCK


def ends_in_milliseconds(scope_name: str) -> bool:
    """Whether the time to the first token of this scope is in milliseconds."""
    return scope_name.startswith(STRANDS)
