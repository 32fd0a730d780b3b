"""boto3 and aiobotocore behind one face, so that every test can be asked of both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiobotocore.session
import boto3
from botocore.config import Config

OPTIONS: dict[str, Any] = {
    "region_name": "eu-west-1",
    "aws_access_key_id": "AKIDEXAMPLE",
    "aws_secret_access_key": "not-a-secret",
}
_SESSION = aiobotocore.session.get_session()  # one: it reads the service models, which takes longer than a test
STREAMS = {
    "converse_stream": "stream",
    "invoke_model_with_response_stream": "body",
    "invoke_agent": "completion",
    "retrieve_and_generate_stream": "stream",
}


def config(**more: Any) -> Config:
    return Config(**{"retries": {"total_max_attempts": 1, "mode": "standard"}, "read_timeout": 10, **more})


class Bedrock:
    """`ask("converse", ...)`: the answer, read to the end, as plain data."""

    def __init__(self, url: str, service: str = "bedrock-runtime", **more: Any) -> None:
        self.url = url
        self.service = service
        self.config = config(**more)

    def ask(self, operation: str, **params: Any) -> Any:
        raise NotImplementedError


class Sync(Bedrock):
    """Of boto3."""

    def client(self) -> Any:
        return boto3.client(self.service, endpoint_url=self.url, config=self.config, **OPTIONS)

    def ask(self, operation: str, **params: Any) -> Any:
        client = self.client()
        try:
            result = getattr(client, operation)(**encoded(params))
            if operation in STREAMS:
                return list(result[STREAMS[operation]])
            return json.loads(result["body"].read()) if operation == "invoke_model" else result
        finally:
            client.close()


class Async(Bedrock):
    """Of aiobotocore."""

    def client(self) -> Any:
        return _SESSION.create_client(self.service, endpoint_url=self.url, config=aio_config(self.config), **OPTIONS)

    def ask(self, operation: str, **params: Any) -> Any:
        async def asked() -> Any:
            async with self.client() as client:
                result = await getattr(client, operation)(**encoded(params))
                if operation in STREAMS:
                    return [event async for event in result[STREAMS[operation]]]
                return json.loads(await result["body"].read()) if operation == "invoke_model" else result

        return asyncio.run(asked())

    def run(self, use: Callable[[Any], Any]) -> Any:
        """`await use(client)`."""

        async def used() -> Any:
            async with self.client() as client:
                return await use(client)

        return asyncio.run(used())


def aio_config(plain: Config) -> Any:
    from aiobotocore.config import AioConfig

    return AioConfig().merge(plain)


def encoded(params: dict[str, Any]) -> dict[str, Any]:
    """A body is given as data."""
    body = params.get("body")
    return {**params, "body": json.dumps(body)} if isinstance(body, dict) else params
