"""Our two handlers at the root of LlamaIndex's dispatcher: the first begins spans, the last ends them.

The dispatcher calls handlers in one order, at the beginning and at the end of a span. One that makes its span current
must begin before and end after all others, or it gives back what another has put there.
"""

from __future__ import annotations

import types
from typing import Any

from ..._guard import swallow, warn_once
from . import _plans, _spans

_first: Any = None
_last: Any = None
_events: Any = None
_root: Any = None


def install() -> bool:
    """Stand at the root of the dispatcher; False, with a warning, when there is none."""
    global _root  # noqa: PLW0603 - there is one root in a process
    if _root is not None:
        return True
    try:
        from llama_index.core.instrumentation import get_dispatcher
        from llama_index.core.instrumentation.event_handlers import BaseEventHandler
        from llama_index.core.instrumentation.span_handlers import BaseSpanHandler
    except ImportError:
        warn_once("llamaindex.version", "sentinelops: this version of llama-index-core has no dispatcher we know.")
        return False
    _make(BaseSpanHandler, BaseEventHandler)
    root = get_dispatcher()
    root.span_handlers = [_first, *root.span_handlers, _last]
    root.event_handlers = [*root.event_handlers, _events]
    _plans.families()
    _root = root
    return True


def remove() -> bool:
    """Leave the dispatcher; spans under way are ended."""
    global _root  # noqa: PLW0603 - as install()
    root, _root = _root, None
    if root is None:
        return False
    root.span_handlers = [one for one in root.span_handlers if one is not _first and one is not _last]
    root.event_handlers = [one for one in root.event_handlers if one is not _events]
    _spans.end_all()
    return True


def _make(span_handler: Any, event_handler: Any) -> None:
    global _first, _last, _events  # noqa: PLW0603 - made once, when the library is there to inherit from
    if _first is not None:
        return
    _first = _new(span_handler, "SentinelOpsBegins", span_enter=_enter)
    _last = _new(span_handler, "SentinelOpsEnds", span_exit=_exit, span_drop=_drop)
    _events = _new(event_handler, "SentinelOpsEvents", handle=_handle)


def _new(base: Any, name: str, **methods: Any) -> Any:
    """Make one handler; what it does not hear of does nothing."""
    nothing = {
        key: _nothing
        for key in ("span_enter", "span_exit", "span_drop", "new_span", "prepare_to_exit_span", "prepare_to_drop_span")
        if hasattr(base, key)
    }
    named = {"class_name": classmethod(lambda cls: name), "__module__": __name__}
    return types.new_class(name, (base,), {}, lambda body: body.update({**nothing, **named, **methods}))()


def _nothing(self: Any, *args: Any, **kwargs: Any) -> None:
    return None


def _enter(
    self: Any, id_: str, bound_args: Any, instance: Any = None, parent_id: Any = None, tags: Any = None, **kwargs: Any
) -> None:
    try:
        handlers = None if _root is None else _root.span_handlers
        if handlers is not None and handlers[-1] is not _last:
            _root.span_handlers = [*(one for one in handlers if one is not _last), _last]
        _spans.enter(id_, bound_args, instance, parent_id)
    except Exception as failure:
        swallow("llamaindex.enter", failure)


def _exit(self: Any, id_: str, bound_args: Any, instance: Any = None, result: Any = None, **kwargs: Any) -> None:
    try:
        _spans.leave(id_, result=result)
    except Exception as failure:
        swallow("llamaindex.exit", failure)


def _drop(self: Any, id_: str, bound_args: Any, instance: Any = None, err: Any = None, **kwargs: Any) -> None:
    try:
        _spans.leave(id_, error=err)
    except Exception as failure:
        swallow("llamaindex.drop", failure)


def _handle(self: Any, event: Any, **kwargs: Any) -> None:
    try:
        heard = _HEARD.get(type(event).__name__)
        if heard is not None:
            heard(event)
    except Exception as failure:
        swallow("llamaindex.event", failure)


def _reranked(event: Any) -> None:
    entry = _spans.open_span(event.span_id)
    if entry is not None:
        entry.note(model=event.model_name, top_n=event.top_n)


def _cancelled(event: Any) -> None:
    entry = _spans.open_span(event.span_id)
    if entry is not None:
        entry.cancelled = True


# Of all events these alone say what the spans do not.
_HEARD = {"ReRankStartEvent": _reranked, "SpanCancelledEvent": _cancelled}
