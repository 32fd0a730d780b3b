"""What an answer of the Messages API says it cost, its input counted with what the cache gave and took."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .attributes import get, tokens, total
from .parts import MAPPINGS

_SERVER_TOOLS = {"web_search_requests": s.USAGE_WEB_SEARCHES, "web_fetch_requests": s.USAGE_WEB_FETCHES}
# What was spent beside the message itself; the counts at the top leave it out, and so does our total.
_ASIDE = {
    "compaction": (s.ANTHROPIC_COMPACTION_INPUT_TOKENS, s.ANTHROPIC_COMPACTION_OUTPUT_TOKENS),
    "advisor_message": (s.ANTHROPIC_ADVISOR_INPUT_TOKENS, s.ANTHROPIC_ADVISOR_OUTPUT_TOKENS),
}


def usage_attributes(usage: Any) -> dict[str, Any]:
    """Token counts by attribute, from the object `usage`; unknown stays unknown: no zero is made up."""
    if not isinstance(usage, MAPPINGS):
        return {}
    out: dict[str, Any] = {
        s.USAGE_INPUT_TOKENS: _input(usage),
        s.USAGE_OUTPUT_TOKENS: tokens(usage.get("output_tokens")),
        s.USAGE_CACHE_READ_TOKENS: tokens(usage.get("cache_read_input_tokens")),
        s.USAGE_CACHE_WRITE_TOKENS: tokens(usage.get("cache_creation_input_tokens")),
        s.ANTHROPIC_CACHE_WRITE_5M_TOKENS: tokens(get(usage, "cache_creation", "ephemeral_5m_input_tokens")),
        s.ANTHROPIC_CACHE_WRITE_1H_TOKENS: tokens(get(usage, "cache_creation", "ephemeral_1h_input_tokens")),
        s.USAGE_REASONING_TOKENS: tokens(get(usage, "output_tokens_details", "thinking_tokens")),
        s.ANTHROPIC_RESPONSE_SERVICE_TIER: _tier(usage),
    }
    tools = usage.get("server_tool_use")
    for name, attribute in _SERVER_TOOLS.items():
        out[attribute] = tokens(get(tools, name)) or None  # every answer of some models reports none
    iterations = usage.get("iterations")
    if isinstance(iterations, list):
        out.update(_aside(iterations))
    return {name: value for name, value in out.items() if value is not None}


def _input(usage: Mapping[str, Any]) -> int | None:
    fresh = tokens(usage.get("input_tokens"))
    if fresh is None:
        return None
    cached = total(tokens(usage.get("cache_read_input_tokens")), tokens(usage.get("cache_creation_input_tokens")))
    return fresh + (cached or 0)


def _tier(usage: Mapping[str, Any]) -> str | None:
    """Give the tier that sets the price; fast mode is one in all but name."""
    tier = usage.get("service_tier")
    if usage.get("speed") == "fast" and tier in (None, "standard"):
        return "fast"
    return tier if isinstance(tier, str) else None


def _aside(iterations: Iterable[Any]) -> dict[str, int | None]:
    out: dict[str, int | None] = {}
    for iteration in iterations:
        names = _ASIDE.get(str(get(iteration, "type")))
        if names is not None:
            out[names[0]] = total(out.get(names[0]), _input(iteration))
            out[names[1]] = total(out.get(names[1]), tokens(iteration.get("output_tokens")))
    return out
