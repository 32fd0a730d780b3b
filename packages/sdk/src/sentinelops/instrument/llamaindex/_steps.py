"""What a step of LlamaIndex is called, of which type it is, and what is said about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._span import ActiveSpan, Deferred, StepRecord
from . import _answers, _models, _plans, _values

if TYPE_CHECKING:
    from ..._content import ContentPolicy
    from ..._runtime import Resolved
    from ._spans import Entry

# a human or another event is waited for: the step runs again when it comes
_WAITING = frozenset(("WaitingForEvent", "StepWaiting"))
_TYPES = {"retriever": "retrieval", "rerank": "rerank", "tool": "tool"}


def function(name: str, method: str, arguments: Mapping[str, Any], above: Entry | None) -> tuple[str, str]:
    """Family and kind of a span that has no object: a step of a workflow, or a decorated function."""
    flow = None if above is None or above.family != "workflow" else above.instance
    if flow is not None and _plans.is_step(type(flow), method):
        if method in _plans.AGENT_STEPS and _plans.is_agent(flow):
            return "turn", _plans.STEP if _is_turn_of_team(method, flow) else _plans.FOLD
        return "step", _plans.STEP
    return "", _plans.FOLD if name.startswith("run_jobs") else _plans.STEP


def _is_turn_of_team(method: str, flow: Any) -> bool:
    agents = getattr(flow, "agents", None)
    return method == "run_agent_step" and isinstance(agents, Mapping) and len(agents) > 1


def tool_id(method: str, arguments: Mapping[str, Any]) -> str | None:
    """Find the id that the model gave the call which this step of an agent carries out."""
    found = getattr(arguments.get("ev"), "tool_id", None) if method == "call_tool" else None
    return found if isinstance(found, str) else None


def is_waiting(error: BaseException) -> bool:
    """Whether this is no failure but a pause."""
    return type(error).__name__ in _WAITING


def is_ranking_model(family: str, instance: Any) -> bool:
    """Whether this reranker asks a model of its own, not a language model of LlamaIndex nor a function."""
    if family != "rerank" or "rerank" not in type(instance).__name__.lower():
        return False
    return getattr(instance, "llm", None) is None and _models.model(instance) is not None


def is_sync_run(instance: Any, method: str) -> bool:
    """Whether run() of this version's workflows is a plain function that gives a future."""
    from inspect import iscoroutinefunction

    function = getattr(type(instance), method, None)
    return hasattr(function, "__dispatcher_span_decorated__") and not iscoroutinefunction(function)


def metadata(tool: Any) -> Any:
    """A tool's own description; an adapter has that of the tool it adapts."""
    return getattr(tool, "metadata", None)


class Record(StepRecord):
    """A step whose attributes are worked out in the export thread."""

    __slots__ = ()

    def resolve(self, policy: ContentPolicy) -> Resolved:
        """The attributes and the status of the span."""
        for name, value in self.attributes.items():
            if isinstance(value, Deferred):
                self.attributes[name] = value()
        return super().resolve(policy)


def _made(name: str, kind: str) -> ActiveSpan:
    step = ActiveSpan(name, kind)
    step.record = Record(kind)
    return step


def start(entry: Entry, name: str, arguments: Mapping[str, Any]) -> ActiveSpan:
    """Make the step, not yet started."""
    begin = _BEGIN.get(entry.family, _any)
    return begin(entry, name, dict(arguments))


def finish(entry: Entry, result: Any) -> None:
    """Say what came of it."""
    step = entry.step
    if step is None or result is None:
        return
    if entry.family in ("retriever", "rerank"):
        step.record.attributes[s.RETRIEVAL_DOCUMENTS] = Deferred(_values.documents, result)
    elif entry.family == "tool":
        step.record.attributes[s.TOOL_CALL_RESULT] = Deferred(_values.answer, result)
    elif entry.family in ("query", "synthesis", "chat"):
        if _answers.is_streaming(result):
            _answers.carry(result, entry.context)
        else:
            step.output(Deferred(_values.answer, result))
    elif entry.family == "workflow":
        step.output(Deferred(_values.outcome, result))
    elif not _is_stream(result):
        step.output(Deferred(_values.plain, result))


