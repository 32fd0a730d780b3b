"""What sampling sees of an ended span: whether it is a model call, whose, and what in it is heavy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from . import semconv
from ._content import CONTENT_ATTRIBUTES

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

HEAVY_CHARS = 1_024
# not a model call, whatever model they name
_STEPS = frozenset({"create_agent", "invoke_agent", "invoke_workflow", "execute_tool", "plan", "retrieval"})
_STEP_KINDS = frozenset({"CHAIN", "AGENT", "TOOL", "RETRIEVER", "GUARDRAIL", "EVALUATOR", "PROMPT"})
_MODELS = (
    semconv.REQUEST_MODEL, semconv.RESPONSE_MODEL, "llm.model_name", "embedding.model_name", "reranker.model_name",
    "langfuse.observation.model.name", "mlflow.llm.model", "ai.model.id",
)  # fmt: skip
# how others say that a span is a model call when they do not know the model; MLflow writes every value as JSON
_CALLS = (
    ("llm.request.type", None),
    ("langfuse.observation.type", frozenset({"generation", "embedding"})),
    ("mlflow.spanType", frozenset({'"CHAT_MODEL"', '"LLM"', '"EMBEDDING"', '"RERANKER"'})),
    ("haystack.agent.step.llm.input", None),
)
_HAYSTACK = "haystack.component.fully_qualified_type"
_HAYSTACK_CALLS = (".generators.", ".embedders.", ".rankers.")
_PROVIDERS = (semconv.PROVIDER, "gen_ai.system", "llm.provider", "llm.system")
# bodies in the spellings of other instrumentations, many of them an attribute for every message
_BODIES = (
    "gen_ai.prompt", "gen_ai.completion", "gen_ai.request.messages", "gen_ai.response.messages", "llm.prompts",
    "llm.completions", "llm.input_messages", "llm.output_messages", "llm.tools", "llm.prompt_template",
    "llm.request.functions", "traceloop.entity.input", "traceloop.entity.output", "input.value", "output.value",
    "retrieval.documents", "reranker.query", "reranker.input_documents", "reranker.output_documents",
    "embedding.embeddings", "embedding.text", "gen_ai.event.content", "langfuse.observation.input",
    "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output", "mlflow.spanInputs",
    "haystack.component.input", "haystack.agent.step.llm.input",
)  # fmt: skip
# bodies in which numbers of the call stand that stand nowhere else: they are sent whole
_NUMBERED = frozenset({"mlflow.spanOutputs", "haystack.component.output", "haystack.agent.step.llm.output"})
_EVENTS = frozenset({"exception", "gen_ai.evaluation.result"})
# when the first words of an answer came, of which other instrumentations make an event
_FIRST_WORDS = frozenset(
    {
        "First Token Stream Event",
        "llm.content.completion.chunk",
        "gen_ai.content.completion.chunk",
        "mlflow.chunk.item.0",
    }
)
_KEPT = _NUMBERED | {semconv.SESSION_ID, semconv.USER_ID, semconv.TAGS, semconv.ERROR_TYPE, semconv.RESPONSE_ID}


def is_call(attributes: Mapping[str, Any]) -> bool:
    """Whether the span is a model call. In doubt it is: its numbers are sent then."""
    operation = attributes.get(semconv.OPERATION)
    if operation is not None:
        return operation not in _STEPS
    kind = attributes.get("openinference.span.kind")
    if kind is not None:
        return kind not in _STEP_KINDS
    if any(name in attributes for name in _MODELS):
        return True
    if any(name in attributes and (kinds is None or attributes[name] in kinds) for name, kinds in _CALLS):
        return True
    return any(part in str(attributes.get(_HAYSTACK, "")) for part in _HAYSTACK_CALLS)


def facts_of(span: ReadableSpan, attributes: Mapping[str, Any], names: tuple[str | None, str | None]) -> dict[str, Any]:
    """What rules and the callback may ask for; None is unknown. names: application and environment, when configured."""
    resource = span.resource.attributes
    error = attributes.get(semconv.ERROR_TYPE)
    return {
        "application": names[0] or resource.get(semconv.SERVICE_NAME),
        "environment": names[1] or resource.get(semconv.DEPLOYMENT_ENVIRONMENT),
        "model": _first(attributes, _MODELS),
        "name": span.name,
        "operation": attributes.get(semconv.OPERATION),
        "provider": _first(attributes, _PROVIDERS),
        "session": attributes.get(semconv.SESSION_ID) or attributes.get(semconv.CONVERSATION_ID),
        "tags": list(attributes.get(semconv.TAGS) or ()),
        "user": attributes.get(semconv.USER_ID),
        "duration_seconds": seconds(span),
        "error": error,
    }


def _first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((attributes[name] for name in names if attributes.get(name)), None)


def seconds(span: ReadableSpan) -> float:
    """How long the span lasted."""
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


def failed(span: ReadableSpan, attributes: Mapping[str, Any], said: bool) -> bool:
    """Whether the span is an error. said: that its resolving found one."""
    return (
        said
        or span.status.status_code.value == 2
        or attributes.get(semconv.ERROR_TYPE) is not None
        or any(event.name == "exception" for event in span.events)
    )


def light(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without message bodies and without any that is long; numbers, names and ids stay."""
    return {key: value for key, value in attributes.items() if key in _KEPT or _is_light(key, value)}


def _is_light(key: str, value: Any) -> bool:
    if key in CONTENT_ATTRIBUTES or _size(value) > HEAVY_CHARS:
        return False
    return not key.startswith(_BODIES) or key.endswith(".finish_reason")


def _size(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(map(_size, value)) + 8 * len(value)
    return len(str(value)) if isinstance(value, Mapping) else 8


class View:
    """A span with other attributes, events and context than it has; the rest is its own."""

    __slots__ = ("_span", "attributes", "context", "events")

    def __init__(self, span: ReadableSpan, context: SpanContext) -> None:
        self._span = span
        self.attributes: Mapping[str, Any] = span.attributes or {}
        self.events: Any = span.events
        self.context: SpanContext = context

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)

    def thin(self) -> None:
        """Leave out what is heavy; of events exceptions and scores stay, and when the first words came."""
        self.attributes = light(self.attributes)
        events = [event for event in self.events if event.name in _EVENTS]
        first = next((event for event in self.events if event.name in _FIRST_WORDS), None)
        if first is not None:
            from opentelemetry.sdk.trace import Event

            events.append(Event(first.name, timestamp=first.timestamp))
        self.events = events

    def as_span(self) -> ReadableSpan:
        """For those who take spans."""
        return cast("ReadableSpan", self)
