"""The mistralai client makes spans of its own as soon as a TracerProvider is set: of two of one call, ours is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ._exchange import endpoint_of


def wrap_traced_request(original: Any, active: Callable[[], bool]) -> Any:
    """Around the function that starts its span and names it to the provider in a header."""

    @functools.wraps(original)
    def get_traced_request_and_span(
        tracing_enabled: Any, tracer: Any, span: Any, operation_id: Any, request: Any, *args: Any, **kwargs: Any
    ) -> Any:
        if active() and endpoint_of(request.url.host, request.url.port or 443) is not None:
            tracing_enabled = False
        return original(tracing_enabled, tracer, span, operation_id, request, *args, **kwargs)

    return get_traced_request_and_span
