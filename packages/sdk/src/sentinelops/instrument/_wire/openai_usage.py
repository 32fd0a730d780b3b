"""What an answer says it cost in tokens and time, in every spelling of the servers that speak the OpenAI protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from .parts import MAPPINGS

# names below `usage`, and below its two details: the first that holds a number counts. Unknown stays
# unknown: no zero is made up.
_TOP = (
    ("prompt_tokens", s.USAGE_INPUT_TOKENS),
    ("input_tokens", s.USAGE_INPUT_TOKENS),
    ("completion_tokens", s.USAGE_OUTPUT_TOKENS),
    ("output_tokens", s.USAGE_OUTPUT_TOKENS),
)
_TOP_LATE = (
    ("prompt_cache_hit_tokens", s.USAGE_CACHE_READ_TOKENS),  # DeepSeek
    ("cached_tokens", s.USAGE_CACHE_READ_TOKENS),  # Moonshot
    ("reasoning_tokens", s.USAGE_REASONING_TOKENS),
)
_INPUT_DETAILS = {
    "cached_tokens": s.USAGE_CACHE_READ_TOKENS,
    "cache_write_tokens": s.USAGE_CACHE_WRITE_TOKENS,
    "audio_tokens": s.USAGE_AUDIO_INPUT_TOKENS,
    "image_tokens": s.USAGE_IMAGE_INPUT_TOKENS,
}
_OUTPUT_DETAILS = {
    "reasoning_tokens": s.USAGE_REASONING_TOKENS,
    "audio_tokens": s.USAGE_AUDIO_OUTPUT_TOKENS,
    "image_tokens": s.USAGE_IMAGE_OUTPUT_TOKENS,
    "accepted_prediction_tokens": s.USAGE_ACCEPTED_PREDICTION_TOKENS,
    "rejected_prediction_tokens": s.USAGE_REJECTED_PREDICTION_TOKENS,
}
_DETAILS = (
    ("prompt_tokens_details", _INPUT_DETAILS),
    ("input_tokens_details", _INPUT_DETAILS),
    ("input_token_details", _INPUT_DETAILS),
    ("completion_tokens_details", _OUTPUT_DETAILS),
    ("output_tokens_details", _OUTPUT_DETAILS),
    ("output_token_details", _OUTPUT_DETAILS),
)
_CACHED_DETAILS = {
    "audio_tokens": s.USAGE_AUDIO_CACHE_READ_TOKENS,
    "image_tokens": s.USAGE_IMAGE_CACHE_READ_TOKENS,
}
_ZERO_TELLS = frozenset(
    (s.USAGE_INPUT_TOKENS, s.USAGE_OUTPUT_TOKENS, s.USAGE_CACHE_READ_TOKENS, s.USAGE_REASONING_TOKENS)
)


def usage_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts by attribute. Zero audio, image or prediction tokens, which every answer reports, are left out."""
    usage = body.get("usage") or _groq(body)
    if not isinstance(usage, MAPPINGS):
        return {}
    out: dict[str, Any] = {}
    for name, attribute in _TOP:
        if name in usage:
            _count(out, attribute, usage[name])
    for name, known in _DETAILS:
        details = usage.get(name)
        if isinstance(details, MAPPINGS):
            _detailed(out, details, known)
    for name, attribute in _TOP_LATE:
        if name in usage:
            _count(out, attribute, usage[name])
    if _reasoned_beside(out, usage.get("total_tokens")):
        out[s.USAGE_OUTPUT_TOKENS] += out[s.USAGE_REASONING_TOKENS]
    return {key: count for key, count in out.items() if count or key in _ZERO_TELLS}


def _reasoned_beside(counts: Mapping[str, Any], total: Any) -> bool:
    """Whether the output leaves the reasoning out, as xAI's does in chats: only the total holds both."""
    read, written, reasoned = (
        counts.get(name) for name in (s.USAGE_INPUT_TOKENS, s.USAGE_OUTPUT_TOKENS, s.USAGE_REASONING_TOKENS)
    )
    return bool(reasoned) and read is not None and written is not None and total == read + written + reasoned


def _detailed(out: dict[str, Any], details: Mapping[str, Any], known: Mapping[str, str]) -> None:
    for key, value in details.items():
        if value is not None and key in known:
            _count(out, known[key], value)
        elif key == "cached_tokens_details" and isinstance(value, MAPPINGS):
            _detailed(out, value, _CACHED_DETAILS)


def _count(out: dict[str, Any], attribute: str, value: Any) -> None:
    if attribute not in out and isinstance(value, _NUMERIC) and not isinstance(value, bool) and value >= 0:
        out[attribute] = int(value)


_NUMERIC = (int, float)


def _groq(body: Mapping[str, Any]) -> Any:
    extra = body.get("x_groq")
    return extra.get("usage") if isinstance(extra, MAPPINGS) else None


def inference_seconds(headers: Mapping[str, str] | None, body: Mapping[str, Any]) -> float | None:
    """Find the provider's own timing: of llama.cpp, Ollama, Groq, or OpenAI's header; None: unknown."""
    timings = body.get("timings")
    if isinstance(timings, MAPPINGS):
        total = sum(
            value for name in ("prompt_ms", "predicted_ms") if (value := _number(timings.get(name))) is not None
        )
        if total > 0:
            return total / 1e3
    nanoseconds = _number(body.get("total_duration"))
    if nanoseconds:
        return nanoseconds / 1e9
    usage = body.get("usage") or _groq(body)
    if isinstance(usage, MAPPINGS) and "total_time" in usage and "queue_time" in usage:
        return _number(usage["total_time"])
    try:
        milliseconds = float((headers or {}).get("openai-processing-ms") or "")
    except ValueError:
        return None
    return milliseconds / 1e3 if milliseconds >= 0 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
