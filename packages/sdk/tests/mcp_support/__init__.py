"""A server of MCP that tests talk to: in memory, as a subprocess over stdio, over HTTP; and sessions with it."""

import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
from mcp import ClientSession, StdioServerParameters, types
from mcp.client.stdio import stdio_client
from mcp.shared.memory import create_client_server_memory_streams

MCP_1 = version("mcp").startswith("1.")
if MCP_1:
    from mcp.server.fastmcp import Context
    from mcp.server.fastmcp import FastMCP as Server
else:
    from mcp.server.mcpserver import Context
    from mcp.server.mcpserver import MCPServer as Server
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="


def make_server(**options: Any) -> Any:
    """The server; its tools say what they saw of the context."""
    server = Server("test", **options)

    @server.tool()
    def weather(city: str) -> str:
        """Tells the weather."""
        if city == "Atlantis":
            raise LookupError("no such city")
        return f"cold in {city}"

    @server.tool()
    async def meta(ctx: Context) -> str:  # type: ignore[type-arg]
        """Tells what came in `_meta`."""
        import json

        found = ctx.request_context.meta
        return json.dumps(dict(found) if isinstance(found, dict) else (found.model_extra if found else {}))

    @server.tool()
    async def asks(ctx: Context) -> str:  # type: ignore[type-arg]
        """Asks the client's model."""
        message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text="Say hi"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the specification means to give it up
            answer = await ctx.request_context.session.create_message([message], max_tokens=5)
        return str(answer.content.text)

    @server.tool()
    async def waits(ctx: Context) -> str:  # type: ignore[type-arg]
        """Reports progress, then waits for ever."""
        await ctx.report_progress(1, 2)
        await anyio.sleep_forever()
        return ""

    @server.prompt()
    def greeting(name: str) -> str:
        """Greets."""
        return f"Greet {name}"

    @server.resource("note://{name}")
    def note(name: str) -> str:
        """A note."""
        return f"note of {name}"

    return server


async def sampled(context: Any, params: Any) -> Any:
    """The client's model."""
    import sentinelops

    with sentinelops.span("the client's model"):
        text = types.TextContent(type="text", text="hi")
        return types.CreateMessageResult(role="assistant", content=text, model="m")


@asynccontextmanager
async def in_memory(server: Any = None, **options: Any) -> AsyncIterator[ClientSession]:
    """A session with a server of this process."""
    made = server or make_server()
    inner = getattr(made, "_mcp_server", None) or made._lowlevel_server
    async with create_client_server_memory_streams() as (client, other), anyio.create_task_group() as tasks:
        tasks.start_soon(inner.run, *other, inner.create_initialization_options())
        async with ClientSession(*client, sampling_callback=sampled, **options) as session:
            await session.initialize()
            yield session
        tasks.cancel_scope.cancel()


@asynccontextmanager
async def over_stdio(environment: dict[str, str]) -> AsyncIterator[ClientSession]:
    """A session with a server in a process of its own."""
    command = StdioServerParameters(
        command=sys.executable, args=[str(Path(__file__).with_name("serve.py"))], env=environment
    )
    async with stdio_client(command) as streams, ClientSession(*streams) as session:
        await session.initialize()
        yield session


@contextmanager
def http_server() -> Iterator[str]:
    """The address of a server over streamable HTTP, in a thread of this process."""
    import uvicorn

    app = make_server().streamable_http_app()
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    ready = threading.Event()
    startup = server.startup

    async def started(*args: Any, **kwargs: Any) -> None:
        await startup(*args, **kwargs)
        ready.set()

    server.startup = started  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/mcp"
    server.should_exit = True
    thread.join(20)


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[ClientSession]:
    """A session over streamable HTTP."""
    if MCP_1:
        from mcp.client.streamable_http import streamablehttp_client as client
    else:
        from mcp.client.streamable_http import streamable_http_client as client
    async with client(url) as streams, ClientSession(*streams[:2]) as session:
        await session.initialize()
        yield session
