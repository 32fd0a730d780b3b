"""What an answer says it cost in tokens and time, in every spelling of the models on Bedrock.

Canonical input counts include what was read from and written to the cache. Unknown stays unknown: no zero is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from .._wire.openai_usage import usage_attributes as chat_usage
from .._wire.parts import MAPPINGS
from ._fold import METRICS

_HEADER = "x-amzn-bedrock-"


class _Counts:
    """Token counts as a provider says them; exclusive: input leaves out what the cache gave and took."""

    __slots__ = ("exclusive", "input", "output", "read", "write")

    def __init__(self, given: Any, *, output: Any, read: Any = None, write: Any = None, exclusive: bool = True) -> None:
        self.input = number(given)
        self.output = number(output)
        self.read = number(read)
        self.write = number(write)
        self.exclusive = exclusive

    def attributes(self) -> dict[str, Any]:
        total = self.input
        if total is not None and self.exclusive:
            total += (self.read or 0) + (self.write or 0)
        return {
            s.USAGE_INPUT_TOKENS: total,
            s.USAGE_OUTPUT_TOKENS: self.output,
            s.USAGE_CACHE_READ_TOKENS: self.read,
            s.USAGE_CACHE_WRITE_TOKENS: self.write,
        }


def number(value: Any) -> int | None:
    """Count that is there, as Bedrock sends it: a number, in headers a text of digits."""
    if isinstance(value, str) and value.isdigit():
        return int(value)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return int(value)
    return None


def converse_usage(usage: Any, *, openai_stream: bool = False) -> dict[str, Any]:
    """Of Converse and Nova. openai_stream: see _exclusive."""
    if not isinstance(usage, MAPPINGS):
        return {}
    counts = _Counts(
        usage.get("inputTokens"),
        output=usage.get("outputTokens"),
        read=_first(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        write=_first(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
    )
    counts.exclusive = _exclusive(counts, number(usage.get("totalTokens")), openai_stream=openai_stream)
    out = counts.attributes()
    for detail in usage.get("cacheDetails") or ():
        name = _CACHE_TTL.get(detail.get("ttl"))
        if name is not None:
            out[name] = number(detail.get("inputTokens"))
    return out


def _exclusive(counts: _Counts, total: int | None, *, openai_stream: bool) -> bool:
    """Whether the input leaves the cache out, as documented.

    The total tells when it is input and output alone. In streams of OpenAI's models the input holds the cache, and the
    total adds it a second time, so there the total tells nothing; but no input can hold more cache than itself.
    """
    cached = (counts.read or 0) + (counts.write or 0)
    if not cached or counts.input is None or counts.input < cached:
        return True
    if openai_stream:
        return False
    return total is None or total != counts.input + (counts.output or 0)


_CACHE_TTL = {"5m": s.ANTHROPIC_CACHE_WRITE_5M_TOKENS, "1h": s.ANTHROPIC_CACHE_WRITE_1H_TOKENS}


def anthropic_usage(usage: Any) -> dict[str, Any]:
    """Of the Messages protocol."""
    if not isinstance(usage, MAPPINGS):
        return {}
    out = _Counts(
        usage.get("input_tokens"),
        output=usage.get("output_tokens"),
        read=usage.get("cache_read_input_tokens"),
        write=usage.get("cache_creation_input_tokens"),
    ).attributes()
    details = usage.get("cache_creation")
    if isinstance(details, MAPPINGS):
        out[s.ANTHROPIC_CACHE_WRITE_5M_TOKENS] = number(details.get("ephemeral_5m_input_tokens"))
        out[s.ANTHROPIC_CACHE_WRITE_1H_TOKENS] = number(details.get("ephemeral_1h_input_tokens"))
    thinking = usage.get("output_tokens_details")
    if isinstance(thinking, MAPPINGS):
        out[s.USAGE_REASONING_TOKENS] = number(thinking.get("thinking_tokens"))
    return out


def invoke_usage(body: Mapping[str, Any], headers: Mapping[str, Any]) -> dict[str, Any]:
    """Of InvokeModel: what the model says, else what Bedrock says in the last chunk, else in the HTTP headers.

    An input count and the cache counts beside it come from one source: the sources count differently.
    """
    sources = (_by_body(body), _by_metrics(body.get(METRICS)), _by_headers(headers))
    out = dict(next((source for source in sources if source.get(s.USAGE_INPUT_TOKENS) is not None), {}))
    if out.get(s.USAGE_OUTPUT_TOKENS) is None:
        known = (source.get(s.USAGE_OUTPUT_TOKENS) for source in sources)
        out[s.USAGE_OUTPUT_TOKENS] = next((count for count in known if count is not None), None)
    return out


def _by_body(body: Mapping[str, Any]) -> dict[str, Any]:
    usage = body.get("usage")
    if isinstance(usage, MAPPINGS):
        if "inputTokens" in usage:
            return converse_usage(usage)
        if "input_tokens" in usage and "choices" not in body:
            return anthropic_usage(usage)
        return chat_usage(body)
    if "prompt_token_count" in body or "generation_token_count" in body:
        return _Counts(body.get("prompt_token_count"), output=body.get("generation_token_count")).attributes()
    if "inputTextTokenCount" in body:
        return _Counts(body["inputTextTokenCount"], output=_titan_output(body)).attributes()
    return _billed(body)


def _titan_output(body: Mapping[str, Any]) -> int | None:
    results = body.get("results")
    if isinstance(results, list):
        counts = [count for item in results if (count := number(item.get("tokenCount"))) is not None]
        return sum(counts) if counts else None
    return number(body.get("totalOutputTextTokenCount"))


def _billed(body: Mapping[str, Any]) -> dict[str, Any]:
    """Of Cohere, where it says so."""
    meta = body.get("meta")
    units = meta.get("billed_units") or meta.get("tokens") if isinstance(meta, MAPPINGS) else None
    if not isinstance(units, MAPPINGS):
        return {}
    return _Counts(units.get("input_tokens"), output=units.get("output_tokens")).attributes()


def _by_metrics(metrics: Any) -> dict[str, Any]:
    if not isinstance(metrics, MAPPINGS):
        return {}
    return _Counts(
        metrics.get("inputTokenCount"),
        output=metrics.get("outputTokenCount"),
        read=metrics.get("cacheReadInputTokenCount"),
        write=metrics.get("cacheWriteInputTokenCount"),
    ).attributes()


def _by_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    return _Counts(
        headers.get(_HEADER + "input-token-count"),
        output=headers.get(_HEADER + "output-token-count"),
        read=headers.get(_HEADER + "cache-read-input-token-count"),
        write=headers.get(_HEADER + "cache-write-input-token-count"),
    ).attributes()


def inference_seconds(body: Mapping[str, Any], headers: Mapping[str, Any]) -> float | None:
    """Bedrock's own timing of the model; None: unknown."""
    metrics, last = body.get("metrics"), body.get(METRICS)
    for milliseconds in (
        metrics.get("latencyMs") if isinstance(metrics, MAPPINGS) else None,
        last.get("invocationLatency") if isinstance(last, MAPPINGS) else None,
        headers.get(_HEADER + "invocation-latency"),
    ):
        known = number(milliseconds)
        if known is not None:
            return known / 1e3
    return None


def _first(usage: Mapping[str, Any], *names: str) -> Any:
    return next((usage[name] for name in names if usage.get(name) is not None), None)
