"""Makes the run that starts inside a function current while the function runs, and never over a yield."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Coroutine, Generator, Iterator
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from ... import _ambient
from ..._guard import swallow
from ..._span import _detach
from . import _runs

if TYPE_CHECKING:
    from opentelemetry.context import Context

_open: ContextVar[Frame | None] = ContextVar("sentinelops.langchain.frame", default=None)


class Frame:
    """Waits for the first run of its kind to start within; `with frame:` around each step of the function.

    graph: the LangGraph graph whose run it will be.
    """

    __slots__ = ("_tokens", "graph", "kind", "run")

    def __init__(self, kind: str, run: _runs.Run | None = None, graph: Any = None) -> None:
        self.kind = kind
        self.run = run
        self.graph = graph
        self._tokens: tuple[Token[Any], Token[Context], Token[Any]] | None = None

    def __enter__(self) -> Frame:
        try:
            self._tokens = (
                _open.set(self),
                otel_context.attach(otel_context.get_current()),
                _ambient.put(_ambient.attributes()),
            )
            if self.run is not None:
                self.run.enter()
        except Exception as failure:
            swallow("langchain.frame", failure)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tokens, self._tokens = self._tokens, None
        if tokens is None:
            return
        try:
            _ambient.undo(tokens[2])
            _detach(tokens[1])
            _open.reset(tokens[0])
        except ValueError:
            return  # closed in another context than it was opened in: there is nothing to put right here
        except Exception as failure:
            swallow("langchain.frame", failure)

    def finish(self, error: BaseException) -> None:
        """End a run of which LangChain says nothing when this leaves it: a cancelled retriever, a cancelled tool."""
        run = self.run
        if run is not None and not run.ended:
            from ._events import failed

            failed(run.run_id, error)


def waiting(kind: str) -> Frame | None:
    """The frame that waits for a run of this kind."""
    frame = _open.get()
    return frame if frame is not None and frame.run is None and frame.kind == kind else None


class Steps(Generator[Any, Any, Any]):
    """A generator whose every step is taken in a frame."""

    def __init__(self, inner: Iterator[Any], frame: Frame) -> None:
        self._inner: Any = inner
        self._frame = frame

    def __next__(self) -> Any:
        with self._frame:
            return next(self._inner)

    def send(self, value: Any) -> Any:
        """As the generator's."""
        with self._frame:
            return self._inner.send(value)

    def throw(self, *args: Any) -> Any:
        """As the generator's."""
        with self._frame:
            return self._inner.throw(*args)

    def close(self) -> None:
        """As the generator's."""
        with self._frame:
            self._inner.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class AsyncSteps(AsyncGenerator[Any, Any]):
    """An async generator whose every step is taken in a frame."""

    def __init__(self, inner: AsyncIterator[Any], frame: Frame) -> None:
        self._inner: Any = inner
        self._frame = frame

    def __anext__(self) -> Coroutine[Any, Any, Any]:
        return self._step(self._inner.__anext__())

    async def _step(self, step: Awaitable[Any]) -> Any:
        with self._frame:
            return await step

    async def asend(self, value: Any) -> Any:
        """As the generator's."""
        with self._frame:
            return await self._inner.asend(value)

    async def athrow(self, *args: Any) -> Any:
        """As the generator's."""
        with self._frame:
            return await self._inner.athrow(*args)

    async def aclose(self) -> None:
        """As the generator's."""
        with self._frame:
            await self._inner.aclose()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def is_cancellation(error: BaseException) -> bool:
    """Whether somebody stopped it, rather than something failing."""
    return isinstance(error, GeneratorExit | asyncio.CancelledError)
