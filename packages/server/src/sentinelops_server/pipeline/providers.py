"""Part of normalising: the one name of a provider, from its host first, then from what the writer called it."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

__all__ = ["host_of", "provider_by_model", "provider_of"]

# what writers say -> the conventions' name
ALIASES = {
    "az.ai.openai": "azure.ai.openai",
    "az.ai.inference": "azure.ai.inference",
    "azure": "azure.ai.openai",
    "azure.openai": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "azure-openai": "azure.ai.openai",
    "azureopenai": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "openai.responses": "openai",
    "openai.chat": "openai",
    "openai.completion": "openai",
    "openai.embedding": "openai",
    "chatopenai": "openai",
    "anthropic.messages": "anthropic",
    "claude": "anthropic",
    "chatanthropic": "anthropic",
    "aws": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "aws_bedrock": "aws.bedrock",
    "amazon_bedrock": "aws.bedrock",
    "amazon-bedrock": "aws.bedrock",
    "amazon": "aws.bedrock",
    "vertex_ai": "gcp.vertex_ai",
    "vertexai": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "google_vertexai": "gcp.vertex_ai",
    "gemini": "gcp.gemini",
    "google.generative-ai": "gcp.gemini",
    "google_genai": "gcp.gemini",
    "google": "gcp.gen_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
    "x-ai": "x_ai",
    "grok": "x_ai",
    "watsonx": "ibm.watsonx.ai",
    "ibm-watson-machine-learning": "ibm.watsonx.ai",
    "moonshot": "moonshot_ai",
    "moonshotai": "moonshot_ai",
    "togetherai": "together",
    "together_ai": "together",
    "fireworks_ai": "fireworks",
    "fireworks-ai": "fireworks",
    "hugging_face": "huggingface",
    "hf": "huggingface",
    "llamacpp": "llama.cpp",
    "llama_cpp": "llama.cpp",
    "_other": "unknown",
}
# writers that name themselves where the provider should stand: who served is then told by host or model, or unknown
_FRAMEWORKS = frozenset(
    (
        "strands-agents", "strands_agents", "microsoft.agent_framework", "semantic_kernel", "semantic-kernel",
        "langchain", "langgraph", "llama_index", "llamaindex", "haystack", "crewai", "agno", "dspy", "smolagents",
        "autogen", "pydantic-ai", "pydantic_ai", "litellm", "openai_agents", "spring_ai", "genkit", "mastra", "beeai",
        "livekit", "gcp.vertex.agent",
    )
)  # fmt: skip

# end of a host -> provider; the longest that fits is not needed, since none is the end of another
HOSTS = {
    ".openai.azure.com": "azure.ai.openai",
    ".cognitiveservices.azure.com": "azure.ai.openai",
    ".services.ai.azure.com": "azure.ai.inference",
    ".models.ai.azure.com": "azure.ai.inference",
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "api.mistral.ai": "mistral_ai",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "api.moonshot.ai": "moonshot_ai",
    "api.moonshot.cn": "moonshot_ai",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "router.huggingface.co": "huggingface",
    "api-inference.huggingface.co": "huggingface",
    ".endpoints.huggingface.cloud": "huggingface",
}


@lru_cache(maxsize=4096)
def host_of(address: str | None) -> str | None:
    """Return the host in lower case, out of a host, host:port or URL."""
    if not address:
        return None
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return None
    return host or None


@lru_cache(maxsize=8192)
def provider_of(name: str | None, address: str | None) -> str:
    """Return the provider: a host that tells it beats the attribute, since every compatible client says `openai`."""
    host = host_of(address)
    named = _named(name.strip().lower()) if name else ""
    by_host = _by_host(host) if host else None
    # where several share a host the writer's word tells them apart: on Azure, and behind Hugging Face's router
    if by_host and not any(by_host.startswith(shared) and named.startswith(shared) for shared in ("azure.", _ROUTED)):
        return by_host
    return named[:255] or "unknown"


def _named(word: str) -> str:
    if word in _FRAMEWORKS:
        return ""
    if "." in word and (host := host_of(word)) and (provider := _by_host(host)):
        return provider  # the address of the provider in the place of its name
    return ALIASES.get(word, word)


_ROUTED = "huggingface"  # huggingface_together, huggingface_groq ...: names under which prices are known
# Beginnings of model names that only their maker uses; asked when neither address nor attribute says who served.
_MODELS = (
    (("gpt-", "chatgpt-", "o1-", "o3-", "o4-", "text-embedding-3-", "dall-e-", "whisper-", "tts-1"), "openai"),
    (("claude-",), "anthropic"),
    (("gemini-",), "gcp.gemini"),
    (("mistral-", "ministral-", "codestral-", "magistral-", "pixtral-"), "mistral_ai"),
    (("command-r", "command-a"), "cohere"),
    (("deepseek-chat", "deepseek-reasoner"), "deepseek"),
    (("grok-",), "x_ai"),
)


# how Bedrock alone names models: an ARN, a region's profile, makers that name so nowhere else, a version at the end
_BEDROCK = re.compile(
    r"arn:aws[a-z-]*:bedrock:"
    r"|(?:us|us-gov|eu|apac|au|ca|jp|global)\.[a-z0-9]+\.[a-z]"
    r"|(?:amazon|anthropic)\.[a-z]"
    r"|[a-z0-9]+\.[a-z][a-z0-9.-]*-v?[0-9]+:[0-9]+(?::[0-9a-z]+)?\Z"
)


@lru_cache(maxsize=4096)
def provider_by_model(model: str) -> str:
    """Return who makes a model of this name, "unknown" when the name does not tell. gpt-oss is served by many."""
    name = model.lower()
    if name in ("o1", "o3"):
        return "openai"
    if name.startswith("gpt-oss"):
        return "unknown"
    if _BEDROCK.match(name):
        return "aws.bedrock"
    return next((provider for starts, provider in _MODELS if name.startswith(starts)), "unknown")


def _by_host(host: str) -> str | None:
    if host.startswith(("bedrock-runtime.", "bedrock-runtime-fips.", "bedrock-mantle.")):
        return "aws.bedrock"
    for end, provider in HOSTS.items():
        if host == end or host.endswith(end if end.startswith(".") else f".{end}"):
            return provider
        if end == "aiplatform.googleapis.com" and host.endswith(end):  # us-central1-aiplatform.googleapis.com
            return provider
    return None
