"""Building and changing an index, of which the dispatcher sees the pieces only."""

from __future__ import annotations

from typing import Any

from opentelemetry import context as otel_context

from ... import _runtime
from ..._guard import swallow
from . import _spans, _steps

_METHODS = (
    "from_documents", "insert", "ainsert", "insert_nodes", "ainsert_nodes", "refresh_ref_docs", "arefresh_ref_docs",
)  # fmt: skip
_patched: list[tuple[type, str, Any, Any]] = []
_active = False


def install() -> None:
    """Wrap what builds and changes indexes, on the class all inherit from."""
    global _active  # noqa: PLW0603 - one library, watched or not
    _active = True
    if _patched:
        return
    try:
        from llama_index.core.indices.base import BaseIndex
    except ImportError:
        return
    from wrapt import FunctionWrapper

    for name in _METHODS:
        method = BaseIndex.__dict__.get(name)
        if method is not None:
            ours = FunctionWrapper(method, _around_async if _is_async(method) else _around)
            setattr(BaseIndex, name, ours)
            _patched.append((BaseIndex, name, method, ours))


def _is_async(method: Any) -> bool:
    from inspect import iscoroutinefunction

    return iscoroutinefunction(getattr(method, "__func__", method))


def remove() -> None:
    """Put back what was there."""
    global _active  # noqa: PLW0603 - as install()
    _active = False
    for owner, name, original, ours in _patched:
        if owner.__dict__.get(name) is ours:
            setattr(owner, name, original)
    _patched.clear()


def _begin(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> _spans.Entry | None:
    if not _active or _runtime.current is None:
        return None
    try:
        cls = instance if isinstance(instance, type) else type(instance)
        current = otel_context.get_current()
        above: Any = current.get(_spans.KEY)
        if above is not None and above.family == "index":
            return None  # insert() goes on to insert_nodes()
        entry = _spans.Entry("index", wrapped.__name__, None, above)
        given = (
            args[0]
            if args
            else next((kwargs[name] for name in ("documents", "document", "nodes") if name in kwargs), None)
        )
        step = _steps.index(f"{cls.__name__}.{wrapped.__name__}", given)
        step.start(current)
        if step.context is None:
            return None
        entry.show(step, step.context)
        entry.attach()
        return entry
    except Exception as failure:
        swallow("llamaindex.index", failure)
        return None


def _end(entry: _spans.Entry | None, error: BaseException | None) -> None:
    if entry is None:
        return
    try:
        entry.detach()
        entry.end(None, error)
    except Exception as failure:
        swallow("llamaindex.index_end", failure)


def _around(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    entry = _begin(wrapped, instance, args, kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        _end(entry, error)
        raise
    _end(entry, None)
    return result


async def _around_async(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
    entry = _begin(wrapped, instance, args, kwargs)
    try:
        result = await wrapped(*args, **kwargs)
    except BaseException as error:
        _end(entry, error)
        raise
    _end(entry, None)
    return result
