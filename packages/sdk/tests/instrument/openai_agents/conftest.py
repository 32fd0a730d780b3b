"""A provider, the Agents SDK watched and nothing exported by it, and how a run's spans are read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import agents
import openai
import pytest
import sentinelops
from openai_support.answers import ANSWERS, CHAT, RESPONSES, chat, message_item, response
from openai_support.fake import FakeOpenAI
from sentinelops.testing import Captured, capture

Agent = agents.Agent[Any]
Make = Callable[[str], Any]  # from a model's name, which chooses the answer, to a model of the Agents SDK
KINDS = ["chat", "responses"]


@pytest.fixture(scope="session")
def fake() -> Iterator[FakeOpenAI]:
    made = FakeOpenAI()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def watched() -> Iterator[None]:
    agents.set_trace_processors([])
    sentinelops.instrument("openai_agents")
    yield
    sentinelops.uninstrument("openai_agents", "openai")


@pytest.fixture
def captured() -> Iterator[Captured]:
    with capture(capture_content="on") as found:
        yield found
    from sentinelops.instrument import openai_agents

    ours = openai_agents._ours
    assert (ours._open, ours._groups, ours._hidden, ours._calls._asked) == ({}, {}, {}, {})


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def script(monkeypatch: pytest.MonkeyPatch, model: str, *calls: tuple[str, str, str]) -> None:
    """`model` asks for `calls` (id, name, arguments) first, and says "Done" when it was given a result."""

    def said(body: dict[str, Any]) -> Any:
        given = body.get("messages") or body["input"]
        if any("call_id" in one or one.get("role") == "tool" for one in given if isinstance(one, dict)):
            text = chat(model, {"content": "Done"}), response(model, message_item("Done"))
            return text["messages" not in body]
        wanted = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in calls]
        items = [
            {"type": "function_call", "id": f"fc_{i}", "call_id": i, "name": n, "arguments": a, "status": "completed"}
            for i, n, a in calls
        ]
        if "messages" in body:
            return chat(model, {"content": None, "tool_calls": wanted}, reasons=("tool_calls",))
        return response(model, *items)

    monkeypatch.setitem(ANSWERS, (CHAT, model), said)
    monkeypatch.setitem(ANSWERS, (RESPONSES, model), said)


def play(fake: FakeOpenAI, kind: str, work: Callable[[Make], Any]) -> Any:
    """Run `await work(make)` with a client of its own."""

    async def run() -> Any:
        async with openai.AsyncOpenAI(api_key="k", base_url=fake.url, max_retries=0) as client:
            made: Any = agents.OpenAIChatCompletionsModel if kind == "chat" else agents.OpenAIResponsesModel
            return await work(lambda name: made(name, client))

    return asyncio.run(run())


def tree(captured: Captured) -> list[tuple[str, str | None]]:
    """(name, its parent's name), in order of their starts."""
    by_id = {span["span_id"]: span for span in captured.spans}
    spans = sorted(captured.spans, key=lambda span: span["start_ns"])
    return [(one["name"], by_id[one["parent_id"]]["name"] if one["parent_id"] else None) for one in spans]


def statuses(captured: Captured) -> dict[str, tuple[str, str | None, str | None]]:
    """By name: status, error.type, outcome."""
    return {
        span["name"]: (
            span["status"],
            span["attributes"].get("error.type"),
            span["attributes"].get("sentinelops.outcome"),
        )
        for span in captured.spans
    }
