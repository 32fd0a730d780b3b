"""Tools, handoffs and guardrails: what each step says, what it stands under, and whose failure is whose."""

from __future__ import annotations

from typing import Any

import agents
import openai
import pytest
from openai_support.fake import FakeOpenAI
from sentinelops.testing import Captured

from .conftest import Agent, Make, play, script, statuses, tree

ABOUT = ("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.tool.call.id", "gen_ai.tool.call.arguments",
         "gen_ai.tool.call.result", "error.type")  # fmt: skip


@agents.function_tool
def weather(city: str) -> str:
    """The weather."""
    return f"Rain in {city}"


@agents.function_tool
async def population(city: str) -> dict[str, Any]:
    """How many live there."""
    return {"city": city, "count": 7}


@agents.function_tool
def told_to_the_model(city: str) -> str:
    """Fails; the model is told."""
    raise LookupError(f"no {city}")


@agents.function_tool(failure_error_function=None)
def raises(city: str) -> str:
    """Fails; the host is told."""
    raise LookupError(f"no {city}")


TOOLS: list[Any] = [weather, population, told_to_the_model, raises]


def run(fake: FakeOpenAI, kind: str, model: str, **config: Any) -> Any:
    async def work(make: Make) -> Any:
        agent: Agent = agents.Agent(name="Helper", model=make(model), tools=TOOLS)
        return (await agents.Runner.run(agent, "Hi", run_config=agents.RunConfig(**config))).final_output

    return play(fake, kind, work)


def tools(captured: Captured) -> list[tuple[Any, ...]]:
    found = [span for span in captured.spans if span["name"].startswith("execute_tool")]
    told = [(span["name"], span["status"], *(span["attributes"].get(key) for key in ABOUT)) for span in found]
    return sorted(told, key=lambda one: (one[0], one[4] or "", one[5] or ""))


