"""Spans out of OTLP/JSON: the short way says what protobuf's own parser says, about any document."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from google.protobuf.json_format import MessageToDict
from otlp_bytes import NOW_NS, call, pairs, span, traces
from sentinelops_server.errors import Malformed
from sentinelops_server.model import OtlpBatch
from sentinelops_server.pipeline import otlp_json
from sentinelops_server.pipeline.decoded import Decoded, Limits, OtlpConfig
from sentinelops_server.pipeline.otlp import decode

CONFIG = OtlpConfig(max_events_per_span=3)


def bounds(time_ns: int) -> str | None:
    return "too far" if abs(time_ns - NOW_NS) > 10**15 else None


def document() -> dict[str, Any]:
    attributes = {
        "b": True,
        "d": 0.5,
        "l": ["a", 1, ["x"]],
        "k": {"a": {"b": 0}},
        "z": 0,
        "nul\x00": "a\x00",
        "n": None,
    }
    events = [{"name": "e", "time_unix_nano": NOW_NS, "attributes": attributes}]
    spans = [
        call(1, attributes=attributes, events=events, status=(2, "bad"), trace_state="a=b"),
        span(2, parent=1, dropped_attributes_count=3),
        span(3, trace_id=bytes(16)),
    ]
    request = traces(spans)
    made = request.resource_spans[0].scope_spans[0].spans[0]
    made.links.add(trace_id=b"t" * 16, span_id=b"s" * 8, attributes=pairs(attributes))
    found: dict[str, Any] = copy(MessageToDict(request))
    for one in nodes(found):
        for key in ("traceId", "spanId", "parentSpanId"):
            if isinstance(one, dict) and key in one:
                one[key] = base64.b64decode(one[key]).hex()
    return found


def copy(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def nodes(value: Any) -> Iterator[Any]:
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(inner)


def outcome(body: bytes) -> Any:
    try:
        return repr(decode(OtlpBatch("spans", body, "json", NOW_NS), bounds, CONFIG))
    except Malformed:
        return "malformed"


def by_protobuf(body: bytes, monkeypatch: pytest.MonkeyPatch) -> Any:
    def never(*_: Any) -> None:
        raise otlp_json.Unusual

    with monkeypatch.context() as patch:
        patch.setattr(otlp_json, "walk", never)
        return outcome(body)


def short_way(document: Any) -> Decoded | None:
    decoded = Decoded("spans")
    try:
        otlp_json.walk(document, decoded, Limits(bounds, CONFIG, False, NOW_NS))
    except otlp_json.Unusual:
        return None
    return decoded


def test_what_exporters_write_takes_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    made = document()
    decoded = short_way(made)
    assert decoded is not None
    assert (len(decoded.spans), decoded.refused[0].reason) == (2, "invalid_trace_id")
    body = json.dumps(made).encode()
    assert outcome(body) == by_protobuf(body, monkeypatch)


VALUES = [
    None, 0, 1, -1, 7, 0.5, 2.0, 1e300, 2**32, 2**53, 2**63, 2**64 - 1, True, False, "", "x", "12", "-3", "+3", " 1",
    "1.5",
    "NaN", "\u0661", "00ff", "FF" * 8, "ab" * 16, "zz", {}, [], [None], [{}], [[]], {"stringValue": "x"},
    {"stringValue": None}, {"stringValue": 5}, {"intValue": "5"}, {"intValue": 5.0}, {"intValue": "x"},
    {"intValue": True},
    {"doubleValue": 3}, {"doubleValue": "Infinity"}, {"boolValue": "true"}, {"bytesValue": "AAE="}, {"newValue": 1},
    {"intValue": 1, "stringValue": "x"}, {"arrayValue": {}}, {"arrayValue": {"values": [None]}},
    {"kvlistValue": {"values": [{"key": "k"}]}}, {"key": "k"}, {"key": None}, {"key": "k", "value": None},
    "SPAN_KIND_CLIENT", "SPAN_KIND_NONE", "STATUS_CODE_ERROR", "STATUS_CODE_", str(NOW_NS), NOW_NS, float(NOW_NS),
]  # fmt: skip
SNAKE = {"traceId": "trace_id", "scopeSpans": "scope_spans", "startTimeUnixNano": "start_time_unix_nano"}


def change(chance: random.Random, made: dict[str, Any]) -> None:
    holders = [one for one in nodes(made) if one and isinstance(one, (dict, list))]
    if not holders:
        return
    node = chance.choice(holders)
    key: Any = chance.choice(list(node)) if isinstance(node, dict) else chance.randrange(len(node))
    kind = chance.randrange(5)
    if kind == 0:
        del node[key]
    elif kind == 1 and isinstance(node, dict):
        node[SNAKE.get(key, chance.choice(["unknown", "flags", "key", "attributes", "schemaUrl"]))] = node.pop(key)
    elif kind == 2:
        node[key] = copy(chance.choice(list(nodes(made))))
    else:
        node[key] = chance.choice(VALUES)


def test_it_says_what_protobuf_says(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(20261123)
    short = 0
    for _ in range(1500):
        made = document()
        for _ in range(chance.randint(1, 3)):
            change(chance, made)
            made = copy(made)
        body = json.dumps(made).encode()
        assert outcome(body) == by_protobuf(body, monkeypatch), body
        short += short_way(made) is not None
    assert short > 100  # else the comparison compares nothing
