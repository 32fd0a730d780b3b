"""Spans of the simulated past: a trace under construction, its model calls with time, usage, failures."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import Any

from sentinelops import semconv as s

from sentinelops_server.demo.history.marks import Mark
from sentinelops_server.demo.history.rhythm import SECOND, Conditions

__all__ = ["MODELS", "Call", "Failure", "Model", "SimulatedSpan", "Trace"]


@dataclass(frozen=True)
class Model:
    """A model as its provider answers it: seconds to the first token, tokens a second, and its address."""

    provider: str
    name: str
    answers_as: str
    first_token_seconds: float
    tokens_per_second: float
    host: str


MODELS = {
    model.name: model
    for model in (
        Model("openai", "gpt-4o", "gpt-4o-2024-08-06", 0.48, 74, "api.openai.com"),
        Model("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18", 0.36, 98, "api.openai.com"),
        Model("openai", "text-embedding-3-small", "text-embedding-3-small", 0.09, 0, "api.openai.com"),
        Model("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929", 0.95, 63, "api.anthropic.com"),
        Model("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash", 0.42, 150, "generativelanguage.googleapis.com"),
        # nobody publishes a price for it: its cost stays unknown
        Model("vllm", "house-llama-8b", "house-llama-8b", 0.12, 41, "models.internal"),
    )
}


@dataclass(frozen=True)
class Failure:
    """How a call failed: the client's exception, its words, the HTTP status (None: no answer came), and when."""

    type: str
    message: str
    status: int | None
    seconds: float


@dataclass(frozen=True)
class SimulatedSpan:
    """One finished span, ready to be encoded; ids are bytes, times Unix nanoseconds."""

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    kind: int  # OTLP SpanKind
    start_ns: int
    end_ns: int
    application: str
    attributes: dict[str, Any]
    error: str | None = None
    marks: tuple[Mark, ...] = ()


@dataclass
class Call:
    """What is asked of a model and what it gives back."""

    model: str
    messages: list[dict[str, Any]]
    answer: str
    prompt_tokens: int
    completion_tokens: int
    operation: str = "chat"
    stream: bool = False
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    tool_call: tuple[str, dict[str, Any]] | None = None
    json_output: bool = False
    parameters: dict[str, Any] = field(default_factory=dict)


def _failure(conditions: Conditions, model: Model, at_ns: int) -> Failure | None:
    rng, chance = conditions.rng, conditions.rng.random()
    if model.provider == "openai" and conditions.during("rate_limit", at_ns) and chance < 0.34:
        words = f"Error code: 429 - Rate limit reached for {model.name} on tokens per min (TPM): Limit 200000."
        return Failure("openai.RateLimitError", words, 429, rng.uniform(0.06, 0.2))
    if model.provider == "anthropic" and conditions.during("latency", at_ns) and chance < 0.09:
        return Failure("anthropic.APITimeoutError", "Request timed out.", None, 30.0 + rng.random() * 0.02)
    if chance < 0.004:
        module = {"anthropic": "anthropic", "gcp.gemini": "google.genai.errors"}.get(model.provider, "openai")
        if rng.random() < 0.5:
            return Failure(f"{module}.APITimeoutError", "Request timed out.", None, 30.0 + rng.random() * 0.02)
        return Failure(f"{module}.InternalServerError", "The server had an error.", 500, rng.uniform(0.2, 2.0))
    if chance < 0.0055 and model.provider != "vllm":
        words = "Error code: 400 - The prompt was filtered by the content policy."
        return Failure("openai.BadRequestError", words, 400, rng.uniform(0.1, 0.4))
    return None


def _seconds(conditions: Conditions, model: Model, call: Call, at_ns: int) -> tuple[float, float]:
    """Return (time to first token, whole call) in seconds."""
    slow = 4.0 if model.provider == "anthropic" and conditions.during("latency", at_ns) else 1.0
    prompt = call.prompt_tokens - 0.9 * call.cached_tokens
    first = (model.first_token_seconds + prompt / 9000) * conditions.rng.lognormvariate(0, 0.28) * slow
    if not model.tokens_per_second:
        return first, first
    rate = model.tokens_per_second * conditions.rng.lognormvariate(0, 0.15) / slow
    return first, first + call.completion_tokens / rate


