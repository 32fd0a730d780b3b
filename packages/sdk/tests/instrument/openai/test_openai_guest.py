"""Whatever of ours breaks, the host gets the same answer, the same exception, and its stream to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import openai
import pytest
from openai_support.fake import FakeOpenAI, Sink, Spans
from openai_support.surfaces import SURFACES, Surface, run_either
from sentinelops import _call, _guard, _runtime
from sentinelops.instrument import instrument, uninstrument
from sentinelops.instrument import openai as hooked
from sentinelops.instrument._wire import answer, exchange, openai_folders, streams, watch
from sentinelops.instrument._wire import openai as wire
from sentinelops.instrument._wire import provider as providers

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def _raises(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("ours")


BREAKS: dict[str, tuple[Any, str]] = {
    "route": (hooked, "route_of"),
    "endpoint": (hooked, "endpoint_of"),
    "start_call": (exchange, "start_call"),
    "start_span": (_runtime.Runtime, "start_span"),
    "answer": (exchange, "Answer"),
    "folder": (openai_folders.ChatFolder, "__init__"),
    "watch": (watch, "_ensure_undertaker"),
    "leave": (watch, "leave"),
    "passage": (exchange, "Passage"),
    "fold": (streams, "_parsed"),
    "end": (_runtime.Runtime, "end_call"),
    "describe": (answer, "_settled"),
    "describe a part": (wire, "_response_attributes"),
    "keep": (answer.Answer, "keep"),
}
CHOSEN = [s for s in SURFACES if s.mode in ("plain", "stream", "raw", "streaming", "streaming_stream", "helper")]


@pytest.mark.parametrize("broken", BREAKS)
@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_every_collaborator_may_break(
    broken: str,
    asynchronous: bool,
    client: openai.OpenAI,
    aclient: openai.AsyncOpenAI,
    sink: Sink,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    either = aclient if asynchronous else client
    chosen = CHOSEN[asynchronous::2]  # half of the doors each
    uninstrument("openai")
    alone = [_outcome(lambda s=surface: run_either(either, s)) for surface in chosen]  # type: ignore[misc]
    refused = _outcome(lambda: _refused(either))
    instrument("openai")
    monkeypatch.setattr(*BREAKS[broken], _raises)
    assert [_outcome(lambda s=surface: run_either(either, s)) for surface in chosen] == alone  # type: ignore[misc]
    assert _outcome(lambda: _refused(either)) == refused


def _refused(client: openai.OpenAI | openai.AsyncOpenAI) -> Any:
    return run_either(client, Surface("chat.completions", "plain", "too-long", {"messages": HI}))


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        value = call()
    except Exception as error:
        return type(error), str(error), getattr(error, "code", None)
    return repr(value) if hasattr(value, "http_response") else value


def test_a_stream_survives_when_taking_notes_fails(
    client: openai.OpenAI, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_guard, "strict", False)
    monkeypatch.setitem(hooked.ROUTES, "/chat/completions", ("chat", replace(wire.CHAT, first_token=_raises)))
    assert len(list(client.chat.completions.create(model="plain", messages=HI, stream=True))) == 5
    spans(1)


def test_a_dead_receiver_costs_nothing(client: openai.OpenAI, sink: Sink) -> None:
    sink.status = 503
    for _ in range(5):
        assert client.chat.completions.create(model="plain", messages=HI).choices[0].message.content == "Hello there"


def test_the_exception_is_the_clients_own(client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="too-long", messages=HI)
    assert caught.value.code == "context_length_exceeded"
    assert not isinstance(caught.value.__cause__, RuntimeError)
    (span,) = spans(1)
    assert span["error"]
    wanted = {
        "error.type": "BadRequestError",
        "sentinelops.error.code": "context_length_exceeded",
        "http.response.status_code": 400,
        "sentinelops.provider.request_id": "req_abc",
        "gen_ai.provider.name": "openai",
    }
    assert {key: span["attributes"].get(key) for key in wanted} == wanted


@pytest.mark.parametrize(
    ("model", "kind", "status"),
    [
        ("limited", "RateLimitError", 429),
        ("bad-key", "AuthenticationError", 401),
        ("hangs-up", "APIConnectionError", None),
    ],
)
def test_errors_by_type(model: str, kind: str, status: int | None, client: openai.OpenAI, spans: Spans) -> None:
    with pytest.raises(getattr(openai, kind)):
        client.chat.completions.create(model=model, messages=HI)
    (span,) = spans(1)
    assert span["attributes"]["error.type"] == kind
    assert span["attributes"].get("http.response.status_code") == status


def test_a_time_out(client: openai.OpenAI, provider: FakeOpenAI, spans: Spans) -> None:
    with pytest.raises((openai.APITimeoutError, Exception)):
        list(client.chat.completions.create(model="held", messages=HI, stream=True, timeout=0.2))
    (span,) = spans(1)
    assert span["attributes"]["error.type"] == "APITimeoutError"
    assert span["error"]


def test_retries_inside_the_client_are_one_call(
    client: openai.OpenAI, aclient: openai.AsyncOpenAI, provider: FakeOpenAI, spans: Spans
) -> None:
    provider.failures_before_success = 2
    client.with_options(max_retries=3).chat.completions.create(model="plain", messages=HI)
    provider.failures_before_success = 2
    asyncio.run(_retrying(aclient))
    provider.failures_before_success = 9
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=1).chat.completions.create(model="plain", messages=HI)
    assert [span["attributes"]["sentinelops.attempts"] for span in spans(3)] == [3, 3, 2]


async def _retrying(client: openai.AsyncOpenAI) -> None:
    async with client.with_options(max_retries=3) as patient:
        await patient.chat.completions.create(model="plain", messages=HI)


def test_a_parse_that_fails_still_counts_its_tokens(client: openai.OpenAI, spans: Spans) -> None:
    from openai_support.surfaces import City

    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(model="cut-json", messages=HI, response_format=City)
    (span,) = spans(1)
    assert span["attributes"]["error.type"] == "LengthFinishReasonError"
    assert span["attributes"]["gen_ai.usage.output_tokens"] == 20


def test_instrument_twice_is_once_and_uninstrument_puts_back(client: openai.OpenAI, sink: Sink, spans: Spans) -> None:
    from openai._base_client import SyncAPIClient

    ours = SyncAPIClient.request
    assert instrument("openai") == ("openai",)
    assert "openai" in instrument()
    assert SyncAPIClient.request is ours
    client.chat.completions.create(model="plain", messages=HI)
    spans(1)
    uninstrument()
    assert SyncAPIClient.request is ours.__wrapped__  # type: ignore[attr-defined]
    assert uninstrument() == ()
    client.chat.completions.create(model="plain", messages=HI)
    spans(1)


def test_wrapped_again_by_another_ours_lets_pass(
    client: openai.OpenAI, sink: Sink, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openai._base_client import SyncAPIClient

    ours = SyncAPIClient.request
    theirs: Any = lambda self, *a, **k: ours(self, *a, **k)  # noqa: E731, PLW0108
    monkeypatch.setattr(SyncAPIClient, "request", theirs)
    uninstrument("openai")
    client.chat.completions.create(model="plain", messages=HI)
    instrument("openai")
    client.chat.completions.create(model="plain", messages=HI)
    spans(1)
    monkeypatch.undo()


def test_unknown_names_are_said() -> None:
    with pytest.raises(ValueError, match="no instrumentation called 'oepnai'; there are: .*openai"):
        instrument("oepnai")


def test_an_unknown_client_is_left_alone(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from openai._base_client import SyncAPIClient

    _guard.forget_warnings()
    monkeypatch.delattr(SyncAPIClient, "_process_response")
    assert instrument("openai") == ()
    assert "not known" in caplog.text


@pytest.mark.parametrize(
    ("url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://my.openai.azure.com/openai", "azure.ai.openai"),
        ("https://my.cognitiveservices.azure.com/openai", "azure.ai.openai"),
        ("https://my.services.ai.azure.com/openai/v1", "azure.ai.openai"),
        ("https://openrouter.ai/api/v1", "openrouter"),
        ("https://api.groq.com/openai/v1", "groq"),
        ("https://api.deepseek.com", "deepseek"),
        ("https://api.together.xyz/v1", "together_ai"),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("https://api.x.ai/v1", "x_ai"),
        ("https://api.perplexity.ai", "perplexity"),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", "gcp.gemini"),
        ("https://us-central1-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
        ("https://api.fireworks.ai/inference/v1", "fireworks_ai"),
        ("https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://router.huggingface.co/v1", "huggingface"),
        ("http://localhost:11434/v1", "ollama"),
        ("http://127.0.0.1:1234/v1", "lmstudio"),
        ("http://localhost:8000/v1", "openai_compatible"),
        ("https://notopenai.com/v1", "openai_compatible"),
        ("https://evil-api.groq.com.example.org/v1", "openai_compatible"),
    ],
)
def test_the_address_names_the_provider(url: str, provider: str) -> None:
    with openai.OpenAI(api_key="k", base_url=url) as client:
        assert providers.endpoint_of(client).provider == provider


def test_azure_behind_a_gateway_is_azure_and_a_new_base_url_is_seen() -> None:
    with openai.AzureOpenAI(api_key="k", azure_endpoint="https://llm.corp.example", api_version="2025-01-01") as client:
        assert providers.endpoint_of(client).provider == "azure.ai.openai"
    with openai.OpenAI(api_key="k", base_url="http://localhost:8000/v1") as client:
        first = providers.endpoint_of(client)
        assert (first.provider, first.host, first.port) == ("openai_compatible", "localhost", 8000)
        assert providers.endpoint_of(client) is first
        client.base_url = "http://localhost:11434/v1"  # type: ignore[assignment]
        assert providers.endpoint_of(client).provider == "ollama"


@pytest.mark.parametrize(
    ("headers", "body", "provider"),
    [
        ({"server": "llama.cpp"}, {}, "llama_cpp"),
        ({}, {"system_fingerprint": "b6900-1a2b3c4d"}, "llama_cpp"),
        ({}, {"timings": {}}, "llama_cpp"),
        ({}, {"system_fingerprint": "fp_ollama"}, "ollama"),
        ({}, {"kv_transfer_params": None}, "vllm"),
        ({"openai-version": "2020-10-01"}, {}, "openai"),
        ({"apim-request-id": "x"}, {}, "azure.ai.openai"),
        ({}, {}, "openai_compatible"),
    ],
)
def test_the_answer_names_a_provider_the_address_did_not(
    headers: dict[str, str], body: dict[str, Any], provider: str
) -> None:
    assert providers.refine("openai_compatible", headers, body) == provider
    assert providers.refine("groq", headers, body) == "groq"


def test_azure_calls_are_seen(provider: FakeOpenAI, spans: Spans) -> None:
    with openai.AzureOpenAI(api_key="k", base_url=provider.url, api_version="2025-01-01", max_retries=0) as client:
        client.chat.completions.create(model="plain", messages=HI)
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100


@pytest.mark.parametrize(
    "written", ["/chat/completions", "chat/completions", "{}/chat/completions", "/chat/completions?a=1"]
)
def test_a_path_may_be_written_in_any_way(written: str, client: openai.OpenAI, spans: Spans) -> None:
    body = {"model": "plain", "messages": [{"role": "user", "content": "Hi"}]}
    client.post(written.format(str(client.base_url).rstrip("/")), body=body, cast_to=object)
    (span,) = spans(1)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100


def test_other_endpoints_pass_untouched(client: openai.OpenAI, spans: Spans) -> None:
    client.models.list()
    client.files.list()
    client.responses.input_tokens.count(model="m", input="Hi")
    client.chat.completions.list()
    client.responses.input_items.list("resp_1")
    spans(0)


def test_off_and_suppressed_are_silent(client: openai.OpenAI, sink: Sink, spans: Spans) -> None:
    from opentelemetry import context as otel

    token = otel.attach(otel.set_value(_call.SUPPRESS_KEY, True))
    client.chat.completions.create(model="plain", messages=HI)
    otel.detach(token)
    spans(0)
