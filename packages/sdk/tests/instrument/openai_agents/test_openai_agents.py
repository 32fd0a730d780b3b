"""The Agents SDK against a local provider: one tree per run, and one span that bears the tokens of each model call."""

from __future__ import annotations

import asyncio
from typing import Any

import agents
import openai
import pytest
import sentinelops
from openai_support.fake import FakeOpenAI
from sentinelops.testing import capture


def ask(fake: FakeOpenAI, kind: str, model: str = "plain") -> None:
    async def run() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=fake.url, max_retries=0) as client:
            made: Any = agents.OpenAIChatCompletionsModel if kind == "chat" else agents.OpenAIResponsesModel
            agent = agents.Agent(name="Helper", instructions="Be kind.", model=made(model, client))
            config = agents.RunConfig(workflow_name="support", group_id="talk-1")
            assert (await agents.Runner.run(agent, "Hi", run_config=config)).final_output == "Hello there"

    asyncio.run(run())


@pytest.mark.parametrize("client", [True, False], ids=["client watched", "client not watched"])
@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_a_run(kind: str, client: bool, fake: FakeOpenAI) -> None:
    if client:
        sentinelops.instrument("openai")
    with capture(capture_content="on") as captured:
        ask(fake, kind)
    bearing = [span for span in captured.spans if "gen_ai.usage.input_tokens" in span["attributes"]]
    assert [(span["attributes"]["gen_ai.usage.input_tokens"], span["attributes"]["gen_ai.usage.output_tokens"])
            for span in bearing] == [(100, 20)]  # fmt: skip
    by_id = {span["span_id"]: span for span in captured.spans}
    names, span = [], bearing[0]
    while span is not None:
        names.append(span["name"])
        span = by_id.get(span["parent_id"])
    assert "invoke_agent Helper" in names
    assert names[-1] == "support"
    assert {one["attributes"]["session.id"] for one in captured.spans} == {"talk-1"}
    assert len({one["trace_id"] for one in captured.spans}) == 1


def test_a_session_that_the_application_named_counts(fake: FakeOpenAI) -> None:
    with capture() as captured:
        with sentinelops.context(session="mine"):
            ask(fake, "chat")
        with sentinelops.span("after"):
            ask(fake, "chat")
    after = captured.spans.pop()
    assert (after["name"], after["attributes"].get("session.id")) == ("after", None)
    assert [one["attributes"]["session.id"] for one in captured.spans] == ["mine"] * 5 + ["talk-1"] * 5


def test_a_refusal(fake: FakeOpenAI) -> None:
    with capture() as captured, pytest.raises(openai.BadRequestError):
        ask(fake, "chat", "too-long")
    assert any(span["status"] == "error" for span in captured.spans)


def test_switched_off_it_says_nothing(fake: FakeOpenAI) -> None:
    sentinelops.uninstrument("openai_agents")
    with capture() as captured:
        ask(fake, "chat")
    assert captured.spans == []
