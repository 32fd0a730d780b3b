"""Part of pricing: where prices come from, and the classes of count that they bill."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from importlib.metadata import version
from typing import Any

from ..analysis.cost import plain
from ..model import LLMRequest
from .providers import provider_of

__all__ = ["FILE_ID", "Bundled", "Line", "Override", "Rates", "overrides_of"]

FILE_ID = "file"  # what stands for the id of an override that came from a file, not from the table
# the conventions' provider -> genai-prices' provider; what is not here is asked under its own name
PROVIDER_IDS = {
    "azure.ai.openai": "azure",
    "azure.ai.inference": "azure",
    "aws.bedrock": "aws",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "gcp.gen_ai": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
    "moonshot_ai": "moonshotai",
    "voyage": "voyageai",
}
# who serves on one's own machine has no list price
SELF_HOSTED = frozenset(
    (
        "llama.cpp", "ollama", "vllm", "lmstudio", "lm_studio", "localai", "tgi", "sglang", "local", "xllamacpp",
        "transformers",
    )
)  # fmt: skip
# writers' words for a tier -> context of the price
TIER_CONTEXTS = {
    "batch": {"processing": "batch"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    "fast": {"service_tier": "fast", "speed": "fast"},
}


@dataclass(frozen=True, slots=True)
class Line:
    """One priced class: `price` dollars per `per` counts; tiers are (above so many input tokens, price), rising."""

    usage_key: str
    price: Decimal
    per: int
    tiers: tuple[tuple[int, Decimal], ...] = ()
    inner: tuple[int, ...] = ()  # lines whose counts are part of this one's
    billed_as: str = field(init=False, repr=False)  # the price as cost_details tells it

    def __post_init__(self) -> None:
        object.__setattr__(self, "billed_as", plain(self.price))

    def at(self, input_tokens: int | float) -> Decimal:
        """Return the price that holds for a call with so many input tokens (a tier bills all tokens of the call)."""
        price = self.price
        for start, tier_price in self.tiers:
            if input_tokens > start:
                price = tier_price
        return price


@dataclass(frozen=True, slots=True)
class Rates:
    """All priced classes of a model, the most specific ones first, and where they are from."""

    version: str
    lines: tuple[Line, ...]
    text_only: bool = False  # where audio has no price of its own it is not the price of text: it is missing
    keys: frozenset[str] = field(init=False, repr=False)  # the usage keys that have a price

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(line.usage_key for line in self.lines))

    def unbillable(self, counts: Mapping[str, int | float]) -> str | None:
        """Return why these counts cannot be billed by these rates: then the cost is unknown, not 0."""
        keys = self.keys
        if counts["input_tokens"] and "input_tokens" not in keys and not _covers(keys, counts, "input"):
            return "unit_not_reported"
        if counts["output_tokens"] and "output_tokens" not in keys and not _covers(keys, counts, "output"):
            return "unit_not_reported"
        if "input_audio_tokens" in counts and "input_audio_tokens" not in keys and self.text_only:
            return "no_audio_price"
        if "output_audio_tokens" in counts and "output_audio_tokens" not in keys and self.text_only:
            return "no_audio_price"
        return None

    def leaves(self, counts: Mapping[str, int | float]) -> list[tuple[Line, int | float]] | None:
        """Return what each class is billed for, none twice; None when a part is larger than its whole."""
        billed: list[int | float] = []
        leaves: list[tuple[Line, int | float]] = []
        for line in self.lines:
            count: int | float = 1 if line.usage_key == "requests" else counts.get(line.usage_key, 0)
            if leaves:
                for inner in line.inner:
                    count -= billed[inner]
            if count < 0:
                return None
            billed.append(count)
            if count:
                leaves.append((line, count))
        return leaves


def _covers(keys: frozenset[str], counts: Mapping[str, int | float], direction: str) -> bool:
    """Whether some other unit that was reported is priced, such as seconds of audio instead of tokens."""
    if direction == "output" and "input_tokens" in keys:
        return True  # an embedding: its output has no price because there is none
    return any(key in keys for key in counts if not key.endswith("_tokens"))


class Bundled:
    """genai-prices' bundled data; imported at the first question, since that takes 0.3 s and 30 MB."""

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._units: Any = None
        self._version = version("genai-prices")

    def rates(self, request: LLMRequest, when: datetime) -> tuple[Rates | str, bool]:
        """Return the rates of a call, or why there are none, and whether they hold for the whole UTC day."""
        if request.provider in SELF_HOSTED:
            return "self_hosted", True
        if request.provider == "unknown":
            return "unknown_provider", True
        if self._snapshot is None:
            from genai_prices.data_snapshot import get_snapshot
            from genai_prices.units import _get_registry

            self._units = _get_registry()
            self._snapshot = get_snapshot()
        found = self._find(request)
        if found is None:
            return "no_price", True
        provider, model = found
        context = None
        # variants belong to the model's own provider, and never to Azure and Bedrock
        if provider.id not in ("azure", "aws") and any(model is one for one in provider.models):
            context = TIER_CONTEXTS.get(request.service_tier or "")
        prices = model.get_prices(when, context)
        label = f"genai-prices {self._version} {provider.id}/{model.id}"
        if context:
            label += f" {request.service_tier}"
        lines = self._lines(prices)
        if not lines:
            return "no_price", True
        return Rates(label, lines, text_only=provider.id in ("openai", "azure")), not _depends_on_hour(model)

    def _find(self, request: LLMRequest) -> tuple[Any, Any] | None:
        provider_id = PROVIDER_IDS.get(request.provider, request.provider)
        if provider_id == "huggingface":  # the router's models name who serves them: owner/model:together
            provider_id = f"huggingface_{request.model.rpartition(':')[2]}"
        # what answered is what is billed; what was asked for may be an alias or a deployment
        asked = request.model
        if provider_id.startswith("huggingface_"):
            asked = asked.partition(":")[0]  # prices know the model without who serves it
        for model in (request.response_model, asked, _without_route(asked, request.provider)):
            if model and model != "unknown":
                try:
                    provider, info = self._snapshot.find_provider_model(model, None, provider_id, None)
                except LookupError:
                    continue
                return provider, info
        return None

    def _lines(self, prices: Any) -> tuple[Line, ...]:
        priced: list[tuple[Any, Line]] = []
        for price_key, value in prices.__dict__.items():
            if value is None or price_key.startswith("_"):
                continue
            unit = self._units.unit_for_price_key(price_key)
            if isinstance(value, Decimal):
                line = Line(unit.usage_key, value, unit.per)
            else:
                tiers = tuple((tier.start, tier.price) for tier in value.tiers)
                line = Line(unit.usage_key, value.base, unit.per, tiers)
            priced.append((unit.dimensions, line))
        return _nested(priced)


