"""Corrupt and hostile OTLP at both doors: never a crash, good neighbours are kept, the ledger counts every span."""

from __future__ import annotations

import gzip
import json
import random
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from faults.books import ask, balanced
from faults.flood import UNLIMITED, call, export
from faults.mutate import mutate
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from sentinelops import semconv as s
from serving import ServerProcess

PROTOBUF = "application/x-protobuf"
DAY = 86_400 * 10**9
pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("hostile"), **UNLIMITED) as running:
        yield running
        assert running.process is not None
        assert running.process.poll() is None, "the server died"


@pytest.fixture(scope="module")
def http(server: ServerProcess) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {server.addresses['ingest_key']}"}
    with httpx.Client(base_url=server.addresses["otlp_http"], headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def ids() -> random.Random:
    return random.Random(time.time_ns())


def post(http: httpx.Client, body: bytes, media_type: str = PROTOBUF, **headers: str) -> httpx.Response:
    return http.post("/v1/traces", content=body, headers={"content-type": media_type, **headers})


def refused(answer: httpx.Response) -> int:
    return ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans


def several(rng: random.Random, count: int = 6) -> ExportTraceServiceRequest:
    """Return a valid request with model calls, events, links and every kind of attribute."""
    now = time.time_ns()
    spans = []
    for _ in range(count):
        span = call(rng.randbytes(16), rng.randbytes(8), now)
        values = [AnyValue(bool_value=True), AnyValue(double_value=0.5), AnyValue(bytes_value=b"\x00\xff"), AnyValue()]
        nested = AnyValue()
        nested.kvlist_value.values.add(key="k").value.array_value.values.add(int_value=-1)
        span.attributes.extend(KeyValue(key=f"a.{n}", value=value) for n, value in enumerate([*values, nested]))
        event = span.events.add(time_unix_nano=now, name="gen_ai.choice")
        event.attributes.add(key="content").value.string_value = "event"
        span.links.add(trace_id=rng.randbytes(16), span_id=rng.randbytes(8))
        spans.append(span)
    return export(*spans, application="fuzz")


def test_damaged_protobuf_is_answered_and_counted(server, http):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    before, told = balanced(server), 0
    for _ in range(600):
        body = mutate(rng, several(rng).SerializeToString())
        answer = post(http, body)
        assert answer.status_code in (200, 400), (answer.status_code, answer.text, body.hex())
        told += refused(answer) if answer.status_code == 200 else 0
    after = balanced(server)
    assert after["received"] > before["received"]
    assert after["refused"] - before["refused"] >= told
    assert post(http, several(rng).SerializeToString()).status_code == 200


def test_damaged_json_is_answered_and_counted(server, http):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    for _ in range(300):
        body = mutate(rng, json.dumps(MessageToDict(several(rng, 3))).encode())
        answer = post(http, body, "application/json")
        assert answer.status_code in (200, 400), (answer.status_code, answer.text, body)
    balanced(server)


def test_damaged_bodies_over_grpc_are_answered_and_counted(server):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    codes = {"OK": 0}
    with grpc.insecure_channel(server.addresses["otlp_grpc"]) as channel:
        export_bytes = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        key = (("authorization", f"Bearer {server.addresses['ingest_key']}"),)
        for number in range(300):
            body = several(rng).SerializeToString()
            try:
                export_bytes(mutate(rng, body) if number % 10 else body, metadata=key, timeout=60)
                codes["OK"] += 1
            except grpc.RpcError as error:
                name = error.code().name
                codes[name] = codes.get(name, 0) + 1
                assert name == "INVALID_ARGUMENT", (name, error.details())
    assert codes["OK"] >= 30
    assert codes["INVALID_ARGUMENT"] > 10
    balanced(server)


def attribute(span: Span, key: str, **value: Any) -> None:
    for known in list(span.attributes):
        if known.key == key:
            span.attributes.remove(known)
    span.attributes.append(KeyValue(key=key, value=AnyValue(**value)))


def _text(key: str, text: str) -> Any:
    return lambda span: attribute(span, key, string_value=text)


def _number(key: str, number: int) -> Any:
    return lambda span: attribute(span, key, int_value=number)


def _deep(span: Span) -> None:
    value = span.attributes.add(key="deep").value
    for _ in range(30):
        value = value.array_value.values.add()
    value.int_value = 1


def _set(name: str, value: Any) -> Any:
    return lambda span: setattr(span, name, value)


# each is one that some store or parser is known to choke on; the call is kept or refused, its neighbours are kept
ODD = {
    "NUL in a name": _set("name", "a\0b"),
    "NUL in a value": _text("x", "\0"),
    "NUL in a key": _text("x\0y", "z"),
    "NUL in the model": _text(s.REQUEST_MODEL, "gpt\0"),
    "NUL in messages": _text(s.INPUT_MESSAGES, '[{"role":"user","parts":[{"type":"text","content":"\\u0000"}]}]'),
    "lone surrogate in messages": _text(s.INPUT_MESSAGES, '[{"role":"user","parts":[{"content":"\\ud800"}]}]'),
    "NUL in a user": _text(s.USER_ID, "u\0"),
    "long model": _text(s.REQUEST_MODEL, "m" * 5000),
    "long provider": _text(s.PROVIDER, "p" * 5000),
    "long session, more than an index takes": _text(s.SESSION_ID, "".join(map(chr, range(33, 12_000)))),
    "long user": _text(s.USER_ID, "".join(map(chr, range(33, 12_000)))),
    "long name": _set("name", "n" * 1_000_000),
    "long status": lambda span: setattr(span.status, "message", "s" * 1_000_000),
    "metadata with a long value": _text(s.METADATA_PREFIX + "k", "".join(map(chr, range(33, 12_000)))),
    "metadata without a name": _text(s.METADATA_PREFIX, "v"),
    "tokens beyond 32 bits": _number(s.USAGE_INPUT_TOKENS, 2**40),
    "tokens beyond 63 bits in sum": _number(s.USAGE_OUTPUT_TOKENS, 2**63 - 1),
    "negative tokens": _number(s.USAGE_INPUT_TOKENS, -5),
    "tokens as text": _text(s.USAGE_INPUT_TOKENS, "many"),
    "cached tokens over all": _number(s.USAGE_CACHE_READ_TOKENS, 10**6),
    "a weight of nan": lambda span: attribute(span, s.SAMPLING_WEIGHT, double_value=float("nan")),
    "a weight of infinity": lambda span: attribute(span, s.SAMPLING_WEIGHT, double_value=float("inf")),
    "a negative weight": lambda span: attribute(span, s.SAMPLING_WEIGHT, double_value=-1.0),
    "nan": lambda span: attribute(span, "x", double_value=float("nan")),
    "infinite first token": lambda span: attribute(span, s.RESPONSE_TIME_TO_FIRST_CHUNK, double_value=float("inf")),
    "negative first token": lambda span: attribute(span, s.RESPONSE_TIME_TO_FIRST_CHUNK, double_value=-3.0),
    "temperature of nan": lambda span: attribute(span, s.REQUEST_TEMPERATURE, double_value=float("nan")),
    "memory of infinity": lambda span: attribute(span, s.MEMORY_USED_BYTES, double_value=float("inf")),
    "messages that are no JSON": _text(s.INPUT_MESSAGES, "[{"),
    "messages of another shape": _text(s.INPUT_MESSAGES, '{"role": 5}'),
    "messages of numbers": _text(s.OUTPUT_MESSAGES, "[1, null, [[]]]"),
    "messages nested deeply": _text(s.INPUT_MESSAGES, "[" * 20_000 + "]" * 20_000),
    "a huge number in messages": _text(s.INPUT_MESSAGES, '[{"role":"user","parts":[{"content":1e999}]}]'),
    "attributes nested deeply": _deep,
    "tags of another kind": _number(s.TAGS, 3),
    "no name": _set("name", ""),
    "an unknown kind": _set("kind", 77),
    "a span of twenty years": lambda span: setattr(span, "start_time_unix_nano", span.end_time_unix_nano - 7_300 * DAY),
    "the same attribute twice": lambda span: span.attributes.append(
        KeyValue(key=s.REQUEST_MODEL, value=AnyValue(string_value="other"))
    ),
    "five thousand attributes": lambda span: span.attributes.extend(
        KeyValue(key=f"k{n}", value=AnyValue(int_value=n)) for n in range(5000)
    ),
    "a parent of odd length": _set("parent_span_id", b"abc"),
    "its own parent": lambda span: setattr(span, "parent_span_id", span.span_id),
}


@pytest.mark.parametrize("oddity", ODD)
def test_an_odd_span_does_not_harm_its_neighbours(server, http, ids, oddity):
    before = balanced(server)
    good, odd = (call(ids.randbytes(16), ids.randbytes(8), time.time_ns()) for _ in range(2))
    ODD[oddity](odd)
    answer = post(http, export(odd, good, application="odd").SerializeToString())
    assert answer.status_code == 200, answer.text
    after = balanced(server)
    kept = 2 - refused(answer)
    assert (after["received"] - before["received"], after["stored"] - before["stored"]) == (2, kept)
    server.get(f"/traces/{good.trace_id.hex()}")
    if kept == 2:
        # what was kept can be shown
        server.get(f"/traces/{odd.trace_id.hex()}")
        server.get(f"/requests/{odd.trace_id.hex()}-{odd.span_id.hex()}")
    server.get("/metrics/summary", range="1h")
    server.post("/requests/query", {"range": "1h", "limit": 100})


@pytest.mark.parametrize(
    ("start", "end"),
    [(0, 0), (1, 2), (2**64 - 1, 2**64 - 1), (2**63, 2**63 + 1), (4_102_444_800 * 10**9, 4_102_444_801 * 10**9)],
)
def test_a_wild_clock_is_refused_with_the_reason(server, http, ids, start, end):
    before = balanced(server)
    good, wild = (call(ids.randbytes(16), ids.randbytes(8), time.time_ns()) for _ in range(2))
    wild.start_time_unix_nano, wild.end_time_unix_nano = start, end
    answer = post(http, export(good, wild).SerializeToString())
    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, said.rejected_spans) == (200, 1)
    assert "time" in said.error_message, said.error_message
    after = balanced(server)
    assert after["stored"] - before["stored"] == 1
    assert after["refused"] - before["refused"] == 1


