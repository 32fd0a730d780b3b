"""What an answer says it cost in tokens and time, in every spelling of the servers that speak the OpenAI protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from ._streams import loads_or_none

# (attribute, paths below `usage`): the first that holds a number counts. Unknown stays unknown: no zero is made up.
_COUNTS: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...] = (
    (s.USAGE_INPUT_TOKENS, (("prompt_tokens",), ("input_tokens",))),
    (s.USAGE_OUTPUT_TOKENS, (("completion_tokens",), ("output_tokens",))),
    (
        s.USAGE_CACHE_READ_TOKENS,
        (
            ("prompt_tokens_details", "cached_tokens"),
            ("input_tokens_details", "cached_tokens"),
            ("prompt_cache_hit_tokens",),  # DeepSeek
            ("cached_tokens",),  # Moonshot
        ),
    ),
    (
        s.USAGE_CACHE_WRITE_TOKENS,
        (("prompt_tokens_details", "cache_write_tokens"), ("input_tokens_details", "cache_write_tokens")),
    ),
    (
        s.USAGE_REASONING_TOKENS,
        (
            ("completion_tokens_details", "reasoning_tokens"),
            ("output_tokens_details", "reasoning_tokens"),
            ("reasoning_tokens",),
        ),
    ),
    (s.USAGE_AUDIO_INPUT_TOKENS, (("prompt_tokens_details", "audio_tokens"), ("input_tokens_details", "audio_tokens"))),
    (
        s.USAGE_AUDIO_OUTPUT_TOKENS,
        (("completion_tokens_details", "audio_tokens"), ("output_tokens_details", "audio_tokens")),
    ),
    (s.USAGE_IMAGE_INPUT_TOKENS, (("prompt_tokens_details", "image_tokens"), ("input_tokens_details", "image_tokens"))),
    (
        s.USAGE_IMAGE_OUTPUT_TOKENS,
        (("completion_tokens_details", "image_tokens"), ("output_tokens_details", "image_tokens")),
    ),
    (s.USAGE_ACCEPTED_PREDICTION_TOKENS, (("completion_tokens_details", "accepted_prediction_tokens"),)),
    (s.USAGE_REJECTED_PREDICTION_TOKENS, (("completion_tokens_details", "rejected_prediction_tokens"),)),
)
_ZERO_TELLS = (s.USAGE_INPUT_TOKENS, s.USAGE_OUTPUT_TOKENS, s.USAGE_CACHE_READ_TOKENS, s.USAGE_REASONING_TOKENS)


def usage_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts by attribute. Zero audio, image or prediction tokens, which every answer reports, are left out."""
    usage = body.get("usage") or _groq(body)
    if not isinstance(usage, Mapping):
        return {}
    out: dict[str, Any] = {}
    for attribute, paths in _COUNTS:
        for path in paths:
            count = _count(usage, path)
            if count is not None:
                if count or attribute in _ZERO_TELLS:
                    out[attribute] = count
                break
    return out


def _groq(body: Mapping[str, Any]) -> Any:
    extra = body.get("x_groq")
    return extra.get("usage") if isinstance(extra, Mapping) else None


def _count(value: Any, path: tuple[str, ...]) -> int | None:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value >= 0 else None


def inference_seconds(headers: Mapping[str, str] | None, body: Mapping[str, Any]) -> float | None:
    """Find the provider's own timing: of llama.cpp, Ollama, Groq, or OpenAI's header; None: unknown."""
    timings = body.get("timings")
    if isinstance(timings, Mapping):
        total = sum(
            value for name in ("prompt_ms", "predicted_ms") if (value := _number(timings.get(name))) is not None
        )
        if total > 0:
            return total / 1e3
    nanoseconds = _number(body.get("total_duration"))
    if nanoseconds:
        return nanoseconds / 1e9
    usage = body.get("usage") or _groq(body)
    if isinstance(usage, Mapping) and "total_time" in usage and "queue_time" in usage:
        return _number(usage["total_time"])
    try:
        milliseconds = float((headers or {}).get("openai-processing-ms") or "")
    except ValueError:
        return None
    return milliseconds / 1e3 if milliseconds >= 0 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


_MODEL = re.compile(rb'"model"\s*:\s*"((?:[^"\\]|\\.)*)"')
_USAGE = re.compile(rb'"usage"\s*:\s*(\{(?:[^{}]|\{[^{}]*\})*\})')


def scavenged(edges: bytes) -> dict[str, Any]:
    """Model and usage out of an answer of which only the beginning and the end were kept."""
    out: dict[str, Any] = {}
    model = _MODEL.search(edges)
    if model:
        out["model"] = loads_or_none(b'"' + model[1] + b'"')
    usage = _USAGE.search(edges)
    if usage:
        out["usage"] = loads_or_none(usage[1])
    return out