def _without_route(model: str, provider: str) -> str | None:
    """The model's own name in LiteLLM's way to write it, `openai/gpt-4o`, when the route is the provider itself."""
    route, slash, name = model.partition("/")
    return name if slash and provider_of(route, None) == provider else None


def _nested(priced: Sequence[tuple[Mapping[str, str], Line]]) -> tuple[Line, ...]:
    """Sort classes from the most specific to the widest, and note which lie within which."""
    ordered = sorted(priced, key=lambda pair: (-len(pair[0]), pair[1].usage_key))
    lines: list[Line] = []
    for dimensions, line in ordered:
        inner = tuple(
            number
            for number, (other, _) in enumerate(ordered[: len(lines)])
            if other is not dimensions and dimensions.items() <= other.items()
        )
        lines.append(Line(line.usage_key, line.price, line.per, line.tiers, inner))
    return tuple(lines)


def _depends_on_hour(model: Any) -> bool:
    conditional = model.prices if isinstance(model.prices, list) else []
    constraints = [one.constraint for one in (*conditional, *(model.price_variants or ()))]
    return any(hasattr(constraint, "start_time") for constraint in constraints)


# class of an override -> usage key and dimensions, as genai-prices nests them
OVERRIDE_CLASSES: dict[str, tuple[str, dict[str, str]]] = {
    "input": ("input_tokens", {"direction": "input"}),
    "output": ("output_tokens", {"direction": "output"}),
    "cache_read": ("cache_read_tokens", {"direction": "input", "token_type": "cache_read"}),
    "cache_write": ("cache_write_tokens", {"direction": "input", "token_type": "cache_write"}),
    "cache_write_1h": ("cache_write_1h_tokens", {"direction": "input", "token_type": "cache_write", "ttl": "1h"}),
    "reasoning": ("output_reasoning_tokens", {"direction": "output", "token_type": "reasoning"}),
    "audio_input": ("input_audio_tokens", {"direction": "input", "modality": "audio"}),
    "audio_output": ("output_audio_tokens", {"direction": "output", "modality": "audio"}),
    "image_input": ("input_image_tokens", {"direction": "input", "modality": "image"}),
    "image_output": ("output_image_tokens", {"direction": "output", "modality": "image"}),
    "request": ("requests", {"family": "requests"}),
    "image": ("output_images", {"family": "images"}),
    "characters": ("input_characters", {"family": "characters"}),
    "audio_hour": ("audio_seconds", {"family": "audio"}),
}
# what a price is of, where not of a million
PER = {"request": 1, "image": 1, "audio_hour": 3_600}


