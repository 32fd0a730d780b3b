"""Part of the dialects: token counts in the spellings of the providers, where a writer hands them on as they came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .base import as_count

__all__ = ["usage_counts"]

TOTALS = {
    "input": ("prompt_tokens", "input_tokens", "inputTokens", "prompt_token_count", "promptTokenCount"),
    "output": ("completion_tokens", "output_tokens", "outputTokens", "candidates_token_count", "candidatesTokenCount"),
    "total": ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount"),
    "cache_read": (
        "cache_read_input_tokens",
        "cacheReadInputTokens",
        "cached_content_token_count",
        "cachedContentTokenCount",
    ),
    "cache_write": ("cache_creation_input_tokens", "cacheWriteInputTokens"),
    "cache_write_1h": ("cache_creation_input_tokens_above_1hr",),
    "reasoning": ("thoughts_token_count", "thoughtsTokenCount", "reasoning_tokens"),
}
# totals of writers that count the cache apart from the input
APART = ("cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens")
INPUT_DETAILS = ("prompt_tokens_details", "input_tokens_details", "input_token_details")
OUTPUT_DETAILS = ("completion_tokens_details", "output_tokens_details", "output_token_details")
INPUT_PARTS = {
    "cached_tokens": "cache_read",
    "cache_read": "cache_read",
    "cache_creation": "cache_write",
    "cache_creation_tokens": "cache_write",
    "cache_write_tokens": "cache_write",
    "ephemeral_5m_input_tokens": "cache_write_5m",
    "ephemeral_1h_input_tokens": "cache_write_1h",
    "audio_tokens": "audio_input",
    "audio": "audio_input",
    "image_tokens": "image_input",
    "image": "image_input",
}
OUTPUT_PARTS = {
    "reasoning_tokens": "reasoning",
    "reasoning": "reasoning",
    "thinking_tokens": "reasoning",
    "audio_tokens": "audio_output",
    "audio": "audio_output",
    "image_tokens": "image_output",
    "image": "image_output",
}


def usage_counts(usage: Any) -> tuple[dict[str, int], bool]:
    """Return the counts by the names of Reading.usage, and whether the input leaves the cached tokens out.

    Knows OpenAI (chat and Responses), Anthropic, Bedrock's Converse, Google and LangChain; empty for anything else.
    """
    counts: dict[str, int] = {}
    if not isinstance(usage, Mapping):
        return counts, False
    for concept, names in TOTALS.items():
        for name in names:
            if (count := as_count(usage.get(name))) is not None:
                counts[concept] = count
                break
    detailed = _parts(usage, INPUT_DETAILS, INPUT_PARTS, counts)
    _parts(usage, OUTPUT_DETAILS, OUTPUT_PARTS, counts)
    _parts(usage, ("cache_creation",), INPUT_PARTS, counts)
    if not counts.get("cache_write") and ("cache_write_5m" in counts or "cache_write_1h" in counts):
        counts["cache_write"] = counts.get("cache_write_5m", 0) + counts.get("cache_write_1h", 0)
    if "output" in counts and ("thoughts_token_count" in usage or "thoughtsTokenCount" in usage):
        counts["output"] = as_count(counts["output"] + counts.get("reasoning", 0)) or counts["output"]
    return counts, not detailed and any(name in usage for name in APART)


def _parts(usage: Mapping[str, Any], holders: tuple[str, ...], parts: Mapping[str, str], into: dict[str, int]) -> bool:
    for holder in holders:
        details = usage.get(holder)
        if isinstance(details, Mapping):
            for name, concept in parts.items():
                if concept not in into and (count := as_count(details.get(name))) is not None:
                    into[concept] = count
            return True
    return False
