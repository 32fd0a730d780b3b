"""Every client that speaks HTTP, in every way of reading an answer: bytes unchanged, one span, ended once."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import timeit
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sentinelops._call import SUPPRESS_KEY
from sentinelops.instrument import uninstrument
from sentinelops.instrument._wire import watch

PATH = "/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
STREAMING = {**BODY, "stream": True}
WHOLE = {
    "id": "c1", "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
}  # fmt: skip
CHUNKS: list[Any] = [
    {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "h"}}]},
    {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": {"content": "i"}, "finish_reason": "stop"}]},
    {"id": "c1", "model": "m-1", "choices": [],
     "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}},
]  # fmt: skip
DESCRIBED: dict[str, Any] = {
    "name": "chat m",
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai_compatible",
    "gen_ai.request.model": "m",
    "http.response.status_code": 200,
    "openai.api.type": "chat_completions",
    "gen_ai.response.id": "c1",
    "gen_ai.response.model": "m-1",
    "gen_ai.usage.input_tokens": 3,
    "gen_ai.usage.output_tokens": 2,
    "gen_ai.usage.cache_read.input_tokens": 1,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "q"}]}],
    "gen_ai.output.messages": [
        {"role": "assistant", "parts": [{"type": "text", "content": "hi"}], "finish_reason": "stop"}
    ],
}


def _httpx(module: Any) -> dict[str, Callable[[str, Any], bytes]]:
    def stream(url: str, body: Any) -> bytes:
        with module.Client() as client, client.stream("POST", url, json=body) as response:
            return b"".join(response.iter_bytes())

    def lines(url: str, body: Any) -> bytes:
        with module.Client() as client, client.stream("POST", url, json=body) as response:
            return "".join(line + "\n" for line in response.iter_lines()).encode()

    async def plain_async(url: str, body: Any) -> bytes:
        async with module.AsyncClient() as client:
            return bytes((await client.post(url, json=body)).content)

    async def stream_async(url: str, body: Any) -> bytes:
        async with module.AsyncClient() as client, client.stream("POST", url, json=body) as response:
            return b"".join([chunk async for chunk in response.aiter_bytes()])

    async def aread(url: str, body: Any) -> bytes:
        async with module.AsyncClient() as client, client.stream("POST", url, json=body) as response:
            return bytes(await response.aread())

    name = module.__name__
    return {
        f"{name}.post": lambda url, body: bytes(module.post(url, json=body).content),
        f"{name}.stream": stream,
        f"{name}.iter_lines": lines,
        f"{name}.AsyncClient.post": lambda url, body: asyncio.run(plain_async(url, body)),
        f"{name}.AsyncClient.stream": lambda url, body: asyncio.run(stream_async(url, body)),
        f"{name}.AsyncClient.aread": lambda url, body: asyncio.run(aread(url, body)),
    }


def _requests() -> dict[str, Callable[[str, Any], bytes]]:
    def stream(url: str, body: Any) -> bytes:
        with requests.post(url, json=body, stream=True) as response:
            return b"".join(response.iter_content(7))

    def lines(url: str, body: Any) -> bytes:
        with requests.post(url, json=body, stream=True) as response:
            return b"".join(line + b"\n" for line in response.iter_lines(chunk_size=5))

    def content(url: str, body: Any) -> bytes:
        with requests.Session() as session, session.post(url, data=json.dumps(body), stream=True) as response:
            return bytes(response.content)

    return {
        "requests.post": lambda url, body: bytes(requests.post(url, json=body).content),
        "requests.iter_content": stream,
        "requests.iter_lines": lines,
        "requests.content": content,
    }


def _aiohttp() -> dict[str, Callable[[str, Any], bytes]]:
    def reading(read: Callable[[Any], Any]) -> Callable[[str, Any], bytes]:
        async def run(url: str, body: Any) -> bytes:
            async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
                return bytes(await read(response))

        return lambda url, body: asyncio.run(run(url, body))

    async def chunked(response: Any) -> bytes:
        return b"".join([chunk async for chunk in response.content.iter_chunked(7)])

    async def anything(response: Any) -> bytes:
        return b"".join([chunk async for chunk in response.content.iter_any()])

    async def chunks(response: Any) -> bytes:
        return b"".join([chunk async for chunk, _ in response.content.iter_chunks()])

    async def lines(response: Any) -> bytes:
        return b"".join([line async for line in response.content])

    async def text(response: Any) -> bytes:
        return bytes((await response.text()).encode())

    return {
        "aiohttp.read": reading(lambda response: response.read()),
        "aiohttp.text": reading(text),
        "aiohttp.iter_chunked": reading(chunked),
        "aiohttp.iter_any": reading(anything),
        "aiohttp.iter_chunks": reading(chunks),
        "aiohttp.lines": reading(lines),
    }


WAYS = {**_httpx(httpx), **_httpx(httpx2), **_requests(), **_aiohttp()}


@pytest.mark.parametrize("way", WAYS)
def test_a_whole_answer(way: str, fake: Any, attributes: Any) -> None:
    fake.says(PATH, WHOLE)
    assert json.loads(WAYS[way](fake.url + PATH, BODY)) == WHOLE
    assert attributes() == DESCRIBED
    (_, headers, raw) = fake.requests[0]
    assert json.loads(raw) == BODY
    assert not any(name.lower() in ("traceparent", "baggage") for name in headers)


@pytest.mark.parametrize("way", WAYS)
def test_a_stream(way: str, fake: Any, attributes: Any) -> None:
    fake.sse(PATH, *CHUNKS, done=True)
    sent = b"".join(fake.answers[PATH][2])
    assert WAYS[way](fake.url + PATH, STREAMING).rstrip() == sent.rstrip()
    assert attributes() == {**DESCRIBED, "gen_ai.request.stream": True}


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_has_type_and_status(way: str, fake: Any, watched: Any) -> None:
    fake.says(PATH, {"error": {"message": "slow down", "type": "requests", "code": "rate_limit_exceeded"}}, 429)
    WAYS[way](fake.url + PATH, STREAMING)
    (span,) = watched.spans()
    assert (span["status"], span["status_message"]) == ("error", "slow down")
    wanted = {"error.type": "rate_limit_exceeded", "http.response.status_code": 429}
    assert wanted.items() <= span["attributes"].items()
    assert not [key for key in span["attributes"] if key.startswith("gen_ai.usage")]


@pytest.mark.parametrize("way", WAYS)
def test_a_failure_that_is_no_json(way: str, fake: Any, watched: Any) -> None:
    fake.says(PATH, [b"<h1>Bad Gateway</h1>"], 502, "text/html")
    assert WAYS[way](fake.url + PATH, BODY).strip() == b"<h1>Bad Gateway</h1>"
    (span,) = watched.spans()
    assert (span["status"], span["status_message"], span["attributes"]["error.type"]) == ("error", "HTTP 502", "502")


@pytest.mark.parametrize("way", WAYS)
def test_a_line_that_goes_dead(way: str, fake: Any, watched: Any) -> None:
    fake.says(PATH, [b'data: {"id":"c1","choices":[]}\n\n', None], 200, "text/event-stream")
    with pytest.raises((httpx.HTTPError, httpx2.HTTPError, requests.RequestException, aiohttp.ClientError)):
        WAYS[way](fake.url + PATH, STREAMING)
    (span,) = watched.spans()
    assert span["status"] == "error"
    assert span["attributes"]["error.type"]


@pytest.mark.parametrize("way", [way for way in WAYS if "stream" not in way and "iter" not in way])
def test_nobody_is_there(way: str, watched: Any) -> None:
    watched.configure(hosts=["127.0.0.1:1"])
    with pytest.raises((httpx.HTTPError, httpx2.HTTPError, requests.RequestException, aiohttp.ClientError)):
        WAYS[way]("http://127.0.0.1:1" + PATH, BODY)
    (span,) = watched.spans()
    assert span["status"] == "error"


def test_streams_left_early_and_forgotten(fake: Any, watched: Any) -> None:
    fake.sse(PATH, CHUNKS[0], *[{"choices": [], "pad": "x" * 100_000} for _ in range(20)], done=True)
    url = fake.url + PATH
    with requests.post(url, json=STREAMING, stream=True) as response:
        next(response.iter_content(200))
    for client in (httpx.Client(), httpx2.Client()):
        with client, client.stream("POST", url, json=STREAMING) as streamed:
            next(streamed.iter_bytes())

    async def leave() -> None:
        async with aiohttp.ClientSession() as session, session.post(url, json=STREAMING) as left:
            await left.content.readany()

    asyncio.run(leave())
    spans = watched.spans(4)
    assert [span["attributes"]["sentinelops.outcome"] for span in spans] == ["cancelled"] * 4
    assert {span["status"] for span in spans} == {"unset"}


def test_an_answer_that_is_forgotten_ends_with_its_collection(fake: Any, watched: Any) -> None:
    fake.sse(PATH, *CHUNKS, done=True)
    session = requests.Session()
    response = session.post(fake.url + PATH, json=STREAMING, stream=True)
    next(response.iter_content(20))
    assert watch.live_count() == 1
    response.raw.close()
    del response
    gc.collect()
    assert len(watched.spans()) == 1
    session.close()


def test_what_is_no_model_call_passes_unseen(fake: Any, watched: Any) -> None:
    fake.says(PATH, WHOLE)
    fake.says("/orders", {"id": 1})
    httpx.post(fake.url + "/orders", json=BODY)
    httpx.post(fake.url + PATH, json={"model": "m"})
    httpx.post(fake.url + PATH, content=b"not json")
    httpx.post(fake.url + PATH, content=iter([b"{}"]), headers={"content-length": "2"})
    requests.post(fake.url + PATH, data=io.BytesIO(b'{"messages": []}'))
    assert watched.spans(0) == []


def test_hosts_that_are_not_named_and_suppressed_calls(fake: Any, watched: Any) -> None:
    fake.says(PATH, WHOLE)
    token = otel_context.attach(otel_context.set_value(SUPPRESS_KEY, True))
    httpx.post(fake.url + PATH, json=BODY)
    otel_context.detach(token)
    watched.configure(hosts=["gpu-box:8000"])
    httpx.post(fake.url + PATH, json=BODY)
    assert watched.spans(0) == []
    watched.configure(hosts=[f"localhost:{fake.port}"])
    httpx.post(f"http://localhost:{fake.port}{PATH}", json=BODY)
    assert len(watched.spans(1)) == 1


@pytest.mark.parametrize(
    "said",
    [{"gen_ai.operation.name": "chat"}, {"openinference.span.kind": "LLM"}, {"llm.request.type": "chat"}],
    ids=lambda said: next(iter(said)),
)
def test_a_call_that_another_instrumentation_describes_is_not_told_twice(said: Any, fake: Any, watched: Any) -> None:
    fake.says(PATH, WHOLE)
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("another")
    with tracer.start_as_current_span("chat m", attributes=said):
        httpx.post(fake.url + PATH, json=BODY)
    assert watched.spans(0) == []
    with trace.use_span(tracer.start_span("GET /", attributes={"http.route": "/"})):
        httpx.post(fake.url + PATH, json=BODY)
    assert len(watched.spans(1)) == 1


def test_after_uninstrument_the_clients_are_as_they_were(fake: Any, watched: Any) -> None:
    fake.says(PATH, WHOLE)
    uninstrument("http")
    for owner, name in (
        (httpx.Client, "send"), (httpx2.AsyncClient, "send"), (requests.Session, "send"), (aiohttp.ClientSession, "_request"),
    ):  # fmt: skip
        assert not hasattr(getattr(owner, name), "__wrapped__"), owner
    httpx.post(fake.url + PATH, json=BODY)
    assert watched.spans(0) == []


def test_our_failure_costs_the_span_and_not_the_answer(
    fake: Any, watched: Any, lenient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentinelops.instrument.http import _exchange

    fake.says(PATH, WHOLE)

    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("ours")

    for name in ("route_of", "start_call", "may_be"):
        with monkeypatch.context() as patch:
            patch.setattr(_exchange, name, broken)
            assert {way: json.loads(WAYS[way](fake.url + PATH, BODY)) for way in WAYS} == dict.fromkeys(WAYS, WHOLE)
    monkeypatch.setattr(_exchange.HttpExchange, "answered", broken)
    assert {way: json.loads(WAYS[way](fake.url + PATH, BODY)) for way in WAYS} == dict.fromkeys(WAYS, WHOLE)


def test_another_host_costs_next_to_nothing(watched: Any) -> None:
    from sentinelops.instrument.http._httpx import _started

    request = httpx.Request("POST", "https://shop.example/v1/chat/completions", json=BODY)
    assert _started(request) is None
    best = min(timeit.repeat(lambda: _started(request), number=2_000, repeat=5)) / 2_000
    assert best < 20e-6, f"{best * 1e6:.1f} us"


def test_a_key_that_is_echoed_is_not_kept(fake: Any, watched: Any) -> None:
    fake.says(
        "/v1/chat/completions", {"error": {"message": "wrong key: sk-proj-****WXYZ", "code": "invalid_api_key"}}, 401
    )
    httpx.post(fake.url + "/v1/chat/completions", json={"model": "m", "messages": []})
    (span,) = watched.spans()
    assert "WXYZ" not in json.dumps(span)
