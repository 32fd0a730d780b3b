"""One call of an azure-ai-inference client: the attempts seen at azure-core's own hook, the stream where it is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ... import _ambient, semconv
from ..._call import CallRecord, gone, inner, start_call
from ..._guard import swallow
from .._wire import answer as wire
from .._wire import openai, watch
from .._wire.answer import Answer
from .._wire.exchange import Exchange
from .._wire.provider import UNKNOWN, provider_of
from .._wire.streams import Passage, loads_or_none
from ..http._exchange import _described_above
from ..openai import _azure


class AzureExchange(Exchange):
    """From the client's method to the end of its answer."""

    __slots__ = ("attempts", "response")
    attempts: int
    response: Any

    def hooked(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Give the arguments with our hook in them, and the host's own called by it."""
        theirs = kwargs.get("raw_response_hook")

        def raw_response_hook(response: Any) -> Any:
            try:
                self.attempts += 1
                self.response = response
            except Exception as error:
                swallow("azure.attempt", error)
            return theirs(response) if theirs is not None else None

        return {**kwargs, "raw_response_hook": raw_response_hook}

    def _head(self) -> Any:
        answer, seen = self._answer, self.response
        answer.retries = max(self.attempts - 1, 0)
        if seen is None:
            return None
        answer.status, answer.headers = seen.http_response.status_code, seen.http_response.headers
        answer.parsed = seen.http_request.content
        return seen.http_response

    def failed(self, error: BaseException) -> None:
        """End the call: the client raises this to the host."""
        try:
            self._head()
        except Exception as failure:
            swallow("azure.failed", failure)
        super().failed(error)

    def came(self, result: Any) -> None:
        """Take the answer, or follow the stream that the host is given."""
        try:
            response = self._head()
            if hasattr(result, "_bytes_iterator"):
                self._follow(result)
                return
            if response is not None:
                self._answer.keep(response.content)
        except Exception as error:
            swallow("azure.came", error)
        self.finish(None)

    def _follow(self, result: Any) -> None:
        protocol = self._answer.protocol
        folder = protocol.folder() if protocol.folder is not None else None
        passage = self._answer.passage = Passage(folder, protocol.first_token, self._call.first_token)
        self._watched = True
        watch.enter(self)
        reading = _Reading(self, passage, result._bytes_iterator, result._response)  # noqa: SLF001
        result._bytes_iterator = reading  # noqa: SLF001 - the one place that all its readers pass
        result.__dict__["aclose" if hasattr(type(result), "aclose") else "close"] = (
            reading.aclose if hasattr(type(result), "aclose") else reading.close
        )


_DONE = b"\ndata: [DONE]"


class _Reading:
    """In place of a stream's bytes: the same bytes, noted as they pass. The client reads nothing after `[DONE]`."""

    __slots__ = ("_chunks", "_end", "_exchange", "_passage", "_response")

    def __init__(self, exchange: AzureExchange, passage: Passage, chunks: Any, response: Any) -> None:
        self._exchange = exchange
        self._passage = passage
        self._chunks = chunks
        self._response = response
        self._end = b""

    def __iter__(self) -> Any:
        return self

    def __aiter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        try:
            return self._noted(next(self._chunks))
        except BaseException as error:
            self._over(error)
            raise

    async def __anext__(self) -> Any:
        try:
            return self._noted(await anext(self._chunks))
        except BaseException as error:
            self._over(error)
            raise

    def _noted(self, chunk: Any) -> Any:
        self._passage.take(chunk)
        try:
            self._end = (self._end + chunk)[-64:]
            if _DONE in self._end:
                self._over(StopIteration())
        except Exception as error:
            swallow("azure.noted", error)
        return chunk

    def _over(self, error: BaseException) -> None:
        if isinstance(error, StopIteration | StopAsyncIteration):
            self._passage.complete = True
            self._exchange.finish(None)
        else:
            self._exchange.finish(None if gone(error) else error)

    def close(self) -> None:
        """In place of the stream's own."""
        try:
            self._response.close()
        finally:
            self._exchange.finish(None)

    async def aclose(self) -> None:
        """In place of the stream's own."""
        try:
            await self._response.close()
        finally:
            self._exchange.finish(None)

    def __del__(self) -> None:
        # runs wherever the garbage collector does, perhaps inside somebody's lock: hand over, do nothing here
        if not self._exchange.ended:
            watch.forget(self._exchange)


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name; the request as it was sent, with the client's own defaults in it."""
    answer = record.response
    if isinstance(answer, Answer):
        sent, answer.parsed = answer.parsed, None
        body = loads_or_none(sent.encode() if isinstance(sent, str) else sent) if sent else None
        if isinstance(body, dict):
            record.request = body
    out = wire.describe(record)
    code = getattr(getattr(record.error, "error", None), "code", None)
    if code and not out.get(semconv.ERROR_CODE):
        out[semconv.ERROR_CODE] = str(code)
    return out


def started(client: Any, operation: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> AzureExchange | None:
    """Begin the call, unless it is described already."""
    if inner.get() is not None or _described_above():
        return None
    body = kwargs.get("body", args[0] if args else None)
    request = body if isinstance(body, Mapping) else kwargs
    config = client._config  # noqa: SLF001 - where it says whom it asks
    url = urlsplit(str(config.endpoint))
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    provider = provider_of(url.hostname, port)
    if provider in (UNKNOWN, "azure.ai.openai") and "/deployments/" not in url.path:
        provider = "azure.ai.inference"
    named = request.get("model") or getattr(client, "_model", None)
    model, extra = _azure.facts(_azure.deployment_of(url.path, named), getattr(config, "api_version", None))
    streaming = bool(request.get("stream"))
    call = start_call(
        operation, provider, model, request=request, describe=describe, server_address=url.hostname,
        server_port=port, streaming=streaming,
    )  # fmt: skip
    if call is None:
        return None
    answer = Answer(openai.EMBEDDINGS if operation == "embeddings" else openai.CHAT)
    answer.extra = extra
    answer.user_known = semconv.USER_ID in (_ambient.attributes() or ())
    exchange = AzureExchange(call, answer)
    exchange.attempts, exchange.response = 0, None
    return exchange
