"""Data as applications send it: models, failures, streams, tools, sessions, hostile and foreign text."""

# ruff: noqa: E501

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sentinelops_server.model import LedgerEntry, LLMRequest, Payload, SdkReport, Span, SpanEvent, WriteBatch
from sentinelops_server.storage.postgres.store import Store

HOSTILE = "<script>window.pwned=1</script><img src=x onerror=window.pwned=2>"
RTL = "مرحبا، كيف يمكنني إعادة تعيين كلمة المرور؟"

# provider, model, dollars a million in and out (None: no price is known), seconds to first token, tokens a second, share
MODELS = [
    ("openai", "gpt-4o", 2.5, 10.0, 0.45, 85, 0.24),
    ("openai", "gpt-4o-mini", 0.15, 0.6, 0.3, 120, 0.34),
    ("anthropic", "claude-sonnet-4-5", 3.0, 15.0, 0.8, 70, 0.2),
    ("google", "gemini-2.5-flash", 0.3, 2.5, 0.35, 160, 0.12),
    ("llama.cpp", "SmolLM2-135M-Instruct", None, None, 0.1, 75, 0.07),
    ("openai", "o3", 2.0, 8.0, 2.4, 55, 0.03),
]
APPS = [("support-chat", 0.5), ("doc-search", 0.3), ("code-review", 0.2)]
QUESTIONS = [
    "How do I reset my password? I no longer have access to the old phone.",
    "Summarise the refund policy for a customer who bought 3 weeks ago.",
    "Which of our plans includes SSO, and what does it cost per seat?",
    "Explain this stack trace and suggest a fix.",
    "Wie kündige ich mein Abonnement zum Monatsende?",
    "注文した商品がまだ届きません。配送状況を教えてください。",
    RTL,
    "Write a regex that matches ISO dates, then test it.",
]
ANSWERS = [
    "You can reset it under **Settings → Security**. Choose *Recover by e-mail* and follow the link; it is valid for 15 minutes.",
    "Purchases can be returned within 30 days. The customer is inside that window, so a full refund applies.",
    "SSO comes with the `Business` plan:\n\n- 25 seats minimum\n- $18 per seat and month\n\nSee https://example.com/pricing for details.",
    "```python\nwith open(path) as file:\n    return json.load(file)\n```\nThe file handle was never closed.",
    "Sie können das Abonnement unter **Konto → Abrechnung** kündigen.",
    "配送状況を確認しました。明日到着予定です。",
]
ERRORS = [
    (
        "RateLimitError",
        "Error code: 429 - Rate limit reached for gpt-4o in organization org-*** on tokens per min (TPM): Limit 30000",
    ),
    ("APITimeoutError", "Request timed out."),
    (
        "BadRequestError",
        "Error code: 400 - This model's maximum context length is 8192 tokens. Your messages resulted in 9215 tokens.",
    ),
]


