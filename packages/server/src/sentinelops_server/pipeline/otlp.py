"""First stage of the pipeline: the bytes of one OTLP request become records, or refusals by name."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

import orjson
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ..errors import Malformed
from ..model import OtlpBatch
from . import otlp_json, otlp_logs, otlp_metrics, otlp_spans
from .decoded import Bounds, Decoded, Limits, OtlpConfig
from .otlp_salvage import without_bad_json, without_bad_records

__all__ = ["decode"]

REQUESTS: dict[str, Any] = {
    "spans": ExportTraceServiceRequest,
    "log_records": ExportLogsServiceRequest,
    "metric_points": ExportMetricsServiceRequest,
}

WALKS = {"spans": otlp_spans.walk, "log_records": otlp_logs.walk, "metric_points": otlp_metrics.walk}

UNREADABLE = (ParseError, ValueError, TypeError, AttributeError, RecursionError)
ID_FIELDS = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})


def anytime(_: int) -> str | None:
    """Bounds that take every time."""
    return None


def decode(batch: OtlpBatch, bounds: Bounds = anytime, config: OtlpConfig | None = None) -> Decoded:
    """Decode one OTLP request. A bad record is refused by itself; Malformed means that nothing could be read."""
    config = config or OtlpConfig()
    limits = Limits(bounds, config, len(batch.body) > config.max_record_bytes, batch.received_ns)
    if batch.encoding == "protobuf":
        return _decode_protobuf(batch, limits)
    try:
        return _decode_json(batch, limits)
    except UNREADABLE as error:
        raise Malformed(f"the body is not an OTLP/JSON {batch.signal} request: {str(error)[:300]}") from None


def _walk(message: Any, batch: OtlpBatch, limits: Limits) -> Decoded:
    decoded = Decoded(batch.signal)
    WALKS[batch.signal](message, decoded, limits)
    return decoded


def _decode_protobuf(batch: OtlpBatch, limits: Limits) -> Decoded:
    message = REQUESTS[batch.signal]()
    bad = 0
    try:
        try:
            message.ParseFromString(batch.body)
        except DecodeError as error:
            rest, bad = without_bad_records(batch.body, lambda request: _parses(batch.signal, request))
            if not bad:
                raise error
            message.ParseFromString(rest)
    except (DecodeError, ValueError) as error:
        raise Malformed(f"the body is not an OTLP protobuf {batch.signal} request: {error}") from None
    return _refuse_undecodable(_walk(message, batch, limits), bad)


def _parses(signal: str, request: bytes) -> bool:
    try:
        REQUESTS[signal]().ParseFromString(request)
    except DecodeError:
        return False
    return True


def _reads(signal: str, request: Any) -> bool:
    try:
        _from_json(signal, request)
    except UNREADABLE:
        return False
    return True


def _from_json(signal: str, document: Any) -> Any:
    return ParseDict(document, REQUESTS[signal](), ignore_unknown_fields=True, max_recursion_depth=100)


def _refuse_undecodable(decoded: Decoded, bad: int) -> Decoded:
    decoded.received += bad
    for _ in range(bad):
        decoded.refuse(
            "unknown", "undecodable", "it is no OTLP record: nested deeper than 100 levels, or text that is not UTF-8"
        )
    return decoded


def _decode_json(batch: OtlpBatch, limits: Limits) -> Decoded:
    document = _load_json(batch.body)
    if batch.signal == "spans":
        decoded = Decoded(batch.signal)
        try:
            otlp_json.walk(document, decoded, limits)
        except otlp_json.Unusual:
            pass
        else:
            return decoded
    _ids_to_base64(document)
    bad = 0
    try:
        message = _from_json(batch.signal, document)
    except UNREADABLE:
        bad = without_bad_json(document, batch.signal, lambda request: _reads(batch.signal, request))
        if not bad:
            raise
        message = _from_json(batch.signal, document)
    return _refuse_undecodable(_walk(message, batch, limits), bad)


def _load_json(body: bytes) -> Any:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        # orjson refuses lone surrogates, which JavaScript writes when it cuts a string: they become U+FFFD
        text = json.dumps(json.loads(body), ensure_ascii=False, allow_nan=False)
        value = orjson.loads(text.encode("utf-8", "replace"))
    if not isinstance(value, dict):
        raise ValueError("it must be a JSON object")
    return value


def _ids_to_base64(value: Any) -> Any:
    """Turn ids, hex in OTLP/JSON, into protobuf's base64; what is no hex becomes an empty, invalid id."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ID_FIELDS:
                value[key] = _hex_to_base64(inner)
            elif isinstance(inner, (dict, list)) and key != "attributes":
                _ids_to_base64(inner)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, (dict, list)):
                _ids_to_base64(inner)
    return value


def _hex_to_base64(value: Any) -> str:
    try:
        return base64.b64encode(binascii.unhexlify(value)).decode()
    except (binascii.Error, ValueError, TypeError):
        return ""
