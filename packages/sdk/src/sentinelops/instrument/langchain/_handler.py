"""The callback handler: our events on LangChain's base class, which is loaded only here."""

from __future__ import annotations

from contextvars import ContextVar
from importlib import import_module
from typing import Any
from weakref import WeakSet

from ..._guard import swallow
from ._events import Events
from ._patches import patches

_class: Any = None
_hook: tuple[Any, ...] | None = None
_made: WeakSet[Any] = WeakSet()


def handler_class() -> Any:
    """`SentinelOpsCallbackHandler`."""
    global _class  # noqa: PLW0603 - made once: LangChain compares handlers by their class
    if _class is None:
        base = import_module("langchain_core.callbacks.base").BaseCallbackHandler
        body = {"__init__": _init, "__doc__": Events.__doc__, "__module__": __package__}
        _class = type("SentinelOpsCallbackHandler", (Events, base), body)
    return _class


def _init(self: Any) -> None:
    try:
        patches.install()
        _made.add(self)
    except Exception as failure:
        swallow("langchain.handler", failure)


def install() -> bool:
    """Put one handler into every run that starts from now on, in every thread and task."""
    global _hook  # noqa: PLW0603 - LangChain has one list of hooks
    hooks = import_module("langchain_core.tracers.context")._configure_hooks
    if _hook is None or _hook not in hooks:
        kind = handler_class()
        handler = kind()
        _made.discard(handler)
        variable: ContextVar[Any] = ContextVar("sentinelops.langchain.handler", default=handler)
        _hook = (variable, True, kind, None)
        hooks.append(_hook)
    return True


def remove() -> bool:
    """Take it out again; False when it was not in."""
    global _hook  # noqa: PLW0603 - as above
    hook, _hook = _hook, None
    hooks = import_module("langchain_core.tracers.context")._configure_hooks
    if hook is None or hook not in hooks:
        return False
    hooks.remove(hook)
    return True


def in_use() -> bool:
    """Whether the application has handlers of its own making."""
    return len(_made) > 0
