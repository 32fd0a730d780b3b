"""The client's own span (since 1.x) gives way to ours, for the calls that we record and for no others.

The client starts it inside `request`, which is where our call runs already. Its trace context travels to the provider
by default; while we watch none does, of no call, unless the host asked for it: `open_telemetry={"propagation": True}`
or `ANTHROPIC_OPEN_TELEMETRY_PROPAGATION=true`.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import Any
from weakref import WeakSet

from opentelemetry.trace import NonRecordingSpan

from ..._call import inner
from ..._guard import swallow
from .._wire.batches import Results
from .._wire.exchange import Exchange


class _Inherited(dict[str, Any]):
    """The options that a copy of a client takes over; asked: whether somebody wanted the propagation that is in it."""

    asked = False


# whether the host of the request that begins now asked for it
_wanted: ContextVar[bool] = ContextVar("sentinelops.anthropic.propagation", default=False)


class Native:
    """Our wrappers around what the client does for OpenTelemetry; nothing where it does nothing."""

    def __init__(self) -> None:
        self._originals: list[tuple[Any, str, Any, Any]] = []  # owner, name, what was there, what we put there
        self._active = False
        self._asked: WeakSet[Any] = WeakSet()
        self._untold: WeakSet[Any] = WeakSet()  # spans of the client's own that its provider is not told of

    def replace(self) -> None:
        """From now on, ours instead of the client's."""
        self._active = True
        if self._originals:
            return
        base = import_module("anthropic._base_client")
        client = base.BaseClient
        for owner, name, wrap in (
            (base, "start_api_call_span", self._wrap_start),
            (base, "inject_trace_headers", self._wrap_headers),
            (base, "remove_trace_headers", self._wrap_headers),
            (client, "_set_open_telemetry", self._wrap_set),
            (client, "_copy_open_telemetry", self._wrap_copy),
        ):
            original = owner.__dict__.get(name)
            if callable(original):
                ours = wrap(original)
                setattr(owner, name, ours)
                self._originals.append((owner, name, original, ours))

    def restore(self) -> None:
        """Leave the client as it was. What somebody wrapped again stays, and lets everything pass."""
        self._active = False
        if all(owner.__dict__.get(name) is ours for owner, name, _, ours in self._originals):
            for owner, name, original, _ in self._originals:
                setattr(owner, name, original)
            self._originals.clear()

    def _wrap_start(self, original: Any) -> Any:
        @functools.wraps(original)
        def start_api_call_span(*args: Any, **kwargs: Any) -> Any:
            exchange = inner.get()
            if not self._active:
                return original(*args, **kwargs)
            if not isinstance(exchange, Exchange) or isinstance(exchange, Results):
                span = original(*args, **kwargs)
                if span is not None and not _wanted.get():
                    self._untold.add(span)
                return span
            try:
                if kwargs.get("propagation") and exchange.note:
                    return NonRecordingSpan(exchange.span_context)
            except Exception as error:
                swallow("anthropic.native", error)
            return None

        return start_api_call_span

    def _wrap_headers(self, original: Any) -> Any:
        @functools.wraps(original)
        def headers_of(span: Any, *args: Any, **kwargs: Any) -> Any:
            return None if self._active and span in self._untold else original(span, *args, **kwargs)

        return headers_of

    def asked(self, client: Any) -> bool:
        """Whether the host wants the provider to be told of the trace; kept for the request that begins now."""
        wanted = client in self._asked or os.environ.get("ANTHROPIC_OPEN_TELEMETRY_PROPAGATION", "").lower() == "true"
        _wanted.set(wanted)
        return wanted

    def _wrap_set(self, original: Any) -> Any:
        @functools.wraps(original)
        def _set_open_telemetry(client: Any, option: Any = None, *args: Any, **kwargs: Any) -> Any:
            result = original(client, option, *args, **kwargs)
            try:
                self._note(client, option)
            except Exception as error:
                swallow("anthropic.native", error)
            return result

        return _set_open_telemetry

    def _note(self, client: Any, option: Any) -> None:
        if isinstance(option, _Inherited):
            asked = option.asked
        else:
            asked = isinstance(option, Mapping) and option.get("propagation") is True
        if asked:
            self._asked.add(client)
        else:
            self._asked.discard(client)

    def _wrap_copy(self, original: Any) -> Any:
        @functools.wraps(original)
        def _copy_open_telemetry(client: Any, option: Any = None, *args: Any, **kwargs: Any) -> Any:
            result = original(client, option, *args, **kwargs)
            if option is not None or type(result) is not dict:
                return result
            inherited = _Inherited(result)
            inherited.asked = client in self._asked
            return inherited

        return _copy_open_telemetry
