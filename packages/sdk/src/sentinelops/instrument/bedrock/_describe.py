"""From what was seen of an operation to the attributes of its span; runs in the export thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .._wire.answer import ProviderFailure
from .._wire.parts import MAPPINGS
from .._wire.streams import loads_or_none
from . import _agents, _converse, _families, _guardrail
from ._exchange import Answer
from ._models import model_of
from ._usage import converse_usage, inference_seconds, invoke_usage

if TYPE_CHECKING:
    from ..._call import CallRecord


def describe(record: CallRecord) -> dict[str, Any]:
    """Attributes by semconv name, content as Python structures."""
    answer = record.response
    if not isinstance(answer, Answer):
        return {}
    attributes: dict[str, Any] = {}
    sent = answer.sent_model
    if sent is not None and sent != record.model:
        attributes[s.REQUEST_MODEL_SENT] = sent
    attributes.update(_http(record, answer))
    body = _settled(record, answer, attributes)
    kind = answer.operation.kind
    if kind == "converse":
        attributes.update(_described_converse(record, body))
    elif kind == "invoke":
        attributes.update(_described_invoke(record, answer, body))
    elif kind == "guardrail":
        attributes.update(_guardrail.describe(record.request, body))
    elif kind == "count_tokens":
        attributes.update(_described_count(record.request))
    elif kind == "async_invoke":
        attributes.update(_families.request_content(_mapping(record.request.get("modelInput"))))
    else:
        attributes.update(_agents.describe(kind, record.request, body))
    return attributes


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, MAPPINGS) else {}


def _http(record: CallRecord, answer: Answer) -> dict[str, Any]:
    """Request id, status, attempts; of a failure also its code."""
    error: Any = record.error
    told = getattr(error, "response", None)
    told = told if isinstance(told, MAPPINGS) else answer.parsed
    meta = _mapping(told.get("ResponseMetadata"))
    retries = meta.get("RetryAttempts")
    out: dict[str, Any] = {
        s.HTTP_STATUS: meta.get("HTTPStatusCode"),
        s.PROVIDER_REQUEST_ID: meta.get("RequestId"),
        s.ATTEMPTS: retries + 1 if isinstance(retries, int) and retries else None,
    }
    code = _mapping(told.get("Error")).get("Code") if error is not None else None
    out[s.ERROR_CODE] = str(code) if code else None
    return out


def _headers(answer: Answer) -> Mapping[str, Any]:
    return _mapping(_mapping(answer.parsed.get("ResponseMetadata")).get("HTTPHeaders"))


def _settled(record: CallRecord, answer: Answer, attributes: dict[str, Any]) -> Mapping[str, Any]:
    """Give the answer as it would stand without streaming, and say in `attributes` how reading it went."""
    events, passage = answer.events, answer.body
    if events is not None:
        events.settle()
        if events.error is not None and record.error is None:
            code, message = events.error
            attributes[s.ERROR_CODE], attributes[s.ERROR_TYPE] = code, "EventStreamError"
            record.error = ProviderFailure(f"{code}: {message}" if message else code)
        elif not (events.complete or events.folder.finished or record.error):
            attributes[s.OUTCOME] = "cancelled"
        return {**answer.parsed, **events.folder.body}
    if passage is not None:
        body = loads_or_none(passage.settle())
        if passage.missing and record.error is None:
            attributes[s.ERROR_TYPE] = "IncompleteReadError"
            record.error = ProviderFailure(f"the answer ended after {passage.total} bytes, more were announced")
        elif not (passage.complete or record.error or isinstance(body, dict)):
            attributes[s.OUTCOME] = "cancelled"
        return body if isinstance(body, dict) else {}
    if answer.raw is not None and record.error is None:
        return {**answer.parsed, **_mapping(loads_or_none(answer.raw))}
    return answer.parsed


def _described_converse(record: CallRecord, body: Mapping[str, Any]) -> dict[str, Any]:
    request = record.request
    extra = _mapping(request.get("additionalModelRequestFields"))
    streamed_openai = record.streaming and "openai." in (record.model or "")
    out = {
        **_families.parameters({**extra, "inferenceConfig": request.get("inferenceConfig")}),
        **_converse.converse_parameters(request),
        **_converse.request_content(request),
        **_converse.response_content(body),
        **converse_usage(body.get("usage"), openai_stream=streamed_openai),
        s.INFERENCE_DURATION_SECONDS: inference_seconds(body, {}),
        s.RESPONSE_MODEL: _routed(body.get("trace")),
        s.BEDROCK_SERVICE_TIER: _mapping(body.get("serviceTier") or request.get("serviceTier")).get("type"),
        s.BEDROCK_LATENCY_MODE: _mapping(body.get("performanceConfig") or request.get("performanceConfig")).get(
            "latency"
        ),
        s.AWS_GUARDRAIL_ID: _mapping(request.get("guardrailConfig")).get("guardrailIdentifier"),
        s.GUARDRAIL_FINDINGS: _guardrail.of_trace(body.get("trace")),
    }
    if body.get("stopReason") == "guardrail_intervened":
        out[s.GUARDRAIL_ACTION] = "INTERVENED"
    return out


def _routed(trace: Any) -> str | None:
    """The model that a prompt router chose."""
    chosen = _mapping(_mapping(trace).get("promptRouter")).get("invokedModelId")
    return model_of(chosen) if isinstance(chosen, str) else None


def _described_invoke(record: CallRecord, answer: Answer, body: Mapping[str, Any]) -> dict[str, Any]:
    given = record.request
    request = _request_body(given.get("body"))
    headers = _headers(answer)
    model = body.get("model")
    identity = body.get("id")
    out = {
        **_families.parameters(request),
        **_families.request_content(request),
        **_families.response_content(body),
        **invoke_usage(body, headers),
        s.OPERATION: _operation(record.operation, request),
        s.RESPONSE_ID: identity if isinstance(identity, str) else None,
        s.RESPONSE_MODEL: model if isinstance(model, str) else None,
        s.INFERENCE_DURATION_SECONDS: inference_seconds(body, headers),
        s.BEDROCK_SERVICE_TIER: answer.parsed.get("serviceTier") or given.get("serviceTier"),
        s.BEDROCK_LATENCY_MODE: answer.parsed.get("performanceConfigLatency") or given.get("performanceConfigLatency"),
        s.AWS_GUARDRAIL_ID: given.get("guardrailIdentifier"),
        s.GUARDRAIL_ACTION: body.get("amazon-bedrock-guardrailAction"),
        s.GUARDRAIL_FINDINGS: _guardrail.of_trace(body.get("amazon-bedrock-trace")),
    }
    if record.operation == "embeddings":
        out.setdefault(s.EMBEDDINGS_DIMENSIONS, _families.dimensions(body))
    if record.operation == "generate_content":
        out[s.OUTPUT_TYPE] = "image"
    error = body.get("error")
    if error and record.error is None:
        said = _mapping(error)
        record.error = ProviderFailure(str(said.get("message") or error))
        out[s.ERROR_TYPE] = out[s.ERROR_CODE] = str(said.get("type") or "error")
    return out


def _operation(guess: str, request: Mapping[str, Any]) -> str:
    """What was guessed from the first look, put right by the whole body."""
    if guess in ("chat", "text_completion") and request:
        if "prompt" in request or "inputText" in request:
            return "text_completion"
        return "chat"
    return guess


def _request_body(body: Any) -> Mapping[str, Any]:
    value = getattr(body, "getvalue", None)
    if callable(value):
        body = value()
    if isinstance(body, str | bytes):
        return _mapping(loads_or_none(body))
    return {}


def _described_count(request: Mapping[str, Any]) -> dict[str, Any]:
    """What was counted. The count is no usage: nothing was generated and nothing is paid."""
    given = _mapping(request.get("input"))
    if "converse" in given:
        return _converse.request_content(_mapping(given["converse"]))
    return _families.request_content(_request_body(_mapping(given.get("invokeModel")).get("body")))
