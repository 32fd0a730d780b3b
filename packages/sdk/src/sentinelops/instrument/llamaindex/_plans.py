"""What becomes of each span of LlamaIndex's dispatcher: a model call, a step, or nothing of its own (folded).

The dispatcher reports every override of an abstract method, private ones too: a query is some twenty spans. Folded
ones leave their children to the span around them.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from ..._guard import swallow

LAYER = "layer"  # a model call
STEP = "step"
INSIDE = "inside"  # a step when nothing of LlamaIndex is around it, else folded
FOLD = "fold"

# family -> where its base classes stand; the first that matches names the family. What a version has not is left out.
_BASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("llm", "llama_index.core.base.llms.base", ("BaseLLM",)),
    ("llm", "llama_index.core.multi_modal_llms.base", ("MultiModalLLM",)),
    ("embedding", "llama_index.core.base.embeddings.base", ("BaseEmbedding",)),
    ("embedding", "llama_index.core.base.embeddings.base_sparse", ("BaseSparseEmbedding",)),
    ("retriever", "llama_index.core.base.base_retriever", ("BaseRetriever",)),
    ("retriever", "llama_index.core.image_retriever", ("BaseImageRetriever",)),
    ("query", "llama_index.core.base.base_query_engine", ("BaseQueryEngine",)),
    ("chat", "llama_index.core.chat_engine.types", ("BaseChatEngine",)),
    ("synthesis", "llama_index.core.response_synthesizers.base", ("BaseSynthesizer",)),
    ("rerank", "llama_index.core.postprocessor.types", ("BaseNodePostprocessor",)),
    ("tool", "llama_index.core.tools.types", ("BaseTool",)),
    ("pipeline", "llama_index.core.ingestion.pipeline", ("IngestionPipeline",)),
    ("transform", "llama_index.core.schema", ("TransformComponent",)),
    ("workflow", "llama_index.core.workflow", ("Workflow",)),
)
_LAYERS = frozenset(("chat", "achat", "complete", "acomplete"))
STREAMS = ("stream_chat", "astream_chat", "stream_complete", "astream_complete")
_STEPS: dict[str, frozenset[str]] = {
    "chat": frozenset(("chat", "achat", "stream_chat", "astream_chat")),
    "synthesis": frozenset(("synthesize", "asynthesize")),
    "rerank": frozenset(("postprocess_nodes", "apostprocess_nodes", "_postprocess_nodes", "_apostprocess_nodes")),
    "tool": frozenset(("__call__", "call", "acall")),
    "pipeline": frozenset(("run", "arun")),
    "transform": frozenset(("__call__", "acall")),
    "workflow": frozenset(("run", "run_step")),
}
# never a step: how things are said, not what is done
_SAYINGS = frozenset(("class_name", "convert_chat_messages", "get_tool_calls_from_response", "get_prompts", "reset"))
# steps of LlamaIndex's own agents that only pass things on; the agent's models and tools stand for them
AGENT_STEPS = frozenset(
    ("init_run", "setup_agent", "run_agent_step", "parse_agent_output", "call_tool", "aggregate_tool_results")
)


class Plan:
    """family: see _BASES, "" for anything else. kind: LAYER, STEP, INSIDE or FOLD."""

    __slots__ = ("family", "kind")

    def __init__(self, family: str, kind: str) -> None:
        self.family = family
        self.kind = kind


_plans: WeakKeyDictionary[type, dict[str, Plan]] = WeakKeyDictionary()
_families: list[tuple[str, type]] = []
OF_FUNCTIONS = Plan("", STEP)
FOLDED = Plan("", FOLD)


def families() -> list[tuple[str, type]]:
    """Each family's base classes, as far as this version has them."""
    if not _families:
        for family, module, names in _BASES:
            try:
                found = import_module(module)
            except ImportError:
                continue
            _families.extend((family, base) for name in names if isinstance(base := getattr(found, name, None), type))
    return _families


def plan_of(instance: Any, method: str) -> Plan:
    """Worked out once per class and method."""
    cls = type(instance)
    known = _plans.get(cls)
    if known is None:
        known = _plans[cls] = {}
    plan = known.get(method)
    if plan is None:
        try:
            plan = _planned(cls, method)
        except Exception as failure:
            swallow("llamaindex.plan", failure)
            plan = FOLDED
        known[method] = plan
    return plan


def _planned(cls: type, method: str) -> Plan:
    family = next((name for name, base in families() if issubclass(cls, base)), "")
    return Plan(family, _kind(family, cls, method))


# private, and all that the dispatcher sees of a public one
_TELLING = frozenset(
    (
        *("_parse_nodes", "_aparse_nodes", "_select", "_aselect", "_run", "_arun"),
        *("_postprocess_nodes", "_apostprocess_nodes"),
    )
)


def _kind(family: str, cls: type, method: str) -> str:
    private = method.startswith("_") and method != "__call__" and method not in _TELLING
    if private or method in _SAYINGS:
        return FOLD
    if family == "workflow" and is_step(cls, method):
        return FOLD if method in AGENT_STEPS and _is_agent_class(cls) else STEP
    ruled = _RULES.get(family)
    if ruled is not None:
        return ruled(method)
    steps = _STEPS.get(family)
    if steps is None:
        return INSIDE if cls.__module__.startswith("llama_index.") else STEP
    return STEP if method in steps else INSIDE


def _of_models(method: str) -> str:
    if method in _LAYERS:
        return LAYER
    return FOLD if method in STREAMS else INSIDE


_RULES: dict[str, Callable[[str], str]] = {
    "llm": _of_models,
    "embedding": lambda method: LAYER if "embedding" in method else FOLD,
    "retriever": lambda method: STEP if "retrieve" in method else INSIDE,
    # retrieve() and synthesize() of an engine are those of its parts
    "query": lambda method: STEP if method in ("query", "aquery") else FOLD,
}


def is_step(cls: type, method: str) -> bool:
    """Whether this is a step of a workflow."""
    function = getattr(cls, method, None)
    return hasattr(function, "_step_config") or hasattr(function, "__step_config")


def is_agent(instance: Any) -> bool:
    """Whether this workflow is one of LlamaIndex's agents, or a team of them."""
    return _is_agent_class(type(instance))


def _is_agent_class(cls: type) -> bool:
    return any(
        kind.__name__ in ("BaseWorkflowAgent", "AgentWorkflow") and kind.__module__.startswith("llama_index.")
        for kind in cls.__mro__
    )
