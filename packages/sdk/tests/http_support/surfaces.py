"""Every client that speaks HTTP, in every way of reading an answer, from one table."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import httpx
import httpx2
import requests

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

    def raw(url: str, body: Any) -> bytes:
        with module.Client() as client, client.stream("POST", url, json=body) as response:
            return b"".join(response.iter_raw())

    async def raw_async(url: str, body: Any) -> bytes:
        async with module.AsyncClient() as client, client.stream("POST", url, json=body) as response:
            return b"".join([chunk async for chunk in response.aiter_raw()])

    name = module.__name__
    return {
        f"{name}.post": lambda url, body: bytes(module.post(url, json=body).content),
        f"{name}.stream": stream,
        f"{name}.iter_lines": lines,
        f"{name}.AsyncClient.post": lambda url, body: asyncio.run(plain_async(url, body)),
        f"{name}.AsyncClient.stream": lambda url, body: asyncio.run(stream_async(url, body)),
        f"{name}.AsyncClient.aread": lambda url, body: asyncio.run(aread(url, body)),
        f"{name}.iter_raw": raw,
        f"{name}.AsyncClient.aiter_raw": lambda url, body: asyncio.run(raw_async(url, body)),
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

    def raw(url: str, body: Any) -> bytes:
        with requests.post(url, json=body, stream=True) as response:
            return b"".join(response.raw.stream(11))

    def raw_pieces(url: str, body: Any) -> bytes:
        with requests.post(url, json=body, stream=True) as response:
            return b"".join(iter(lambda: response.raw.read(11), b""))

    def raw_whole(url: str, body: Any) -> bytes:
        with requests.post(url, json=body, stream=True) as response:
            return bytes(response.raw.read())

    return {
        "requests.raw.stream": raw,
        "requests.raw.read(n)": raw_pieces,
        "requests.raw.read": raw_whole,
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
