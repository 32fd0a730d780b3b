"""From the spans of the Agents SDK to ours: they are current while theirs are, so that calls below find their place."""

from __future__ import annotations

from typing import Any

from ... import semconv as s
from ..._call import CallRecord
from ..._guard import swallow
from ..._layer import Layer, start_layer
from ..._span import ActiveSpan, Deferred
from .._wire import openai
from .._wire.answer import Answer
from .._wire.openai_usage import usage_attributes

_TYPES = {"agent": "agent", "function": "tool", "handoff": "handoff", "guardrail": "guardrail", "mcp_tools": "tool"}
_MODEL = ("generation", "response")


class AgentFailure(Exception):
    """What the Agents SDK says of a span that failed; never raised, only described."""


class Processor:
    """A TracingProcessor. Every method is guarded, and does nothing unless `active`."""

    def __init__(self) -> None:
        self.active = False
        self._open: dict[str, ActiveSpan | Layer] = {}
        self._groups: dict[str, str] = {}

    def on_trace_start(self, trace: Any) -> None:
        """A run begins: one step around it."""
        if not self.active:
            return
        try:
            group = getattr(trace, "group_id", None)
            if isinstance(group, str):
                self._groups[trace.trace_id] = group
            self._step(trace.trace_id, str(trace.name), "chain", group)
        except Exception as error:
            swallow("openai_agents.trace", error)

    def on_trace_end(self, trace: Any) -> None:
        """The run is over."""
        self._groups.pop(trace.trace_id, None)
        self._end(trace.trace_id, None)

    def on_span_start(self, span: Any) -> None:
        """Something begins."""
        if not self.active:
            return
        try:
            data = span.span_data
            group = self._groups.get(span.trace_id)
            if data.type in _MODEL:
                self._layer(span)
            else:
                name = getattr(data, "name", None) or data.type
                step = self._step(span.span_id, str(name), _TYPES.get(data.type, "chain"), group)
                if data.type == "agent":
                    step.record.attributes[s.AGENT_NAME] = str(name)
                elif data.type == "function":
                    step.record.attributes[s.TOOL_NAME] = str(name)
        except Exception as error:
            swallow("openai_agents.start", error)

    def on_span_end(self, span: Any) -> None:
        """It is over; what it was stands in its data only now."""
        try:
            held = self._open.get(span.span_id)
            if isinstance(held, ActiveSpan):
                _describe(held, span.span_data)
            self._end(span.span_id, span)
        except Exception as error:
            swallow("openai_agents.end", error)

    def shutdown(self, timeout: float | None = None) -> None:
        """Nothing waits here."""

    def force_flush(self) -> None:
        """Nothing waits here."""

    def _step(self, key: str, name: str, kind: str, group: Any) -> ActiveSpan:
        step = ActiveSpan(name, kind)
        if isinstance(group, str):
            step.record.attributes[s.SESSION_ID] = group
        step.start()
        step.attach()
        self._open[key] = step
        return step

    def _layer(self, span: Any) -> None:
        layer = start_layer("chat", "openai", getattr(span.span_data, "model", None), request={}, describe=_described)
        if layer is not None:
            layer.attach()
            self._open[span.span_id] = layer

    def _end(self, key: str, span: Any) -> None:
        held = self._open.pop(key, None)
        if held is None:
            return
        held.detach()
        error = getattr(span, "error", None)
        failure = AgentFailure(str(error.get("message"))) if error else None
        if isinstance(held, ActiveSpan):
            held.end(failure)
        else:
            held.set_model(getattr(span.span_data, "model", None) or _response(span.span_data).get("model"))
            held.end(span.span_data, error=failure)


def _describe(step: ActiveSpan, data: Any) -> None:
    """References only; what they hold is written down in the export thread."""
    for name in ("handoffs", "tools", "output_type", "from_agent", "to_agent", "triggered", "server", "turn"):
        value = getattr(data, name, None)
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if value is not None and isinstance(value, str | int | bool):
            step.set(**{name: value})
    if data.type == "function":
        step.record.attributes[s.TOOL_CALL_ARGUMENTS] = data.input
        step.record.attributes[s.TOOL_CALL_RESULT] = data.output if data.output is None else str(data.output)
    elif data.type in ("mcp_tools", "custom"):
        step.output(Deferred(lambda: getattr(data, "result", None) or getattr(data, "data", None)))


def _response(data: Any) -> dict[str, Any]:
    dump = getattr(getattr(data, "response", None), "model_dump", None)
    found = dump(mode="json") if callable(dump) else None
    return found if isinstance(found, dict) else {}


def _described(record: CallRecord) -> dict[str, Any]:
    """Attributes of a model call as the SDK saw it; only said when no watched client saw it below."""
    data = record.response
    if data is None:
        return {}
    if data.type == "response":
        record.request = {"input": data.input}
        return dict(openai.RESPONSES.describe(record, Answer(openai.RESPONSES), _response(data)))
    messages = {"messages": list(data.input or ())}
    record.request = messages
    choices = [{"message": dict(message)} for message in data.output or () if isinstance(message, dict)]
    out = dict(openai.CHAT.describe(record, Answer(openai.CHAT), {"choices": choices}))
    return {**out, **usage_attributes({"usage": data.usage})}