@pytest.mark.parametrize("days", [-1, -40, 1 / 24 / 60])
def test_a_clock_that_is_only_off_is_taken(server, http, ids, days):
    span = call(ids.randbytes(16), ids.randbytes(8), time.time_ns() + int(days * DAY))
    answer = post(http, export(span).SerializeToString())
    assert (answer.status_code, refused(answer)) == (200, 0)
    server.get(f"/traces/{span.trace_id.hex()}")


def test_a_span_that_ends_before_it_starts_is_not_a_negative_time(server, http, ids):
    span = call(ids.randbytes(16), ids.randbytes(8), time.time_ns())
    span.start_time_unix_nano = span.end_time_unix_nano + 5 * 10**9
    answer = post(http, export(span).SerializeToString())
    assert answer.status_code == 200
    assert ask(server, "SELECT count(*) FROM spans WHERE duration_ns < 0") == [(0,)]
    assert ask(server, "SELECT count(*) FROM request_metrics WHERE duration < 0") == [(0,)]


@pytest.mark.parametrize(
    ("field", "value"),
    [("trace_id", b""), ("trace_id", b"\0" * 16), ("trace_id", b"x" * 15), ("span_id", b""), ("span_id", b"\0" * 8)],
)
def test_a_bad_id_is_refused_and_its_neighbour_kept(server, http, ids, field, value):
    before = balanced(server)
    good, bad = (call(ids.randbytes(16), ids.randbytes(8), time.time_ns()) for _ in range(2))
    setattr(bad, field, value)
    answer = post(http, export(bad, good).SerializeToString())
    assert (answer.status_code, refused(answer)) == (200, 1)
    assert balanced(server)["stored"] - before["stored"] == 1