@dataclass(frozen=True, slots=True)
class Override:
    """One row of price_overrides."""

    provider: str
    model: str
    valid_from: datetime
    rates: Rates

    def matches(self, request: LLMRequest) -> bool:
        """Whether the row is about the request's provider and model (or the model that answered)."""
        if self.provider not in ("*", request.provider):
            return False
        names = (request.model, request.response_model, _without_route(request.model, request.provider))
        if self.model.endswith("*"):
            start = self.model[:-1]
            return any(name is not None and name.startswith(start) for name in names)
        return self.model in names

    def precedence(self) -> tuple[bool, bool, int, bool, datetime]:
        """Order rows: a named provider over any, an exact model over a prefix, then longer, not of a file, newer."""
        exact = not self.model.endswith("*")
        return (
            self.provider != "*",
            exact,
            len(self.model),
            self.rates.version != f"override {FILE_ID}",
            self.valid_from,
        )


def overrides_of(rows: Iterable[Mapping[str, Any]]) -> tuple[Override, ...]:
    """Turn rows into overrides; raises ValueError naming the row and what is wrong in it."""
    overrides = []
    for row in rows:
        name = f"price override {row.get('id', '?')} ({row.get('provider')}/{row.get('model')})"
        prices = row.get("prices")
        if not isinstance(prices, Mapping) or not prices:
            raise ValueError(f"{name}: prices must be an object such as {{'input': '2.5', 'output': '10'}}")
        priced = [_override_line(name, key, value) for key, value in prices.items()]
        valid_from = row.get("valid_from")
        if not isinstance(valid_from, datetime):
            valid_from = datetime.min.replace(tzinfo=UTC)
        elif valid_from.tzinfo is None:
            valid_from = valid_from.replace(tzinfo=UTC)
        rates = Rates(f"override {row.get('id', '?')}", _nested(priced))
        overrides.append(Override(str(row.get("provider")), str(row.get("model")), valid_from, rates))
    return tuple(overrides)


def _override_line(name: str, key: str, value: Any) -> tuple[Mapping[str, str], Line]:
    if key not in OVERRIDE_CLASSES:
        raise ValueError(f"{name}: {key!r} is no price; those are {', '.join(OVERRIDE_CLASSES)}")
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{name}: {key} must be a number of dollars, not {value!r}") from None
    if not price.is_finite() or price < 0:
        raise ValueError(f"{name}: {key} must not be negative, not {value!r}")
    usage_key, dimensions = OVERRIDE_CLASSES[key]
    per = PER.get(key, 1_000_000)
    return dimensions, Line(usage_key, price, per)
