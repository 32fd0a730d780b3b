"""Streams of models: the dispatcher ends their span when the stream is handed over, before the provider is asked.

So `stream_chat`, `stream_complete` and their async forms are wrapped on every class of models. What they return stays a
generator; the call is current while its next piece is made, and never over a yield.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from inspect import isasyncgen, iscoroutinefunction, isgenerator, signature
from typing import Any
from weakref import ref

from opentelemetry import context as otel_context

from ... import _runtime
from ..._guard import swallow
from ..._span import _detach
from .._wire import watch
from . import _calls, _plans, _spans

_OURS = "_self_sentinelops"  # wrapt keeps names that begin so on the wrapper itself
_patched: list[tuple[type, str, Any, Any]] = []  # class, name, what was there, what we put there
_hook: list[Any] = []  # the mixin of all observed classes and its own __init_subclass__
_active = False


def install() -> None:
    """Wrap the streams of every class of models there is, and of those still to come."""
    global _active  # noqa: PLW0603 - one library, watched or not
    _active = True
    for family, base in _plans.families():
        if family == "llm":
            _wrap_tree(base)
    if not _hook:
        _watch_subclasses()


def remove() -> None:
    """Put back what was there; what somebody wrapped again stays, and lets everything pass."""
    global _active  # noqa: PLW0603 - as install()
    _active = False
    for cls, name, original, ours in _patched:
        if cls.__dict__.get(name) is ours:
            setattr(cls, name, original)
    _patched.clear()
    if _hook:
        mixin, original, ours = _hook
        if mixin.__dict__.get("__init_subclass__") is ours:
            mixin.__init_subclass__ = original
        _hook.clear()


def _watch_subclasses() -> None:
    from llama_index.core.instrumentation import DispatcherSpanMixin

    original = DispatcherSpanMixin.__dict__["__init_subclass__"]
    bases = tuple(base for family, base in _plans.families() if family == "llm")

    def init_subclass(cls: Any, /, **kwargs: Any) -> None:
        original.__get__(None, cls)(**kwargs)
        try:
            if _active and issubclass(cls, bases):
                _wrap_class(cls)
        except Exception as failure:
            swallow("llamaindex.subclass", failure)

    ours = classmethod(init_subclass)
    DispatcherSpanMixin.__init_subclass__ = ours
    _hook.extend((DispatcherSpanMixin, original, ours))


def _wrap_tree(cls: type) -> None:
    _wrap_class(cls)
    subclasses: list[type] = cls.__subclasses__()
    for below in subclasses:
        _wrap_tree(below)


def _wrap_class(cls: type) -> None:
    from wrapt import FunctionWrapper

    for name in _plans.STREAMS:
        method = cls.__dict__.get(name)
        if method is None or not callable(method) or getattr(method, "__isabstractmethod__", False):
            continue
        if isinstance(method, FunctionWrapper) and getattr(method, _OURS, False):
            continue
        ours = FunctionWrapper(method, _around_async if iscoroutinefunction(method) else _around)
        setattr(ours, _OURS, True)
        setattr(cls, name, ours)
        _patched.append((cls, name, method, ours))


def _begin(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Stream | None:
    if not _active or _runtime.current is None or instance is None:
        return None
    try:
        above: Any = otel_context.get_current().get(_spans.KEY)
        if above is not None and above.layer is not None and above.instance is instance:
            return None  # one stream made of another of the same model: it is one call
        arguments = signature(wrapped).bind(*args, **kwargs).arguments
        entry = _spans.Entry("llm", wrapped.__name__, instance, above)
        layer = _calls.start(entry, arguments, otel_context.get_current(), streaming=True)
        if layer is None:
            return None
        entry.show(layer, layer.context)
        return Stream(entry)
    except Exception as failure:
        swallow("llamaindex.stream", failure)
        return None


def _around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    stream = _begin(wrapped, instance, args, kwargs)
    if stream is None:
        return wrapped(*args, **kwargs)
    token = stream.enter()
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        stream.finish(error)
        raise
    finally:
        stream.exit(token)
    if isasyncgen(result):
        return stream.follow(stream.apass(result))
    if isgenerator(result):
        return stream.follow(stream.passing(result))
    stream.give_up()
    return result


async def _around_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    stream = _begin(wrapped, instance, args, kwargs)
    if stream is None:
        return await wrapped(*args, **kwargs)
    token = stream.enter()
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        stream.finish(error)
        raise
    finally:
        stream.exit(token)
    if isasyncgen(result):
        return stream.follow(stream.apass(result))
    stream.give_up()
    return result


class Stream:
    """One streamed call; an Ending of `_wire.watch`, which ends the forgotten ones."""

    __slots__ = ("_entry", "_first", "_reference", "_seen", "ended")

    def __init__(self, entry: _spans.Entry) -> None:
        self._entry = entry
        self._seen = _calls.Streamed()
        self._first = False
        self._reference: Any = None
        self.ended = False

    def enter(self) -> Any:
        """Make the call current."""
        return otel_context.attach(self._entry.context)  # type: ignore[arg-type]

    def exit(self, token: Any) -> None:
        """Give back what was current."""
        _detach(token)

    def follow(self, generator: Any) -> Any:
        """Know of the stream until its end, also when the host forgets it before its first piece."""
        watch.enter(self)
        self._reference = ref(generator, lambda _: None if self.ended else watch.forget(self))
        return generator

    def passing(self, pieces: Any) -> Iterator[Any]:
        """Hand the pieces on."""
        try:
            while True:
                token = self.enter()
                try:
                    piece = next(pieces)
                except StopIteration:
                    break
                finally:
                    self.exit(token)
                self._see(piece)
                yield piece
        except GeneratorExit:
            watch.forget(self)  # perhaps by the garbage collector, inside somebody's lock
            raise
        except BaseException as error:
            self.finish(error)
            raise
        finally:
            pieces.close()
        self._end(None)

    async def apass(self, pieces: Any) -> AsyncIterator[Any]:
        """Hand the pieces on."""
        try:
            while True:
                token = self.enter()
                try:
                    piece = await pieces.__anext__()
                except StopAsyncIteration:
                    break
                finally:
                    self.exit(token)
                self._see(piece)
                yield piece
        except GeneratorExit:
            watch.forget(self)
            raise
        except BaseException as error:
            self.finish(error)
            raise
        finally:
            await pieces.aclose()
        self._end(None)

    def _see(self, piece: Any) -> None:
        try:
            self._seen.take(piece)
            if not self._first and _says_something(piece):
                self._first = True
                self._entry.layer.first_token()  # type: ignore[union-attr]
        except Exception as failure:
            swallow("llamaindex.piece", failure)

    def give_up(self) -> None:
        """It is nothing that can be followed: a step, since the provider is asked later and elsewhere."""
        layer = self._entry.layer
        if layer is not None:
            layer.cover.covered = True
        self._end(None)

    def finish(self, error: BaseException | None) -> None:
        """End it before its time: with an error, or because nobody wants the rest."""
        self._end(error if error is not None else GeneratorExit())

    def _end(self, error: BaseException | None) -> None:
        if self.ended:
            return
        self.ended = True
        try:
            watch.leave(self)
            self._entry.end(self._seen, error)
        except Exception as failure:
            swallow("llamaindex.stream_end", failure)

    def disown(self) -> None:
        """In a forked child: the parent reports it."""
        self.ended = True


def _says_something(piece: Any) -> bool:
    if getattr(piece, "delta", None):
        return True
    extra = getattr(piece, "additional_kwargs", None) or {}
    said = getattr(piece, "message", None)
    beside = getattr(said, "additional_kwargs", None) or {}
    return bool(extra.get("thinking_delta") or beside.get("tool_calls") or beside.get("thinking_delta"))