@dataclass
class Seeder:
    """Makes spans and requests of one batch. `now` is when the newest one ended."""

    now: datetime
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    batch: WriteBatch = field(default_factory=lambda: WriteBatch(0))

    def __post_init__(self) -> None:
        self.batch.received_ns = int(self.now.timestamp() * 1e9)

    def _ids(self) -> bytes:
        return self.rng.randbytes(16)

    def span(
        self, trace: bytes, parent: Span | None, name: str, kind: str, start_ns: int, seconds: float, **more: Any
    ) -> Span:
        span = Span(
            trace,
            self.rng.randbytes(8),
            parent.span_id if parent else None,
            name,
            1,
            start_ns,
            start_ns + int(seconds * 1e9),
        )
        span.type = kind
        for key, value in more.items():
            setattr(span, key, value)
        if parent:
            for key in ("application", "environment", "session_id", "user_id"):
                setattr(span, key, getattr(parent, key))
        span.scope_name, span.scope_version = "sentinelops", "0.1.0"
        span.resource = {"service.name": span.application, "telemetry.sdk.language": "python"}
        self.batch.spans.append(span)
        return span

    def call(
        self, span: Span, model: tuple[Any, ...], prompt: str, completion: str, status: str = "ok", **more: Any
    ) -> LLMRequest:
        provider, name, price_in, price_out, _, _, _ = model
        rng = self.rng
        prompt_tokens, completion_tokens = int(rng.lognormvariate(6.2, 0.9)), int(rng.lognormvariate(5.0, 0.8))
        failed = status == "error"
        request = LLMRequest(
            span.trace_id, span.span_id, span.start_ns, provider, name, span.application, span.environment, "chat", status,
            (span.end_ns - span.start_ns) / 1e9, session_id=span.session_id, user_id=span.user_id,
            prompt_tokens=None if failed else prompt_tokens, completion_tokens=None if failed else completion_tokens,
            total_tokens=None if failed else prompt_tokens + completion_tokens,
            finish_reason=None if failed else "stop", prompt_preview=prompt[:160], completion_preview=None if failed else completion[:160],
            parameters={"temperature": 0.2, "max_tokens": 1024, "stop": ["\n\n"]}, metadata={"team": "care", "release": "2026.11"},
        )  # fmt: skip
        cached = int(prompt_tokens * 0.4) if rng.random() < 0.3 and not failed else 0
        request.cache_read_tokens = cached if not failed else None
        if name == "o3" and not failed:
            request.reasoning_tokens = completion_tokens // 2
        if price_in is not None and not failed:
            parts = {
                "input": (prompt_tokens - cached, price_in),
                "cache_read": (cached, price_in / 2),
                "output": (completion_tokens, price_out),
            }
            request.cost_details = {
                key: {"tokens": count, "usd_per_million": str(price), "usd": f"{count * price / 1e6:.9f}"}
                for key, (count, price) in parts.items() if count
            }  # fmt: skip
            request.estimated_cost = Decimal(
                sum(int(count * price * 1000) for count, price in parts.values())
            ) / Decimal(10**9)
            request.price_version = f"genai-prices 0.2.3 {provider}/{name}"
        for key, value in more.items():
            setattr(request, key, value)
        span.attributes |= {
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": name,
            "gen_ai.operation.name": "chat",
        }
        self.batch.requests.append(request)
        return request

    def payload(self, span: Span, content: dict[str, Any]) -> None:
        self.batch.payloads.append(Payload(span.trace_id, span.span_id, span.start_ns, content))

    def chat(self, at: datetime, slow: float = 1.0, fail: float = 0.02) -> None:
        """One turn of a chat: a root, sometimes retrieval and a tool, and a model call."""
        rng = self.rng
        model = rng.choices(MODELS, [m[6] for m in MODELS])[0]
        app = rng.choices([a[0] for a in APPS], [a[1] for a in APPS])[0]
        trace, start = self._ids(), int(at.timestamp() * 1e9)
        number = rng.randrange(60)
        streaming = rng.random() < 0.7
        first = model[4] * rng.lognormvariate(0, 0.35) * slow
        seconds = first + rng.lognormvariate(5.0, 0.8) / model[5] * slow
        status = "error" if rng.random() < fail else "cancelled" if rng.random() < 0.02 else "ok"
        root = self.span(trace, None, f"answer {app}", "agent", start, seconds + 0.32, application=app,
                         environment="production" if rng.random() < 0.8 else "staging",
                         session_id=f"chat-{number:04d}-{at:%d}" if app == "support-chat" else None, user_id=f"user-{number:03d}")  # fmt: skip
        self.span(trace, root, "retrieve documents", "retrieval", start + 10_000_000, 0.12)
        question, answer = rng.choice(QUESTIONS), rng.choice(ANSWERS)
        call = self.span(
            trace, root, f"chat {model[1]}", "llm", start + 150_000_000, seconds, status=2 if status == "error" else 1
        )
        more: dict[str, Any] = {"streaming": streaming, "tags": ["beta"] if rng.random() < 0.1 else []}
        if streaming and status != "error":
            more["time_to_first_token"] = first
        if status == "error":
            more["error_type"], more["error"] = rng.choice(ERRORS)
            root.status, call.status_message = 2, more["error"]
        self.call(call, model, question, answer, status, **more)
        if rng.random() < 0.4:
            self.payload(call, {
                "system_instructions": [{"type": "text", "content": "You are a helpful support agent. Answer briefly and cite the page."}],
                "input_messages": [{"role": "user", "parts": [{"type": "text", "content": question}]}],
                "output_messages": [] if status == "error" else [{"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}],
            })  # fmt: skip

    def tool_trace(self, at: datetime) -> tuple[str, str]:
        """A conversation with everything in it; (trace id, request id)."""
        trace, start = self._ids(), int(at.timestamp() * 1e9)
        root = self.span(trace, None, "handle ticket #4711", "agent", start, 6.4, application="support-chat", environment="production",
                         session_id="chat-4711", user_id="ada@example.org")  # fmt: skip
        self.span(
            trace,
            root,
            "retrieve documents",
            "retrieval",
            start + 20_000_000,
            0.31,
            attributes={"db.system": "postgresql", "k": 5},
        )
        first = self.span(trace, root, "chat gpt-4o", "llm", start + 350_000_000, 1.9, status=1)
        self.call(first, MODELS[0], "Where is order 99?", "", streaming=False, finish_reason="tool_calls")
        tool = self.span(trace, root, "execute_tool track_order", "tool", start + 2_300_000_000, 0.84, status=2, status_message="carrier timed out once",
                         events=[SpanEvent("retry", start + 2_700_000_000, {"attempt": 2})])  # fmt: skip
        self.payload(
            tool,
            {
                "tool_arguments": {"order": 99, "locale": "de-DE"},
                "tool_result": {"state": "in transit", "eta": "2026-11-24"},
            },
        )
        last = self.span(trace, root, "chat gpt-4o", "llm", start + 3_200_000_000, 3.1, status=1)
        request = self.call(last, MODELS[0], "Where is order 99?", "Your order is **in transit**.", streaming=True, time_to_first_token=0.512,
                            inference_time=2.9, redactions={"email": 2, "card": 1}, memory_used=1_400_000.0, tags=["beta", "vip"],
                            response_id="chatcmpl-9x", response_model="gpt-4o-2024-11-20", server_address="api.openai.com")  # fmt: skip
        self.payload(last, {
            "system_instructions": [{"type": "text", "content": "You are the order desk. Use the tools. Never guess."}],
            "input_messages": [
                {"role": "user", "parts": [{"type": "text", "content": f"Where is order 99? My mail is [email].\n{HOSTILE}"}]},
                {"role": "assistant", "parts": [{"type": "reasoning", "content": "The user wants the state of order 99, so I look it up."},
                                                {"type": "tool_call", "id": "call_1", "name": "track_order", "arguments": '{"order": 99, "locale": "de-DE"}'}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": {"state": "in transit", "eta": "2026-11-24", "events": [{"at": "Leipzig", "ok": True}, {"at": "Köln", "ok": None}]}}]},
                {"role": "user", "parts": [{"type": "text", "content": RTL}]},
            ],
            "output_messages": [{"role": "assistant", "finish_reason": "stop", "parts": [{"type": "text", "content":
                "# Order 99\n\nYour order is **in transit** and should arrive on *24 November*.\n\n1. It left Leipzig this morning\n2. It is in Köln now\n\n"
                "```json\n{\"state\": \"in transit\", \"eta\": \"2026-11-24\"}\n```\nTrack it at https://example.com/track?order=99 or javascript:alert(1)."}]}],
            "tool_definitions": [{"type": "function", "name": "track_order", "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}}}],
        })  # fmt: skip
        return trace.hex(), request.request_id

    def hostile(self, at: datetime) -> str:
        """A call whose every name tries to be markup; its request id."""
        trace, start = self._ids(), int(at.timestamp() * 1e9)
        root = self.span(trace, None, f"root {HOSTILE}", "agent", start, 1.0, application=f"app {HOSTILE}", environment="staging",
                         session_id='s"><script>window.pwned=3</script>', user_id="u'><svg onload=window.pwned=4>", status=2, status_message=HOSTILE)  # fmt: skip
        call = self.span(
            trace, root, "</script><script>window.pwned=5</script>", "llm", start, 0.9, attributes={HOSTILE: HOSTILE}
        )
        model = ("evil", f"model {HOSTILE}", None, None, 0, 0, 0)
        request = self.call(call, model, HOSTILE, HOSTILE, "error", error=HOSTILE, error_type=HOSTILE, tags=[HOSTILE], metadata={HOSTILE: HOSTILE},
                            parameters={HOSTILE: HOSTILE}, finish_reason=HOSTILE)  # fmt: skip
        self.payload(
            call,
            {
                "input_messages": [
                    {
                        "role": HOSTILE,
                        "parts": [
                            {
                                "type": "text",
                                "content": f"**{HOSTILE}** `{HOSTILE}` [a](javascript:alert(1))\n```\n{HOSTILE}\n```",
                            }
                        ],
                    }
                ]
            },
        )
        return request.request_id

    def long_trace(self, at: datetime, spans: int) -> str:
        """A trace of that many spans, five levels deep; its id."""
        trace, start, rng = self._ids(), int(at.timestamp() * 1e9), self.rng
        root = self.span(
            trace,
            None,
            "nightly re-index",
            "chain",
            start,
            spans * 0.004,
            application="doc-search",
            environment="production",
        )
        parents = [root]
        for number in range(1, spans):
            depth = min(len(parents), 1 + int(abs(math.sin(number / 7)) * 4))
            parents = parents[:depth]
            kind, name = (
                ("llm", "embed chunk")
                if number % 5 == 0
                else ("retrieval", "read page")
                if number % 3 == 0
                else ("span", f"step {number % 40}")
            )
            span = self.span(
                trace,
                parents[-1],
                name,
                kind,
                start + number * 4_000_000,
                rng.random() * 0.02 + 0.001,
                status=2 if number % 997 == 0 else 0,
            )
            parents.append(span)
        return trace.hex()


def populate(store: Store, now: datetime, hours: int = 48, per_hour: int = 40) -> dict[str, str]:
    """Fill a database with `hours` of traffic that has a shape: a daily wave, and a bad half hour three hours ago."""
    seeder = Seeder(now)
    for hour in range(hours):
        wave = 1 + 0.6 * math.sin((hour - 6) / 24 * 2 * math.pi)
        for _ in range(round(per_hour * wave)):
            at = now - timedelta(hours=hour, minutes=seeder.rng.uniform(0, 60), seconds=20)
            bad = timedelta(hours=3) < now - at < timedelta(hours=3, minutes=30)
            seeder.chat(at, slow=2.2 if bad else 1.0, fail=0.3 if bad else 0.012)
    found = dict(zip(("trace", "request"), seeder.tool_trace(now - timedelta(minutes=4)), strict=True))
    found["hostile"] = seeder.hostile(now - timedelta(minutes=9))
    found["long"] = seeder.long_trace(now - timedelta(minutes=40), 600)
    seeder.batch.ledger.append(LedgerEntry("doc-search", "spans", "refused", "no_trace_id", 3))
    for outcome, count in (("created", 5120), ("sent", 5117), ("retried", 12), ("dropped", 3)):
        seeder.batch.sdk_reports.append(SdkReport("i-1", "support-chat", "production", outcome, "queue_full" if outcome == "dropped" else "", count, seeder.batch.received_ns))  # fmt: skip
    store.write(seeder.batch)
    return found
