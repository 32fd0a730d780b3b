"""Tokens as Haystack's components hand them on in `meta["usage"]`: the provider's own counts, in part renamed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from .._wire.attributes import get, tokens
from .._wire.openai_usage import usage_attributes as openai_usage

_READ = ("cache_read_input_tokens",)
_WRITE = ("cache_creation_input_tokens", "cache_write_input_tokens")


def usage_attributes(usages: list[Any], *, each: bool = False) -> dict[str, Any]:
    """Count by attribute; unknown stays unknown.

    usages: one for each reply. Of several the first is meant: providers count the request as a whole. each: what runs
    here counts reply by reply, the prompt once.
    """
    counted = [_one(usage) for usage in usages if isinstance(usage, Mapping)]
    if not counted:
        return {}
    found = counted[0]
    if each:
        outputs = [count[s.USAGE_OUTPUT_TOKENS] for count in counted if s.USAGE_OUTPUT_TOKENS in count]
        if outputs:
            found[s.USAGE_OUTPUT_TOKENS] = sum(outputs)
    return found


def _one(usage: Mapping[str, Any]) -> dict[str, Any]:
    out = openai_usage({"usage": usage})
    read, write = _first(usage, _READ), _first(usage, _WRITE)
    if read is not None or write is not None:
        _cached(out, usage, read, write)
    thoughts = _first(usage, ("thoughts_token_count",))
    if thoughts is not None:
        out.setdefault(s.USAGE_REASONING_TOKENS, thoughts)
        _with_thoughts(out, usage, thoughts)
    cached = _first(usage, ("cached_content_token_count",))
    if cached is not None:
        out.setdefault(s.USAGE_CACHE_READ_TOKENS, cached)
    for name, attribute in (
        ("ephemeral_5m_input_tokens", s.ANTHROPIC_CACHE_WRITE_5M_TOKENS),
        ("ephemeral_1h_input_tokens", s.ANTHROPIC_CACHE_WRITE_1H_TOKENS),
    ):
        count = tokens(get(usage, "cache_creation", name))
        if count is not None:
            out[attribute] = count
    return out


def _cached(out: dict[str, Any], usage: Mapping[str, Any], read: int | None, write: int | None) -> None:
    """Anthropic and Bedrock count what came from the cache, or went there, beside the prompt; ours includes it.

    Bedrock's total tells; Anthropic has none, and one that stands there left the cache out too.
    """
    if read is not None:
        out[s.USAGE_CACHE_READ_TOKENS] = read
    if write is not None:
        out[s.USAGE_CACHE_WRITE_TOKENS] = write
    prompt = out.get(s.USAGE_INPUT_TOKENS)
    whole = tokens(usage.get("total_tokens"))
    beside = (read or 0) + (write or 0)
    bedrock = "cache_creation_input_tokens" not in usage
    includes = (
        bedrock and whole is not None and prompt is not None and prompt + out.get(s.USAGE_OUTPUT_TOKENS, 0) == whole
    )
    if prompt is not None and (not includes or beside > prompt):
        out[s.USAGE_INPUT_TOKENS] = prompt + beside


def _with_thoughts(out: dict[str, Any], usage: Mapping[str, Any], thoughts: int) -> None:
    """Google counts thoughts beside the answer; ours includes them."""
    whole = tokens(usage.get("total_tokens"))
    prompt, answer = out.get(s.USAGE_INPUT_TOKENS), out.get(s.USAGE_OUTPUT_TOKENS)
    if whole is not None and prompt is not None and answer is not None and prompt + answer + thoughts == whole:
        out[s.USAGE_OUTPUT_TOKENS] = answer + thoughts


def _first(usage: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := tokens(usage.get(name))) is not None), None)
