"""Who answers behind an OpenAI-compatible address: by host and port at the start, by header and body at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

UNKNOWN = "openai_compatible"  # it speaks the protocol; nothing says who it is

# (host suffix, provider); the dot means "that domain and below". Order matters only where one is inside another.
_HOSTS: tuple[tuple[str, str], ...] = (
    (".openai.azure.com", "azure.ai.openai"),
    (".openai.azure.us", "azure.ai.openai"),
    (".openai.azure.cn", "azure.ai.openai"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.openai"),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".models.github.ai", "azure.ai.inference"),
    (".openai.com", "openai"),
    (".openrouter.ai", "openrouter"),
    (".groq.com", "groq"),
    (".deepseek.com", "deepseek"),
    (".together.xyz", "together_ai"),
    (".together.ai", "together_ai"),
    (".mistral.ai", "mistral_ai"),
    (".x.ai", "x_ai"),
    (".perplexity.ai", "perplexity"),
    (".generativelanguage.googleapis.com", "gcp.gemini"),
    (".aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("-aiplatform.googleapis.com", "gcp.vertex_ai"),
    (".fireworks.ai", "fireworks_ai"),
    (".huggingface.co", "huggingface"),
    (".endpoints.huggingface.cloud", "huggingface"),
    (".anthropic.com", "anthropic"),
    (".cohere.ai", "cohere"),
    (".cohere.com", "cohere"),
    (".moonshot.ai", "moonshot_ai"),
    (".moonshot.cn", "moonshot_ai"),
    (".cerebras.ai", "cerebras"),
    (".sambanova.ai", "sambanova"),
    (".deepinfra.com", "deepinfra"),
    (".integrate.api.nvidia.com", "nvidia"),
    (".ml.cloud.ibm.com", "ibm.watsonx.ai"),
    (".dashscope.aliyuncs.com", "alibaba"),
    (".dashscope-intl.aliyuncs.com", "alibaba"),
    (".ollama.com", "ollama"),
)
# Where nothing but the port speaks: the default port of the servers people run themselves.
_PORTS: dict[int, str] = {11434: "ollama", 1234: "lmstudio", 30000: "sglang"}
_UNSURE = frozenset((UNKNOWN, *_PORTS.values()))
_BEDROCK = re.compile(r"^bedrock(?:-runtime|-mantle)?(?:-fips)?\.[a-z0-9-]+\.(?:amazonaws\.com|api\.aws)(?:\.cn)?$")
_TGI_FINGERPRINT = re.compile(r"^\d+\.\d+\.\d+(?:-dev\d*)?-(?:native|sha-[0-9a-f]+)$")
_ROUTER = "router.huggingface.co"
# What may stand first in a path of Hugging Face's router, or in its header, and is no provider.
_NOT_ROUTED = frozenset(("", "v1", "models", "pipeline", "auto", "hf-inference", "api"))
_LLAMA_CPP_FINGERPRINT = re.compile(r"^b\d{3,}-[0-9a-f]+$")


class Endpoint:
    """provider as far as the address tells; host and port of the server."""

    __slots__ = ("host", "port", "provider")

    def __init__(self, provider: str, host: str | None, port: int | None) -> None:
        self.provider = provider
        self.host = host
        self.port = port


_endpoints: WeakKeyDictionary[Any, tuple[Any, Endpoint]] = WeakKeyDictionary()


def endpoint_of(client: Any) -> Endpoint:
    """Worked out once per client and base URL."""
    url = client.base_url
    known = _endpoints.get(client)
    if known is not None and known[0] is url:
        return known[1]
    host = (url.host or "").lower() or None
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    provider = provider_of(host, port)
    if provider == UNKNOWN and hasattr(client, "_azure_endpoint"):
        provider = "azure.ai.openai"  # the Azure client behind a gateway of the company's own
    if provider == "huggingface":
        provider = routed(host, url.path)
    elif provider == "azure.ai.openai" and url.path.startswith("/models"):
        provider = "azure.ai.inference"  # one host of Azure AI Foundry, two APIs
    found = Endpoint(provider, host, port)
    _endpoints[client] = (url, found)
    return found


def provider_of(host: str | None, port: int | None) -> str:
    """Name the provider of an address, else UNKNOWN."""
    if host:
        dotted = "." + host
        for suffix, provider in _HOSTS:
            if dotted.endswith(suffix):
                return provider
        if _BEDROCK.match(host):
            return "aws.bedrock"
    return _PORTS.get(port or 0, UNKNOWN)


def routed(host: str | None, path: str) -> str:
    """Name who serves at an address of Hugging Face, by its router's path: `huggingface_together`, as prices do."""
    return _serving(path.strip("/").partition("/")[0]) if host == _ROUTER else "huggingface"


def _serving(name: str) -> str:
    return "huggingface" if name in _NOT_ROUTED else f"huggingface_{name.lower()}"


def refine(provider: str, headers: Mapping[str, str] | None, body: Mapping[str, Any] | None) -> str:
    """Ask the answer itself, where the address said nothing or only a port, and whom Hugging Face's router chose."""
    if provider == "huggingface":
        return _serving((headers or {}).get("x-inference-provider") or "")
    if provider not in _UNSURE:
        return provider
    return _by_headers(headers or {}) or _by_body(body or {}) or provider


# the headers that are read, of all that come
_TELLING = {
    name.encode(): name
    for name in (
        "server", "apim-request-id", "x-ms-deployment-name", "openai-version", "openai-processing-ms", "x-request-id",
        "request-id", "x-prompt-tokens", "x-generated-tokens", "x-inference-time", "x-inference-provider",
        "content-type",
    )
}  # fmt: skip


def telling(headers: Any) -> Mapping[str, str] | None:
    """The few headers that say something, as a dict: each look into the client's own costs more than all of this."""
    raw = getattr(headers, "raw", None)
    if raw is None:
        return headers  # type: ignore[no-any-return]
    found: dict[str, str] = {}
    for name, value in raw:
        known = _TELLING.get(name) or _TELLING.get(name.lower())
        if known is not None:
            found[known] = value.decode("latin-1")
    return found


def _by_headers(headers: Mapping[str, str]) -> str | None:
    if headers.get("server", "").lower().startswith("llama.cpp"):
        return "llama_cpp"
    if "apim-request-id" in headers or "x-ms-deployment-name" in headers:
        return "azure.ai.openai"
    if "openai-version" in headers or "openai-processing-ms" in headers:
        return "openai"
    return None


def _by_body(body: Mapping[str, Any]) -> str | None:
    fingerprint = body.get("system_fingerprint")
    fingerprint = fingerprint if isinstance(fingerprint, str) else ""
    if fingerprint == "fp_ollama":
        return "ollama"
    if fingerprint.startswith("vllm-") or "kv_transfer_params" in body or "prompt_logprobs" in body:
        return "vllm"
    if "timings" in body or _LLAMA_CPP_FINGERPRINT.match(fingerprint):
        return "llama_cpp"
    if _TGI_FINGERPRINT.match(fingerprint):
        return "tgi"
    if "stats" in body and "model_info" in body:
        return "lmstudio"
    return None
