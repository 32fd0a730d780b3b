"""Who serves: behind Hugging Face's router, directly, at an endpoint of one's own; the addresses are rewritten below."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import huggingface_hub
import openai
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.hf_api import InferenceProviderMapping
from huggingface_hub.inference._providers import _common
from huggingface_support.fake import FakeHub
from huggingface_support.surfaces import HI
from openai_support.fake import Sink, Spans
from sentinelops import _runtime
from sentinelops.instrument import instrument, uninstrument


class _Rewriting(httpx2.BaseTransport):
    """Every host is the fake one; the request keeps the address that its sender knows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._below = httpx2.HTTPTransport()

    def handle_request(self, request: Any) -> Any:
        path = request.url.raw_path.decode().replace("/nowhere", "").replace("/inference/v1", "/v1")
        url = httpx2.URL(f"http://127.0.0.1:{self._port}{path}")
        sent = httpx2.Request(request.method, url, headers=request.headers, stream=request.stream)
        return self._below.handle_request(sent)

    def close(self) -> None:
        self._below.close()


@pytest.fixture
def elsewhere(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    for provider in ("together", "fireworks-ai"):
        task = {"Qwen/Embed": "feature-extraction", "Qwen/Text": "text-generation"}
        for model in ("Qwen/Qwen3-32B", "Qwen/Embed", "Qwen/Text"):
            known = InferenceProviderMapping(
                provider=provider, hf_model_id=model, providerId="plain", status="live",
                task=task.get(model, "conversational"),
            )  # fmt: skip
            mapping = _common.HARDCODED_MODEL_INFERENCE_MAPPING[provider]
            monkeypatch.setitem(mapping, model, known)
    huggingface_hub.set_client_factory(lambda: httpx2.Client(transport=_Rewriting(hub.port)))
    yield hub
    huggingface_hub.set_client_factory(huggingface_hub.utils._http.default_client_factory)


def _seen(span: Any) -> tuple[Any, ...]:
    names = ("gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model", "server.address")
    return tuple(span["attributes"].get(name) for name in names)


ROUTER = "router.huggingface.co"


@pytest.mark.parametrize("stream", [False, True])
def test_the_routers_path_names_who_serves(stream: bool, elsewhere: FakeHub, spans: Spans) -> None:
    client = InferenceClient(provider="together", api_key="hf_test")
    answer = client.chat.completions.create(HI, model="Qwen/Qwen3-32B", stream=stream)
    assert list(answer)
    (span,) = spans(1)
    assert _seen(span) == ("huggingface_together", "Qwen/Qwen3-32B", "plain-2026-01-01", ROUTER)
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 100


def test_the_routers_answer_names_whom_it_chose(elsewhere: FakeHub, spans: Spans) -> None:
    client = InferenceClient(api_key="hf_test")
    client.chat_completion(HI, model="plain")
    elsewhere.headers["x-inference-provider"] = "groq"
    client.chat_completion(HI, model="plain")
    found = spans(2)
    assert _seen(found[0]) == ("huggingface", "plain", "plain-2026-01-01", ROUTER)
    assert _seen(found[1]) == ("huggingface_groq", "plain", "plain-2026-01-01", ROUTER)


def test_with_a_key_of_its_own_the_provider_is_asked_directly(elsewhere: FakeHub, spans: Spans) -> None:
    client = InferenceClient(provider="fireworks-ai", api_key="fw_key")
    client.chat_completion(HI, model="Qwen/Qwen3-32B")
    (span,) = spans(1)
    assert _seen(span) == ("fireworks_ai", "Qwen/Qwen3-32B", "plain-2026-01-01", "api.fireworks.ai")


def test_other_formats_of_a_provider(elsewhere: FakeHub, spans: Spans) -> None:
    client = InferenceClient(provider="together", api_key="hf_test")
    assert client.feature_extraction("Hi", model="Qwen/Embed").tolist() == [[0.5, 0.25]]
    assert client.text_generation("Hi", model="Qwen/Text") == "Hello there"
    vectors, text = spans(2)
    assert _seen(vectors) == ("huggingface_together", "Qwen/Embed", "served", ROUTER)
    assert vectors["attributes"]["gen_ai.usage.input_tokens"] == 6
    assert vectors["name"] == "embeddings Qwen/Embed"
    assert _seen(text) == ("huggingface_together", "Qwen/Text", "served", ROUTER)
    assert text["attributes"]["gen_ai.usage.output_tokens"] == 20
    assert text["name"] == "text_completion Qwen/Text"


def test_the_hubs_own_pipelines(elsewhere: FakeHub, spans: Spans, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.inference._providers import hf_inference

    monkeypatch.setattr(hf_inference, "_check_supported_task", lambda model, task: None)
    monkeypatch.setattr(
        hf_inference.HFInferenceTask,
        "_prepare_url",
        lambda self, key, model: f"https://{ROUTER}/hf-inference/models/{model}/tasks/{self.task}",
    )  # noqa: E501
    InferenceClient(provider="hf-inference", api_key="hf_test").summarization("long", model="org/model")
    (span,) = spans(1)
    assert _seen(span) == ("huggingface", "org/model", None, ROUTER)


def test_the_openai_client_at_the_router_says_the_same(elsewhere: FakeHub, spans: Spans) -> None:
    instrument("openai")
    try:
        for path in ("together/v1", "v1"):
            with openai.OpenAI(
                api_key="hf_test", base_url=f"https://{ROUTER}/{path}", max_retries=0,
                http_client=httpx2.Client(transport=_Rewriting(elsewhere.port)),
            ) as client:  # fmt: skip
                client.chat.completions.create(model="plain", messages=HI)
    finally:
        uninstrument("openai")
    assert [span["attributes"]["gen_ai.provider.name"] for span in spans(2)] == ["huggingface_together", "huggingface"]


@pytest.mark.parametrize("named", ["", "http://127.0.0.1:{port}/tgi/plain", "127.0.0.1:{port}", "127.0.0.1"])
def test_the_model_of_an_endpoint_is_what_the_user_says(
    named: str, hub: FakeHub, sink: Sink, spans: Spans, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = _runtime.current
    assert runtime is not None
    models = {named.format(port=hub.port): "org/mine"} if named else {}
    monkeypatch.setattr(runtime, "config", replace(runtime.config, models=models))
    client = InferenceClient(f"{hub.root}/tgi/plain", token="hf_test")  # noqa: S106
    client.text_generation("Hi")
    (span,) = spans(1)
    assert span["attributes"].get("gen_ai.request.model") == ("org/mine" if named else None)


def test_an_endpoint_without_a_name_is_not_called_dummy(hub: FakeHub, spans: Spans) -> None:
    client = InferenceClient(base_url=f"{hub.root}/v1", token="hf_test")  # noqa: S106
    client.chat_completion(HI, extra_body={"model": "plain"})
    client = InferenceClient(base_url=f"{hub.root}/v1", token="hf_test")  # noqa: S106
    client.chat_completion(HI)
    assert hub.requests[-1][3]["model"] == "dummy"  # what the client sends in place of a name
    assert [span["attributes"].get("gen_ai.request.model") for span in spans(2)] == ["plain", None]
