"""The runs under way, by LangChain's run id: the span of each, and the context in which it is current."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import UUID

from opentelemetry import context as otel_context

from ... import _ambient, semconv
from ..._layer import Layer
from ..._resolve import CANCELLED
from ..._span import ActiveSpan, StepRecord

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ..._content import ContentPolicy
    from ..._runtime import Resolved

RUN_KEY = "sentinelops-langchain-run"
MOST = 10_000  # runs under way; the oldest give way
LATE_SECONDS = 60.0  # after the end of its outermost run, what is still open was forgotten
IDLE_SECONDS = 3_600.0  # without a sign of life, so was an outermost one
INTERRUPTED = "interrupted"

Work = Callable[[], Mapping[str, Any]]


class Step(StepRecord):
    """A step whose attributes are worked out in the export thread.

    outcome: "interrupted" when a graph stopped to wait for a human.
    """

    __slots__ = ("outcome", "work")

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.work: list[Work] = []
        self.outcome: str | None = None

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status of the span."""
        for work in self.work:
            self.attributes.update(work())
        if self.outcome is not None:
            self.attributes[semconv.OUTCOME] = self.outcome
        return super().resolve(policy)


class Run:
    """A run under way. step or layer is its span; neither: a run that is not shown, its children are its parent's.

    root: the outermost run above it, itself at the top. conversation: the thread of a graph, as far as known.
    stands_for: the run above, when what starts within says that it starts under that one (see above()).
    """

    __slots__ = (
        "cached",
        "context",
        "conversation",
        "ended",
        "events",
        "kind",
        "layer",
        "root",
        "run_id",
        "stands_for",
        "step",
        "touched",
    )

    def __init__(self, run_id: UUID, kind: str, parent: Run | None, context: Context, conversation: str | None) -> None:
        self.run_id = run_id
        self.kind = kind
        self.root: Run = self if parent is None else parent.root
        self.conversation = conversation
        self.stands_for: Run | None = None
        self.step: ActiveSpan | None = None
        self.layer: Layer | None = None
        self.context = context
        self.touched = monotonic()
        self.ended = False
        self.cached = False
        self.events = 0

    @property
    def record(self) -> Step | None:
        """What its span will say, when it is a step."""
        return None if self.step is None else self.step.record  # type: ignore[return-value]

    def enter(self) -> None:
        """Make it current in a context that is thrown away, or that a Frame puts right afterwards."""
        otel_context.attach(self.context)
        if self.conversation is not None:
            known = _ambient.attributes() or {}
            if semconv.SESSION_ID not in known and known.get(semconv.CONVERSATION_ID) != self.conversation:
                _ambient.put({**known, semconv.CONVERSATION_ID: self.conversation})


_runs: dict[UUID, Run] = {}
_swept = 0.0


def get(run_id: UUID | None) -> Run | None:
    """The run of this id, if it is under way."""
    return None if run_id is None else _runs.get(run_id)


def live() -> int:
    """How many are under way."""
    return len(_runs)


def above(parent_run_id: UUID | None) -> tuple[Run | None, Context]:
    """The run above, and the context to start under: the current one when that is below the run, else the run's.

    RunnableWithFallbacks hands the configuration that it was called with to the runnables that it tries: they would
    stand beside it.
    """
    current = otel_context.get_current()
    parent = get(parent_run_id)
    if parent is None or current.get(RUN_KEY) == parent.run_id:
        return parent, current
    within = get(current.get(RUN_KEY))  # type: ignore[arg-type]
    if within is not None and within.stands_for is parent:
        return within, current
    return parent, parent.context


def begin(run_id: UUID, kind: str, parent: Run | None, context: Context, conversation: str | None) -> Run:
    """Note a run; its span is put in by show()."""
    now = monotonic()
    if parent is None:
        _sweep(now)
    else:
        parent.root.touched = now
    run = Run(run_id, kind, parent, otel_context.set_value(RUN_KEY, run_id, context), conversation)
    if conversation is None and parent is not None:
        run.conversation = parent.conversation
    _runs[run_id] = run
    return run


def show(run: Run, span: ActiveSpan | Layer) -> None:
    """Give it its span, which has started."""
    if isinstance(span, Layer):
        run.layer = span
    else:
        run.step = span
    if span.context is not None:
        run.context = otel_context.set_value(RUN_KEY, run.run_id, span.context)


def take(run_id: UUID) -> Run | None:
    """The run, which now ends; None when it ended before."""
    run = _runs.pop(run_id, None)
    if run is not None:
        run.ended = True
        run.root.touched = monotonic()
    return run


def drop(run: Run) -> None:
    """End a run of which nothing more will be heard."""
    if take(run.run_id) is None:
        return
    if run.layer is not None:
        run.layer.end(None, cancelled=True)
    elif run.step is not None:
        record = run.record
        if record is not None:
            record.outcome = CANCELLED
        run.step.end()


def _sweep(now: float) -> None:
    """End what was forgotten: by a generator that nobody closed, by a task that was lost."""
    global _swept  # noqa: PLW0603 - the time of the last look
    if len(_runs) < MOST and now - _swept < LATE_SECONDS:
        return
    _swept = now
    for run in list(_runs.values()):
        silent = now - run.root.touched
        if len(_runs) >= MOST or silent > (LATE_SECONDS if run.root.ended else IDLE_SECONDS):
            drop(run)


def forget() -> None:
    """End every run."""
    for run in list(_runs.values()):
        drop(run)