def _is_stream(result: Any) -> bool:
    return hasattr(result, "__next__") or hasattr(result, "__anext__")


def _step(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    step = _made(name, _TYPES.get(entry.family, "chain"))
    step.input(Deferred(_values.arguments, arguments))
    return step


def _any(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    if entry.instance is not None:
        name = f"{type(entry.instance).__name__}.{entry.method}"
    return _step(entry, name, arguments)


def _transform(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    arguments.pop("kwargs", None)
    return _step(entry, type(entry.instance).__name__, arguments)


def _synthesis(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    """Begin to write an answer; the nodes stand with the retriever that found them."""
    nodes = arguments.pop("nodes", None)
    arguments.pop("additional_source_nodes", None)
    step = _any(entry, name, arguments)
    if isinstance(nodes, list):
        step.set(nodes=len(nodes))
    return step


def _retriever(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    step = _step(entry, f"retrieval {type(entry.instance).__name__}", arguments)
    step.record.attributes[s.OPERATION] = "retrieval"
    top_k = getattr(entry.instance, "similarity_top_k", None)
    if isinstance(top_k, int):
        step.set(top_k=top_k)
    return step


def _rerank(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    nodes = arguments.pop("nodes", None)
    called = type(entry.instance).__name__
    step = _step(entry, called, {key: value for key, value in arguments.items() if value is not None})
    if "rerank" not in called.lower() and "rank" not in called.lower():
        step.record.type = "chain"
    if isinstance(nodes, list):
        step.set(nodes=len(nodes))
    return step


def _tool(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    about = metadata(entry.instance)
    called = getattr(about, "name", None) or type(entry.instance).__name__
    step = _made(f"execute_tool {called}", "tool")
    step.record.attributes.update(
        {
            s.OPERATION: "execute_tool",
            s.TOOL_NAME: called,
            s.TOOL_CALL_ID: entry.given,
            s.TOOL_CALL_ARGUMENTS: Deferred(_values.tool_arguments, arguments),
        }
    )
    return step


def _workflow(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    flow = entry.instance
    if entry.method not in ("run", "run_step"):
        return _workflow_step(entry, name, arguments)
    given = arguments.get("start_event") if "init_state" in arguments else arguments
    called = type(flow).__name__
    if _plans.is_agent(flow):
        named = getattr(flow, "name", None)
        named = named if isinstance(named, str) and named else called
        step = _made(f"invoke_agent {named}", "agent")
        step.record.attributes.update({s.OPERATION: "invoke_agent", s.AGENT_NAME: named})
    else:
        step = _made(f"invoke_workflow {called}", "workflow")
        step.record.attributes.update({s.OPERATION: "invoke_workflow", s.WORKFLOW_NAME: called})
    if given is not None:
        step.input(Deferred(_values.event, given))
    return step


def _workflow_step(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    return _step(
        entry, name if entry.instance is None else f"{type(entry.instance).__name__}.{entry.method}", arguments
    )


def _turn(entry: Entry, name: str, arguments: dict[str, Any]) -> ActiveSpan:
    """Begin the turn of one agent in a team."""
    event = arguments.get("ev")
    named = getattr(event, "current_agent_name", None)
    step = _made(f"invoke_agent {named}" if named else name, "agent")
    step.record.attributes.update({s.OPERATION: "invoke_agent", s.AGENT_NAME: named})
    return step


_BEGIN = {
    "synthesis": _synthesis,
    "retriever": _retriever,
    "rerank": _rerank,
    "tool": _tool,
    "transform": _transform,
    "workflow": _workflow,
    "step": _workflow_step,
    "turn": _turn,
}


def index(name: str, given: Any) -> ActiveSpan:
    """Make the step that builds or changes an index; documents are counted, their texts stand with the embeddings."""
    step = _made(name, "chain")
    try:
        step.set(documents=len(given))
    except TypeError:
        step.set(documents=1)
    return step
