"""Every client that speaks HTTP, in every way of reading an answer: bytes unchanged, one span, ended once."""

from __future__ import annotations

import asyncio
import gc
import io
import json
import timeit
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from http_support.surfaces import BODY, CHUNKS, DESCRIBED, PATH, STREAMING, WAYS, WHOLE
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from sentinelops._call import SUPPRESS_KEY
from sentinelops.instrument import uninstrument
from sentinelops.instrument._wire import watch


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
    with pytest.raises(
        (
            httpx.HTTPError,
            httpx2.HTTPError,
            requests.RequestException,
            aiohttp.ClientError,
            urllib3.exceptions.HTTPError,
        )
    ) as raised:
        WAYS[way](fake.url + PATH, STREAMING)
    (span,) = watched.spans()
    assert span["status"] == "error"
    assert span["attributes"]["error.type"] == raised.type.__name__


@pytest.mark.parametrize("way", [way for way in WAYS if not any(word in way for word in ("stream", "iter", "raw"))])
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


@pytest.mark.parametrize(("total", "output"), [(25, 22), (5, 2)], ids=["beside the output", "within"])
def test_the_total_tells_where_the_reasoning_is_counted(total: int, output: int, fake: Any, attributes: Any) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": total}  # as xAI counts, and as OpenAI does
    fake.says(PATH, {**WHOLE, "usage": {**usage, "completion_tokens_details": {"reasoning_tokens": 20}}})
    httpx.post(fake.url + PATH, json=BODY)
    found = attributes()
    assert (found["gen_ai.usage.output_tokens"], found["gen_ai.usage.reasoning.output_tokens"]) == (output, 20)
