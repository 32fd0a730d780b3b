"""What a component is, by its class: the package it stands in, else the end of its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._wire.provider import provider_of

# kinds. generator, embedder and image are model calls; the others are steps.
GENERATOR, EMBEDDER, IMAGE = "generator", "embedder", "image"
RETRIEVER, RANKER, TOOL, PROMPT, STEP = "retriever", "ranker", "tool", "prompt", "step"
MODEL_CALLS = {GENERATOR: "chat", EMBEDDER: "embeddings", IMAGE: "image_generation"}
# the kind of a step -> its span's type
TYPES = {RETRIEVER: "retrieval", RANKER: "rerank", TOOL: "tool", PROMPT: "prompt", STEP: "chain"}

# the package below `components`, of haystack and of haystack_integrations
_PACKAGES = {
    "generators": GENERATOR, "embedders": EMBEDDER, "retrievers": RETRIEVER, "rankers": RANKER, "tools": TOOL,
    "websearch": RETRIEVER,
    "agents": STEP, "audio": STEP, "builders": STEP, "caching": STEP, "classifiers": STEP, "connectors": STEP,
    "converters": STEP, "evaluators": STEP, "extractors": STEP, "fetchers": STEP, "joiners": STEP,
    "preprocessors": STEP, "query": STEP, "readers": STEP, "routers": STEP, "samplers": STEP, "validators": STEP,
    "writers": STEP, "super_component": STEP,
}  # fmt: skip
# the classes that are another thing than their package or the end of their name says
_CLASSES = {
    "LLM": STEP,  # an agent without tools: the call inside has its own span
    "OpenAIImageGenerator": IMAGE,
    "DALLEImageGenerator": IMAGE,
    "PromptBuilder": PROMPT,
    "ChatPromptBuilder": PROMPT,
}
_ENDS = (
    ("Generator", GENERATOR), ("Embedder", EMBEDDER), ("Retriever", RETRIEVER), ("Ranker", RANKER),
    ("ToolInvoker", TOOL), ("PromptBuilder", PROMPT), ("WebSearch", RETRIEVER),
)  # fmt: skip
_PACKAGE = re.compile(r"(?:^|\.)(?:components|core)\.(\w+)\.")
# beginning of the class -> provider, longer names first
_PROVIDERS = (
    ("AzureOpenAI", "azure.ai.openai"), ("OpenAI", "openai"), ("DALLE", "openai"),
    ("AnthropicVertex", "gcp.vertex_ai"), ("AnthropicFoundry", "azure.ai.inference"), ("Anthropic", "anthropic"),
    ("AmazonBedrock", "aws.bedrock"), ("Cohere", "cohere"), ("Mistral", "mistral_ai"), ("GoogleGenAI", "gcp.gemini"),
    ("GoogleAIGemini", "gcp.gemini"), ("VertexAI", "gcp.vertex_ai"), ("HuggingFaceLocal", "local"),
    ("SentenceTransformers", "local"), ("Transformers", "local"), ("HuggingFace", "huggingface"), ("Ollama", "ollama"),
    ("LlamaCpp", "llama_cpp"), ("LlamaStack", "llama_stack"), ("Nvidia", "nvidia"), ("OpenRouter", "openrouter"),
    ("TogetherAI", "together_ai"), ("Watsonx", "ibm.watsonx.ai"), ("VLLM", "vllm"), ("Jina", "jina"),
    ("Voyage", "voyage"), ("Mock", "mock"),
)  # fmt: skip
_VENDOR = re.compile(r"^haystack_integrations\.components\.\w+\.(\w+)\.")


def kind_of(class_name: str, qualified: str | None) -> str | None:
    """Say what it is; None: a component of Haystack in a package we do not know."""
    known = _CLASSES.get(class_name)
    if known is not None:
        return known
    package = _PACKAGE.search(qualified or "")
    if package is not None and (qualified or "").startswith(("haystack.", "haystack_integrations.")):
        return _PACKAGES.get(package.group(1))
    for end, kind in _ENDS:
        if class_name.endswith(end):
            return kind
    return STEP


def generates(qualified: str | None, tags: Mapping[str, Any], instance: Any) -> bool:
    """Whether a component of the application's own is a generator: it is asked as one, and gives what one gives."""
    if (qualified or "").startswith(("haystack.", "haystack_integrations.")) or hasattr(instance, "pipeline"):
        return False
    asked = tags.get("haystack.component.input_spec") or ()
    return "replies" in (tags.get("haystack.component.output_spec") or ()) and (
        "messages" in asked or "prompt" in asked
    )


def qualified_name(kind: type) -> str:
    """Where a class stands, as Haystack writes it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def provider_name(class_name: str, instance: Any) -> str:
    """Name who answers: by the address that the component was given, else by its class."""
    found = next((name for beginning, name in _PROVIDERS if class_name.startswith(beginning)), None)
    if found == "openai":
        url = getattr(instance, "api_base_url", None)
        if isinstance(url, str) and url:
            parts = urlsplit(url)
            return provider_of(parts.hostname, parts.port)
    if found is None:
        vendor = _VENDOR.match(qualified_name(type(instance)))
        found = vendor.group(1) if vendor else "custom"
    return found


def model_name(instance: Any) -> str | None:
    """Name the model that it was made with; None where only the answer tells."""
    for name in ("model", "azure_deployment", "model_name", "model_name_or_path"):
        value = getattr(instance, name, None)
        if isinstance(value, str) and value:
            return value
    parameters = getattr(instance, "api_params", None) or getattr(instance, "huggingface_pipeline_kwargs", None)
    if isinstance(parameters, dict):
        value = parameters.get("model") or parameters.get("url")
        return value if isinstance(value, str) else None
    return None
