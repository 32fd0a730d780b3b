"""Watches the `anthropic` client, majors 0 (from 0.40) to 2: every client class (plain, Bedrock, Vertex, Foundry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._wire import anthropic as wire
from .._wire.answer import Protocol
from .._wire.exchange import Exchange, begin
from .._wire.provider import UNKNOWN, Endpoint, endpoint_of
from .._wire.stainless import Hooks, body_of, path_of
from ._batches import results_of
from ._native import Native

__all__ = ["instrument", "uninstrument"]

# path of the POST -> (operation, protocol). Everything else passes untouched and unseen.
ROUTES: dict[str, tuple[str, Protocol]] = {
    "/v1/messages": ("chat", wire.MESSAGES),
    "/v1/complete": ("text_completion", wire.COMPLETIONS),
    "/v1/messages/count_tokens": ("count_tokens", wire.COUNT_TOKENS),
    "/v1/messages/batches": ("create_batch", wire.BATCHES),
}
_BY_CLASS = {
    "AnthropicBedrock": "aws.bedrock",
    "AnthropicBedrockMantle": "aws.bedrock",
    "AnthropicAWS": "aws.bedrock",
    "AnthropicVertex": "gcp.vertex_ai",
    "AnthropicGoogleCloud": "gcp.vertex_ai",
    "AnthropicFoundry": "azure.ai.inference",
}


def route_of(path: str, method: str) -> tuple[str, Protocol] | None:
    """Operation and protocol of a request that we describe; None for all others."""
    return ROUTES.get(path) if method in ("post", "POST") else None


def _endpoint(client: Any) -> Endpoint:
    """Who answers: by the kind of the client, else by host, else Anthropic or a gateway to it."""
    endpoint = endpoint_of(client)
    for kind in type(client).__mro__:
        provider = _BY_CLASS.get(kind.__name__.removeprefix("Async"))
        if provider is not None:
            return Endpoint(provider, endpoint.host, endpoint.port)
    if endpoint.provider == UNKNOWN:
        return Endpoint("anthropic", endpoint.host, endpoint.port)
    return endpoint


def _request(options: Any) -> Mapping[str, Any]:
    """Give the body, with the betas that the client moved into a header."""
    body = body_of(options)
    headers = options.headers
    betas = headers.get("anthropic-beta") if isinstance(headers, Mapping) else None
    return {**body, "betas": betas.split(",")} if isinstance(betas, str) and betas else body


def _begin(client: Any, options: Any, streaming: bool) -> Exchange | None:
    route = route_of(path_of(client, options), options.method)
    asked = _own.asked(client)
    if route is None:
        return results_of(options, _endpoint, client)
    exchange = begin(*route, _endpoint(client), _request(options), streaming=streaming)
    if exchange is not None:
        exchange.note = asked
    return exchange


_hooks = Hooks("anthropic", _begin)
_own = Native()


def instrument() -> bool:
    """Put our wrappers around the client's functions; True when calls are watched."""
    if not _hooks.instrument():
        return False
    _own.replace()
    return True


def uninstrument() -> bool:
    """Take the wrappers off; the client makes its own spans again."""
    _own.restore()
    return _hooks.uninstrument()
