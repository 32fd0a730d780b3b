"""The rows of the table of concepts, read from recorded spans: what every dialect is asked."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from recorded_spans import SPANS, recorded
from sentinelops_server.model import LLMRequest, Payload, Span
from sentinelops_server.pipeline.normalise import normalise

CONCEPTS = (
    "kind", "provider", "request model", "response model", "input tokens", "output tokens", "cache read", "cache write",
    "reasoning", "audio", "input messages", "output messages", "tools", "finish reason", "parameters", "stream", "ttft",
    "session", "user", "tags", "metadata", "cost", "error", "prompt template", "documents", "evaluation",
)  # fmt: skip
USER = {"role": "user", "parts": [{"type": "text", "content": "How is Oslo in May?"}]}
SYSTEM = {"role": "system", "parts": [{"type": "text", "content": "Answer briefly."}]}
MILD = {"role": "assistant", "parts": [{"type": "text", "content": "It is mild."}]}
CALL = {"type": "tool_call", "id": "call_1", "name": "weather", "arguments": {"city": "Oslo"}}
CALLING = {"role": "assistant", "parts": [CALL]}
TOLD = {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "mild"}]}
# what is kept of the picture in situations.IMAGE
PIXEL = {
    "type": "blob",
    "mime_type": "image/png",
    "modality": "image",
    "sha256": "6b7fa434f92a8b80aab02d9bf1a12e49ffcae424e4013a1c4f68b67e3d2bbcd0",
    "bytes": 70,
}
BASE64 = "iVBORw0KGgo"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def files(dialect: str) -> list[str]:
    return sorted(path.stem for path in (SPANS / dialect).glob("*.json"))


def read_all(dialect: str, situation: str) -> list[tuple[Span, LLMRequest | None, Payload | None]]:
    """Read a file with all dialects that there are, as the server does."""
    return [(span, *normalise(span)) for span in recorded(dialect, situation)]


def rows(span: Span, request: LLMRequest | None, payload: Payload | None) -> dict[str, Any]:
    """What one span says, by concept; what it does not say is None."""
    content = payload.content if payload is not None else {}
    said: dict[str, Any] = {
        "kind": (span.type, request.operation if request is not None else None),
        "session": span.session_id,
        "user": span.user_id,
        "documents": content.get("documents"),
        "input messages": content.get("input_messages"),
        "output messages": content.get("output_messages"),
        "tools": content.get("tool_definitions"),
        "evaluation": [(score.name, score.value, score.label, score.comment) for score in span.scores] or None,
    }
    if request is None:
        return said
    details, metadata = request.usage_details, dict(request.metadata)
    prompt = {key[7:]: metadata.pop(key) for key in list(metadata) if key.startswith("prompt.")}
    audio = (details.get("audio_input"), details.get("audio_output"))
    return said | {
        "cost": metadata.pop("reported_cost", None),
        "provider": request.provider,
        "request model": request.model,
        "response model": request.response_model,
        "input tokens": request.prompt_tokens,
        "output tokens": request.completion_tokens,
        "cache read": request.cache_read_tokens,
        "cache write": request.cache_write_tokens,
        "reasoning": request.reasoning_tokens,
        "audio": None if audio == (None, None) else audio,
        "finish reason": request.finish_reason,
        "parameters": request.parameters or None,
        "stream": request.streaming or None,
        "ttft": None if request.time_to_first_token is None else request.time_to_first_token > 0,
        "tags": request.tags or None,
        "metadata": metadata or None,
        "error": None if request.status == "ok" else (request.status, request.error_type, request.error),
        "prompt template": prompt or None,
    }


def row(dialect: str, situation: str, name: str, concept: str) -> Any:
    """What the first span of that name says about the concept."""
    for span, request, payload in read_all(dialect, situation):
        if span.name == name:
            return rows(span, request, payload)[concept]
    raise AssertionError(f"no span {name} in {situation}")


def kinds(dialect: str, situation: str) -> list[tuple[str, str, bool]]:
    """Name, type and whether it is a call, of each span."""
    return [(span.name, span.type, request is not None) for span, request, _ in read_all(dialect, situation)]


def anything(keys: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Attributes under these keys with values of any type that OTLP has, and JSON of any."""
    plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=20)
    nested = st.recursive(
        plain,
        lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=8), one, max_size=3),
        max_leaves=6,
    )
    json = st.sampled_from(
        ("{", "[1", "null", '"x"', "[]", "{}", '[{"role":1,"content":[{"type":"file","data":7}]}]', '{"a":{"b":[1]}}', "[[1,2]]",
         '[{"parts":[{"type":"blob","content":{}}]}]', '{"messages":3,"usage":[],"id":4}', "9" * 20, "[" * 400 + "]" * 400, '[{"parts":[{"type":["text"]}]}]', '{"type":{},"data":"' + "QUJD" * 30 + '"}')
    )  # fmt: skip
    return st.dictionaries(st.sampled_from(keys), nested | json, max_size=12)
