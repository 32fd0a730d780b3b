"""The spans of the dispatcher that are under way, and which of ours stands for each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context

from ... import _runtime
from ..._guard import swallow
from ..._span import ActiveSpan, _detach
from . import _calls, _plans, _steps

if TYPE_CHECKING:
    from contextvars import Token

    from opentelemetry.context import Context

    from ..._layer import Layer

KEY = "sentinelops-llamaindex"  # in a context: the innermost Entry that is shown there
_MOST = 10_000  # spans under way at once; more of them were never ended
_UUID_CHARS = 37  # of an id: "Class.method-" and a UUID

_open: dict[str, Entry] = {}


class Entry:
    """One span of the dispatcher, from its beginning to its end.

    above: the nearest entry around it that has a span. span: ours; None: this one is folded, `above` stands for it.
    """

    __slots__ = (
        "above", "cancelled", "context", "family", "given", "instance", "layer", "method", "step", "task", "token",
    )  # fmt: skip

    def __init__(self, family: str, method: str, instance: Any, above: Entry | None) -> None:
        self.family = family
        self.method = method
        self.instance = instance
        self.above = above
        self.given: Any = None  # what a folded step of an agent was called with
        self.context: Context | None = None
        self.token: Token[Context] | None = None
        self.layer: Layer | None = None
        self.step: ActiveSpan | None = None
        self.task: Any = None
        self.cancelled = False

    @property
    def shown(self) -> Entry | None:
        """Who stands for it: itself, or the nearest around it."""
        return self if self.context is not None else self.above

    def show(self, span: Layer | ActiveSpan, context: Context) -> None:
        """Give it a span of its own."""
        if isinstance(span, ActiveSpan):
            self.step = span
        else:
            self.layer = span
        self.context = otel_context.set_value(KEY, self, context)

    def attach(self) -> None:
        """Make it current, until detach."""
        if self.context is not None:
            self.token = otel_context.attach(self.context)

    def detach(self) -> None:
        """Give back what was current, unless somebody else did so already."""
        token, self.token = self.token, None
        if token is not None and otel_context.get_current().get(KEY) is self:
            _detach(token)

    def note(self, **facts: Any) -> None:
        """Facts that came by an event."""
        if self.step is not None:
            self.step.set(**{name: fact for name, fact in facts.items() if isinstance(fact, str | int | float)})

    def end(self, result: Any, error: BaseException | None) -> None:
        """End its span, once."""
        if error is not None and _steps.is_waiting(error):
            error = None
        if self.cancelled and error is None:
            error = asyncio.CancelledError()
        if self.layer is not None:
            _calls.end(self.layer, result, error)
        elif self.step is not None:
            if error is None:
                _steps.finish(self, result)
            self.step.end(error)
        self.instance = self.given = None


def open_span(id_: str | None) -> Entry | None:
    """Find a span under way, or the one that stands for it."""
    entry = _open.get(id_ or "")
    return None if entry is None else entry.shown


def enter(id_: str, bound_args: Any, instance: Any, parent_id: str | None) -> None:
    """Begin a span; its caller finds it current, unless it is folded."""
    if _runtime.current is None:
        return
    name = id_[:-_UUID_CHARS]
    method = name.rpartition(".")[2]
    around = _open.get(parent_id) if parent_id else None
    if around is not None and around.task is not None and around.task is _task():
        around = None  # LlamaIndex forgot to reset its parent: the run goes on in tasks of its own
    current = otel_context.get_current()
    above, context = _parent(current, around)
    entry = _begin(name, method, bound_args, instance, above, around, context)
    if len(_open) >= _MOST:
        _abandon(next(iter(_open)))
    _open[id_] = entry
    if entry.context is not None and entry.task is None:
        entry.attach()


def _parent(current: Context, around: Entry | None) -> tuple[Entry | None, Context]:
    """Ask the context and the dispatcher who is around; the deeper of both is right."""
    here: Any = current.get(KEY)
    shown = None if around is None else around.shown
    if shown is None or shown.context is None:
        return here, current
    entry = here
    while entry is not None:
        if entry is shown:
            return here, current
        entry = entry.above
    return shown, shown.context


def _begin(
    name: str, method: str, bound_args: Any, instance: Any, above: Entry | None, around: Entry | None, context: Context
) -> Entry:
    arguments = bound_args.arguments
    if instance is None:
        family, kind = _steps.function(name, method, arguments, above)
    else:
        plan = _plans.plan_of(instance, method)
        family, kind = plan.family, plan.kind
    entry = Entry(family, method, instance, above)
    if kind == _plans.FOLD or (above is not None and (kind == _plans.INSIDE or _is_same(entry, above))):
        entry.given = _steps.tool_id(method, arguments) or (None if around is None else around.given)
        return entry
    if kind == _plans.LAYER or _steps.is_ranking_model(family, instance):
        layer = _calls.start(entry, arguments, context)
        if layer is not None:
            entry.show(layer, layer.context)
        return entry
    entry.given = None if around is None else around.given
    step = _steps.start(entry, name, arguments)
    step.start(context)
    if step.context is not None:
        entry.show(step, step.context)
    if family == "workflow" and _steps.is_sync_run(instance, method):
        entry.task = _task() or entry
    return entry


def _is_same(entry: Entry, above: Entry) -> bool:
    """Whether it is one more method of the object whose span is around it, on its way to the same thing."""
    if above.family != entry.family or entry.instance is None or entry.family == "workflow":
        return False
    if entry.family == "llm" and above.layer is None:
        return False  # predict() around chat(): the step and its call
    if above.instance is entry.instance:
        return True
    return entry.family == "tool" and _steps.metadata(entry.instance) is _steps.metadata(above.instance)


def _task() -> Any:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def leave(id_: str, result: Any = None, error: BaseException | None = None) -> None:
    """End a span; whatever was current before it is so again."""
    entry = _open.pop(id_, None)
    if entry is not None and entry.context is not None:
        entry.detach()
        entry.end(result, error)


def _abandon(id_: str) -> None:
    leave(id_, error=asyncio.CancelledError())


def end_all() -> None:
    """End what is under way: nobody will hear of its end."""
    for id_ in list(_open):
        try:
            _abandon(id_)
        except Exception as failure:
            swallow("llamaindex.end", failure)


def open_count() -> int:
    """Spans under way."""
    return len(_open)
