"""One record that cannot be read fails by itself, whatever it is that protobuf refuses the request for."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_bytes import NOW_NS, batch, span
from sentinelops_server.errors import Malformed
from sentinelops_server.model import OtlpBatch
from sentinelops_server.pipeline.decoded import Decoded
from sentinelops_server.pipeline.otlp import decode


def read(body: bytes, encoding: Any = "protobuf") -> Decoded:
    return decode(OtlpBatch("spans", body, encoding, NOW_NS))


def field(number: int, part: bytes) -> bytes:
    size, length = bytearray(), len(part)
    while length > 127:
        size.append(length & 127 | 128)
        length >>= 7
    return bytes([number << 3 | 2, *size, length]) + part


def deep(levels: int) -> bytes:
    """An attribute that is a list in a list in a list ..."""
    value = field(1, b"x")
    for _ in range(levels):
        value = field(5, field(1, value))
    return field(9, field(1, b"k") + field(2, value))


SPAN = ExportTraceServiceRequest.FromString(batch([span(2)]).body).resource_spans[0].scope_spans[0].spans[0]
GOOD = batch([span(1), span(3)]).body


@pytest.mark.parametrize("bad", [deep(46), deep(47), deep(48), deep(200), deep(10_000), field(5, b"\xff\xfe")])
def test_its_neighbours_are_kept(bad: bytes) -> None:
    decoded = read(GOOD + field(1, field(2, field(2, SPAN.SerializeToString() + bad))))
    assert decoded.received == 3
    assert len(decoded.spans) + len(decoded.refused) == 3
    assert {one.span_id[-1] for one in decoded.spans} >= {1, 3}
    assert {one.reason for one in decoded.refused} <= {"undecodable"}


def test_only_what_is_too_deep_is_refused() -> None:
    reasons = [read(field(1, field(2, field(2, SPAN.SerializeToString() + deep(n)))) + GOOD).refused for n in (30, 60)]
    assert [len(one) for one in reasons] == [0, 1]


@pytest.mark.parametrize(
    "body", [GOOD[:-1], GOOD + b"\x0a", GOOD + b"\x0a\xff\xff", b"\x08\x01" + GOOD + b"\x0b", b"\xff" * 40]
)
def test_what_is_cut_off_or_no_request_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


@given(st.binary(max_size=64), st.integers(0, len(GOOD)))
def test_noise_within_is_never_worse_than_malformed(noise: bytes, at: int) -> None:
    try:
        decoded = read(GOOD[:at] + noise + GOOD[at:])
    except Malformed:
        return
    assert decoded.received == len(decoded.spans) + len(decoded.refused)


@pytest.mark.parametrize("levels", [60, 200])
def test_in_json_too(levels: int) -> None:
    document = MessageToDict(ExportTraceServiceRequest.FromString(batch([span(1), span(2)]).body))
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for one in spans:
        for key in ("traceId", "spanId"):
            one[key] = base64.b64decode(one[key]).hex()
    value: Any = {"stringValue": "x"}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    spans[0]["attributes"] = [{"key": "k", "value": value}]
    decoded = read(json.dumps(document).encode(), "json")
    assert decoded.received == 2
    assert [one.span_id[-1] for one in decoded.spans] == [2]
    assert [one.reason for one in decoded.refused] == ["undecodable"]
