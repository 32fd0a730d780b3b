"""What a host sees is what it saw before us, and what servers and proxies do to an answer is undone for the span."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import json
import zlib
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from http_support.surfaces import BODY, CHUNKS, DESCRIBED, PATH, STREAMING, WAYS, WHOLE
from requests.adapters import HTTPAdapter
from sentinelops.instrument import uninstrument
from urllib3.util import Retry

RAW = [way for way in WAYS if "raw" in way]


def sent_as(encoding: str, data: bytes) -> bytes:
    return {"gzip": gzip.compress, "deflate": zlib.compress}.get(encoding, lambda same: same)(data)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("way", WAYS)
def test_encoded_answers_are_read_wherever_they_are_decoded(
    way: str, encoding: str, fake: Any, attributes: Any
) -> None:
    plain = b"".join(f"data: {json.dumps(event)}\n\n".encode() for event in [*CHUNKS, "end"])
    packed = sent_as(encoding, plain)
    fake.headers = {"content-encoding": encoding}
    fake.says(PATH, [packed[:40], packed[40:90], packed[90:]], content_type="text/event-stream")
    got = WAYS[way](fake.url + PATH, STREAMING)
    assert got.rstrip() == (packed if way in RAW else plain).rstrip()
    assert attributes() == {**DESCRIBED, "gen_ai.request.stream": True}


@pytest.mark.parametrize("way", RAW)
def test_of_an_encoding_that_we_cannot_undo_nothing_is_said(way: str, fake: Any, watched: Any) -> None:
    fake.headers = {"content-encoding": "br"}
    fake.says(PATH, [b"\x0b\x02\x80hello\x03"])
    assert WAYS[way](fake.url + PATH, BODY) == b"\x0b\x02\x80hello\x03"
    (span,) = watched.spans()
    assert not [key for key in span["attributes"] if "usage" in key or "outcome" in key]


def test_a_raw_answer_that_was_asked_for_decoded(fake: Any, attributes: Any) -> None:
    fake.headers = {"content-encoding": "gzip"}
    fake.says(PATH, [gzip.compress(json.dumps(WHOLE).encode())])
    with requests.post(fake.url + PATH, json=BODY, stream=True) as response:
        response.raw.decode_content = True
        assert json.load(response.raw) == WHOLE
    assert attributes() == DESCRIBED


@pytest.mark.parametrize("way", WAYS)
def test_events_that_come_as_json_are_a_stream(way: str, fake: Any, attributes: Any) -> None:
    fake.says(PATH, [f"data: {json.dumps(event)}\r\n\r\n".encode() for event in CHUNKS])
    WAYS[way](fake.url + PATH, STREAMING)
    assert attributes() == {**DESCRIBED, "gen_ai.request.stream": True}


ADDRESSES = ["http://[::1", "http://127.0.0.1:99999/v1/chat/completions", "http://127.0.0.1:abc/", "", None, 5]


def _asked(client: str, address: Any) -> type[BaseException] | None:
    async def by_aiohttp() -> None:
        async with aiohttp.ClientSession() as session, session.post(address, json=BODY):
            pass

    try:
        if client == "aiohttp":
            asyncio.run(by_aiohttp())
        elif client == "httpx":
            httpx.post(address, json=BODY)
        else:
            requests.post(address, json=BODY)
    except Exception as error:
        return type(error)
    return None


@pytest.mark.parametrize("client", ["aiohttp", "httpx", "requests"])
def test_an_address_that_is_none_is_refused_in_the_clients_own_words(client: str, watched: Any) -> None:
    with_us = [_asked(client, address) for address in ADDRESSES]
    uninstrument("http")
    assert with_us == [_asked(client, address) for address in ADDRESSES]
    assert None not in with_us


def test_a_port_that_only_an_adapter_understands(fake: Any, watched: Any) -> None:
    class Adapter(HTTPAdapter):
        def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
            return super().get_connection_with_tls_context(requests.Request("POST", fake.url).prepare(), False)

    fake.says("/", {"here": True})
    session = requests.Session()
    session.mount("local://", Adapter())
    request = requests.Request("POST", fake.url, json=BODY).prepare()
    request.url = "local://socket:one/"
    assert session.send(request).status_code in (200, 404)
    session.close()


def test_the_reader_of_aiohttp_is_what_it_was(fake: Any, watched: Any) -> None:
    fake.says(PATH, WHOLE)

    async def kinds() -> Any:
        async with aiohttp.ClientSession() as session, session.post(fake.url + PATH, json=BODY) as response:
            assert isinstance(response.content, aiohttp.StreamReader)
            await response.read()

    asyncio.run(kinds())
    assert len(watched.spans()) == 1
    for method in (httpx.Client.send, requests.Session.send, aiohttp.ClientSession._request):
        assert inspect.signature(method) == inspect.signature(inspect.unwrap(method))


def test_attempts_of_an_adapter_are_one_call(fake: Any, watched: Any) -> None:
    fake.says(PATH, {"error": "busy"}, 503)

    class Counting(Retry):
        def sleep(self, response: Any = None) -> None:
            if len(self.history) == 2:
                fake.says(PATH, WHOLE)

    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=Counting(3, status_forcelist=[503], allowed_methods=None)))
        assert session.post(fake.url + PATH, json=BODY).json() == WHOLE
    (span,) = watched.spans()
    assert span["attributes"]["sentinelops.attempts"] == 3
    assert span["attributes"]["gen_ai.usage.input_tokens"] == 3
