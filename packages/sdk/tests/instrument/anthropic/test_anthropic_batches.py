"""The results of a batch tell every call of it once, with its usage, at the price of a batch."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest
from anthropic_support.answers import RESULTS
from anthropic_support.fake import FakeAnthropic
from openai_support.fake import Spans
from sentinelops import _guard
from sentinelops.instrument._wire import batches
from sentinelops.instrument.anthropic import _batches

OWN = hasattr(anthropic._base_client, "start_api_call_span")
STABLE = hasattr(anthropic.resources.messages.Messages, "batches")
NATIVE = 2 * OWN  # the client's own spans of retrieve and results stay
# custom_id -> model, input, output, error code, outcome
TOLD = {
    "a": ("plain", 100, 20, None, None),
    "b": ("thinks", 100, 20, None, None),
    "c": (None, None, None, "invalid_request_error", None),
    "d": (None, None, None, "expired", None),
    "e": (None, None, None, None, "cancelled"),
}
NAMES = ("gen_ai.response.model", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "sentinelops.error.code",
         "sentinelops.outcome")  # fmt: skip


@pytest.fixture(autouse=True)
def unseen() -> None:
    batches._seen.clear()


def of(client: Any, where: str) -> Any:
    target: Any = client
    for name in where.split("."):
        target = getattr(target, name)
    return target.batches


def read(where: str, provider: FakeAnthropic, client: anthropic.Anthropic, *, asynchronous: bool) -> list[Any]:
    async def go() -> list[Any]:
        async with anthropic.AsyncAnthropic(api_key="sk", base_url=provider.url, max_retries=0) as talking:
            return [line async for line in await of(talking, where).results("batch_1")]

    lines = asyncio.run(go()) if asynchronous else list(of(client, where).results("batch_1"))
    batches.finish()
    return [line.custom_id for line in lines]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("where", ["messages", "beta.messages"] if STABLE else ["beta.messages"])
def test_results_are_told_once(
    where: str, asynchronous: bool, provider: FakeAnthropic, client: anthropic.Anthropic, spans: Spans
) -> None:
    for _ in range(2):
        assert read(where, provider, client, asynchronous=asynchronous) == [line["custom_id"] for line in RESULTS]
    told = [span for span in spans(5 + 2 * NATIVE) if span["name"].startswith("chat")]
    found = {
        span["attributes"]["sentinelops.batch.custom_id"]: tuple(span["attributes"].get(name) for name in NAMES)
        for span in told
    }
    assert len(told) == 5
    assert found == TOLD
    for span in told:
        assert span["attributes"]["anthropic.response.service_tier"] == "batch"
        assert span["attributes"]["sentinelops.batch.id"] == "batch_1"
        assert span["error"] is ("sentinelops.error.code" in span["attributes"])


@pytest.mark.parametrize("broken", ["tell_call", "_tell", "first_time"])
def test_what_breaks_in_us_changes_nothing(
    broken: str, provider: FakeAnthropic, client: anthropic.Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setattr(_batches, broken, lambda *_, **__: 1 / 0)
    assert len(read("beta.messages", provider, client, asynchronous=False)) == len(RESULTS)


def test_no_thread_no_harm(
    provider: FakeAnthropic, client: anthropic.Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setattr(batches, "Thread", lambda *_, **__: 1 / 0)
    assert len(read("beta.messages", provider, client, asynchronous=False)) == len(RESULTS)
