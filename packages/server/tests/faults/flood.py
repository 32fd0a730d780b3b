"""A sender that does what exporters do: the same batch again until a 2xx, and a memory of what was acknowledged."""

from __future__ import annotations

import random
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sentinelops import semconv as s
from serving import ServerProcess, wait_for

Id = tuple[bytes, bytes]
UNLIMITED = {"SENTINELOPS_API_RATE_PER_SECOND": "0"}  # the checks ask more than a person would
TOKENS = 7  # prompt tokens of every call, so that sums tell how often each was counted


def call(trace_id: bytes, span_id: bytes, end_ns: int, **changes: object) -> Span:
    """Return a span of a model call; `changes` replace fields of the span."""
    attributes = {
        s.OPERATION: "chat",
        s.PROVIDER: "openai",
        s.REQUEST_MODEL: "gpt-4o-mini",
        s.INPUT_MESSAGES: '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]',
    }
    fields = {"name": "chat gpt-4o-mini", "start_time_unix_nano": end_ns - 10**9, "end_time_unix_nano": end_ns}
    span = Span(trace_id=trace_id, span_id=span_id, kind=Span.SPAN_KIND_CLIENT, **{**fields, **changes})
    span.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in attributes.items())
    span.attributes.append(KeyValue(key=s.USAGE_INPUT_TOKENS, value=AnyValue(int_value=TOKENS)))
    return span


def export(*spans: Span, application: str = "flood") -> ExportTraceServiceRequest:
    """Return an OTLP request that holds these spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    for key, value in ((s.SERVICE_NAME, application), (s.DEPLOYMENT_ENVIRONMENT, "faults")):
        resource.resource.attributes.append(KeyValue(key=key, value=AnyValue(string_value=value)))
    resource.scope_spans.add().spans.extend(spans)
    return request


@dataclass
class Acknowledged:
    """What the senders were told, shared by their threads."""

    ids: set[Id] = field(default_factory=set)
    offered: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    said: set[str] = field(default_factory=set)  # the words of answers that were not 2xx
    without_retry_after: int = 0
    slowest_seconds: float = 0.0


class Flood:
    """Threads that send batches of 20 new spans, five traces each, until stopped; each sends one until it is taken."""

    def __init__(self, server: ServerProcess, threads: int = 3, seed: int = 1, pause_seconds: float = 0.002) -> None:
        self.server, self.seed, self.pause_seconds = server, seed, pause_seconds
        self.acknowledged, self.lock, self.stopping = Acknowledged(), threading.Lock(), threading.Event()
        self.giving_up = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]
        self.broken: list[BaseException] = []

    def __enter__(self) -> Flood:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind:
            self.giving_up.set()
        self.stop()

    def stop(self) -> None:
        """Let every thread finish its batch, and end."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        if self.broken:
            raise self.broken[0]

    def count(self) -> int:
        with self.lock:
            return len(self.acknowledged.ids)

    def wait_for_more(self, spans: int, seconds: float = 60.0) -> None:
        """Return when at least so many further spans are acknowledged."""
        goal = self.count() + spans

        def reached(count: int) -> bool:
            if self.broken:
                raise self.broken[0]
            return count >= goal

        wait_for(self.count, reached, seconds, f"{spans} more acknowledged spans; {self.acknowledged.answers}")

    def _run(self, number: int) -> None:
        rng = random.Random(f"{self.seed}/{number}/{time.time_ns()}")
        try:
            with httpx.Client(timeout=30) as client:
                while not self.stopping.is_set():
                    self._send(client, rng)
                    self.stopping.wait(self.pause_seconds)
        except BaseException as error:  # told by the test's own thread
            self.broken.append(error)

    def _send(self, client: httpx.Client, rng: random.Random) -> None:
        now = time.time_ns()
        ids = [(rng.randbytes(16), rng.randbytes(8)) for _ in range(5)]
        ids = [(trace, struct.pack("<Q", rng.getrandbits(64) | 1)) for trace, _ in ids for _ in range(4)]
        content = export(*(call(trace, span, now) for trace, span in ids)).SerializeToString()
        with self.lock:
            self.acknowledged.offered += len(ids)
        while not self.giving_up.is_set():
            begun = time.monotonic()
            status, answer = self._post(client, content)
            with self.lock:
                told = self.acknowledged
                told.answers[status] += 1
                told.slowest_seconds = max(told.slowest_seconds, time.monotonic() - begun)
                if status == "200":
                    assert answer is not None
                    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
                    told.ids.update(ids)
                    return
                if answer is not None:
                    told.said.add(answer.text[:300])
                    told.without_retry_after += "retry-after" not in answer.headers
                    assert status in ("429", "503"), f"{status}: {answer.text[:500]}"
            self.giving_up.wait(0.05)

    def _post(self, client: httpx.Client, content: bytes) -> tuple[str, httpx.Response | None]:
        headers = {"content-type": "application/x-protobuf"}
        headers["authorization"] = f"Bearer {self.server.addresses['ingest_key']}"
        try:
            answer = client.post(f"{self.server.addresses['otlp_http']}/v1/traces", content=content, headers=headers)
        except httpx.TransportError as error:
            return type(error).__name__, None
        return str(answer.status_code), answer
