"""Every way the client offers to make a call, once for the sync and once for the async client, from one table."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass, field
from typing import Any

import anthropic
from pydantic import BaseModel


class City(BaseModel):
    city: str


HELLO: dict[str, Any] = {
    "max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": "Hi"}],
}  # fmt: skip
NEWEST = hasattr(anthropic.resources.messages.Messages, "parse")


@dataclass(frozen=True)
class Surface:
    """resource: dotted path below the client. mode: how the call is made and read. model: chooses the answer."""

    resource: str
    mode: str
    model: str = "plain"
    arguments: dict[str, Any] = field(default_factory=lambda: HELLO)
    method: str = "create"

    @property
    def name(self) -> str:
        return f"{self.resource}.{self.method}:{self.mode}:{self.model}"

    @property
    def streams(self) -> bool:
        return self.mode in ("stream", "raw_stream", "streaming_stream", "streaming_stream_lines", "helper", "texts")


def _surfaces() -> list[Surface]:
    out = []
    for resource in ("messages", "beta.messages"):
        for mode in ("plain", "raw", "raw_unparsed", "streaming", "streaming_lines", "streaming_json"):
            out.append(Surface(resource, mode))
        for mode in ("stream", "raw_stream", "streaming_stream", "streaming_stream_lines"):
            out.append(Surface(resource, mode))
        if resource == "messages" or NEWEST:
            for mode in ("helper", "texts"):
                out.append(Surface(resource, mode, method="stream"))
        if NEWEST:
            out.append(Surface(resource, "plain", "json", {**HELLO, "output_format": City}, "parse"))
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
    if surface.streams and surface.method != "stream":
        arguments["stream"] = True
    return arguments


def run(client: Any, surface: Surface) -> Any:  # noqa: PLR0911 - a table
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
            return [*opened, opened.get_final_message()]
        if mode == "texts":
            return list(opened.text_stream)
        if mode == "streaming":
            return opened.parse()
        if mode == "streaming_json":
            return opened.json()
        if mode == "streaming_stream":
            return list(opened.parse())
        return list(opened.iter_lines())


async def _parsed(response: Any) -> Any:
    """Of old clients at once, of new ones awaited."""
    parsed = response.parse()
    return await parsed if inspect.isawaitable(parsed) else parsed


async def arun(client: Any, surface: Surface) -> Any:  # noqa: PLR0911 - a table
    """The same on the async client."""
    method, arguments = _target(client, surface), _arguments(surface)
    mode = surface.mode
    if mode in ("plain", "raw_unparsed"):
        return await method(**arguments)
    if mode == "raw":
        return await _parsed(await method(**arguments))
    if mode == "stream":
        return [chunk async for chunk in await method(**arguments)]
    if mode == "raw_stream":
        return [chunk async for chunk in await _parsed(await method(**arguments))]
    async with method(**arguments) as opened:
        if mode == "helper":
            return [*[event async for event in opened], await opened.get_final_message()]
        if mode == "texts":
            return [text async for text in opened.text_stream]
        if mode == "streaming":
            return await opened.parse()
        if mode == "streaming_json":
            return await opened.json()
        if mode == "streaming_stream":
            return [chunk async for chunk in await opened.parse()]
        return [line async for line in opened.iter_lines()]


def run_either(client: Any, surface: Surface) -> Any:
    """The call on whichever client this is."""
    if not isinstance(client, anthropic.AsyncAnthropic):
        return run(client, surface)

    async def go() -> Any:
        async with anthropic.AsyncAnthropic(api_key="sk", base_url=client.base_url, max_retries=0) as fresh:
            return await arun(fresh, surface)

    return asyncio.run(go())
