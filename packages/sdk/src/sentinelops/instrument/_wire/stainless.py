"""Hooks for the clients that Stainless generates (openai, anthropic, groq ...), at the one place all their calls pass.

That is `request` of the base client: plain, raw and streaming answers, parse and stream helpers, retries and every
client class go through it, so what is captured does not depend on which of the client's many doors was used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from ..._call import inner
from ..._guard import swallow, warn_once
from .exchange import Exchange

# (the client, the options of its request, whether it streams) -> None when this one is not ours to describe
Begin = Callable[[Any, Any, bool], Exchange | None]


class Hooks:
    """Our wrappers around one such client library. name: of the package; begin: starts the exchange of one request."""

    def __init__(self, name: str, begin: Begin) -> None:
        self._name = name
        self._begin = begin
        self._active = False
        self._originals: list[tuple[type, str, Any, Any]] = []  # class, name, what was there, what we put there

    def instrument(self) -> bool:
        """Put our wrappers around the client's functions; True when calls are watched."""
        if self._active:
            return True
        base = import_module(f"{self._name}._base_client")
        wrappers = (
            (base.SyncAPIClient, "request", self._wrap_request),
            (base.SyncAPIClient, "_process_response", _wrap_process_response),
            (base.AsyncAPIClient, "request", self._wrap_async_request),
            (base.AsyncAPIClient, "_process_response", _wrap_async_process_response),
        )
        missing = [f"{owner.__name__}.{name}" for owner, name, _ in wrappers if not callable(owner.__dict__.get(name))]
        if missing:
            warn_once(
                f"{self._name}.version",
                "sentinelops: this version of the %s client is not known (no %s); its calls are not recorded.",
                self._name,
                ", ".join(missing),
            )
            return False
        if not self._originals:
            for owner, name, wrap in wrappers:
                original = owner.__dict__[name]
                ours = wrap(original)
                setattr(owner, name, ours)
                self._originals.append((owner, name, original, ours))
        self._active = True
        return True

    def uninstrument(self) -> bool:
        """Take the wrappers off. One that somebody wrapped again stays, and lets everything pass."""
        was, self._active = self._active, False
        if all(owner.__dict__.get(name) is ours for owner, name, _, ours in self._originals):
            for owner, name, original, _ in self._originals:
                setattr(owner, name, original)
            self._originals.clear()
        return was

    def _started(self, client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Exchange | None:
        if not self._active:
            return None
        try:
            options = kwargs["options"] if "options" in kwargs else args[1]
            return self._begin(client, options, bool(kwargs.get("stream")))
        except Exception as error:
            swallow(f"{self._name}.begin", error)
            return None

    def _wrap_request(self, original: Any) -> Any:
        started = self._started

        @functools.wraps(original)
        def request(self: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = started(self, args, kwargs)
            if exchange is None and inner.get() is None:
                return original(self, *args, **kwargs)
            token = inner.set(exchange)
            try:
                result = original(self, *args, **kwargs)
            except BaseException as error:
                if exchange is not None:
                    exchange.failed(error)
                raise
            finally:
                leave(token)
            if exchange is not None:
                exchange.returned(result)
            return result

        return request

    def _wrap_async_request(self, original: Any) -> Any:
        started = self._started

        @functools.wraps(original)
        async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
            exchange = started(self, args, kwargs)
            if exchange is None and inner.get() is None:
                return await original(self, *args, **kwargs)
            token = inner.set(exchange)
            try:
                result = await original(self, *args, **kwargs)
            except BaseException as error:
                if exchange is not None:
                    exchange.failed(error)
                raise
            finally:
                leave(token)
            if exchange is not None:
                exchange.returned(result)
            return result

        return request


def leave(token: Any) -> None:
    """Take back what was set in `inner`."""
    try:
        inner.reset(token)
    except ValueError:  # a coroutine finished off in another context than it began in: there is nothing to undo there
        return


def _arrived(kwargs: Mapping[str, Any], *, is_async: bool) -> None:
    exchange = inner.get()
    response = kwargs.get("response")
    if isinstance(exchange, Exchange) and response is not None:
        exchange.arrived(
            response, stream=bool(kwargs.get("stream")), retries=kwargs.get("retries_taken") or 0, is_async=is_async
        )


def _wrap_process_response(original: Any) -> Any:
    @functools.wraps(original)
    def _process_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        _arrived(kwargs, is_async=False)
        return original(self, *args, **kwargs)

    return _process_response


def _wrap_async_process_response(original: Any) -> Any:
    @functools.wraps(original)
    async def _process_response(self: Any, *args: Any, **kwargs: Any) -> Any:
        _arrived(kwargs, is_async=True)
        return await original(self, *args, **kwargs)

    return _process_response


def path_of(client: Any, options: Any) -> str:
    """Where a request goes, below the client's address and without its query, however the host wrote it."""
    path = str(options.url).partition("?")[0]
    if path.startswith("/"):
        return path
    base = str(client.base_url).rstrip("/")
    return path[len(base) :] if path.startswith(base) else "/" + path


def body_of(options: Any) -> Mapping[str, Any]:
    """The JSON body of a request's options, with what the caller added to it."""
    body = options.json_data
    extra = options.extra_json
    if not isinstance(body, Mapping):
        body = {}
    return {**body, **extra} if extra else body
