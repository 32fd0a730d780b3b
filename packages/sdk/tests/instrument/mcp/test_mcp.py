"""Requests of MCP as spans, on every transport and on both sides, as one tree."""

from __future__ import annotations

import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import sentinelops
from mcp_support import MCP_1, http_server, in_memory, over_http, over_stdio
from opentelemetry import baggage
from opentelemetry import context as otel_context
from otlp_sink import Sink
from sentinelops import _guard, _runtime
from sentinelops.instrument import instrument, uninstrument
from sentinelops.testing import Captured

Work = Callable[[Any], Awaitable[Any]]


def run(work: Work, **options: Any) -> Any:
    """Do it with a session in memory."""

    async def main() -> Any:
        async with in_memory(**options) as session:
            return await work(session)

    return anyio.run(main)


def kept(captured: Captured, *, kind: str | None = None) -> list[dict[str, Any]]:
    """The spans without those of the beginning of a session."""
    return [
        span  # type: ignore[misc]
        for span in captured.spans
        if span["name"] not in ("initialize", "tools/list") and kind in (None, span["kind"])
    ]


def text_of(result: Any) -> str:
    return str(result.content[0].text)


def test_a_tool_call_is_a_tool_span_on_both_sides(captured: Captured) -> None:
    async def work(session: Any) -> Any:
        with sentinelops.span("agent", type="agent"):
            return await session.call_tool("weather", {"city": "Oslo"})

    assert text_of(run(work)) == "cold in Oslo"
    served, called, agent = kept(captured)
    assert [span["name"] for span in (served, called, agent)] == ["tools/call weather"] * 2 + ["agent"]
    assert [span["kind"] for span in (served, called)] == ["server", "client"]
    assert (served["parent_id"], called["parent_id"], agent["parent_id"]) == (called["span_id"], agent["span_id"], None)
    attributes = called["attributes"]
    assert attributes.pop("mcp.protocol.version")
    assert int(attributes.pop("jsonrpc.request.id")) >= 1
    assert attributes == {
        "sentinelops.span.type": "tool",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "weather",
        "gen_ai.tool.call.arguments": '{"city":"Oslo"}',
        "gen_ai.tool.call.result": attributes["gen_ai.tool.call.result"],
        "mcp.method.name": "tools/call",
    }
    assert "cold in Oslo" in attributes["gen_ai.tool.call.result"]
    assert "cold in Oslo" in served["attributes"]["gen_ai.tool.call.result"]
    assert served["attributes"]["gen_ai.tool.name"] == "weather"


def test_a_tool_that_fails(captured: Captured) -> None:
    async def work(session: Any) -> Any:
        return await session.call_tool("weather", {"city": "Atlantis"})

    said = text_of(run(work))
    assert "Error executing tool" in said
    for span in kept(captured):
        assert (span["status"], span["attributes"]["error.type"]) == ("error", "tool_error")
        assert said.startswith(span["status_message"][:60])


def test_prompts_resources_and_lists_are_steps(captured: Captured) -> None:
    async def work(session: Any) -> None:
        await session.get_prompt("greeting", {"name": "Ada"})
        await session.read_resource("note://ada")
        await session.list_tools()
        await session.send_ping()

    run(work)
    found = [span for span in captured.spans if span["kind"] == "client"]
    assert [span["name"] for span in found] == ["initialize", "prompts/get greeting", "resources/read", "tools/list"]
    assert {span["attributes"]["sentinelops.span.type"] for span in found} == {"chain"}
    assert found[1]["attributes"]["gen_ai.prompt.name"] == "greeting"
    assert "Greet Ada" in found[1]["attributes"]["sentinelops.output"]
    assert found[2]["attributes"]["mcp.resource.uri"] == "note://ada"
    assert "note of ada" in found[2]["attributes"]["sentinelops.output"]