def test_tools_say_which_call_they_answer(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(
        monkeypatch,
        "asks",
        ("call_1", "weather", '{"city": "Oslo"}'),
        ("call_2", "population", '{"city": "Oslo"}'),
        ("call_3", "weather", '{"city": "Bergen"}'),
    )
    assert run(fake, kind, "asks") == "Done"
    oslo, bergen = '{"city":"Oslo"}', '{"city":"Bergen"}'
    assert tools(captured) == [
        ("execute_tool population", "unset", "execute_tool", "population", "call_2", oslo,
         '{"city":"Oslo","count":7}', None),
        ("execute_tool weather", "unset", "execute_tool", "weather", "call_1", oslo, '"Rain in Oslo"', None),
        ("execute_tool weather", "unset", "execute_tool", "weather", "call_3", bergen, '"Rain in Bergen"', None),
    ]  # fmt: skip
    named = dict(tree(captured))
    assert named["execute_tool weather"] == named["execute_tool population"] == "turn"


def test_two_equal_calls_have_no_id(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = '{"city": "Oslo"}'
    script(monkeypatch, "repeats", ("call_1", "weather", given), ("call_2", "weather", given))
    assert run(fake, kind, "repeats") == "Done"
    assert [one[4] for one in tools(captured)] == [None, None]


def test_a_host_that_keeps_data_from_traces(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "keeps", ("call_1", "weather", '{"city": "Oslo"}'))
    assert run(fake, kind, "keeps", trace_include_sensitive_data=False) == "Done"
    assert tools(captured) == [("execute_tool weather", "unset", "execute_tool", "weather", None, None, None, None)]
    assert not [span for span in captured.spans if "Oslo" in str(span["attributes"])]


def test_a_tool_that_fails_and_the_run_goes_on(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "fails", ("call_1", "told_to_the_model", '{"city": "Oslo"}'))
    assert run(fake, kind, "fails") == "Done"
    failed = [span for span in captured.spans if span["status"] == "error"]
    assert [(span["name"], span["status_message"]) for span in failed] == [
        (
            "execute_tool told_to_the_model",
            "Error running tool (non-fatal): Tool execution failed. Error details are redacted.",
        )
    ]
    assert failed[0]["attributes"]["gen_ai.tool.call.id"] == "call_1"


def test_a_tool_that_ends_the_run(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "raises", ("call_1", "raises", '{"city": "Oslo"}'))
    with pytest.raises(agents.UserError):
        run(fake, kind, "raises", workflow_name="support")
    found = {name: status for name, status in statuses(captured).items() if status[0] == "error"}
    assert found == {
        name: ("error", kind_of_error, None)
        for name, kind_of_error in (
            ("execute_tool raises", "UserError"),
            ("turn", "UserError"),
            ("invoke_agent Helper", "UserError"),
            ("support", "UserError"),
        )
    }


def test_failures_of_a_host_that_keeps_data_from_traces(
    kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(monkeypatch, "raises", ("call_1", "raises", '{"city": "Oslo"}'))
    for model, error in (("raises", agents.UserError), ("too-long", openai.BadRequestError)):
        with pytest.raises(error):
            run(fake, kind, model, trace_include_sensitive_data=False)
    failed = [span for span in captured.spans if span["status"] == "error"]
    assert [span["attributes"]["error.type"] for span in failed] == ["UserError"] * 5 + ["BadRequestError"] * 5
    assert not [span for span in failed if "Oslo" in str(span) or "context length" in str(span)]


def test_a_handoff(kind: str, fake: FakeOpenAI, captured: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    script(monkeypatch, "routes", ("call_1", "transfer_to_expert", "{}"))

    async def work(make: Make) -> Any:
        expert: Agent = agents.Agent(name="Expert", model=make("plain"))
        router: Agent = agents.Agent(name="Router", model=make("routes"), handoffs=[expert])
        config = agents.RunConfig(workflow_name="support", group_id="talk-1")
        return await agents.Runner.run(router, "Hi", run_config=config)

    result = play(fake, kind, work)
    assert (result.last_agent.name, result.final_output) == ("Expert", "Hello there")
    model = [f"chat {name}" if kind == "chat" else "chat" for name in ("routes", "plain")]
    assert tree(captured) == [
        ("support", None),
        ("support", "support"),
        ("invoke_agent Router", "support"),
        ("turn", "invoke_agent Router"),
        (model[0], "turn"),
        ("handoff", "turn"),
        ("invoke_agent Expert", "support"),
        ("turn", "invoke_agent Expert"),
        (model[1], "turn"),
    ]
    about = {k: v for k, v in captured.named("handoff")["attributes"].items() if "agent" in k}
    assert about == {"sentinelops.metadata.from_agent": "Router", "sentinelops.metadata.to_agent": "Expert"}
    assert {span["attributes"].get("session.id") for span in captured.spans} == {"talk-1"}
    tokens = [span["attributes"].get("gen_ai.usage.input_tokens") for span in captured.spans]
    assert sorted(one for one in tokens if one is not None) == [100, 100]


def guarded(fake: FakeOpenAI, kind: str, *, parallel: bool, into: bool, out: bool) -> Any:
    @agents.input_guardrail(run_in_parallel=parallel)
    async def polite(context: Any, agent: Any, given: Any) -> agents.GuardrailFunctionOutput:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=into)

    @agents.output_guardrail
    async def honest(context: Any, agent: Any, said: Any) -> agents.GuardrailFunctionOutput:
        return agents.GuardrailFunctionOutput(output_info=None, tripwire_triggered=out)

    async def work(make: Make) -> Any:
        agent: Agent = agents.Agent(
            name="Helper", model=make("plain"), input_guardrails=[polite], output_guardrails=[honest]
        )
        return (await agents.Runner.run(agent, "Hi", run_config=agents.RunConfig(workflow_name="support"))).final_output

    return play(fake, kind, work)


@pytest.mark.parametrize("parallel", [True, False], ids=["beside the model", "before the model"])
def test_guardrails_that_let_pass(parallel: bool, kind: str, fake: FakeOpenAI, captured: Captured) -> None:
    assert guarded(fake, kind, parallel=parallel, into=False, out=False) == "Hello there"
    assert {status for status in statuses(captured).values()} == {("unset", None, None)}
    for name in ("polite", "honest"):
        attributes = captured.named(name)["attributes"]
        assert (attributes["sentinelops.span.type"], attributes["sentinelops.metadata.triggered"]) == (
            "guardrail",
            False,
        )
    parents = dict(tree(captured))
    assert {parents["polite"], parents["honest"]} <= {"invoke_agent Helper", "turn"}


@pytest.mark.parametrize(
    ("parallel", "into", "error"),
    [
        (True, True, agents.InputGuardrailTripwireTriggered),
        (False, True, agents.InputGuardrailTripwireTriggered),
        (False, False, agents.OutputGuardrailTripwireTriggered),
    ],
    ids=["input, beside the model", "input, before the model", "output"],
)
def test_a_tripwire(
    parallel: bool, into: bool, error: type[Exception], kind: str, fake: FakeOpenAI, captured: Captured
) -> None:
    with pytest.raises(error):
        guarded(fake, kind, parallel=parallel, into=into, out=not into)
    found = statuses(captured)
    name = "polite" if into else "honest"
    assert found[name] == ("unset", None, None)
    assert captured.named(name)["attributes"]["sentinelops.metadata.triggered"] is True
    assert found["invoke_agent Helper"] == found["support"] == ("error", error.__name__, None)
    calls = [status for named, status in found.items() if named.startswith("chat")]
    assert all(status[0] == "unset" for status in calls)  # the provider did nothing wrong
