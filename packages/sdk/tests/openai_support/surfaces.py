"""Every way the client offers to make a call, once for the sync and once for the async client, from one table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import openai
from pydantic import BaseModel


class City(BaseModel):
    city: str


HELLO = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
CHAT: dict[str, Any] = {"messages": HELLO}
RESPONSES: dict[str, Any] = {"input": "Hi", "instructions": "Be brief."}


@dataclass(frozen=True)
class Surface:
    """resource: dotted path below the client. mode: how the call is made and read. model: chooses the answer."""

    resource: str
    mode: str
    model: str
    arguments: dict[str, Any] = field(default_factory=dict)
    method: str = "create"

    @property
    def name(self) -> str:
        return f"{self.resource}.{self.method}:{self.mode}:{self.model}"

    @property
    def streams(self) -> bool:
        return self.mode in ("stream", "raw_stream", "streaming_stream", "streaming_stream_lines", "helper")


def _surfaces() -> list[Surface]:
    out = []
    for resource, arguments in (("chat.completions", CHAT), ("responses", RESPONSES)):
        for mode in ("plain", "raw", "raw_unparsed", "streaming", "streaming_lines", "streaming_json"):
            out.append(Surface(resource, mode, "plain", arguments))
        for mode in ("stream", "raw_stream", "streaming_stream", "streaming_stream_lines"):
            out.append(Surface(resource, mode, "plain", arguments))
        out.append(Surface(resource, "helper", "plain", arguments, "stream"))
        kind = "response_format" if resource == "chat.completions" else "text_format"
        out.append(Surface(resource, "helper", "json", {**arguments, kind: City}, "stream"))
        for mode in ("plain", "raw"):
            out.append(Surface(resource, mode, "json", {**arguments, kind: City}, "parse"))
    for mode in ("plain", "raw", "streaming"):
        out.append(Surface("embeddings", mode, "embed", {"input": "Hi", "encoding_format": "float"}))
        out.append(Surface("embeddings", mode, "embed", {"input": ["Hi", "you"]}))
        out.append(Surface("completions", mode, "old", {"prompt": "Hi"}))
    for mode in ("stream", "raw_stream", "streaming_stream"):
        out.append(Surface("completions", mode, "old", {"prompt": "Hi"}))
    return out


SURFACES = _surfaces()


def _target(client: Any, surface: Surface) -> Any:
    target = client
    for name in surface.resource.split("."):
        target = getattr(target, name)
    if surface.mode.startswith("raw"):
        target = target.with_raw_response
    elif surface.mode.startswith("streaming"):
        target = target.with_streaming_response
    return getattr(target, surface.method)


def _arguments(surface: Surface) -> dict[str, Any]:
    arguments = {"model": surface.model, **surface.arguments}
    if surface.streams and surface.mode != "helper":
        arguments["stream"] = True
    return arguments


def run(client: openai.OpenAI, surface: Surface) -> Any:  # noqa: PLR0911 - a table
    """Make the call and read it as the mode says; what the host got."""
    method, arguments = _target(client, surface), _arguments(surface)
    mode = surface.mode
    if mode in ("plain", "raw_unparsed"):
        return method(**arguments)
    if mode == "raw":
        return method(**arguments).parse()
    if mode == "stream":
        return list(method(**arguments))
    if mode == "raw_stream":
        return list(method(**arguments).parse())
    with method(**arguments) as opened:
        if mode == "helper":
            events = list(opened)
            final = opened.get_final_response() if surface.resource == "responses" else opened.get_final_completion()
            return [*events, final]
        if mode == "streaming":
            return opened.parse()
        if mode == "streaming_json":
            return opened.json()
        if mode == "streaming_stream":
            return list(opened.parse())
        return list(opened.iter_lines())


async def arun(client: openai.AsyncOpenAI, surface: Surface) -> Any:  # noqa: PLR0911 - a table
    """The same on the async client."""
    method, arguments = _target(client, surface), _arguments(surface)
    mode = surface.mode
    if mode in ("plain", "raw_unparsed"):
        return await method(**arguments)
    if mode == "raw":
        return (await method(**arguments)).parse()
    if mode == "stream":
        return [chunk async for chunk in await method(**arguments)]
    if mode == "raw_stream":
        return [chunk async for chunk in (await method(**arguments)).parse()]
    async with method(**arguments) as opened:
        if mode == "helper":
            events = [event async for event in opened]
            chat = surface.resource != "responses"
            return [*events, await (opened.get_final_completion() if chat else opened.get_final_response())]
        if mode == "streaming":
            return await opened.parse()
        if mode == "streaming_json":
            return await opened.json()
        if mode == "streaming_stream":
            return [chunk async for chunk in await opened.parse()]
        return [line async for line in opened.iter_lines()]


def run_either(client: openai.OpenAI | openai.AsyncOpenAI, surface: Surface) -> Any:
    """The call on whichever client this is."""
    if isinstance(client, openai.OpenAI):
        return run(client, surface)

    async def go() -> Any:
        async with openai.AsyncOpenAI(api_key=client.api_key, base_url=client.base_url, max_retries=0) as fresh:
            return await arun(fresh, surface)

    return asyncio.run(go())