def test_an_error_of_the_protocol_has_its_code(captured: Captured) -> None:
    async def work(session: Any) -> None:
        await session.get_prompt("nothing of the kind")

    with pytest.raises(BaseException):  # noqa: B017, PT011 - a group of them in one major
        run(work)
    for span in kept(captured):
        assert span["status"] == "error"
    (client,) = kept(captured, kind="client")
    code = client["attributes"]["rpc.response.status_code"]
    assert client["attributes"]["error.type"] == code
    assert int(code) <= 0


def test_the_context_travels_beside_what_the_host_put_there(captured: Captured) -> None:
    async def work(session: Any) -> Any:
        token = otel_context.attach(baggage.set_baggage("tenant", "acme"))
        try:
            return await session.call_tool("meta", {})
        finally:
            otel_context.detach(token)

    found = json.loads(text_of(run(work)))
    (called,) = kept(captured, kind="client")
    assert found["traceparent"].split("-")[1:3] == [called["trace_id"], called["span_id"]]
    assert found["baggage"] == "tenant=acme"


def test_the_hosts_own_keys_stay(captured: Captured) -> None:
    from sentinelops.instrument.mcp._meta import as_mapping, carrying

    if MCP_1:
        from mcp import types

        params = types.CallToolRequestParams(name="x", _meta={"traceparent": "theirs", "mine": 1, "progressToken": 3})
        request: Any = types.ClientRequest(types.CallToolRequest(method="tools/call", params=params))
    else:
        from mcp import types

        params = types.CallToolRequestParams(name="x", _meta={"traceparent": "theirs", "mine": 1})
        request = types.CallToolRequest(params=params)
    before = request.model_dump(by_alias=True)
    step = sentinelops.span("s")
    with step:
        assert step.context is not None
        sent = carrying(request, baggage.set_baggage("a", "b", step.context))
    assert request.model_dump(by_alias=True) == before
    inner = getattr(sent, "root", sent)
    assert {key: as_mapping(inner.params.meta)[key] for key in ("traceparent", "mine", "baggage")} == {
        "traceparent": "theirs",
        "mine": 1,
        "baggage": "a=b",
    }


def test_switched_off_nothing_of_the_context_is_sent(captured: Captured) -> None:
    runtime = _runtime.current
    assert runtime is not None
    object.__setattr__(runtime.config, "propagate_mcp", False)

    async def work(session: Any) -> Any:
        with sentinelops.span("agent"):
            return await session.call_tool("meta", {})

    assert "traceparent" not in json.loads(text_of(run(work)))
    (called,) = kept(captured, kind="client")
    assert called["parent_id"] == captured.named("agent")["span_id"]


def test_what_the_server_asks_of_the_client_is_under_the_tool_call(captured: Captured) -> None:
    async def work(session: Any) -> Any:
        return await session.call_tool("asks", {})

    assert text_of(run(work)) == "hi"
    answered = captured.named("sampling/createMessage")
    model = captured.named("the client's model")
    trace = {span["span_id"]: span for span in captured.spans}
    assert model["parent_id"] == answered["span_id"]
    assert trace[answered["parent_id"] or ""]["name"] == "tools/call asks"
    assert (
        '"text":"hi"' in answered["attributes"]["sentinelops.output"]
        or "hi" in answered["attributes"]["sentinelops.output"]
    )


def test_concurrent_calls_of_one_session_keep_apart(captured: Captured) -> None:
    async def work(session: Any) -> None:
        async def one(number: int) -> None:
            with sentinelops.span(f"task {number}"):
                await session.call_tool("weather", {"city": str(number)})

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)

    run(work)
    traces: dict[str, list[Any]] = {}
    for span in kept(captured):
        traces.setdefault(span["trace_id"], []).append(span)
    assert len(traces) == 20
    for served, called, task in traces.values():
        number = task["name"].removeprefix("task ")
        assert json.loads(called["attributes"]["gen_ai.tool.call.arguments"]) == {"city": number}
        assert (served["parent_id"], called["parent_id"]) == (called["span_id"], task["span_id"])


