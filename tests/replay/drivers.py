"""Asks the same question again through the real client, whose wire is the recording."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import oracle
from cassettes import Exchange
from transports import RawAnswer, async_client, client

Driver = Callable[[Exchange], None]
MODES = ("plain", "raw", "streaming", "helper", "async", "async raw", "async helper")


def mode_of(exchange: Exchange) -> str:
    """One of the client's doors, spread over the recordings and the same in every run."""
    return MODES[zlib.crc32(exchange.source.encode()) % len(MODES)]


def _arguments(method: Any, body: dict[str, Any]) -> dict[str, Any]:
    """A body as the arguments of the client's method; what it does not name goes into extra_body."""
    names = set(inspect.signature(method).parameters)
    known = {name: value for name, value in body.items() if name in names}
    extra = {name: value for name, value in body.items() if name not in names}
    return {**known, "extra_body": extra} if extra else known


def _helped(resource: Any, body: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
    """The client's own `stream()` or `parse()` and its arguments; None where it has none or is choosy about the request."""
    method = getattr(resource, "stream" if body.get("stream") else "parse", None)
    if (
        method is None
        or "output_format" in body
        or not body.keys().isdisjoint(("tools", "functions", "response_format"))
    ):
        return None
    return method, _arguments(method, {name: value for name, value in body.items() if name != "stream"})


def _drain(result: Any) -> None:
    if hasattr(result, "__iter__") and not hasattr(result, "model_dump"):
        for _ in result:
            pass


async def _adrain(result: Any) -> None:
    if hasattr(result, "__aiter__"):
        async for _ in result:
            pass


def _ask(resource: Any, exchange: Exchange, mode: str) -> None:
    body = exchange.request_json
    helped = _helped(resource, body) if mode == "helper" else None
    if helped is not None:
        method, arguments = helped
        if body.get("stream"):
            with method(**arguments) as events:
                _drain(events)
        else:
            method(**arguments)
    elif mode == "raw":
        _drain(resource.with_raw_response.create(**_arguments(resource.create, body)).parse())
    elif mode == "streaming":
        with resource.with_streaming_response.create(**_arguments(resource.create, body)) as response:
            _drain(response.parse())
    else:
        _drain(resource.create(**_arguments(resource.create, body)))


async def _aask(resource: Any, exchange: Exchange, mode: str) -> None:
    body = exchange.request_json
    helped = _helped(resource, body) if mode == "async helper" else None
    if helped is not None:
        method, arguments = helped
        if body.get("stream"):
            async with method(**arguments) as events:
                await _adrain(events)
        else:
            await method(**arguments)
    elif mode == "async raw":
        answer = (await resource.with_raw_response.create(**_arguments(resource.create, body))).parse()
        await _adrain(await answer if inspect.isawaitable(answer) else answer)
    else:
        await _adrain(await resource.create(**_arguments(resource.create, body)))


def _stainless(
    package: Any, sync: str, asynchronous: str, find: Callable[[Any], Any], base_url: str, **more: Any
) -> Driver:
    base = package._base_client
    hx = getattr(base, "httpx2", None) or base.httpx

    def drive(exchange: Exchange) -> None:
        mode = mode_of(exchange)
        options = {"api_key": "k", "base_url": base_url, "max_retries": 0, "timeout": 60, **more}
        if mode.startswith("async"):

            async def ask() -> None:
                async with getattr(package, asynchronous)(http_client=async_client(hx, exchange), **options) as talking:
                    await _aask(find(talking), exchange, mode)

            asyncio.run(ask())
        else:
            with getattr(package, sync)(http_client=client(hx, exchange), **options) as talking:
                _ask(find(talking), exchange, mode)

    return drive


_OPENAI_DOORS: dict[str, Callable[[Any], Any]] = {
    "/chat/completions": lambda talking: talking.chat.completions,
    "/completions": lambda talking: talking.completions,
    "/embeddings": lambda talking: talking.embeddings,
    "/responses": lambda talking: talking.responses,
}


def openai_driver(exchange: Exchange) -> Driver | None:
    """Whoever speaks the OpenAI protocol, at the recorded address."""
    import openai

    for suffix, door in _OPENAI_DOORS.items():
        if exchange.path.endswith(suffix):
            base = exchange.url.split("?")[0].removesuffix(suffix)
            return _stainless(openai, "OpenAI", "AsyncOpenAI", door, base)
    return None


_AZURE = re.compile(
    r"^(https://[^/]+\.openai\.azure\.com(?::\d+)?/openai)/deployments/[^/]+(/[^?]+)\?api-version=([^&]+)"
)


def azure_driver(exchange: Exchange) -> Driver | None:
    """Deployments of Azure, through the client that is made for them."""
    import openai

    found = _AZURE.match(exchange.url)
    if found is None or found[2] not in _OPENAI_DOORS or "model" not in exchange.request_json:
        return None
    return _stainless(
        openai, "AzureOpenAI", "AsyncAzureOpenAI", _OPENAI_DOORS[found[2]], found[1], api_version=found[3]
    )


def anthropic_driver(exchange: Exchange) -> Driver | None:
    """The Messages API."""
    import anthropic

    if not exchange.path.endswith("/v1/messages"):
        return None
    beta = "beta=true" in exchange.url
    base = exchange.url.split("/v1/messages")[0]
    return _stainless(
        anthropic, "Anthropic", "AsyncAnthropic",
        lambda talking: talking.beta.messages if beta else talking.messages, base,
    )  # fmt: skip


_BEDROCK = re.compile(r"/model/([^/]+)/(converse-stream|converse|invoke-with-response-stream|invoke)$")


def bedrock_driver(exchange: Exchange) -> Driver | None:
    """Converse and InvokeModel through boto3."""
    found = _BEDROCK.search(exchange.path)
    if found is None:
        return None
    from urllib.parse import unquote

    model, kind = unquote(found[1]), found[2]

    def drive(exchange: Exchange) -> None:
        import boto3
        from botocore.awsrequest import AWSResponse
        from botocore.config import Config

        talking = boto3.client(
            "bedrock-runtime", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="s",
            config=Config(retries={"max_attempts": 1}),
        )  # fmt: skip
        talking.meta.events.register_first(
            "before-send.bedrock-runtime",
            lambda request, **_: AWSResponse(request.url, exchange.status, dict(exchange.headers), RawAnswer(exchange)),
        )
        body = exchange.request_json
        if kind == "converse":
            talking.converse(modelId=model, **_decoded(body))
        elif kind == "converse-stream":
            for _ in talking.converse_stream(modelId=model, **_decoded(body))["stream"]:
                pass
        elif kind == "invoke":
            talking.invoke_model(modelId=model, body=json.dumps(body))["body"].read()
        else:
            for _ in talking.invoke_model_with_response_stream(modelId=model, body=json.dumps(body))["body"]:
                pass

    return drive


def _decoded(value: Any) -> Any:
    """Bytes travel as base64 in JSON; the client wants them back."""
    import base64

    if isinstance(value, dict):
        return {
            name: base64.b64decode(item) if name == "bytes" and isinstance(item, str) else _decoded(item)
            for name, item in value.items()
        }
    return [_decoded(item) for item in value] if isinstance(value, list) else value


# servers that nobody configured as serving models (`hosts=`): they pass unseen, as they should
UNCONFIGURED = frozenset(
    ("localhost", "127.0.0.1", "api.writer.com", "demo-endpoints.pydantic.workers.dev", "us.inference.heroku.com")
)


# whom the Inference client asks itself, besides Hugging Face's own router and endpoints
_HUB_PROVIDERS = frozenset(("api.groq.com", "api.together.xyz", "api.cerebras.ai"))


def huggingface_driver(exchange: Exchange) -> Driver | None:
    """Chats, and texts in the format of TGI, at the recorded address."""
    ours = exchange.host.endswith((".huggingface.co", ".huggingface.cloud")) or exchange.host in _HUB_PROVIDERS
    body = exchange.request_json
    if not ours or not (exchange.path.endswith("/chat/completions") or "inputs" in body):
        return None

    def drive(exchange: Exchange) -> None:
        import httpx2
        import huggingface_hub as hub

        if "inputs" in body:
            options = {"model": exchange.url, "token": "hf_k"}
            given = {"prompt": body["inputs"], "details": "details" in body["parameters"], "stream": exchange.streamed}
            ask = hub.InferenceClient.text_generation
        else:
            options = {"base_url": exchange.url.split("?")[0].removesuffix("/chat/completions"), "api_key": "hf_k"}
            given = {
                "messages": [{"role": "user", "content": "Hi"}],
                "model": None,
                **body,
                "stream": exchange.streamed,
            }
            ask = hub.InferenceClient.chat_completion
        names = set(inspect.signature(ask).parameters)
        known = {name: value for name, value in given.items() if name in names}
        if mode_of(exchange).startswith("async"):
            hub.set_async_client_factory(lambda: async_client(httpx2, exchange))

            async def talk() -> None:
                async with hub.AsyncInferenceClient(**options) as talking:
                    await _adrain(await getattr(talking, ask.__name__)(**known))

            asyncio.run(talk())
        else:
            hub.set_client_factory(lambda: client(httpx2, exchange))
            with hub.InferenceClient(**options) as talking:
                _drain(getattr(talking, ask.__name__)(**known))

    return drive


def plain_driver(library: str) -> Callable[[Exchange], Driver | None]:
    """No client of the provider's at all: the request as it was, through httpx or httpx2."""

    def driver(exchange: Exchange) -> Driver | None:
        # a recording without its request cannot be recognised by it; Bedrock's own format is read through its client only
        if not exchange.request_json or exchange.host in UNCONFIGURED or _BEDROCK.search(exchange.path):
            return None

        def drive(exchange: Exchange) -> None:
            from importlib import import_module

            hx = import_module(library)
            headers = {"content-type": "application/json"}
            if mode_of(exchange).startswith("async"):

                async def ask() -> None:
                    async with (
                        async_client(hx, exchange) as talking,
                        talking.stream(exchange.method, exchange.url, content=exchange.request, headers=headers) as got,
                    ):
                        async for _ in got.aiter_lines():
                            pass

                asyncio.run(ask())
            else:
                with client(hx, exchange) as talking:
                    talking.request(exchange.method, exchange.url, content=exchange.request, headers=headers)

        return drive

    return driver


TRUTHS: tuple[tuple[re.Pattern[str], Callable[[Exchange], oracle.Truth]], ...] = (
    (re.compile(r"/responses$"), oracle.openai_responses),
    (re.compile(r"/(chat/completions|completions|embeddings)$"), oracle.openai_chat),
    (re.compile(r"/v1/messages$"), oracle.anthropic_messages),
    (re.compile(r":(generateContent|streamGenerateContent)$"), oracle.gemini),
    (re.compile(r"/interactions$"), oracle.interactions),
    (re.compile(r"/converse(-stream)?$"), oracle.converse),
    (re.compile(r"/invoke(-with-response-stream)?$"), oracle.invoke),
    (re.compile(r"\.endpoints\.huggingface\.cloud/$"), oracle.tgi),
)


def truth_of(exchange: Exchange) -> oracle.Truth | None:
    """What the span must say; None: nothing here reads this format."""
    for pattern, read in TRUTHS:
        if pattern.search(exchange.host + exchange.path):
            return read(exchange)
    return None
