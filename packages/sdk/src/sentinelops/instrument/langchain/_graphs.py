"""LangGraph: which runs are graphs and agents, and what is no error of theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ... import semconv as s
from . import _runs

_UNNAMED = "LangGraph"
_AGENT = "langchain_create_agent"


def step(name: str, graph: Any, metadata: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Type, span name and attributes of a chain's run; graph: the graph whose run it is, None: it is no graph."""
    if graph is None:
        if name == "AgentExecutor":
            return "agent", name, {s.OPERATION: "invoke_agent"}
        return "chain", name, {}
    named = name if name != _UNNAMED else None
    if _is_agent(name, graph, metadata):
        return "agent", f"invoke_agent {name}", {s.OPERATION: "invoke_agent", s.AGENT_NAME: named}
    return "chain", f"invoke_workflow {name}", {s.OPERATION: "invoke_workflow", s.WORKFLOW_NAME: named}


def _is_agent(name: str, graph: Any, metadata: Mapping[str, Any]) -> bool:
    """An agent is a loop around a model: create_agent says so, the older create_react_agent shows it by its nodes."""
    if metadata.get("lc_agent_name") == name:
        return True
    nodes = getattr(graph, "nodes", None)
    if not isinstance(nodes, Mapping):
        return False
    return "model" in nodes and metadata.get("ls_integration") == _AGENT or ("agent" in nodes and "tools" in nodes)


def stop_of(error: BaseException) -> str | None:
    """`interrupted` for a graph that waits for a human, "" for one that goes on elsewhere, None for a failure."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "GraphBubbleUp" not in names:
        return None
    return _runs.INTERRUPTED if names & {"GraphInterrupt", "NodeInterrupt", "GraphDrained"} else ""
