"""The client's own spans, beside ours: one token-bearing span per call, and no trace context for the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic_support.fake import FakeAnthropic
from anthropic_support.surfaces import HELLO, SURFACES, Surface, run, run_either
from openai_support.fake import Spans
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once
from sentinelops.instrument import uninstrument

OPENED: list[Any] = []


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Every client that a test opens is closed after it."""
    yield
    while OPENED:
        OPENED.pop().close()


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What reaches the host's own global provider, which is there for one test."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


def client_of(provider: FakeAnthropic, **options: Any) -> anthropic.Anthropic:
    OPENED.append(anthropic.Anthropic(api_key="sk", base_url=provider.url, max_retries=0, **options))
    client: anthropic.Anthropic = OPENED[-1]
    return client


def own(exporter: InMemorySpanExporter) -> list[str]:
    """Names of the spans that the client made; ours pass through the host's provider too."""
    finished = exporter.get_finished_spans()
    return [span.name for span in finished if (span.instrumentation_scope.name or "").startswith("com.anthropic")]


def traceparent(provider: FakeAnthropic) -> str | None:
    return provider.requests[-1][2].get("traceparent")


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_ours_replaces_it_on_every_surface(
    surface: Surface, asynchronous: bool, native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans,
    aclient: anthropic.AsyncAnthropic,
) -> None:  # fmt: skip
    run_either(aclient if asynchronous else client_of(provider), surface)
    assert own(native) == []
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100
    assert traceparent(provider) is None


def test_calls_that_we_do_not_record_keep_theirs(
    native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans
) -> None:
    client_of(provider).messages.batches.list()
    assert own(native) == ["anthropic.messages.batches.list"]
    assert [span["name"] for span in spans(1)] == ["anthropic.messages.batches.list"]


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_of_no_call_the_provider_is_told_unless_asked(
    asynchronous: bool, native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans
) -> None:
    def told(extra_headers: dict[str, str] | None = None, **options: Any) -> str | None:
        def ask(client: Any) -> Any:
            return client.models.list(extra_headers=extra_headers)

        async def ask_async() -> None:
            async with anthropic.AsyncAnthropic(api_key="sk", base_url=provider.url, max_retries=0, **options) as made:
                await ask(made)

        if asynchronous:
            asyncio.run(ask_async())
        else:
            ask(client_of(provider, **options))
        return traceparent(provider)

    assert told() is None
    mine = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert told({"traceparent": mine}) == mine
    assert told(open_telemetry={"propagation": True}) is not None
    assert told() is None
    uninstrument("anthropic")
    assert told() is not None
    assert own(native) == ["anthropic.models.list"] * 5
    spans(5)


def test_uninstrument_brings_it_back(native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans) -> None:
    client = client_of(provider)
    run(client, SURFACES[0])
    uninstrument("anthropic")
    run(client, SURFACES[0])
    assert own(native) == ["anthropic.messages.create"]
    assert traceparent(provider) is not None
    assert [span["name"] for span in spans(2)] == ["chat plain", "anthropic.messages.create"]


@pytest.mark.parametrize("how", ["option", "copy", "environment"])
def test_asked_for_the_provider_is_told_of_our_span(
    how: str, native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "environment":
        monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY_PROPAGATION", "true")
        client = client_of(provider)
    else:
        client = client_of(provider, open_telemetry={"propagation": True})
        client = client.with_options(timeout=5) if how == "copy" else client
    run(client, SURFACES[0])
    (span,) = spans(1)
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as Wire

    wire = Wire.FromString(span["raw"])
    told = traceparent(provider)
    assert told is not None
    assert told.split("-")[1:3] == [wire.trace_id.hex(), wire.span_id.hex()]
    assert own(native) == []


@pytest.mark.parametrize("options", [{}, {"traces": {"content_mode": "content"}}, {"propagation": False}], ids=str)
def test_a_copy_that_did_not_ask_tells_nothing(
    options: dict[str, Any], native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans
) -> None:
    run(client_of(provider, open_telemetry=options).with_options(timeout=5), SURFACES[0])
    spans(1)
    assert traceparent(provider) is None
    assert own(native) == []


def test_the_hosts_options_stay_its_own(provider: FakeAnthropic, spans: Spans) -> None:
    client = client_of(provider, open_telemetry={"propagation": True})
    shown = client.with_options(timeout=5).open_telemetry
    assert type(shown) is dict
    assert shown == client.open_telemetry
    assert spans(0) == []


def bedrock(provider: FakeAnthropic) -> Any:
    return anthropic.AnthropicBedrock(
        aws_region="us-east-1", aws_access_key="a", aws_secret_key="b", base_url=provider.url, max_retries=0
    )


def vertex(provider: FakeAnthropic) -> Any:
    return anthropic.AnthropicVertex(
        region="us-east5", project_id="p", access_token="t", base_url=provider.url, max_retries=0
    )


def foundry(provider: FakeAnthropic) -> Any:
    return anthropic.AnthropicFoundry(api_key="k", base_url=provider.url, max_retries=0)


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("make", "named"), [
    (bedrock, "aws.bedrock"), (vertex, "gcp.vertex_ai"), (foundry, "azure.ai.inference"),
], ids=["bedrock", "vertex", "foundry"])  # fmt: skip
def test_clients_of_clouds(
    make: Any, named: str, streamed: bool, native: InMemorySpanExporter, provider: FakeAnthropic, spans: Spans
) -> None:
    client = make(provider)
    OPENED.append(client)
    if streamed:
        list(client.messages.create(model="plain", stream=True, **HELLO))
    else:
        client.messages.create(model="plain", **HELLO)
    (span,) = spans(1)
    attributes = span["attributes"]
    assert attributes["gen_ai.provider.name"] == named
    assert attributes["gen_ai.request.model"] == "plain"
    assert attributes["gen_ai.usage.input_tokens"] == 100
    assert attributes["gen_ai.usage.output_tokens"] == 20
    assert attributes["gen_ai.response.finish_reasons"] == ["end_turn"]
    assert ("gen_ai.response.time_to_first_chunk" in attributes) == streamed
    assert own(native) == []
    assert traceparent(provider) is None


def test_the_async_client_of_bedrock(provider: FakeAnthropic, spans: Spans) -> None:
    async def go() -> None:
        async with anthropic.AsyncAnthropicBedrock(
            aws_region="us-east-1", aws_access_key="a", aws_secret_key="b", base_url=provider.url, max_retries=0
        ) as client:
            [event async for event in await client.messages.create(model="plain", stream=True, **HELLO)]

    asyncio.run(go())
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20
