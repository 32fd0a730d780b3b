"""The client's own loop around tools: a span for each call of the model inside it."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from anthropic_support.surfaces import NEWEST
from openai_support.fake import Spans

ASKED: dict[str, Any] = {"model": "calls", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}]}
SCHEMA: dict[str, Any] = {"type": "object", "properties": {}}
OWN = ["anthropic.custom_tool_use weather"] * 2 + ["anthropic.messages.tool_runner"]
DOORS = ["by hand", "runner", "async runner"] if NEWEST else ["by hand"]


def _run(door: str, client: anthropic.Anthropic, provider: FakeAnthropic) -> int:
    """Two rounds; how many messages the host got."""
    if door == "by hand":
        return len([client.messages.create(**ASKED) for _ in range(2)])
    if door == "runner":

        @anthropic.beta_tool(name="weather", description="w", input_schema=SCHEMA)
        def weather(**_: Any) -> str:
            return "cold"

        return len(list(client.beta.messages.tool_runner(tools=[weather], max_iterations=2, **ASKED)))

    @anthropic.beta_async_tool(name="weather", description="w", input_schema=SCHEMA)
    async def later(**_: Any) -> str:
        return "cold"

    async def go() -> int:
        async with anthropic.AsyncAnthropic(api_key="sk", base_url=provider.url, max_retries=0) as talking:
            runner = talking.beta.messages.tool_runner(tools=[later], max_iterations=2, **ASKED)
            return len([message async for message in runner])

    return asyncio.run(go())


@pytest.mark.filterwarnings("ignore:Tool .now. not found:UserWarning")
@pytest.mark.parametrize("door", DOORS)
def test_a_span_for_each_round(door: str, client: anthropic.Anthropic, provider: FakeAnthropic, spans: Spans) -> None:
    assert _run(door, client, provider) == 2
    # the client's own spans of its loop and of the tools stay; the tokens stand with the calls alone
    told = spans(2 if door == "by hand" else 5)
    found = [span for span in told if any(name.startswith("gen_ai.usage.") for name in span["attributes"])]
    assert [span["name"] for span in found] == ["chat calls"] * 2
    assert [span["attributes"]["gen_ai.usage.output_tokens"] for span in found] == [20, 20]
    assert [span["attributes"]["gen_ai.response.finish_reasons"] for span in found] == [["tool_use"]] * 2
    others = sorted(span["name"] for span in told if span not in found)
    assert others == ([] if door == "by hand" else OWN)
