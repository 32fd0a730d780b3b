"""Azure OpenAI: deployments, the version of the API and the content filters."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai_support.answers import ANSWERS, CHAT, STREAMS, chat, chunk, sse
from openai_support.fake import FakeOpenAI, Sink, Spans
from sentinelops.instrument._wire.provider import endpoint_of

SAFE = {"filtered": False, "severity": "safe"}
VERDICT = {"hate": SAFE, "violence": {"filtered": False, "severity": "medium"}}
PROMPT = [{"prompt_index": 0, "content_filter_results": {"jailbreak": {"filtered": False, "detected": True}}}]
FACTS = ("gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "sentinelops.request.model_sent",
         "azure.resource_provider.namespace", "sentinelops.azure.api_version")  # fmt: skip
HELLO: Any = [{"role": "user", "content": "Hi"}]


def told(span: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(span["attributes"].get(name) for name in FACTS)


@pytest.fixture
def filtered(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = chat("plain", {"content": "Hello"}, prompt_filter_results=PROMPT)
    answer["choices"][0]["content_filter_results"] = VERDICT
    monkeypatch.setitem(ANSWERS, (CHAT, "plain"), answer)
    pieces = [chunk("plain", None, prompt_filter_results=PROMPT), chunk("plain", {"role": "assistant", "content": ""})]
    for verdict, reason in (({"hate": SAFE}, None), (VERDICT, None), ({}, "stop")):
        head, _, rest = chunk("plain", {"content": "Hel"}, reason=reason).partition('"delta"')
        pieces.append(head + f'"content_filter_results": {verdict},'.replace("'", '"').replace("False", "false")
                      + '"delta"' + rest)  # fmt: skip
    monkeypatch.setitem(STREAMS, (CHAT, "plain"), [*pieces, sse("[DONE]")])


def azure(provider: FakeOpenAI, **options: Any) -> openai.AzureOpenAI:
    base = {"azure_endpoint": provider.url.removesuffix("/v1")} if "base_url" not in options else {}
    return openai.AzureOpenAI(api_key="k", api_version="2024-10-21", max_retries=0, **base, **options)


def address(provider: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake's own paths begin where Azure's do after /openai."""
    from openai_support import fake

    original = fake._OpenAIHandler._answer

    def answer(self: Any, body: Any) -> None:
        self.path = self.path.removeprefix("/openai")
        if self.path.startswith("/deployments/") and isinstance(body, dict):
            deployment = self.path.split("/")[2]
            body = {**body, "model": {"my-chat": "plain"}.get(deployment, deployment)}
        original(self, body)

    monkeypatch.setattr(fake._OpenAIHandler, "_answer", answer)


@pytest.fixture
def cloud(provider: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> FakeOpenAI:
    address(provider, monkeypatch)
    return provider


def test_the_deployment_is_what_was_asked_for(cloud: FakeOpenAI, spans: Spans) -> None:
    with azure(cloud) as client:
        client.chat.completions.create(model="my-chat", messages=HELLO)
    with azure(cloud, azure_deployment="my-chat") as client:
        client.chat.completions.create(model="gpt-4o", messages=HELLO)
    azures = ("azure.ai.openai", "my-chat", "plain-2026-01-01", None, "Microsoft.CognitiveServices", "2024-10-21")
    assert [told(span) for span in spans(2)] == [azures, azures]


def test_the_configured_model_stands_for_a_deployment(
    cloud: FakeOpenAI, sink: Sink, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from sentinelops import _runtime

    assert _runtime.current is not None
    known = replace(_runtime.current.config, models={"my-chat": "gpt-4o"})
    monkeypatch.setattr(_runtime.current, "config", known)

    async def ask() -> None:
        async with openai.AsyncAzureOpenAI(
            api_key="k", api_version="2024-10-21", azure_endpoint=cloud.url.removesuffix("/v1"), max_retries=0
        ) as client:
            await client.chat.completions.create(model="my-chat", messages=HELLO)

    asyncio.run(ask())
    (span,) = spans(1)
    assert span["name"] == "chat gpt-4o"
    assert told(span)[1:4] == ("gpt-4o", "plain-2026-01-01", "my-chat")


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_the_filters_found(stream: bool, cloud: FakeOpenAI, spans: Spans) -> None:
    with azure(cloud) as client:
        answer: Any = client.chat.completions.create(model="my-chat", messages=HELLO, stream=stream)
        if stream:
            assert len(list(answer)) == 5
    (span,) = spans(1)
    assert span["attributes"]["sentinelops.guardrail.findings"] == [
        "completion/violence/medium", "prompt/jailbreak/detected",
    ]  # fmt: skip
    assert "sentinelops.guardrail.action" not in span["attributes"]


def test_a_refused_prompt(cloud: FakeOpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    from openai_support import answers

    error = {"message": "The response was filtered", "code": "content_filter", "status": 400,
             "innererror": {"code": "ResponsibleAIPolicyViolation",
                            "content_filter_result": {"hate": {"filtered": True, "severity": "high"}}}}  # fmt: skip
    monkeypatch.setitem(answers.ERRORS, "unkind", (400, {"error": error}, {}))
    with azure(cloud) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="unkind", messages=HELLO)
    (span,) = spans(1)
    ours = span["attributes"]
    assert ours["sentinelops.error.code"] == "content_filter"
    assert ours["sentinelops.guardrail.findings"] == ["prompt/hate/filtered"]
    assert ours["sentinelops.guardrail.action"] == "filtered"


@pytest.mark.parametrize(
    ("base", "provider", "extra"),
    [
        ("https://r.openai.azure.com/openai/v1/", "azure.ai.openai", {}),
        ("https://r.services.ai.azure.com/openai/v1/", "azure.ai.openai", {}),
        ("https://r.services.ai.azure.com/models", "azure.ai.inference", {"default_query": {"api-version": "d"}}),
        ("https://r.cognitiveservices.azure.com/openai/v1", "azure.ai.openai", {}),
    ],
    ids=["v1", "foundry v1", "foundry models", "cognitive services"],
)
def test_the_plain_client_at_azures_addresses(base: str, provider: str, extra: dict[str, Any]) -> None:
    from sentinelops.instrument.openai import _azure

    class Options:
        url, params = "/chat/completions", None

    with openai.OpenAI(api_key="k", base_url=base, **extra) as client:
        assert endpoint_of(client).provider == provider
        model, facts = _azure.of_client(client, Options, "my-chat")
    assert model == "my-chat"
    assert facts.get("sentinelops.azure.api_version") == ("d" if extra else None)
