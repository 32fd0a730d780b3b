"""OTLP load: bodies built once, patched with fresh ids and times, sent over several connections from an own process.

Every span is a model call with gen_ai attributes and messages of random words: 2.3 KB on the wire, four to a trace.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import re
import struct
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from urllib.parse import urlsplit

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span
from sentinelops import semconv as s

SPANS = 256
TRACE = 4  # spans of one trace


def _vocabulary(count: int = 20_000) -> list[str]:
    """Return made-up words; with their frequencies below they compress about as prose does (zlib level 6: by 2.8)."""
    rng = random.Random(0)
    sounds = re.findall("..?", "aneriionestthouingedchshbrtrplksmatvodekufilyzgrow")
    return ["".join(rng.choices(sounds, k=rng.randrange(2, 5))) for _ in range(count)]


_WORDS = _vocabulary()
_WEIGHTS = list(accumulate(1 / (rank + 8) ** 0.9 for rank in range(len(_WORDS))))
MODELS = [
    ("openai", "gpt-4o-mini", "gpt-4o-mini-2024-07-18"),
    ("openai", "gpt-4o", "gpt-4o-2024-08-06"),
    ("anthropic", "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
    ("gcp.gemini", "gemini-2.5-flash", "gemini-2.5-flash"),
]


def _text(rng: random.Random, characters: int) -> str:
    return " ".join(rng.choices(_WORDS, cum_weights=_WEIGHTS, k=characters // 4))[:characters]


def _attributes(rng: random.Random, failed: bool) -> dict[str, object]:
    provider, model, answers_as = rng.choice(MODELS)
    question, answer = _text(rng, 1000), _text(rng, 500)
    found: dict[str, object] = {
        s.OPERATION: "chat",
        s.PROVIDER: provider,
        s.REQUEST_MODEL: model,
        s.REQUEST_TEMPERATURE: 0.3,
        s.REQUEST_MAX_TOKENS: 400,
        s.SERVER_ADDRESS: "api.example.com",
        s.SERVER_PORT: 443,
        s.SESSION_ID: f"session-{rng.randrange(2000)}",
        s.USER_ID: f"user-{rng.randrange(500)}",
        s.METADATA_PREFIX + "prompt_version": "v7",
        s.INPUT_MESSAGES: json.dumps([{"role": "user", "parts": [{"type": "text", "content": question}]}]),
    }
    if failed:
        return {**found, s.ERROR_TYPE: "RateLimitError"}
    parts = [{"type": "text", "content": answer}]
    return found | {
        s.RESPONSE_MODEL: answers_as,
        s.RESPONSE_ID: f"chatcmpl-{rng.getrandbits(96):024x}",
        s.RESPONSE_FINISH_REASONS: ["stop"],
        s.USAGE_INPUT_TOKENS: rng.randrange(100, 4000),
        s.USAGE_OUTPUT_TOKENS: rng.randrange(20, 400),
        s.OUTPUT_MESSAGES: json.dumps([{"role": "assistant", "parts": parts, "finish_reason": "stop"}]),
    }


def _value(value: object) -> AnyValue:
    if isinstance(value, list):
        found = AnyValue()
        found.array_value.values.extend(AnyValue(string_value=item) for item in value)
        return found
    kind = {int: "int_value", float: "double_value"}.get(type(value), "string_value")
    return AnyValue(**{kind: value})  # type: ignore[arg-type]


def _places(body: bytes, mark: bytes, count: int) -> list[int]:
    found, at = [], body.find(mark)
    while at >= 0:
        found.append(at)
        at = body.find(mark, at + len(mark))
    assert len(found) == count, f"{len(found)} places instead of {count}"
    return found


class Body:
    """One OTLP request of 256 spans whose ids and times can be overwritten in place."""

    def __init__(self, seed: int, application: str = "bench", spans: int = SPANS) -> None:
        rng = random.Random(seed)
        trace, span, parent = (rng.randbytes(size) for size in (16, 8, 8))
        start, end = rng.getrandbits(60), rng.getrandbits(60)
        request = ExportTraceServiceRequest()
        resource = request.resource_spans.add()
        for key, value in ((s.SERVICE_NAME, application), (s.DEPLOYMENT_ENVIRONMENT, "bench")):
            resource.resource.attributes.append(KeyValue(key=key, value=_value(value)))
        scope: ScopeSpans = resource.scope_spans.add()
        for number in range(spans):
            failed = rng.random() < 0.02
            made = Span(trace_id=trace, span_id=span, name="chat", kind=Span.SPAN_KIND_CLIENT)
            made.parent_span_id = parent if number % TRACE else b""
            made.start_time_unix_nano, made.end_time_unix_nano = start, end
            made.attributes.extend(KeyValue(key=k, value=_value(v)) for k, v in _attributes(rng, failed).items())
            if failed:
                made.status.code, made.status.message = 2, "429 Too Many Requests"  # type: ignore[assignment]
            scope.spans.append(made)
        self.body = bytearray(request.SerializeToString())
        self.spans = spans
        self.traces = _places(self.body, trace, spans)
        self.ids = _places(self.body, span, spans)
        self.parents = _places(self.body, parent, sum(1 for n in range(spans) if n % TRACE))
        starts, ends = (_places(self.body, struct.pack("<Q", moment), spans) for moment in (start, end))
        self.times = list(zip(starts, ends, strict=True))
        self.durations = [int(rng.lognormvariate(0.2, 0.6) * 1e9) for _ in range(spans)]

    def fresh(self, now_ns: int, spread_ns: int = 0) -> bytes:
        """Return the body with new ids, its calls ended within `spread_ns` before now."""
        body, spans = self.body, self.spans
        noise = os.urandom(16 * (spans // TRACE + 1) + 8 * spans)
        ids = len(noise) - 8 * spans
        parents = iter(self.parents)
        for number in range(spans):
            first = number - number % TRACE
            at = self.traces[number]
            body[at : at + 16] = noise[4 * first : 4 * first + 16]
            at = self.ids[number]
            body[at : at + 8] = noise[ids + 8 * number : ids + 8 * number + 8]
            if number % TRACE:
                at = next(parents)
                body[at : at + 8] = noise[ids + 8 * first : ids + 8 * first + 8]
            end = now_ns - (int.from_bytes(noise[4 * first : 4 * first + 6], "big") * spread_ns >> 48)
            struct.pack_into("<Q", body, self.times[number][0], end - self.durations[number])
            struct.pack_into("<Q", body, self.times[number][1], end)
        return bytes(body)

    def one_trace(self) -> str:
        """The hex id of the first trace as it was sent last."""
        return bytes(self.body[self.traces[0] : self.traces[0] + 16]).hex()


@dataclass
class Sent:
    """What one or all connections did."""

    accepted: int = 0
    refused: int = 0
    turned_away: int = 0  # answers 429 and 503
    failed: int = 0  # any other
    bytes: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    acks: list[float] = field(default_factory=list)
    trace_id: str = ""


class Sender(threading.Thread):
    """One connection that sends as fast as it is answered, until a moment or a number of spans is reached."""

    def __init__(self, url: str, key: str, bodies: list[Body], until: float, spans: int, spread_ns: int) -> None:
        super().__init__()
        self.connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self.headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-protobuf"}
        self.bodies, self.until, self.spans, self.spread_ns = bodies, until, spans, spread_ns
        self.sent = Sent()

    def run(self) -> None:
        number = 0
        while time.monotonic() < self.until and self.sent.accepted < self.spans:
            body = self.bodies[number % len(self.bodies)]
            number += 1
            self._until_taken(body.fresh(time.time_ns(), self.spread_ns), body)
        self.connection.close()

    def _until_taken(self, content: bytes, body: Body) -> None:
        while True:
            begun = time.monotonic()
            self.connection.request("POST", "/v1/traces", content, self.headers)
            answer = self.connection.getresponse()
            text = answer.read()
            if answer.status in (429, 503):
                self.sent.turned_away += 1
                if time.monotonic() > self.until:
                    return
                time.sleep(float(answer.headers.get("Retry-After", 1)))
                continue
            self.sent.acks.append(time.monotonic() - begun)
            if answer.status != 200:
                self.sent.failed += 1
                print(answer.status, text[:200], file=sys.stderr)
                return
            rejected = ExportTraceServiceResponse.FromString(text).partial_success.rejected_spans
            self.sent.accepted += body.spans - rejected
            self.sent.refused += rejected
            self.sent.bytes += len(content)
            self.sent.trace_id = body.one_trace()
            return


def main() -> None:
    """Send, then print what was sent as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--spans", type=int, default=10**12, help="stop after so many accepted spans")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--spread-hours", type=float, default=0.0, help="spread the spans over the hours before now")
    parser.add_argument("--bodies", type=int, default=16, help="different bodies a connection sends in turn")
    options = parser.parse_args()
    key = os.environ["INGEST_KEY"]
    made = [[Body(100 * c + b) for b in range(options.bodies)] for c in range(options.connections)]
    print("ready", flush=True)
    sys.stdin.readline()
    spread, share = int(options.spread_hours * 3600e9), -(-options.spans // options.connections)
    begun, cpu = time.monotonic(), time.process_time()
    senders = [Sender(options.url, key, bodies, begun + options.seconds, share, spread) for bodies in made]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    total = Sent(seconds=time.monotonic() - begun, cpu_seconds=time.process_time() - cpu)
    for sender in senders:
        for name in ("accepted", "refused", "turned_away", "failed", "bytes", "acks"):
            setattr(total, name, getattr(total, name) + getattr(sender.sent, name))
        total.trace_id = sender.sent.trace_id or total.trace_id
    print(json.dumps(asdict(total)))


if __name__ == "__main__":
    main()
