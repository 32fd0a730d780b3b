"""Spans, requests and payloads for the tests of the stores: alike from run to run, ids by counting."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

from sentinelops_server.model import LLMRequest, Payload, Span, SpanEvent, WriteBatch

NOW_NS = 1_795_000_000_000_000_000  # 2026-11-18T11:06:40Z
SECOND = 1_000_000_000
RESOURCE = {"service.name": "shop", "deployment.environment.name": "test", "telemetry.sdk.language": "python"}
WORDS = [
    f"{a}{b}" for a in ("ka", "lo", "mi", "ne", "ru", "sta", "to", "ve") for b in ("ba", "den", "fir", "gan", "los")
]


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def make_span(number: int, trace: int | None = None, start_ns: int = NOW_NS, **fields: Any) -> Span:
    values: dict[str, Any] = {
        "trace_id": trace_id(number if trace is None else trace),
        "span_id": span_id(number),
        "parent_span_id": None,
        "name": "chat gpt-4o",
        "kind": 3,
        "start_ns": start_ns,
        "end_ns": start_ns + SECOND,
        "status": 1,
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "number": number},
        "resource": RESOURCE,
        "scope_name": "sentinelops",
        "scope_version": "1",
        "type": "llm",
        "application": "shop",
        "environment": "test",
    }
    return Span(**{**values, **fields})


def make_request(span: Span, **fields: Any) -> LLMRequest:
    values: dict[str, Any] = {
        "trace_id": span.trace_id,
        "span_id": span.span_id,
        "timestamp_ns": span.start_ns,
        "provider": "openai",
        "model": "gpt-4o",
        "application": span.application,
        "environment": span.environment,
        "operation": "chat",
        "status": "ok",
        "duration": (span.end_ns - span.start_ns) / 1e9,
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "estimated_cost": Decimal("0.00045"),
        "session_id": span.session_id,
        "user_id": span.user_id,
    }
    return LLMRequest(**{**values, **fields})


def make_payload(span: Span, text: str = "hello") -> Payload:
    parts = [{"type": "text", "content": text}]
    return Payload(span.trace_id, span.span_id, span.start_ns, {"input_messages": [{"role": "user", "parts": parts}]})


def make_batch(*spans: Span, requests: bool = True, **fields: Any) -> WriteBatch:
    made = [make_request(span) for span in spans] if requests else []
    return WriteBatch(**{"received_ns": NOW_NS, "spans": list(spans), "requests": made, **fields})


def realistic_batch(seed: int, count: int = 500, start_ns: int = NOW_NS) -> WriteBatch:
    """Calls of one application as instrumentations send them: about 2.3 KB each, bodies included."""
    chance = random.Random(seed)
    batch = WriteBatch(received_ns=start_ns)

    def text(words: int) -> str:
        return " ".join(f"{chance.choice(WORDS)}{chance.choice(('', '', 's', 'ing', 'er'))}" for _ in range(words))

    for _ in range(count):
        begin = start_ns - chance.randrange(60 * SECOND)
        model = chance.choice(("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "llama-3.3-70b"))
        failed = chance.random() < 0.02
        span = make_span(
            0,
            trace_id=chance.randbytes(16),
            span_id=chance.randbytes(8),
            start_ns=begin,
            end_ns=begin + int(chance.lognormvariate(0, 0.7) * SECOND),
            status=2 if failed else 1,
            session_id=f"session-{chance.randrange(200)}",
            user_id=f"user-{chance.randrange(100)}",
            application=chance.choice(("shop", "support")),
            events=[SpanEvent("gen_ai.first_token", begin + 200_000_000)],
        )
        span.attributes = {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": model,
            "gen_ai.response.model": model + "-2026-08-06",
            "gen_ai.response.id": f"chatcmpl-{chance.randbytes(12).hex()}",
            "gen_ai.usage.input_tokens": chance.randrange(2000), "gen_ai.usage.output_tokens": chance.randrange(400),
            "gen_ai.request.temperature": 0.7, "gen_ai.request.max_tokens": 1024, "server.address": "api.openai.com",
            "server.port": 443, "gen_ai.response.finish_reasons": ["stop"], "gen_ai.conversation.id": span.session_id,
        }  # fmt: skip
        request = make_request(
            span, model=model, response_model=model + "-2026-08-06", status="error" if failed else "ok",
            prompt_tokens=chance.randrange(2000), completion_tokens=chance.randrange(400), total_tokens=1200,
            estimated_cost=Decimal(chance.randrange(1, 9999)) / 1_000_000,
            time_to_first_token=chance.lognormvariate(-1, 0.5),
            response_id=span.attributes["gen_ai.response.id"], finish_reason="stop", tags=["beta", "eu"],
            metadata={"tenant": f"t{chance.randrange(50)}", "release": "1.2.3"}, parameters={"temperature": 0.7},
            price_version="genai-prices 0.2.3 openai/gpt-4o", server_address="api.openai.com", streaming=True,
            cost_details={"input": {"tokens": 10, "usd_per_million": "2.5", "usd": "0.000025"},
                          "output": {"tokens": 10, "usd_per_million": "10", "usd": "0.0001"}},
            prompt_preview=text(20), completion_preview=text(20),
        )  # fmt: skip
        payload = make_payload(span, text(80))
        payload.content["system_instructions"] = [{"type": "text", "content": "You are a helpful shop assistant. " * 6}]
        answer = [{"type": "text", "content": text(90)}]
        payload.content["output_messages"] = [{"role": "assistant", "parts": answer, "finish_reason": "stop"}]
        batch.spans.append(span)
        batch.requests.append(request)
        batch.payloads.append(payload)
    return batch
