"""What LangChain calls things, in our words: providers, runs, tags, metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ... import semconv as s

HIDDEN = "langsmith:hidden"
# LangChain's word (`ls_provider`): the convention's
_PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "fireworks": "fireworks_ai",
    "google": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "huggingface_hub": "huggingface",
    "ibm": "ibm.watsonx.ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "openai-codex": "openai",
    "together": "together_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}
_MODEL = ("model", "model_name", "model_id", "deployment_name", "azure_deployment", "repo_id", "engine")
_OWN_TAGS = ("seq:step:", "map:key:", "graph:step:", "langsmith:", "retry:attempt:", "condition:", "branch:")
_GRAPH = ("langgraph_node", "langgraph_step", "langgraph_checkpoint_ns")
_OWN_METADATA = ("ls_", "lc_", "langgraph_", "checkpoint_", "__")
_OWN_NAMES = frozenset(("thread_id", "run_id", "run_attempt", "graph_id", "assistant_id", "revision_id", "versions"))
_MOST_METADATA = 40


def name_of(serialized: Any, given: Any, fallback: str) -> str:
    """How the run is called."""
    if isinstance(given, str) and given:
        return given
    if isinstance(serialized, Mapping):
        name = serialized.get("name")
        if isinstance(name, str) and name:
            return name
        path = serialized.get("id")
        if isinstance(path, Sequence) and path:
            return str(path[-1])
    return fallback


def provider_of(metadata: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Who answers, as far as LangChain knows."""
    word = metadata.get("ls_provider") or params.get("_type")
    if not isinstance(word, str) or not word:
        return "unknown"
    known = word.lower()
    return _PROVIDERS.get(known, known.removesuffix("-chat"))


def model_of(metadata: Mapping[str, Any], params: Mapping[str, Any]) -> str | None:
    """Which model was asked for."""
    for value in (metadata.get("ls_model_name"), *(params.get(name) for name in _MODEL)):
        if isinstance(value, str) and value:
            return value
    return None


def conversation_of(metadata: Mapping[str, Any] | None) -> str | None:
    """Give the thread that a graph's state is kept under."""
    thread = metadata.get("thread_id") if metadata else None
    return str(thread) if isinstance(thread, str | int) and thread != "" else None


def ambient_of(tags: Sequence[str] | None, metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the caller's own tags and metadata, and where in a graph this is, as attributes."""
    out: dict[str, Any] = {}
    if tags:
        own = [tag for tag in tags if isinstance(tag, str) and not tag.startswith(_OWN_TAGS)]
        if own:
            out[s.TAGS] = own
    for key, value in (metadata or {}).items():
        if type(value) not in (str, int, float, bool) or len(out) > _MOST_METADATA:
            continue
        name = str(key)
        if name in _GRAPH or not (name in _OWN_NAMES or name.startswith(_OWN_METADATA)):
            out[s.METADATA_PREFIX + name] = value
    return out
