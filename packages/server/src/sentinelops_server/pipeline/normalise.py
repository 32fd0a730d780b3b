"""Second stage of the pipeline: a span gets its type and, when it is a model call, becomes a request and its payload.

The rules are those of docs/ingest.md: first spelling wins, input includes cached tokens, details are subsets of totals,
missing stays None, a caller's early stop is no error of the provider.
"""

from __future__ import annotations

from ..analysis.messages import CONTENT_ATTRIBUTES, MESSAGE_EVENTS, preview
from ..model import LLMRequest, Payload, Span
from .dialects import DIALECTS, Dialect, Reading
from .providers import host_of, provider_by_model, provider_of
from .sampling import span_weight
from .scores import EVALUATION, scores_of_span

__all__ = ["add_previews", "normalise"]

MAX_LABEL = 255
MAX_ID = 1024
ERROR = 2
# attributes of span events that hold bodies
EVENT_BODIES = frozenset(
    {"gen_ai.prompt", "gen_ai.completion", "content", "tool_calls", "message", *CONTENT_ATTRIBUTES}
)


def normalise(span: Span, dialects: tuple[Dialect, ...] = DIALECTS) -> tuple[LLMRequest | None, Payload | None]:
    """Set the span's type, session and user, take its bodies out, and return its request and payload, if any."""
    for dialect in dialects:
        if dialect.detect(span.scope_name, span.attributes):
            break
    reading = dialect.read(span)
    span.type = reading.type or "span"
    span.session_id = reading.session_id[:MAX_ID] if reading.session_id else None
    span.user_id = reading.user_id[:MAX_ID] if reading.user_id else None
    for name in reading.bodies:
        span.attributes.pop(name, None)
    if reading.scores or (span.events and any(event.name == EVALUATION for event in span.events)):
        span.scores = scores_of_span(span, reading.scores)
    if span.events:
        _strip_events(span)
    if span.dropped_attributes_count:
        span.attributes["otel.dropped_attributes_count"] = span.dropped_attributes_count
    payload = None
    if reading.content:
        payload = Payload(span.trace_id, span.span_id, span.start_ns, reading.content)
    if reading.operation is None:
        return None, payload
    return _request(span, reading), payload


def _strip_events(span: Span) -> None:
    for event in span.events:
        if event.name.startswith("mlflow.chunk.item."):  # pieces of the answer that the span has whole
            event.attributes = {}
        elif event.name in MESSAGE_EVENTS or event.name.startswith("gen_ai."):
            event.attributes = {key: value for key, value in event.attributes.items() if key not in EVENT_BODIES}


def _request(span: Span, reading: Reading) -> LLMRequest:
    duration = (span.end_ns - span.start_ns) / 1e9
    model = (reading.model or reading.response_model or "unknown")[:MAX_LABEL]
    provider = provider_of(reading.provider, reading.server_address)
    if provider == "unknown":
        provider = provider_by_model(model)
    request = LLMRequest(
        trace_id=span.trace_id,
        span_id=span.span_id,
        timestamp_ns=span.start_ns,
        provider=provider,
        model=model,
        application=span.application,
        environment=span.environment,
        operation=(reading.operation or "chat")[:MAX_LABEL],
        status="ok",
        duration=duration,
        inference_time=_not_negative(reading.inference_time),
        # later than the end is a wrong unit, not a time
        time_to_first_token=_within(reading.time_to_first_token, duration + 1.0),
        streaming=reading.streaming,
        memory_used=reading.memory_used,
        response_model=reading.response_model[:MAX_LABEL] if reading.response_model else None,
        response_id=reading.response_id[:MAX_ID] if reading.response_id else None,
        finish_reason=reading.finish_reason[:MAX_LABEL] if reading.finish_reason else None,
        service_tier=reading.service_tier[:MAX_LABEL] if reading.service_tier else None,
        server_address=host_of(reading.server_address),
        session_id=span.session_id,
        user_id=span.user_id,
        tags=[tag[:MAX_LABEL] for tag in reading.tags[:64]],
        metadata=reading.metadata,
        parameters=reading.parameters,
        weight=span_weight(span),
        redactions=reading.redactions,
        layer=reading.layer,
    )
    _status(request, span, reading)
    _usage(request, reading)
    if span.dropped_attributes_count:
        request.usage_details["dropped_attributes"] = span.dropped_attributes_count
    return request


def _not_negative(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None


def _within(value: float | None, limit: float) -> float | None:
    return value if value is not None and 0 <= value <= limit else None


def _status(request: LLMRequest, span: Span, reading: Reading) -> None:
    """Say ok, error or cancelled, and why."""
    # a stream that ended early without any error is how some writers show that the caller stopped reading
    stopped = reading.finish_reason == "error" and reading.streaming and reading.error_type is None
    failed = span.status == ERROR or reading.error_type is not None or reading.finish_reason == "error"
    if reading.cancelled or (stopped and not span.status_message and _exception(span) == (None, None)):
        request.status = "cancelled"
        return
    if not failed:
        return
    request.status = "error"
    kind, message = _exception(span)
    request.error_type = (reading.error_type or kind or "unknown")[:MAX_LABEL]
    request.error = span.status_message or reading.error_message or message or request.error_type
    if request.error_type.rpartition(".")[2] in ("GeneratorExit", "CancelledError"):
        request.status, request.error, request.error_type = "cancelled", None, None


def _exception(span: Span) -> tuple[str | None, str | None]:
    for event in reversed(span.events):
        if event.name == "exception" or event.name.endswith(".exception"):
            kind, message = event.attributes.get("exception.type"), event.attributes.get("exception.message")
            return (kind if isinstance(kind, str) else None), (message if isinstance(message, str) else None)
    return None, None


def _usage(request: LLMRequest, reading: Reading) -> None:
    """Bring the counts under one meaning: input includes the cache, details are subsets, unknown is None."""
    usage = dict(reading.usage)
    prompt, completion = usage.pop("input", None), usage.pop("output", None)
    total = usage.pop("total", None)
    read, write = usage.pop("cache_read", None), usage.pop("cache_write", None)
    reasoning = usage.pop("reasoning", None)
    details: dict[str, int | float] = {name: count for name, count in usage.items() if count} | reading.units
    cached = (read or 0) + (write or 0)
    if prompt is not None and cached and (reading.exclusive_input or cached > prompt):
        details["reported_input"] = prompt
        prompt += cached
    if reasoning is not None and completion is not None and reasoning > completion:
        details["reported_reasoning"] = reasoning
        reasoning = completion
    for name, whole in (
        ("audio_input", prompt),
        ("image_input", prompt),
        ("audio_output", completion),
        ("image_output", completion),
    ):
        if whole is not None and details.get(name, 0) > whole:
            details[f"reported_{name}"] = details[name]
            details[name] = whole
    if prompt is not None and (completion is not None or request.operation == "embeddings"):
        total = prompt + (completion or 0)
    request.prompt_tokens, request.completion_tokens, request.total_tokens = prompt, completion, total
    request.cache_read_tokens, request.cache_write_tokens = read, write
    request.reasoning_tokens = reasoning
    request.usage_details = details


def add_previews(request: LLMRequest, payload: Payload) -> None:
    """Set the two previews out of a payload that is already redacted."""
    messages = payload.content.get("input_messages")
    if isinstance(messages, list):
        request.prompt_preview = preview(messages, "user") or preview(messages)
    messages = payload.content.get("output_messages")
    if isinstance(messages, list):
        request.completion_preview = preview(messages)
