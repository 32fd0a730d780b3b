"""Operations of bedrock-agent-runtime: retrieval, generation from what was retrieved, agents, reranking."""

from __future__ import annotations

import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from .._wire.parts import MAPPINGS, text_part


def describe(kind: str, request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of one of these operations; streams come as lists of events by name."""
    return _KINDS[kind](request, body)


def _said(role: str, text: Any) -> list[dict[str, Any]] | None:
    return [{"role": role, "parts": [text_part(text)]}] if isinstance(text, str) and text else None


def _get(value: Any, *path: str) -> Any:
    for name in path:
        if not isinstance(value, MAPPINGS):
            return None
        value = value.get(name)
    return value


def _retrieve(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        s.AWS_KNOWLEDGE_BASE_ID: request.get("knowledgeBaseId"),
        s.AWS_GUARDRAIL_ID: _get(request, "guardrailConfiguration", "guardrailId"),
        s.GUARDRAIL_ACTION: body.get("guardrailAction"),
        s.INPUT_MESSAGES: _said("user", _get(request, "retrievalQuery", "text")),
        s.RETRIEVAL_DOCUMENTS: _documents(body.get("retrievalResults")),
    }


def _documents(results: Any) -> list[dict[str, Any]] | None:
    """`{id, score, content}` of every document; None when the answer never came."""
    if not isinstance(results, list):
        return None
    return [
        {
            "id": item.get("documentId") or _place(item),
            "score": item.get("score"),
            "content": _get(item, "content", "text"),
        }
        for item in results
        if isinstance(item, MAPPINGS)
    ]


def _place(item: Mapping[str, Any]) -> Any:
    """Where a document is from: the address in whichever kind of location it has."""
    location = item.get("location")
    for value in location.values() if isinstance(location, MAPPINGS) else ():
        for name in ("uri", "url", "id"):
            if _get(value, name):
                return value[name]
    return None


def _generate(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Of RetrieveAndGenerate. The answer has no usage: the model is called by the service."""
    output, citations, action = body.get("output"), body.get("citations"), body.get("guardrailAction")
    if "ResponseMetadata" in body and not isinstance(output, MAPPINGS):  # a stream
        text = "".join(str(event.get("text") or "") for event in _events(body, "output"))
        citations = [event.get("citation") or event for event in _events(body, "citation")]
        action = next((event.get("action") for event in _events(body, "guardrail")), None)
    else:
        text = _get(output, "text")
    references = [item for citation in citations or () for item in _get(citation, "retrievedReferences") or ()]
    configuration = request.get("retrieveAndGenerateConfiguration")
    return {
        s.CONVERSATION_ID: body.get("sessionId") or request.get("sessionId"),
        s.AWS_KNOWLEDGE_BASE_ID: _get(configuration, "knowledgeBaseConfiguration", "knowledgeBaseId"),
        s.GUARDRAIL_ACTION: action,
        s.INPUT_MESSAGES: _said("user", _get(request, "input", "text")),
        s.OUTPUT_MESSAGES: _said("assistant", text),
        s.RETRIEVAL_DOCUMENTS: _documents(references) if references else None,
    }


def _events(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = body.get(name)
    return [item for item in value if isinstance(item, MAPPINGS)] if isinstance(value, list) else []


def _agent(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """Of InvokeAgent and InvokeInlineAgent. Usage is what the traces tell, when the caller enabled them."""
    text = "".join(_chunk(event) for event in _events(body, "chunk"))
    out = {
        s.AGENT_NAME: request.get("agentName") or request.get("agentId"),
        s.CONVERSATION_ID: request.get("sessionId"),
        s.INPUT_MESSAGES: _said("user", request.get("inputText")),
        s.OUTPUT_MESSAGES: _said("assistant", text),
    }
    usages = list(_usages(body))
    if usages:
        out[s.USAGE_INPUT_TOKENS] = sum(given for given, _ in usages)
        out[s.USAGE_OUTPUT_TOKENS] = sum(written for _, written in usages)
    return out


def _chunk(event: Mapping[str, Any]) -> str:
    packed = event.get("bytes")
    try:
        return binascii.a2b_base64(packed).decode("utf-8", "replace") if isinstance(packed, str) else ""
    except binascii.Error:
        return ""


def _usages(body: Mapping[str, Any]) -> Iterable[tuple[int, int]]:
    for event in _events(body, "trace"):
        for step in (event.get("trace") or {}).values():
            usage = _get(step, "modelInvocationOutput", "metadata", "usage")
            if isinstance(usage, MAPPINGS) and isinstance(usage.get("inputTokens"), int):
                yield usage["inputTokens"], int(usage.get("outputTokens") or 0)


def _rerank(request: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    texts = [_get(query, "textQuery", "text") for query in request.get("queries") or ()]
    results = body.get("results")
    return {
        s.INPUT_MESSAGES: [{"role": "user", "parts": [text_part(text)]} for text in texts if text] or None,
        s.RETRIEVAL_DOCUMENTS: [
            {"id": item.get("index"), "score": item.get("relevanceScore")} for item in results
        ] if isinstance(results, list) else None,
    }  # fmt: skip


_KINDS = {"retrieve": _retrieve, "generate": _generate, "agent": _agent, "rerank": _rerank}
