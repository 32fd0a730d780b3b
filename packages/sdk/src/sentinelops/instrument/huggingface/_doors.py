"""Our wrappers: a public method opens a door, the first request behind it begins the call, the method's end ends it."""

from __future__ import annotations

import functools
from contextvars import ContextVar
from typing import Any

from ..._call import inner
from ..._guard import swallow
from .._wire.stainless import leave
from ._exchange import HubExchange, begin
from ._lines import AsyncLines, Lines


class _State:
    active = False


state = _State()


class _Door:
    """One call of a public method. exchange: None until it has sent something."""

    __slots__ = ("body", "exchange", "model")

    def __init__(self, model: Any) -> None:
        self.model = model
        self.exchange: HubExchange | None = None
        self.body: Any = None

    def sends(self, client: Any, parameters: Any, *, streaming: bool) -> HubExchange | None:
        """Begin the call with its first request; the next ones are attempts."""
        try:
            if self.exchange is None:
                self.exchange = begin(self.model or getattr(client, "model", None), parameters, streaming=streaming)
            else:
                self.exchange.again()
        except Exception as error:
            swallow("huggingface.begin", error)
        return self.exchange

    def failed(self, error: BaseException) -> None:
        """Say what the method raises to the host."""
        if self.exchange is not None:
            self.exchange.raised(error)

    def returned(self) -> None:
        """End the call, unless the host still has to read."""
        if self.exchange is not None:
            self.exchange.whole(self.body)


_door: ContextVar[_Door | None] = ContextVar("sentinelops.huggingface.door", default=None)


def wrap_method(original: Any) -> Any:
    """Around a method of InferenceClient."""

    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not state.active or _door.get() is not None:
            return original(self, *args, **kwargs)
        door = _Door(kwargs.get("model"))
        token = _door.set(door)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            door.failed(error)
            raise
        finally:
            leave_door(token)
        door.returned()
        return result

    return method


def wrap_async_method(original: Any) -> Any:
    """Around a method of AsyncInferenceClient."""

    @functools.wraps(original)
    async def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not state.active or _door.get() is not None:
            return await original(self, *args, **kwargs)
        door = _Door(kwargs.get("model"))
        token = _door.set(door)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            door.failed(error)
            raise
        finally:
            leave_door(token)
        door.returned()
        return result

    return method


def leave_door(token: Any) -> None:
    """Close it, also where a coroutine is finished off in another context than it began in."""
    try:
        _door.reset(token)
    except ValueError:
        return


def wrap_post(original: Any) -> Any:
    """Around InferenceClient._inner_post; called by itself it is a call of its own."""

    @functools.wraps(original)
    def _inner_post(self: Any, request_parameters: Any, *, stream: bool = False) -> Any:
        if not state.active:
            return original(self, request_parameters, stream=stream)
        above = _door.get()
        door = above or _Door(None)
        exchange = door.sends(self, request_parameters, streaming=bool(stream))
        token = inner.set(exchange if exchange is not None else inner.get())
        try:
            result = original(self, request_parameters, stream=stream)
        except BaseException as error:
            if above is None:
                door.failed(error)
            raise
        finally:
            leave(token)
        return _answered(door, result, Lines if stream else None, last=above is None)

    return _inner_post


def wrap_async_post(original: Any) -> Any:
    """As wrap_post, for AsyncInferenceClient."""

    @functools.wraps(original)
    async def _inner_post(self: Any, request_parameters: Any, *, stream: bool = False) -> Any:
        if not state.active:
            return await original(self, request_parameters, stream=stream)
        above = _door.get()
        door = above or _Door(None)
        exchange = door.sends(self, request_parameters, streaming=bool(stream))
        token = inner.set(exchange if exchange is not None else inner.get())
        try:
            result = await original(self, request_parameters, stream=stream)
        except BaseException as error:
            if above is None:
                door.failed(error)
            raise
        finally:
            leave(token)
        return _answered(door, result, AsyncLines if stream else None, last=above is None)

    return _inner_post


def _answered(door: _Door, result: Any, lines: Any, *, last: bool) -> Any:
    """Give what the client goes on with: the body as it is, a stream as one that is seen passing."""
    if door.exchange is None:
        return result
    try:
        if lines is not None:
            return lines(result, door.exchange)
        door.body = result
        if last:
            door.returned()
    except Exception as error:
        swallow("huggingface.answered", error)
    return result


def wrap_raise(original: Any) -> Any:
    """Around `hf_raise_for_status`, as the clients' modules know it: every answer's status and headers."""

    @functools.wraps(original)
    def hf_raise_for_status(response: Any, *args: Any, **kwargs: Any) -> Any:
        _note(response)
        return original(response, *args, **kwargs)

    return hf_raise_for_status


def wrap_session(original: Any) -> Any:
    """Around `_get_client_session` of 0.x, whose answers pass nothing else that knows their status and headers."""

    @functools.wraps(original)
    def _get_client_session(self: Any, *args: Any, **kwargs: Any) -> Any:
        session = original(self, *args, **kwargs)
        if isinstance(inner.get(), HubExchange):
            try:
                _trace(session)
            except Exception as error:
                swallow("huggingface.session", error)
        return session

    return _get_client_session


def _trace(session: Any) -> None:
    from aiohttp import TraceConfig

    async def ended(session: Any, context: Any, parameters: Any) -> None:
        _note(parameters.response)

    config: Any = TraceConfig()
    config.on_request_end.append(ended)
    config.freeze()
    session.trace_configs.append(config)


def _note(response: Any) -> None:
    exchange = inner.get()
    if isinstance(exchange, HubExchange):
        try:
            exchange.responded(response)
        except Exception as error:
            swallow("huggingface.responded", error)
