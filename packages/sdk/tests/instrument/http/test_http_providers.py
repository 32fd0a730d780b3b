"""Real client libraries of providers against the wire format of theirs: one span with tokens for each call."""

from __future__ import annotations

import asyncio
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import cohere
import groq
import httpx
import ollama
import pytest
from google import genai
from google.genai import types
from sentinelops import _runtime
from sentinelops.instrument import instrument, uninstrument

try:
    from mistralai.client import Mistral
except ImportError:  # before its major 2
    from mistralai import Mistral  # type: ignore[no-redef]

CHAT = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}  # fmt: skip
CHUNKS: list[Any] = [
    {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m-1",
     "choices": [{"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
     "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
]  # fmt: skip
HI: Any = [{"role": "user", "content": "q"}]


def tokens(span: Any) -> tuple[Any, Any, Any]:
    found = span["attributes"]
    return found["gen_ai.provider.name"], found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]


def test_ollama(fake: Any, watched: Any) -> None:
    end = {"model": "q", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    fake.lines("/api/chat", {**end, "message": {"role": "assistant", "content": "hi"}})
    client = ollama.Client(fake.url)
    assert client.chat("q", HI).message.content == "hi"
    assert [part.message.content for part in client.chat("q", HI, stream=True)] == ["hi"]
    client._client.close()  # its own close() is younger than the oldest version tested

    async def run() -> None:
        aclient = ollama.AsyncClient(fake.url)
        streamed = await aclient.chat("q", HI, stream=True)
        assert [part.message.content async for part in streamed] == ["hi"]
        await aclient._client.aclose()

    asyncio.run(run())
    assert [tokens(span) for span in watched.spans(3)] == [("ollama", 3, 2)] * 3


def test_groq(fake: Any, watched: Any) -> None:
    watched.configure(hosts=[f"127.0.0.1:{fake.port}=groq"])
    client = groq.Groq(api_key="k", base_url=fake.url, max_retries=0)
    path = "/openai/v1/chat/completions"
    fake.says(path, CHAT)
    assert client.chat.completions.create(model="m", messages=HI).id == "c1"
    assert client.chat.completions.with_raw_response.create(model="m", messages=HI).parse().id == "c1"
    chunk = {**CHUNKS[0], "usage": None, "x_groq": {"id": "r", "usage": CHUNKS[0]["usage"]}}
    fake.sse(path, chunk, done=True)
    assert len(list(client.chat.completions.create(model="m", messages=HI, stream=True))) == 1
    assert [tokens(span) for span in watched.spans(3)] == [("groq", 3, 2)] * 3
    fake.says(path, {"error": {"message": "no", "code": "rate_limit_exceeded"}}, 429)
    with pytest.raises(groq.RateLimitError):
        client.chat.completions.create(model="m", messages=HI)
    assert watched.spans(4)[3]["attributes"]["error.type"] == "rate_limit_exceeded"
    client.close()


def test_mistral_whose_own_spans_give_way(fake: Any, watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    runtime = _runtime.current
    assert runtime is not None
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", runtime.provider)
    watched.configure(hosts=[f"127.0.0.1:{fake.port}=mistral_ai"])
    fake.says("/v1/chat/completions", CHAT)
    with Mistral(api_key="k", server_url=fake.url) as client:
        answer = client.chat.complete(model="m", messages=HI)
        assert answer.choices[0].message.content == "hi"
        fake.sse("/v1/chat/completions", *CHUNKS, done=True)
        with client.chat.stream(model="m", messages=HI) as events:
            assert len(list(events)) == 1
    assert [tokens(span) for span in watched.spans(2)] == [("mistral_ai", 3, 2)] * 2
    assert not any("traceparent" in map(str.lower, headers) for _, headers, _ in fake.requests)


def test_cohere(fake: Any, watched: Any) -> None:
    watched.configure(hosts=[f"127.0.0.1:{fake.port}=cohere"])
    http = httpx.Client()  # cohere has no way to close its own
    client = cohere.ClientV2(api_key="k", base_url=fake.url, httpx_client=http)
    usage = {
        "billed_units": {"input_tokens": 3, "output_tokens": 2},
        "tokens": {"input_tokens": 60, "output_tokens": 2},
    }
    message = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}
    fake.says("/v2/chat", {"id": "k1", "finish_reason": "COMPLETE", "message": message, "usage": usage})
    assert client.chat(model="command", messages=HI).id == "k1"
    fake.sse(
        "/v2/chat",
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hi"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    )
    assert len(list(client.chat_stream(model="command", messages=HI))) == 2
    http.close()
    assert [tokens(span) for span in watched.spans(2)] == [("cohere", 3, 2)] * 2


@pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")
def test_gemini(fake: Any, watched: Any) -> None:
    watched.configure(hosts=[f"127.0.0.1:{fake.port}=gcp.gemini"])
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=fake.url))
    usage = {"promptTokenCount": 3, "candidatesTokenCount": 1, "thoughtsTokenCount": 1, "totalTokenCount": 5}
    candidate = {"content": {"role": "model", "parts": [{"text": "hi"}]}, "finishReason": "STOP"}
    answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "g-1"}
    for version in ("v1", "v1beta"):  # of the present major, and of the one before
        fake.says(f"/{version}/models/g:generateContent", answer)
        fake.sse(f"/{version}/models/g:streamGenerateContent", answer)
    assert client.models.generate_content(model="g", contents="q").text == "hi"
    assert [chunk.text for chunk in client.models.generate_content_stream(model="g", contents="q")] == ["hi"]

    async def run() -> None:
        assert (await client.aio.models.generate_content(model="g", contents="q")).text == "hi"
        streamed = await client.aio.models.generate_content_stream(model="g", contents="q")
        assert [chunk.text async for chunk in streamed] == ["hi"]
        await client.aio.aclose()

    asyncio.run(run())
    client.close()
    assert [tokens(span) for span in watched.spans(4)] == [("gcp.gemini", 3, 2)] * 4


@pytest.mark.filterwarnings("ignore")
def test_litellm_whichever_way_it_sends(fake: Any, watched: Any) -> None:
    import litellm

    instrument("openai")
    fake.says("/v1/chat/completions", CHAT)
    for model in ("openai/m", "hosted_vllm/m"):
        litellm.completion(model=model, messages=HI, api_base=fake.url + "/v1", api_key="k")
    end = {"model": "q", "done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    fake.says("/api/chat", {**end, "message": {"role": "assistant", "content": "hi"}})
    litellm.completion(model="ollama_chat/q", messages=HI, api_base=fake.url)

    async def run() -> None:
        await litellm.acompletion(model="hosted_vllm/m", messages=HI, api_base=fake.url + "/v1", api_key="k")
        await litellm.close_litellm_async_clients()

    asyncio.run(run())
    uninstrument("openai")
    assert [tokens(span)[1:] for span in watched.spans(4)] == [(3, 2)] * 4
