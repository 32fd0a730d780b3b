"""Random requests, the same for the same seed: what the tests of query and API ask about, and compute by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sentinelops_server.model import LLMRequest, Payload, Span, WriteBatch
from sentinelops_server.storage.postgres.database import Database
from sentinelops_server.storage.postgres.store import Store

NOW = datetime(2026, 11, 22, 12, 34, 56, 789012, tzinfo=UTC)
MODELS = [
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("anthropic", "claude-sonnet"),
    ("local", "100%_real\\model"),
]
TOPICS = ["refund", "Invoice", "weather", "shipping", "naïve"]


def ns(time: datetime) -> int:
    return (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def make_request(rng: random.Random, time: datetime) -> LLMRequest:
    provider, model = rng.choice(MODELS)
    known = rng.random() < 0.9
    prompt, completion = rng.randrange(1, 2000), rng.randrange(1, 500)
    status = rng.choices(["ok", "error", "cancelled"], [85, 10, 5])[0]
    return LLMRequest(
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
        timestamp_ns=ns(time),
        provider=provider,
        model=model,
        application=rng.choice(["shop", "support"]),
        environment=rng.choice(["prod", "dev"]),
        operation=rng.choice(["chat", "embeddings"]),
        status=status,
        duration=rng.lognormvariate(0, 1),
        inference_time=rng.choice([None, rng.random()]),
        time_to_first_token=rng.choice([None, rng.lognormvariate(-2, 0.5)]),
        streaming=rng.random() < 0.5,
        prompt_tokens=prompt if known else None,
        completion_tokens=completion if known else None,
        total_tokens=prompt + completion if known else None,
        cache_read_tokens=rng.choice([None, prompt // 2]) if known else None,
        estimated_cost=Decimal(rng.randrange(1, 10**6)).scaleb(-7) if rng.random() < 0.8 else None,
        error=rng.choice(["rate limit reached", "context too long"]) if status == "error" else None,
        error_type=rng.choice(["RateLimitError", "timeout"]) if status == "error" else None,
        session_id=rng.choice([None, "s1", "s2", "s/3"]),
        user_id=rng.choice([None, "u1", "u2"]),
        tags=rng.choice([[], ["beta"], ["beta", "eu"], ["100%"]]),
        metadata=rng.choice([{}, {"team": "a", "tier": 5}, {"team": "b", "vip": True}, {"team": "5"}]),
        parameters=rng.choice([{}, {"temperature": 0.2}]),
        prompt_preview=f"about {rng.choice(TOPICS)}",
        weight=rng.choice([1.0, 1.0, 1.0, 4.0]),
    )


def span_of(request: LLMRequest) -> Span:
    return Span(
        trace_id=request.trace_id,
        span_id=request.span_id,
        parent_span_id=None,
        name=f"{request.operation} {request.model}",
        kind=3,
        start_ns=request.timestamp_ns,
        end_ns=request.timestamp_ns + int(request.duration * 1e9),
        status=2 if request.status == "error" else 1,
        attributes={"gen_ai.request.model": request.model},
        resource={"service.name": request.application},
        type="llm",
        application=request.application,
        environment=request.environment,
        session_id=request.session_id,
        user_id=request.user_id,
    )


def write(
    database: Database, requests: Iterable[LLMRequest], payloads: object = None, contents: object = None
) -> list[LLMRequest]:
    found = list(requests)
    bodies = [
        Payload(request.trace_id, request.span_id, request.timestamp_ns, content)
        for request, content in zip(found, contents or [], strict=False)  # type: ignore[call-overload]
        if content is not None
    ]
    batch = WriteBatch(ns(NOW), [span_of(request) for request in found], found, bodies)
    Store(database, payloads).write(batch)  # type: ignore[arg-type]
    return found


def sample(count: int, seed: int = 7, span: timedelta = timedelta(hours=20), until: datetime = NOW) -> list[LLMRequest]:
    rng = random.Random(seed)
    made = [make_request(rng, until - span * rng.random()) for _ in range(count)]
    # some equal times: cursors must not lose their neighbours
    made[1:10] = [replace(request, timestamp_ns=made[0].timestamp_ns) for request in made[1:10]]
    return made