class Trace:
    """One trace under construction; `spans` holds what is finished."""

    def __init__(self, conditions: Conditions, application: str, common: dict[str, Any]) -> None:
        """Begin a trace; `common` attributes (session, user, tags, metadata) go onto each of its spans."""
        self.conditions, self.application, self.common = conditions, application, common
        self.trace_id = conditions.rng.getrandbits(128).to_bytes(16, "big")
        self.spans: list[SimulatedSpan] = []

    def new_id(self) -> bytes:
        """Return a fresh span id."""
        return self.conditions.rng.getrandbits(64).to_bytes(8, "big")

    def add(
        self,
        name: str,
        between: tuple[int, int],
        attributes: dict[str, Any],
        *,
        parent: bytes = b"",
        span_id: bytes = b"",
        error: str | None = None,
        marks: tuple[Mark, ...] = (),
    ) -> None:
        """Finish a span of this trace that lasted `between` two moments; without `span_id` it gets a new one."""
        start_ns, end_ns = between
        kind = 3 if s.PROVIDER in attributes else 1  # CLIENT, INTERNAL
        self.spans.append(
            SimulatedSpan(
                self.trace_id, span_id or self.new_id(), parent, name, kind, start_ns, end_ns, self.application,
                {**attributes, **self.common}, error, marks,
            )
        )  # fmt: skip

    def call(self, call: Call, at_ns: int, parent: bytes = b"") -> tuple[int, bool]:
        """Add a model call that starts at `at_ns`; return its end and whether it succeeded."""
        model = MODELS[call.model]
        attributes = _request_attributes(model, call)
        failure = _failure(self.conditions, model, at_ns)
        name = f"{call.operation} {model.name}"
        if failure:
            end_ns = at_ns + int(failure.seconds * SECOND)
            attributes[s.ERROR_TYPE] = failure.type
            if failure.status:
                attributes[s.HTTP_STATUS] = failure.status
            self.add(name, (at_ns, end_ns), attributes, parent=parent, error=failure.message)
            return end_ns, False
        first, whole = _seconds(self.conditions, model, call, at_ns)
        attributes |= _response_attributes(self.conditions.rng, model, call)
        if call.stream:
            attributes[s.RESPONSE_TIME_TO_FIRST_CHUNK] = round(first, 4)
        if model.provider == "openai":
            attributes[s.INFERENCE_DURATION_SECONDS] = round(whole * 0.93, 3)
        end_ns = at_ns + int(whole * SECOND)
        self.add(name, (at_ns, end_ns), attributes, parent=parent)
        return end_ns, True


def _request_attributes(model: Model, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {
        s.OPERATION: call.operation,
        s.PROVIDER: model.provider,
        s.REQUEST_MODEL: model.name,
        s.SERVER_ADDRESS: model.host,
        s.SERVER_PORT: 443,
        **call.parameters,
    }
    if call.stream:
        found[s.REQUEST_STREAM] = True
    if call.json_output:
        found[s.OUTPUT_TYPE] = "json"
    if call.operation == "chat":
        found[s.INPUT_MESSAGES] = json.dumps(call.messages, ensure_ascii=False)
    return found


def _response_attributes(rng: random.Random, model: Model, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {s.RESPONSE_MODEL: model.answers_as, s.USAGE_INPUT_TOKENS: call.prompt_tokens}
    if call.operation != "chat":
        return found
    finish = "tool_calls" if call.tool_call else "length" if rng.random() < 0.01 else "stop"
    parts: list[dict[str, Any]] = [{"type": "text", "content": call.answer}] if call.answer else []
    if call.tool_call:
        name, arguments = call.tool_call
        parts.append(
            {"type": "tool_call", "id": f"call_{rng.getrandbits(48):012x}", "name": name, "arguments": arguments}
        )
    found |= {
        s.RESPONSE_ID: f"resp-{rng.getrandbits(96):024x}",
        s.RESPONSE_FINISH_REASONS: [finish],
        s.USAGE_OUTPUT_TOKENS: call.completion_tokens,
        s.OUTPUT_MESSAGES: json.dumps(
            [{"role": "assistant", "parts": parts, "finish_reason": finish}], ensure_ascii=False
        ),
    }
    if call.cached_tokens:
        found[s.USAGE_CACHE_READ_TOKENS] = call.cached_tokens
    if call.reasoning_tokens:
        found[s.USAGE_REASONING_TOKENS] = call.reasoning_tokens
    return found
