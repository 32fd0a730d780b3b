"""Answers that are written while they are read: the model is asked then, and stands under the engine all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextvars import Token
from inspect import isasyncgen, isgenerator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from ... import _ambient
from ..._generators import first_step
from ..._span import _detach

if TYPE_CHECKING:
    from opentelemetry.context import Context


class _Under:
    """`with under:` around the making of each piece: what was current and known when the engine handed over."""

    __slots__ = ("_ambient", "_context", "_tokens")

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ambient = _ambient.attributes()
        self._tokens: tuple[Token[Context], Token[Any]] | None = None

    def __enter__(self) -> None:
        self._tokens = otel_context.attach(self._context), _ambient.put(self._ambient)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tokens, self._tokens = self._tokens, None
        if tokens is not None:
            _detach(tokens[0])
            _ambient.undo(tokens[1])


def is_streaming(answer: Any) -> bool:
    """Whether it is still to be written."""
    return "Streaming" in type(answer).__name__


def carry(answer: Any, context: Context | None) -> None:
    """Have its pieces made under `context`, which is that of the innermost engine."""
    pieces = getattr(answer, "__dict__", {}).get("response_gen")
    if context is None or pieces is None:
        return
    if isgenerator(pieces) and pieces.gi_code is not _passing.__code__:
        answer.response_gen = _passing(pieces, _Under(context))
    elif isasyncgen(pieces) and pieces.ag_code is not _apassing.__code__:
        answer.response_gen = _apassing(pieces, _Under(context))


def _passing(pieces: Any, under: _Under) -> Iterator[Any]:
    try:
        while True:
            with under:
                try:
                    piece = next(pieces)
                except StopIteration:
                    return
            yield piece
    finally:
        pieces.close()


async def _apassing(pieces: Any, under: _Under) -> AsyncIterator[Any]:
    step: Any = first_step
    try:
        while True:
            with under:
                try:
                    piece = await step(pieces)
                except StopAsyncIteration:
                    return
            step = anext
            yield piece
    finally:
        await pieces.aclose()
