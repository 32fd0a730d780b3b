"""Fourth stage of the pipeline: what a call cost, by own prices, else by genai-prices' data; unknown stays None.

The prices of a model are resolved once a (provider, model, tier, day) and kept; the arithmetic is that of genai-prices:
every count is billed once, in the most specific class that has a price.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ..analysis.cost import COUNTED_BY, plain
from ..model import LLMRequest
from .price_tables import Bundled, Override, Rates, overrides_of

__all__ = ["Pricer", "billed_counts"]

PER_MILLION = 1_000_000
ZERO = Decimal(0)
CACHE_LIMIT = 20_000

# our name of a count -> genai-prices' usage key; those of usage_details carry the same names as in dialects
DETAIL_KEYS = {
    "cache_write_1h": "cache_write_1h_tokens",
    "cache_write_5m": "cache_write_5m_tokens",
    "audio_input": "input_audio_tokens",
    "audio_output": "output_audio_tokens",
    "audio_cache_read": "cache_audio_read_tokens",
    "image_input": "input_image_tokens",
    "image_output": "output_image_tokens",
    "image_cache_read": "cache_image_read_tokens",
    "web_searches": "web_searches",
    "audio_seconds": "audio_seconds",
    "input_audio_seconds": "input_audio_seconds",
    "characters": "input_characters",
    "pages": "input_document_pages",
    "images": "output_images",
}
# a class's name in cost_details
CLASS_NAMES = {
    "input_tokens": "input",
    "output_tokens": "output",
    "cache_read_tokens": "cache_read",
    "cache_write_tokens": "cache_write",
    "cache_write_1h_tokens": "cache_write_1h",
    "cache_write_5m_tokens": "cache_write_5m",
    "output_reasoning_tokens": "reasoning",
    "input_audio_tokens": "audio_input",
    "output_audio_tokens": "audio_output",
    "input_image_tokens": "image_input",
    "output_image_tokens": "image_output",
    "cache_audio_read_tokens": "audio_cache_read",
    "cache_image_read_tokens": "image_cache_read",
}


class Pricer:
    """Sets estimated_cost, cost_details (short: analysis.cost) and price_version of requests.

    Thread-safe: reloading swaps whole tables. `overrides` are rows of price_overrides as
    dicts {id, provider, model, prices, valid_from}.
    """

    def __init__(self, overrides: Iterable[Mapping[str, Any]] = ()) -> None:
        self._bundled = Bundled()
        self._overrides: tuple[Override, ...] = ()
        self._cache: dict[tuple[Any, ...], Rates | str] = {}
        self.reload(overrides)

    def reload(self, overrides: Iterable[Mapping[str, Any]]) -> None:
        """Take new overrides; raises ValueError naming the row that is wrong, and then keeps the old ones."""
        self._overrides = overrides_of(overrides)
        self._cache = {}

    def price(self, request: LLMRequest) -> str | None:
        """Price the request in place. Returns None when priced, else the reason why the cost is unknown."""
        counts = billed_counts(request)
        if counts is None:
            return self._unknown(request, "no_usage")
        rates = self._rates(request)
        if isinstance(rates, str):
            return self._unknown(request, rates)
        if why := rates.unbillable(counts):
            return self._unknown(request, why)
        leaves = rates.leaves(counts)
        if leaves is None:
            return self._unknown(request, "inconsistent_usage")
        if not leaves and len(counts) > 2 and not counts["input_tokens"]:
            return self._unknown(request, "unit_not_reported")  # pictures, say, where only tokens have a price
        details: dict[str, Any] = {}
        total = ZERO
        input_tokens = counts.get("input_tokens", 0)
        for line, count in leaves:
            price = line.at(input_tokens)
            usd = price * (count if isinstance(count, int) else Decimal(str(count))) / line.per
            total += usd
            name = CLASS_NAMES.get(line.usage_key, line.usage_key)
            told = line.billed_as if price is line.price else plain(price)
            if line.per != PER_MILLION:
                details[name] = {"count": count, "usd_per": told, "per": line.per, "usd": plain(usd)}
            elif name in COUNTED_BY and count == getattr(request, COUNTED_BY[name]):
                details[name] = told
            else:
                details[name] = [count, told]
        request.estimated_cost = total
        request.cost_details = details
        request.price_version = rates.version
        return None

    def _unknown(self, request: LLMRequest, reason: str) -> str:
        request.estimated_cost = None
        request.cost_details = {"unknown": reason}
        request.price_version = None
        return reason

    def _rates(self, request: LLMRequest) -> Rates | str:
        day = request.timestamp_ns // 86_400_000_000_000
        key = (request.provider, request.model, request.response_model, request.service_tier, day)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        when = datetime.fromtimestamp(request.timestamp_ns / 1e9, UTC)
        cache = self._cache
        rates, keep = self._resolve(request, when)
        if keep:
            if len(cache) >= CACHE_LIMIT:
                cache.clear()
            cache[key] = rates
        return rates

    def _resolve(self, request: LLMRequest, when: datetime) -> tuple[Rates | str, bool]:
        """Return the rates, or why there are none, and whether they hold for the whole day."""
        matching = [one for one in self._overrides if one.matches(request)]
        current = [one for one in matching if one.valid_from <= when]
        if current:
            # an override that begins within this day splits it
            splits = any(one.valid_from.date() == when.date() for one in matching)
            return max(current, key=Override.precedence).rates, not splits
        rates, keep = self._bundled.rates(request, when)
        return rates, keep and not matching


def billed_counts(request: LLMRequest) -> dict[str, int | float] | None:
    """Return the counts of a request by genai-prices' usage keys; None when its usage is unknown."""
    prompt, completion = request.prompt_tokens, request.completion_tokens
    if prompt is None and completion is None:
        own = {key: count for name, key in DETAIL_KEYS.items() if (count := request.usage_details.get(name))}
        return {"input_tokens": 0, "output_tokens": 0, **own} if own else None
    # half a usage is no price: a chat whose output is unknown would look too cheap
    if prompt is None or (completion is None and request.operation not in ("embeddings", "rerank")):
        return None
    counts: dict[str, int | float] = {"input_tokens": prompt, "output_tokens": completion or 0}
    if request.cache_read_tokens:
        counts["cache_read_tokens"] = request.cache_read_tokens
    if request.cache_write_tokens:
        counts["cache_write_tokens"] = request.cache_write_tokens
    if request.reasoning_tokens:
        counts["output_reasoning_tokens"] = request.reasoning_tokens
    if request.usage_details:
        for name, key in DETAIL_KEYS.items():
            if count := request.usage_details.get(name):
                counts[key] = count
    return counts