@pytest.mark.parametrize(
    ("body", "media_type", "encoding", "status"),
    [
        (b"", "text/plain", "", 415),
        (b"{}", "application/json", "br", 415),
        (b"not gzip", PROTOBUF, "gzip", 400),
        (gzip.compress(b"x" * 1000)[:-20], PROTOBUF, "gzip", 400),
        (zlib.compress(b"\0" * (200 << 20), 9), PROTOBUF, "deflate", 413),
        (gzip.compress(b"\0" * (200 << 20), 9), PROTOBUF, "gzip", 413),
        (b"\0" * (17 << 20), PROTOBUF, "", 413),
        (b"[" * 100_000, "application/json", "", 400),
        (b'{"resourceSpans": 1}', "application/json", "", 400),
        (b"\xff\xfe{}", "application/json", "", 400),
    ],
    ids=["media", "encoding", "no gzip", "cut gzip", "deflate bomb", "bomb", "large", "deep", "shape", "text"],
)  # fmt: skip
def test_what_is_not_otlp_is_refused_with_a_status_and_a_reason(http, body, media_type, encoding, status):
    headers = {"content-encoding": encoding} if encoding else {}
    answer = post(http, body, media_type, **headers)
    assert answer.status_code == status, answer.text
    assert len(answer.content) > 10
    assert "Traceback" not in answer.text


def test_no_key_and_a_wrong_key_are_refused(server, ids):
    url = f"{server.addresses['otlp_http']}/v1/traces"
    for headers in ({}, {"authorization": "Bearer so_nothing"}, {"x-api-key": "x" * 5000}):
        answer = httpx.post(url, content=b"", headers={"content-type": PROTOBUF, **headers})
        assert answer.status_code == 401, answer.text


def test_memory_stays_within_bounds_after_all_this(server, http):
    import psutil

    body = zlib.compress(b"\0" * (500 << 20), 9)
    for _ in range(5):
        assert post(http, body, **{"content-encoding": "deflate"}).status_code == 413
    assert server.process is not None
    assert psutil.Process(server.process.pid).memory_info().rss < 700 << 20


def test_the_log_holds_no_key_and_no_message_of_a_user(server: ServerProcess):
    # what is printed for the person who started the server ends with this line; the log follows
    log = Path(server.folder, "server.log").read_text(errors="replace").partition("Ctrl-C stops it.")[2]
    for secret in (server.addresses["ingest_key"], server.addresses["api_key"], "hello", "Traceback"):
        assert secret not in log, log[:3000]
