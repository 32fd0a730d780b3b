"""Costs, compared with genai-prices itself over every model it knows, and the cases that must stay unknown."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage, calc_price
from genai_prices.data_snapshot import get_snapshot
from otlp_bytes import batch, span
from sentinelops_server.analysis.cost import expand_cost
from sentinelops_server.model import LLMRequest, Span
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode
from sentinelops_server.pipeline.price import Pricer
from sentinelops_server.pipeline.providers import provider_of

WHEN = datetime(2026, 11, 18, 12, tzinfo=UTC)
# a model that bills none of these is no oracle for tokens
TOKENS = {"input_mtok", "output_mtok"}


def request(**fields: Any) -> LLMRequest:
    known = {
        "trace_id": bytes(16), "span_id": bytes(8), "timestamp_ns": int(WHEN.timestamp() * 1e9), "provider": "openai",
        "model": "gpt-4o", "application": "a", "environment": "e", "operation": "chat", "status": "ok", "duration": 1.0,
        "prompt_tokens": 1000, "completion_tokens": 500,
    }  # fmt: skip
    return LLMRequest(**{**known, **fields})


def priced(pricer: Pricer | None = None, **fields: Any) -> LLMRequest:
    one = request(**fields)
    (pricer or Pricer()).price(one)
    return one


USAGES: list[dict[str, int]] = [
    {"prompt_tokens": 1000, "completion_tokens": 500},
    {"prompt_tokens": 300_000, "completion_tokens": 2000},
    {"prompt_tokens": 5000, "completion_tokens": 700, "cache_read_tokens": 3000},
    {"prompt_tokens": 250_000, "completion_tokens": 9, "cache_read_tokens": 1000, "cache_write_tokens": 2000},
    {"prompt_tokens": 800, "completion_tokens": 900, "reasoning_tokens": 640},
]


def test_every_bundled_model_costs_what_genai_prices_says() -> None:
    pricer = Pricer()
    compared = 0
    for provider in get_snapshot().providers:
        for model in provider.models:
            keys = {key for key, value in model.get_prices(WHEN).__dict__.items() if value is not None}
            if not keys >= TOKENS or not model.is_match(model.id):
                continue
            for usage in USAGES:
                one = priced(pricer, provider=provider.id, model=model.id, **usage)
                expected = calc_price(
                    Usage(
                        input_tokens=usage["prompt_tokens"],
                        output_tokens=usage["completion_tokens"],
                        cache_read_tokens=usage.get("cache_read_tokens"),
                        cache_write_tokens=usage.get("cache_write_tokens"),
                        output_reasoning_tokens=usage.get("reasoning_tokens"),
                    ),
                    model.id,
                    provider_id=provider.id,
                    genai_request_timestamp=WHEN,
                )
                assert one.estimated_cost == expected.total_price, (provider.id, model.id, usage)
                assert one.price_version is not None
                assert one.price_version.startswith("genai-prices ")
                shown = expand_cost(one.cost_details, asdict(one))
                assert sum((Decimal(d["usd"]) for d in shown.values()), Decimal(0)) == one.estimated_cost
                compared += 1
    assert compared > 5000


@pytest.mark.parametrize("tier", ["batch", "flex", "priority"])
def test_tiers_are_variants_of_the_price(tier: str) -> None:
    context = {"processing": "batch"} if tier == "batch" else {"service_tier": tier}
    expected = calc_price(
        Usage(input_tokens=1000, output_tokens=500),
        "gpt-5",
        provider_id="openai",
        genai_request_timestamp=WHEN,
        price_context=context,
    ).total_price
    one = priced(model="gpt-5", service_tier=tier)
    assert one.estimated_cost == expected
    assert one.estimated_cost != priced(model="gpt-5", service_tier="default").estimated_cost
    assert one.price_version is not None
    assert one.price_version.endswith(f"openai/gpt-5 {tier}")


def test_azure_and_bedrock_have_no_tiers() -> None:
    for provider, model in (
        ("azure.ai.openai", "gpt-4o"),
        ("aws.bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
    ):
        plain = priced(provider=provider, model=model)
        assert plain.estimated_cost
        assert priced(provider=provider, model=model, service_tier="batch").estimated_cost == plain.estimated_cost


def test_a_price_is_that_of_the_day_of_the_call() -> None:
    def cost(when: datetime) -> Decimal | None:
        return priced(
            model="o3", prompt_tokens=10_000, completion_tokens=1000, timestamp_ns=int(when.timestamp() * 1e9)
        ).estimated_cost

    assert cost(datetime(2025, 5, 1, tzinfo=UTC)) == Decimal("0.14")
    assert cost(datetime(2025, 7, 1, tzinfo=UTC)) == Decimal("0.028")


def test_off_peak_hours_are_not_mixed_up_within_a_day() -> None:
    pricer = Pricer()
    day = datetime(2025, 8, 20, tzinfo=UTC)
    for hour in range(24):
        when = day + timedelta(hours=hour, minutes=10)
        expected = calc_price(
            Usage(input_tokens=1000, output_tokens=500),
            "deepseek-chat",
            provider_id="deepseek",
            genai_request_timestamp=when,
        )
        one = priced(pricer, provider="deepseek", model="deepseek-chat", timestamp_ns=int(when.timestamp() * 1e9))
        assert one.estimated_cost == expected.total_price, hour


@pytest.mark.parametrize(
    ("fields", "model"),
    [
        ({"provider": "azure.ai.openai", "model": "my-deployment", "response_model": "gpt-4o-2024-08-06"}, "gpt-4o"),
        ({"provider": "openai", "model": "ft:gpt-4o-mini-2024-07-18:acme::abc"}, "gpt-4o-mini"),
        ({"provider": "aws.bedrock", "model": "us.anthropic.claude-3-5-sonnet-20240620-v1:0"}, "claude"),
        ({"provider": "gcp.vertex_ai", "model": "gemini-2.5-pro"}, "gemini"),
        (
            {
                "provider": "openai",
                "model": "text-embedding-3-small",
                "operation": "embeddings",
                "completion_tokens": None,
            },
            "embedding",
        ),
        # LiteLLM's routes
        ({"provider": "openai", "model": "openai/gpt-4o"}, "gpt-4o"),
        ({"provider": "gcp.gemini", "model": "gemini/gemini-2.5-flash"}, "gemini-2.5-flash"),
        ({"provider": "aws.bedrock", "model": "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"}, "sonnet-4-5"),
    ],
)
def test_names_that_writers_use_are_found(fields: dict[str, Any], model: str) -> None:
    one = priced(**fields)
    assert one.estimated_cost
    assert model in str(one.price_version)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"prompt_tokens": None, "completion_tokens": None, "status": "error"}, "no_usage"),
        ({"completion_tokens": None}, "no_usage"),
        ({"provider": "llama.cpp", "model": "smollm2"}, "self_hosted"),
        ({"provider": "ollama", "model": "gpt-4o"}, "self_hosted"),
        ({"provider": "unknown"}, "unknown_provider"),
        ({"provider": "nobody", "model": "gpt-4o"}, "no_price"),
        ({"model": "not-a-model"}, "no_price"),
        ({"provider": "azure.ai.openai", "model": "my-deployment"}, "no_price"),
        ({"model": "whisper-1"}, "unit_not_reported"),
        ({"model": "tts-1"}, "unit_not_reported"),
        ({"model": "gpt-4o-audio-preview", "usage_details": {"audio_input": 50}}, "no_audio_price"),
        ({"cache_read_tokens": 5000}, "inconsistent_usage"),
    ],
)
def test_what_is_not_known_costs_none_and_says_why(fields: dict[str, Any], reason: str) -> None:
    one = priced(**fields)
    assert (one.estimated_cost, one.price_version, one.cost_details) == (None, None, {"unknown": reason})


def test_cost_is_broken_down_by_class() -> None:
    one = priced(cache_read_tokens=400)
    assert one.cost_details == {"cache_read": "1.25", "input": [600, "2.5"], "output": "10"}
    assert expand_cost(one.cost_details, asdict(one)) == {
        "cache_read": {"tokens": 400, "usd_per_million": "1.25", "usd": "0.0005"},
        "input": {"tokens": 600, "usd_per_million": "2.5", "usd": "0.0015"},
        "output": {"tokens": 500, "usd_per_million": "10", "usd": "0.005"},
    }
    assert one.estimated_cost == Decimal("0.007")


def override(number: int, provider: str, model: str, day: int | None = None, **prices: Any) -> dict[str, Any]:
    valid_from = datetime(2026, 11, day) if day else "-infinity"
    return {"id": number, "provider": provider, "model": model, "prices": prices, "valid_from": valid_from}


def test_own_prices_come_first() -> None:
    rows = [
        override(1, "*", "*", input="1", output="1"),
        override(2, "openai", "gpt-*", input="2", output="2"),
        override(3, "openai", "gpt-4o", input="3", output="3"),
        override(4, "openai", "gpt-4o", day=10, input="4", output="4", cache_read="1"),
        override(5, "openai", "gpt-4o", day=20, input="5", output="5"),
        override(6, "llama.cpp", "*", input="0", output="0"),
    ]
    pricer = Pricer(rows)
    assert priced(pricer).price_version == "override 4"
    assert priced(pricer, cache_read_tokens=500).estimated_cost == Decimal("0.0045")
    assert priced(pricer, model="gpt-9").price_version == "override 2"
    assert priced(pricer, provider="azure.ai.openai", model="d").price_version == "override 1"
    assert priced(pricer, provider="llama.cpp", model="smollm2").estimated_cost == 0
    early = int(datetime(2026, 11, 2, tzinfo=UTC).timestamp() * 1e9)
    assert priced(pricer, timestamp_ns=early).price_version == "override 3"
    pricer.reload([])
    assert str(priced(pricer).price_version).endswith("openai/gpt-4o")


@pytest.mark.parametrize("prices", [{}, {"input": "-1"}, {"input": "a"}, {"input": "NaN"}, {"inptu": "1"}, None])
def test_a_wrong_override_is_named_and_the_old_ones_stay(prices: Any) -> None:
    pricer = Pricer([override(1, "*", "*", input="1", output="1")])
    with pytest.raises(ValueError, match="price override 7"):
        pricer.reload([{"id": 7, "provider": "openai", "model": "gpt-4o", "prices": prices}])
    assert priced(pricer).price_version == "override 1"


@pytest.mark.parametrize(
    ("fields", "cost", "unknown"),
    [
        ({"model": "tts-1", "operation": "speech", "usage_details": {"characters": 1000}}, "0.015", None),
        ({"model": "whisper-1", "operation": "transcription", "usage_details": {"audio_seconds": 9.0}}, "0.0009", None),
        ({"model": "dall-e-3", "operation": "image_generation", "usage_details": {"images": 1}}, None, "no_price"),
        # a price by tokens only, and an answer that told no tokens
        (
            {"model": "gpt-4o-mini-tts", "operation": "speech", "usage_details": {"characters": 1000}},
            None,
            "unit_not_reported",
        ),
        ({"model": "whisper-1", "operation": "transcription"}, None, "no_usage"),
    ],
)
def test_sound_and_pictures_by_their_own_units(fields: dict[str, Any], cost: str | None, unknown: str | None) -> None:
    one = priced(prompt_tokens=None, completion_tokens=None, **fields)
    assert one.estimated_cost == (None if cost is None else Decimal(cost))
    assert one.cost_details.get("unknown") == unknown


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("gpt-4o", "openai"), ("o3", "openai"), ("o3-mini", "openai"), ("claude-sonnet-4-5", "anthropic"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws.bedrock"), ("amazon.nova-pro-v1:0", "aws.bedrock"),
        ("meta.llama3-70b-instruct-v1:0", "aws.bedrock"), ("meta.llama-3.3-70b-instruct", "unknown"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-lite-v1:0", "aws.bedrock"),
        ("gemini-2.5-pro", "gcp.gemini"), ("gpt-oss-120b", "unknown"), ("o3x", "unknown"), ("my-model", "unknown"),
    ],
)  # fmt: skip
def test_the_models_name_tells_its_maker_where_nothing_else_does(model: str, provider: str) -> None:
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
    assert (read(attributes)[1] or request()).provider == provider
    attributes["gen_ai.provider.name"] = "groq"
    assert (read(attributes)[1] or request()).provider == "groq"


def test_pictures_by_an_own_price() -> None:
    row = {"id": 1, "provider": "openai", "model": "dall-e-3", "prices": {"image": "0.04"}}
    fields = {"model": "dall-e-3", "operation": "image_generation", "usage_details": {"images": 3}}
    one = priced(Pricer([row]), prompt_tokens=None, completion_tokens=None, **fields)
    assert one.estimated_cost == Decimal("0.12")
    row["prices"] = {"characters": 15, "audio_hour": 0.36}
    for usage, cost in (({"characters": 1000}, "0.015"), ({"audio_seconds": 1800.0}, "0.18")):
        fields["usage_details"] = usage
        one = priced(Pricer([row]), prompt_tokens=None, completion_tokens=None, **fields)
        assert one.estimated_cost == Decimal(cost)


def read(attributes: dict[str, Any]) -> tuple[Span, LLMRequest | None]:
    (one,) = decode(batch([span(attributes=attributes)])).spans
    return one, normalise(one)[0]


@pytest.mark.parametrize(
    ("model", "tier", "cost", "searches"),
    [
        # 40 fresh, 60 cached and 20 written tokens, and two searches at 10 dollars a thousand
        ("claude-sonnet-4-5", "standard", "0.020438", {"count": 2, "usd_per": "10", "per": 1000, "usd": "0.02"}),
        ("claude-sonnet-4-5", "batch", "0.020219", {"count": 2, "usd_per": "10", "per": 1000, "usd": "0.02"}),
        # searches have no price with this model: the tokens' cost stands
        ("claude-3-haiku-20240307", "standard", "0.0000368", None),
    ],
)
def test_the_providers_searches_are_billed_once_beside_the_tokens(
    model: str, tier: str, cost: str, searches: dict[str, Any] | None
) -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.usage.cache_read.input_tokens": 60,
        "gen_ai.usage.output_tokens": 20,
        "anthropic.response.service_tier": tier,
        "sentinelops.usage.web_searches": 2,
    }
    one = read(attributes)[1]
    assert one is not None and one.usage_details == {"web_searches": 2}
    assert Pricer().price(one) is None
    assert (one.estimated_cost, one.cost_details.get("web_searches")) == (Decimal(cost), searches)


def test_sound_and_pictures_are_calls_with_units_of_their_own() -> None:
    attributes = {
        "gen_ai.request.model": "m",
        "gen_ai.operation.name": "transcription",
        "sentinelops.usage.audio_seconds": 8.47,
    }
    one = read(attributes)[1]
    assert one is not None and one.usage_details == {"audio_seconds": 8.47} and one.prompt_tokens is None
    attributes = {"gen_ai.operation.name": "image_generation", "sentinelops.usage.images": 2}
    assert (read(attributes)[1] or one).usage_details == {"images": 2}
    checked, request = read({"gen_ai.operation.name": "moderation"})
    assert (checked.type, request) == ("guardrail", None)


@pytest.mark.parametrize(
    ("provider", "address", "model", "answered"),
    [
        ("huggingface_groq", "router.huggingface.co", "Qwen/Qwen3-32B", "qwen/qwen3-32b"),  # named by path or header
        ("huggingface", "router.huggingface.co", "Qwen/Qwen3-32B:groq", None),  # named by the model
        ("huggingface_groq", "router.huggingface.co", "Qwen/Qwen3-32B:groq", "served-as-this"),
        ("huggingface_groq", "router.huggingface.co", "Qwen/Qwen3-32B:fastest", "served-as-this"),
    ],
)
def test_who_serves_behind_hugging_faces_router_sets_the_price(
    provider: str, address: str, model: str, answered: str | None
) -> None:
    one = priced(provider=provider_of(provider, address), model=model, response_model=answered)
    expected = calc_price(
        Usage(input_tokens=1000, output_tokens=500), "Qwen/Qwen3-32B", provider_id="huggingface_groq",
        genai_request_timestamp=WHEN,
    )  # fmt: skip
    assert one.estimated_cost == expected.total_price > 0
    assert one.price_version is not None
    assert one.price_version.endswith("huggingface_groq/Qwen/Qwen3-32B")


@pytest.mark.parametrize(
    ("provider", "address", "reason"),
    [
        ("huggingface", "router.huggingface.co", "no_price"),  # the router chose, and nobody said whom
        ("huggingface", "x.us-east-1.aws.endpoints.huggingface.cloud", "no_price"),  # paid by the hour
        ("transformers", None, "self_hosted"),
        ("tgi", "127.0.0.1", "self_hosted"),
    ],
)
def test_hugging_face_without_a_list_price(provider: str, address: str | None, reason: str) -> None:
    one = priced(provider=provider_of(provider, address), model="Qwen/Qwen3-32B")
    assert (one.estimated_cost, one.cost_details) == (None, {"unknown": reason})


def test_only_behind_a_router_does_the_writers_word_beat_the_host() -> None:
    assert provider_of("huggingface_groq", "router.huggingface.co") == "huggingface_groq"
    assert provider_of("openai", "router.huggingface.co") == "huggingface"
    assert provider_of("huggingface_groq", "api.openai.com") == "openai"
