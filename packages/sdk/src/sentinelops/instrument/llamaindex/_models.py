"""Which provider and model stand behind an object of LlamaIndex, by its package, its address and its fields."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .._wire.provider import UNKNOWN, provider_of

# package of the integration (`llama_index.llms.NAME`, `.embeddings.NAME`, `.postprocessor.NAME`) -> provider
_PROVIDERS = {
    "ai21": "ai21",
    "alephalpha": "aleph_alpha",
    "anthropic": "anthropic",
    "azure_inference": "azure.ai.inference",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "bedrock_rerank": "aws.bedrock",
    "cerebras": "cerebras",
    "cohere": "cohere",
    "cohere_rerank": "cohere",
    "dashscope": "alibaba",
    "dashscope_rerank": "alibaba",
    "deepinfra": "deepinfra",
    "deepseek": "deepseek",
    "fireworks": "fireworks_ai",
    "gemini": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google": "gcp.gemini",
    "groq": "groq",
    "huggingface": "huggingface",
    "huggingface_api": "huggingface",
    "huggingface_openvino": "huggingface",
    "ibm": "ibm.watsonx.ai",
    "jinaai": "jina_ai",
    "jinaai_rerank": "jina_ai",
    "llama_cpp": "llama_cpp",
    "lmstudio": "lmstudio",
    "mistralai": "mistral_ai",
    "moonshot": "moonshot_ai",
    "nvidia": "nvidia",
    "nvidia_rerank": "nvidia",
    "ollama": "ollama",
    "openai": "openai",
    "openrouter": "openrouter",
    "perplexity": "perplexity",
    "sagemaker_endpoint": "aws.sagemaker",
    "sambanovasystems": "sambanova",
    "together": "together_ai",
    "vertex": "gcp.vertex_ai",
    "voyageai": "voyage_ai",
    "voyageai_rerank": "voyage_ai",
    "xinference": "xinference",
}
_ADDRESSES = ("api_base", "base_url", "azure_endpoint", "endpoint", "_base_url")
_MODELS = ("model", "model_name", "model_id", "deployment_name", "engine")


def provider(instance: Any) -> str:
    """Name the provider: by its address where that says more than the package; else by the package or the class."""
    by_address = _by_address(instance)
    if by_address != UNKNOWN:
        return by_address
    for kind in type(instance).__mro__:
        parts = kind.__module__.split(".")
        if parts[0] == "llama_index" and len(parts) > 2 and parts[1] in ("llms", "embeddings", "postprocessor"):
            named = _PROVIDERS.get(parts[2], parts[2])
            # a server that speaks OpenAI's protocol at an address nobody knows is not OpenAI
            return UNKNOWN if named in ("openai", "openai_like") and _address(instance) else named
    return type(instance).__name__.lower()


def _address(instance: Any) -> str | None:
    for name in _ADDRESSES:
        value = getattr(instance, name, None)
        if isinstance(value, str) and value and value != "unknown":
            return value
    return None


def _by_address(instance: Any) -> str:
    address = _address(instance)
    if address is None or "//" not in address:
        return UNKNOWN
    try:
        parts = urlsplit(address)
        return provider_of((parts.hostname or "").lower() or None, parts.port)
    except ValueError:
        return UNKNOWN


def model(instance: Any) -> str | None:
    """Name the model that is asked for; None when the object does not say."""
    for name in _MODELS:
        value = getattr(instance, name, None)
        if isinstance(value, str) and value and value != "unknown":
            return value
    return None
