"""What the handler does at each event of a run: start its span, end it, note what is said in between."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from uuid import UUID

from ... import _ambient
from ... import semconv as s
from ..._call import _SUPPRESS_ALL_KEY
from ..._guard import swallow
from ..._layer import start_layer
from ..._span import ActiveSpan, Deferred
from . import _describe, _frames, _graphs, _names, _runs
from ._patches import patches

F = TypeVar("F", bound=Callable[..., Any])
_MOST_EVENTS = 100
_FALLBACKS = "RunnableWithFallbacks"


def _quiet(event: F) -> F:
    """Nothing of ours reaches the run; LangChain would log each failure."""

    @functools.wraps(event)
    def quiet(*args: Any, **kwargs: Any) -> None:
        try:
            event(*args, **kwargs)
        except Exception as failure:
            swallow(f"langchain.{event.__name__}", failure)

    return quiet  # type: ignore[return-value]


class Events:
    """Makes every run of LangChain and LangGraph a span.

    Give it as `callbacks=[SentinelOpsCallbackHandler()]` where `sentinelops.instrument("langchain")` is not wanted.
    """

    run_inline = True  # on the thread and in the context of the run
    raise_error = False

    def __copy__(self) -> Events:
        return self

    def __deepcopy__(self, memo: Any) -> Events:
        return self

    def __reduce__(self) -> Any:
        from ._handler import handler_class

        return handler_class, (), None

    # models

    @_quiet
    def on_chat_model_start(
        self, serialized: Any, messages: Any, *, run_id: UUID, parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """A chat model is asked."""
        start = _Start(run_id, parent_run_id, tags, metadata, kwargs)
        _start_model("chat", messages[0] if messages else [], start, serialized)

    @_quiet
    def on_llm_start(
        self, serialized: Any, prompts: Any, *, run_id: UUID, parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """A text model is asked."""
        start = _Start(run_id, parent_run_id, tags, metadata, kwargs)
        _start_model("text_completion", prompts, start, serialized)

    @_quiet
    def on_llm_new_token(self, token: Any, *, chunk: Any = None, run_id: UUID, **kwargs: Any) -> None:
        """A piece of a stream came."""
        run = _runs.get(run_id)
        if run is not None and run.layer is not None:
            _described(run).streaming = True
            if token or getattr(getattr(chunk, "message", None), "tool_call_chunks", None):
                run.layer.first_token()

    @_quiet
    def on_stream_event(self, event: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A piece of a stream of typed events came."""
        run = _runs.get(run_id)
        if run is not None and run.layer is not None:
            _described(run).streaming = True
            if isinstance(event, Mapping) and str(event.get("event", "")).startswith("content-block"):
                run.layer.first_token()

    @_quiet
    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A model answered."""
        run = _runs.take(run_id)
        if run is None or run.layer is None:
            return
        if run.cached or _describe.was_cached(response):
            _end_cached(run, response)
        else:
            run.layer.end(response)

    @_quiet
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A model failed, or nobody wanted the rest."""
        run = _runs.take(run_id)
        if run is not None and run.layer is not None:
            cancelled = _frames.is_cancellation(error)
            run.layer.end(kwargs.get("response"), error=None if cancelled else error, cancelled=cancelled)

    @_quiet
    def on_retry(self, retry_state: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A model or step is tried again."""
        run = _runs.get(run_id)
        attempt = getattr(retry_state, "attempt_number", None)
        if run is not None and isinstance(attempt, int):
            if run.record is not None:
                run.record.attributes[s.ATTEMPTS] = attempt + 1
            elif run.layer is not None:
                _described(run).request["attempts"] = attempt + 1

    # steps

    @_quiet
    def on_chain_start(
        self, serialized: Any, inputs: Any, *, run_id: UUID, parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """A runnable, a graph or a node of one begins."""
        patches.graphs()
        start = _Start(run_id, parent_run_id, tags, metadata, kwargs)
        frame = _frames.waiting("graph")
        name = _names.name_of(serialized, kwargs.get("name"), "chain")
        kind, name, facts = _graphs.step(name, frame.graph if frame is not None else None, start.metadata)
        step = _start_step(name, kind, start, frame, facts)
        if name == _FALLBACKS and (run := _runs.get(run_id)) is not None:
            run.stands_for = _runs.get(parent_run_id)
        if step is not None and inputs != {"input": ""}:
            step.input(Deferred(_describe.plain, _describe.held(inputs)))

    @_quiet
    def on_chain_end(self, outputs: Any, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """It made something."""
        run = _runs.take(run_id)
        if run is not None and run.step is not None:
            if inputs is not None:
                run.step.input(Deferred(_describe.plain, _describe.held(inputs)))
            run.step.output(Deferred(_describe.plain, _describe.held(outputs)))
            run.step.end()

    @_quiet
    def on_chain_error(self, error: BaseException, *, run_id: UUID, inputs: Any = None, **kwargs: Any) -> None:
        """It failed, was stopped, or stopped itself."""
        run = _runs.get(run_id)
        if run is not None and run.step is not None and inputs is not None:
            run.step.input(Deferred(_describe.plain, _describe.held(inputs)))
        failed(run_id, error)

    @_quiet
    def on_tool_start(
        self, serialized: Any, input_str: Any, *, run_id: UUID, parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """A tool is called."""
        name = _names.name_of(serialized, kwargs.get("name"), "tool")
        given = kwargs.get("inputs")
        facts = {
            s.OPERATION: "execute_tool",
            s.TOOL_NAME: name,
            s.TOOL_CALL_ID: kwargs.get("tool_call_id"),
        }
        start = _Start(run_id, parent_run_id, tags, metadata, kwargs)
        step = _start_step(f"execute_tool {name}", "tool", start, _frames.waiting("tool"), facts)
        if step is not None:
            arguments = input_str if given is None else _describe.held(given)
            record: Any = step.record
            record.work.append(Deferred(_describe.arguments, arguments))

    @_quiet
    def on_tool_end(self, output: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool answered."""
        run = _runs.take(run_id)
        if run is not None and run.step is not None and run.record is not None:
            run.record.work.append(Deferred(_describe.result, output))
            run.step.end()

    @_quiet
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """A tool failed."""
        failed(run_id, error)

    @_quiet
    def on_retriever_start(
        self, serialized: Any, query: Any, *, run_id: UUID, parent_run_id: UUID | None = None,
        tags: Sequence[str] | None = None, metadata: Mapping[str, Any] | None = None, **kwargs: Any,
    ) -> None:  # fmt: skip
        """Documents are looked for."""
        name = _names.name_of(serialized, kwargs.get("name"), "retriever")
        start = _Start(run_id, parent_run_id, tags, metadata, kwargs)
        frame = _frames.waiting("retriever")
        step = _start_step(f"retrieval {name}", "retrieval", start, frame, {s.OPERATION: "retrieval"})
        if step is not None:
            step.input(query)

    @_quiet
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Documents were found."""
        run = _runs.take(run_id)
        if run is not None and run.step is not None and run.record is not None:
            run.record.work.append(Deferred(_describe.documents, _describe.held(documents)))
            run.step.end()

    @_quiet
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """The search failed."""
        failed(run_id, error)

    @_quiet
    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note when the application says that something happened; its data stays with it."""
        run = _runs.get(run_id)
        if run is None or run.step is None or run.step._span is None or run.events >= _MOST_EVENTS:
            return
        run.events += 1
        run.step._span.add_event(str(name)[:256])

    @_quiet
    def on_agent_action(self, action: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Nothing: the tool's own run says it."""

    @_quiet
    def on_agent_finish(self, finish: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Nothing: the end of the agent's run says it."""

    @_quiet
    def on_text(self, text: str, *, run_id: UUID, **kwargs: Any) -> None:
        """Nothing: for consoles."""


class _Start:
    """What every start event says."""

    __slots__ = ("kwargs", "metadata", "parent_run_id", "run_id", "tags")

    def __init__(
        self,
        run_id: UUID,
        parent_run_id: UUID | None,
        tags: Sequence[str] | None,
        metadata: Mapping[str, Any] | None,
        kwargs: Mapping[str, Any],
    ) -> None:
        self.run_id = run_id
        self.parent_run_id = parent_run_id
        self.tags = tags
        self.metadata: Mapping[str, Any] = metadata or {}
        self.kwargs = kwargs

    def facts(self) -> dict[str, Any]:
        """Attributes of any span: tags, metadata, and the thread when nobody named a session."""
        facts = _names.ambient_of(self.tags, self.metadata)
        thread = _names.conversation_of(self.metadata)
        if thread is not None and s.SESSION_ID not in (_ambient.attributes() or {}):
            facts[s.CONVERSATION_ID] = thread
        return facts


def _begin(start: _Start, kind: str) -> tuple[_runs.Run, Any] | None:
    """Note the run under the one above; None when another handler of ours has it already."""
    if _runs.get(start.run_id) is not None:
        return None
    parent, context = _runs.above(start.parent_run_id)
    return _runs.begin(start.run_id, kind, parent, context, _names.conversation_of(start.metadata)), context


def _fill(frame: _frames.Frame | None, run: _runs.Run) -> None:
    if frame is not None:
        frame.run = run
        run.enter()


def _start_step(
    name: str, kind: str, start: _Start, frame: _frames.Frame | None, facts: Mapping[str, Any]
) -> ActiveSpan | None:
    begun = _begin(start, kind)
    if begun is None:
        return None
    run, context = begun
    hidden = start.tags is not None and _names.HIDDEN in start.tags
    step = None
    if not hidden and not context.get(_SUPPRESS_ALL_KEY):
        step = ActiveSpan(name, kind)
        record = step.record = _runs.Step(kind)
        record.attributes = {**start.facts(), **facts}
        step.start(context)
        _runs.show(run, step)
    _fill(frame, run)
    return step


def _start_model(operation: str, given: Any, start: _Start, serialized: Any) -> None:
    begun = _begin(start, "model")
    if begun is None:
        return
    run, context = begun
    params = start.kwargs.get("invocation_params")
    params = params if isinstance(params, Mapping) else {}
    request = {"input": list(given), "params": params, "options": start.kwargs.get("options"), "facts": start.facts()}
    layer = start_layer(
        operation,
        _names.provider_of(start.metadata, params),
        _names.model_of(start.metadata, params),
        request=request,
        describe=_describe.model,
        context=context,
        step=_names.name_of(serialized, start.kwargs.get("name"), "model"),
    )
    if layer is not None:
        _runs.show(run, layer)
    _fill(_frames.waiting("model"), run)


def _described(run: _runs.Run) -> Any:
    return run.layer._record  # type: ignore[union-attr]


def _end_cached(run: _runs.Run, response: Any) -> None:
    """Nobody was asked: the span is a step, which says what was asked and what the cache had."""
    layer = run.layer
    if layer is None or layer.ended:
        return
    layer._ended = True
    request = _described(run).request
    record = _runs.Step("chain")
    record.attributes = {**request["facts"], s.METADATA_PREFIX + "cached": True}
    record.input = Deferred(_describe.plain, request["input"])
    record.output = Deferred(_describe.generations, response)
    layer._runtime.end_call(layer.span, record)


def failed(run_id: UUID, error: BaseException) -> None:
    """End a run with what stopped it: a failure, the caller, or the run itself (a graph's interrupt or command)."""
    run = _runs.take(run_id)
    if run is None:
        return
    if run.layer is not None:
        run.layer.end(None, error=None if _frames.is_cancellation(error) else error,
                      cancelled=_frames.is_cancellation(error))  # fmt: skip
    elif run.step is not None and run.record is not None:
        stop = _graphs.stop_of(error)
        if stop is None:
            run.step.end(error)
            return
        run.record.outcome = stop or None
        run.step.end()
