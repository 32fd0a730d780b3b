"""Session, user, tags and metadata that ride on the context and reach every span under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

from . import semconv
from ._guard import guard

_attributes: ContextVar[dict[str, Any] | None] = ContextVar("sentinelops", default=None)


def attributes() -> dict[str, Any] | None:
    """What a span that starts here carries; never changed in place."""
    return _attributes.get()


def put(carried: dict[str, Any] | None) -> Token[dict[str, Any] | None]:
    """Let spans that start from here on carry this; what undo() takes back."""
    return _attributes.set(carried)


def undo(token: Token[dict[str, Any] | None]) -> None:
    """Take back what was put. In another context than it was put, as a generator may end, there is nothing to undo."""
    with suppress(ValueError):
        _attributes.reset(token)


class context:  # noqa: N801 - a verb of the public API, used as `with context(...)`
    """`with context(session="s1", user="u1", tags=["beta"], metadata={"plan": "pro"}): ...`, or `async with`.

    Every span started inside (in this task, in tasks it starts, in threads made with `propagate` or our
    ThreadPoolExecutor) carries them. Nested contexts add: an inner session or user replaces the outer one, tags are
    united, metadata merged. Metadata values are str, int, float or bool; others are kept as text. Never raises over
    what it is given.
    """

    def __init__(
        self,
        *,
        session: str | None = None,
        user: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self._given = (session, user, tags, metadata)
        self._tokens: list[Token[dict[str, Any] | None]] = []

    def __enter__(self) -> context:
        with guard("context"):
            self._tokens.append(put(_merged(_attributes.get() or {}, *self._given)))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        tb: TracebackType | None = None,
    ) -> None:
        if self._tokens:
            undo(self._tokens.pop())

    async def __aenter__(self) -> context:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, tb)


def _merged(
    outer: dict[str, Any],
    session: str | None,
    user: str | None,
    tags: Sequence[str],
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    merged = dict(outer)
    if session is not None:
        merged[semconv.SESSION_ID] = str(session)
    if user is not None:
        merged[semconv.USER_ID] = str(user)
    if tags:
        listed = (tags,) if isinstance(tags, str) else tags
        merged[semconv.TAGS] = tuple(dict.fromkeys((*merged.get(semconv.TAGS, ()), *map(str, listed))))
    for key, value in (metadata or {}).items():
        if value is not None:
            merged[semconv.METADATA_PREFIX + str(key)] = value if isinstance(value, str | int | float) else str(value)
    return merged