def test_progress_a_timeout_and_a_cancelled_call(captured: Captured) -> None:
    seen: list[float] = []

    async def work(session: Any) -> None:
        async def progress(value: float, total: float | None, message: str | None) -> None:
            seen.append(value)
            scope.cancel()

        with anyio.CancelScope() as scope:
            await session.call_tool("waits", {}, progress_callback=progress)
        from datetime import timedelta

        limit: Any = timedelta(seconds=0.05) if MCP_1 else 0.05
        with pytest.raises(Exception, match=r"[Tt]imed out"):
            await session.call_tool("waits", {}, read_timeout_seconds=limit)

    run(work)
    assert seen == [1]
    cancelled, late = kept(captured, kind="client")
    assert (cancelled["status"], cancelled["attributes"]["sentinelops.outcome"]) == ("unset", "cancelled")
    assert late["status"] == "error"
    assert late["attributes"]["rpc.response.status_code"] in ("408", "-32001")


def test_one_tree_over_http(captured: Captured) -> None:
    async def main(url: str) -> str:
        async with over_http(url) as session:
            with sentinelops.span("agent"):
                return text_of(await session.call_tool("weather", {"city": "Oslo"}))

    with http_server() as url:
        assert anyio.run(main, url) == "cold in Oslo"
    served, called, agent = kept(captured)
    assert (served["kind"], served["parent_id"]) == ("server", called["span_id"])
    assert called["parent_id"] == agent["span_id"]


def test_one_tree_over_two_processes(captured: Captured, sink: Sink) -> None:
    async def main() -> str:
        settings = {"SENTINELOPS_ENDPOINT": sink.url, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        async with over_stdio(settings) as session:
            said = text_of(await session.call_tool("weather", {"city": "Oslo"}))
            arrived = lambda: any(span["name"] == "tools/call weather" for span in sink.spans())  # noqa: E731
            await anyio.to_thread.run_sync(sink.wait, arrived)  # the client may end the process harshly
            return said

    assert anyio.run(main) == "cold in Oslo"
    (called,) = kept(captured, kind="client")
    (served,) = [span for span in sink.spans() if span["name"] == "tools/call weather"]
    assert (served["trace_id"], served["parent_id"]) == (called["trace_id"], called["span_id"])


def test_the_librarys_own_spans_are_not_beside_ours(clean_sdk: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    instrument("mcp")
    from sentinelops.testing import capture

    try:
        with capture() as captured:
            runtime = _runtime.current
            assert runtime is not None
            monkeypatch.setattr(trace, "get_tracer_provider", lambda: runtime.provider)
            if not MCP_1:
                import mcp.shared._otel as library

                monkeypatch.setattr(library, "_tracer", runtime.provider.get_tracer("mcp-python-sdk"))

            async def work(session: Any) -> Any:
                return await session.call_tool("weather", {"city": "Oslo"})

            run(work)
            assert [(span["name"], span["kind"]) for span in captured.spans if "weather" in span["name"]] == [
                ("tools/call weather", "server"),
                ("tools/call weather", "client"),
            ]
    finally:
        uninstrument("mcp")


@pytest.mark.parametrize(
    "broken", ["_client.begin", "_client.carrying", "_server.begin", "_client.carried", "_request._plain"]
)
def test_what_breaks_in_us_costs_the_host_nothing(
    broken: str, captured: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib import import_module

    def fails(*_: Any, **__: Any) -> Any:
        raise RuntimeError("ours")

    module, _, name = broken.partition(".")
    monkeypatch.setattr(import_module(f"sentinelops.instrument.mcp.{module}"), name, fails)
    monkeypatch.setattr(_guard, "strict", False)

    async def work(session: Any) -> Any:
        return await session.call_tool("asks", {})

    assert text_of(run(work)) == "hi"


def test_unconfigured_or_let_go_nothing_is_seen(captured: Captured) -> None:
    from mcp import ClientSession

    uninstrument("mcp")
    assert not ClientSession.send_request.__module__.startswith("sentinelops")

    async def work(session: Any) -> Any:
        return await session.call_tool("meta", {})

    run(work)
    assert captured.spans == []
