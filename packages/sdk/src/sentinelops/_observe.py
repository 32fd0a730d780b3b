"""observe(): every call of a function as a span, its signature and behaviour unchanged."""

from __future__ import annotations

import builtins
import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, ParamSpec, TypeVar, overload

from . import _runtime
from ._generators import first_step
from ._span import ActiveSpan, Deferred

P = ParamSpec("P")
R = TypeVar("R")
_ITEMS_MAX = 1_000


@overload
def observe(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def observe(
    *, name: str | None = None, type: str = "chain", capture_input: bool = True, capture_output: bool = True
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def observe(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    type: str = "chain",
    capture_input: bool = True,
    capture_output: bool = True,
) -> Any:
    """Make every call of a function a span: `@observe`, or `@observe(name="search", type="tool")`.

    For functions, generators, async functions, async generators and methods of all kinds; signature and behaviour stay.
    A generator's span lasts from the first item asked for to the last one or to its close; an early close is
    "cancelled", not an error. Arguments and result are captured as configure(capture_content=...) says, unless switched
    off here; of a generator, the items (the first 1,000) are the output. TypeError for what cannot be wrapped, such as
    a class.
    """

    def decorate(target: Any) -> Any:
        if isinstance(target, staticmethod | classmethod):
            return builtins.type(target)(decorate(target.__func__))
        if not callable(target) or isinstance(target, builtins.type):
            raise TypeError(f"observe() wraps functions and methods, not {target!r}")
        return _wrapped(_Plan(target, name, type, capture_input, capture_output))

    return decorate if function is None else decorate(function)


class _Plan:
    """What is to be done around one function, worked out once."""

    __slots__ = ("_signature", "capture_input", "capture_output", "function", "name", "type")

    def __init__(
        self, function: Callable[..., Any], name: str | None, kind: str, capture_input: bool, capture_output: bool
    ) -> None:
        self.function = function
        self.name = (
            name or getattr(function, "__qualname__", builtins.type(function).__qualname__).rpartition("<locals>.")[2]
        )
        self.type = kind
        self.capture_input = capture_input
        self.capture_output = capture_output
        self._signature: inspect.Signature | None = None

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> ActiveSpan:
        """Start the span of one call. Lists and dicts are copied, one level: the function may change them."""
        step = ActiveSpan(self.name, self.type)
        step.start()
        if self.capture_input:
            step.input(
                Deferred(self._arguments, [_copy(item) for item in args], {k: _copy(v) for k, v in kwargs.items()})
            )
        return step

    def finish(self, step: ActiveSpan, result: Any) -> None:
        """End the span of a call that returned."""
        if self.capture_output:
            step.output(_copy(result))
        step.end()

    def _arguments(self, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name; the object a method is called on is not one of them."""
        if self._signature is None:
            self._signature = inspect.signature(self.function)
        bound = dict(self._signature.bind_partial(*args, **kwargs).arguments)
        first = next(iter(self._signature.parameters), None)
        if first in ("self", "cls"):
            bound.pop(first, None)
        return bound


def _copy(value: Any) -> Any:
    return value.copy() if builtins.type(value) in (list, dict) else value


def _wrapped(plan: _Plan) -> Callable[..., Any]:
    function = plan.function
    if inspect.isasyncgenfunction(function):
        return functools.wraps(function)(_async_generator(plan))
    if inspect.isgeneratorfunction(function):
        return functools.wraps(function)(_generator(plan))
    if inspect.iscoroutinefunction(function):
        return functools.wraps(function)(_coroutine(plan))
    return functools.wraps(function)(_plain(plan))


def _plain(plan: _Plan) -> Callable[..., Any]:
    function = plan.function

    def call(*args: Any, **kwargs: Any) -> Any:
        if _runtime.current is None:
            return function(*args, **kwargs)
        step = plan.begin(args, kwargs)
        step.attach()
        try:
            result = function(*args, **kwargs)
        except BaseException as error:
            step.detach()
            step.end(error)
            raise
        step.detach()
        plan.finish(step, result)
        return result

    return call


def _coroutine(plan: _Plan) -> Callable[..., Any]:
    function = plan.function

    async def call(*args: Any, **kwargs: Any) -> Any:
        if _runtime.current is None:
            return await function(*args, **kwargs)
        step = plan.begin(args, kwargs)
        step.attach()
        try:
            result = await function(*args, **kwargs)
        except BaseException as error:
            step.detach()
            step.end(error)
            raise
        step.detach()
        plan.finish(step, result)
        return result

    return call


class _Items:
    """The first items of a generator, when they are wanted."""

    __slots__ = ("_items", "_wanted")

    def __init__(self, wanted: bool) -> None:
        self._wanted = wanted
        self._items: list[Any] = []

    def add(self, item: Any) -> None:
        if self._wanted and len(self._items) < _ITEMS_MAX:
            self._items.append(item)

    def give(self, step: ActiveSpan) -> None:
        """Items that are all text are one text: a streamed answer."""
        if self._wanted and self._items:
            step.output(Deferred(_joined, self._items))


def _joined(items: list[Any]) -> Any:
    return "".join(items) if all(isinstance(item, str) for item in items) else items


def _generator(plan: _Plan) -> Callable[..., Any]:
    """The span is current while the body runs, and only then: nothing stays attached over a yield."""

    def call(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        if _runtime.current is None:
            return (yield from plan.function(*args, **kwargs))
        step = plan.begin(args, kwargs)
        items = _Items(plan.capture_output)
        inner = plan.function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(inner.send, None)
        try:
            while True:
                step.attach()
                try:
                    item = resume()
                finally:
                    step.detach()
                items.add(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    _closed(step, inner)
                    raise
                except BaseException as thrown:
                    resume = functools.partial(inner.throw, thrown)
                else:
                    resume = functools.partial(inner.send, sent)
        except StopIteration as stop:
            items.give(step)
            step.end()
            return stop.value
        except BaseException as error:
            items.give(step)
            step.end(error)
            raise

    return call


def _closed(step: ActiveSpan, inner: Generator[Any, Any, Any]) -> None:
    """The body's own clean-up runs under its span too."""
    step.attach()
    try:
        inner.close()
    finally:
        step.detach()


def _async_generator(plan: _Plan) -> Callable[..., Any]:
    async def call(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, Any]:
        step = plan.begin(args, kwargs)
        items = _Items(plan.capture_output)
        inner = plan.function(*args, **kwargs)
        resume: Callable[[], Any] = functools.partial(first_step, inner)
        try:
            while True:
                step.attach()
                try:
                    item = await resume()
                finally:
                    step.detach()
                items.add(item)
                try:
                    sent = yield item
                except GeneratorExit:
                    await _aclosed(step, inner)
                    raise
                except BaseException as thrown:
                    resume = functools.partial(inner.athrow, thrown)
                else:
                    resume = functools.partial(inner.asend, sent)
        except StopAsyncIteration:
            items.give(step)
            step.end()
        except BaseException as error:
            items.give(step)
            step.end(error)
            raise

    return call


async def _aclosed(step: ActiveSpan, inner: AsyncGenerator[Any, Any]) -> None:
    step.attach()
    try:
        await inner.aclose()
    finally:
        step.detach()
