"""Where Haystack is taken hold of: the one door to tracers, and what knows the component or the agent that runs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from typing import Any

from ... import _runtime
from ..._guard import swallow
from ..._span import ActiveSpan
from .. import _lazy
from ._trace import HaystackSpan, Traced, current, tool_step

_AGENT, _TOOL = "haystack.components.agents.agent", "haystack.tools.tool"


class Patches:
    """Our functions in place of Haystack's, and what was there before."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any, Any]] = []  # owner, name, what was there, what we put there

    def install(self) -> bool:
        """Put them on, once."""
        if self._before:
            return True
        tracing = import_module("haystack.tracing.tracer")
        base = import_module("haystack.core.pipeline.base").PipelineBase
        tracing.Span.register(HaystackSpan)
        self._put(tracing.ProxyTracer, "trace", _trace)
        self._put(tracing.ProxyTracer, "current_span", _current_span)
        if "_create_component_span" in vars(base):
            self._put(base, "_create_component_span", _component_span)
        # these cost a second to import, and not every application has agents
        _lazy.when_imported(_AGENT, self._on_agent, owner="haystack")
        if version("haystack-ai").startswith("2."):  # no span of its own for a tool
            _lazy.when_imported(_TOOL, self._on_tool, owner="haystack")
        return True

    def _on_agent(self) -> None:
        self._put(import_module(_AGENT).Agent, "_create_agent_span", _agent_span)

    def _on_tool(self) -> None:
        self._put(import_module(_TOOL).Tool, "invoke", _invoke)

    def _put(self, owner: Any, name: str, wrap: Callable[[Any], Any]) -> None:
        before = vars(owner)[name]
        ours = staticmethod(wrap(before.__func__)) if isinstance(before, staticmethod) else wrap(before)
        setattr(owner, name, ours)
        self._before.append((owner, name, before, ours))

    def remove(self) -> bool:
        """Put back what was there; what others wrapped around ours since stays, and sees nothing of us."""
        _lazy.forget("haystack")
        removed = bool(self._before)
        for owner, name, before, ours in self._before:
            if vars(owner).get(name) is ours:
                setattr(owner, name, before)
        self._before = []
        return removed

    @property
    def active(self) -> bool:
        """Whether runs are watched."""
        return bool(self._before)


patches = Patches()


def _trace(original: Any) -> Any:
    def trace(self: Any, operation_name: str, tags: Any = None, parent_span: Any = None) -> Any:
        parent = parent_span if type(parent_span) is HaystackSpan else None
        theirs = original(self, operation_name, tags=tags, parent_span=parent.host if parent else parent_span)
        if _runtime.current is None or not patches.active:
            return theirs
        return Traced(theirs, operation_name, tags, parent)

    return trace


def _current_span(original: Any) -> Any:
    def current_span(self: Any) -> Any:
        ours = current()
        return original(self) if ours is None else ours

    return current_span


def _component_span(original: Any) -> Any:
    def _create_component_span(*args: Any, **kwargs: Any) -> Any:
        traced = original(*args, **kwargs)
        if type(traced) is Traced:
            traced.instance = kwargs["instance"] if "instance" in kwargs else args[1]
        return traced

    return _create_component_span


def _agent_span(original: Any) -> Any:
    def _create_agent_span(self: Any, *args: Any, **kwargs: Any) -> Any:
        traced = original(self, *args, **kwargs)
        if type(traced) is Traced:
            traced.instance = self
        return traced

    return _create_agent_span


def _invoke(original: Any) -> Any:
    def invoke(self: Any, **kwargs: Any) -> Any:
        step = _begin(self, kwargs)
        if step is None:
            return original(self, **kwargs)
        try:
            result = original(self, **kwargs)
        except BaseException as error:
            step.detach()
            step.end(error.__cause__ or error)
            raise
        step.detach()
        step.record.attributes["result"] = result
        step.end()
        return result

    return invoke


def _begin(tool: Any, arguments: dict[str, Any]) -> ActiveSpan | None:
    if _runtime.current is None or not patches.active:
        return None
    try:
        step = tool_step(str(tool.name), dict(arguments))
        step.start()
        step.attach()
        return step
    except Exception as failure:
        swallow("haystack.tool", failure)
        return None
