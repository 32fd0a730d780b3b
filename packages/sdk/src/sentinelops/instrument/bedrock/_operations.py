"""The operations that are watched, and where each keeps its model, its stream or its body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ._models import operation_of


def _model_id(request: Mapping[str, Any]) -> str | None:
    value = request.get("modelId")
    return value if isinstance(value, str) else None


def _no_model(request: Mapping[str, Any]) -> str | None:
    return None


def _generator_model(request: Mapping[str, Any]) -> str | None:
    """Of RetrieveAndGenerate."""
    configuration = request.get("retrieveAndGenerateConfiguration") or {}
    for name in ("knowledgeBaseConfiguration", "externalSourcesConfiguration"):
        value = (configuration.get(name) or {}).get("modelArn")
        if isinstance(value, str):
            return value
    return None


def _inline_model(request: Mapping[str, Any]) -> str | None:
    value = request.get("foundationModel")
    return value if isinstance(value, str) else None


def _reranker(request: Mapping[str, Any]) -> str | None:
    value = request
    for name in ("rerankingConfiguration", "bedrockRerankingConfiguration", "modelConfiguration"):
        value = value.get(name) or {}
    arn = value.get("modelArn")
    return arn if isinstance(arn, str) else None


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a service.

    kind: how it is described (see _describe). fixed: the operation name of the span; "" means by the model. stream:
    which part of the answer is a stream of events. body: which part is bytes that the host reads. model: from the
    parameters to the model as sent.
    """

    kind: str
    fixed: str = ""
    stream: str | None = None
    body: str | None = None
    model: Callable[[Mapping[str, Any]], str | None] = _model_id

    def name(self, model: str | None, request: Mapping[str, Any]) -> str:
        """The `gen_ai.operation.name`."""
        return self.fixed or operation_of(model or "", request.get("body"))


OPERATIONS: dict[str, dict[str, Operation]] = {
    "bedrock-runtime": {
        "Converse": Operation("converse", "chat"),
        "ConverseStream": Operation("converse", "chat", stream="stream"),
        "InvokeModel": Operation("invoke", body="body"),
        "InvokeModelWithResponseStream": Operation("invoke", stream="body"),
        "CountTokens": Operation("count_tokens", "count_tokens"),
        "ApplyGuardrail": Operation("guardrail", "guardrail", model=_no_model),
        "InvokeGuardrailChecks": Operation("guardrail", "guardrail", model=_no_model),
        "StartAsyncInvoke": Operation("async_invoke"),
    },
    "bedrock-agent-runtime": {
        "Retrieve": Operation("retrieve", "retrieval", model=_no_model),
        "RetrieveAndGenerate": Operation("generate", "chat", model=_generator_model),
        "RetrieveAndGenerateStream": Operation("generate", "chat", stream="stream", model=_generator_model),
        "InvokeAgent": Operation("agent", "invoke_agent", stream="completion", model=_no_model),
        "InvokeInlineAgent": Operation("agent", "invoke_agent", stream="completion", model=_inline_model),
        "Rerank": Operation("rerank", "rerank", model=_reranker),
    },
}
