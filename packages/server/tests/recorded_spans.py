"""Spans that real libraries wrote (pipeline/dialects/spans), and the table of concepts that every dialect is asked for.

A dialect's test has one row for each concept: `Row(situation, number of the span, what must be read)`, or a text that
says why its writer has none; then no recorded span may have any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from sentinelops_server.model import LLMRequest, LogRecord, OtlpBatch, Payload, Span
from sentinelops_server.pipeline.dialects.base import Dialect, Reading
from sentinelops_server.pipeline.normalise import normalise
from sentinelops_server.pipeline.otlp import decode

SPANS = Path(__file__).parent / "pipeline" / "dialects" / "spans"


@dataclass(frozen=True)
class Row:
    situation: str
    number: int
    expected: Any


@dataclass(frozen=True)
class Seen:
    """One span after reading and after normalising."""

    span: Span
    reading: Reading
    request: LLMRequest | None
    payload: Payload | None

    def content(self, key: str) -> Any:
        return None if self.payload is None else self.payload.content.get(key)

    def of_request(self, name: str) -> Any:
        return None if self.request is None else getattr(self.request, name)

    def parts(self, key: str, kind: str) -> list[Any]:
        messages = self.content(key) or []
        return [part for message in messages for part in message["parts"] if part["type"] == kind]


def _said(seen: Seen, key: str) -> list[tuple[str, str]]:
    return [
        (message["role"], part["content"])
        for message in seen.content(key) or []
        for part in message["parts"]
        if part["type"] == "text"
    ]


def _tool(seen: Seen) -> Any:
    if seen.span.type != "tool":
        return None
    return (seen.content("tool_arguments"), seen.content("tool_result"))


def _error(seen: Seen) -> Any:
    if seen.request is None or seen.request.status == "ok":
        return None
    return (seen.request.status, seen.request.error_type, seen.request.error)


def _scores(seen: Seen) -> list[Any]:
    return [(score.name, score.value, score.comment) for score in seen.span.scores]


def _prompt(seen: Seen) -> Any:
    named = (seen.reading.metadata.get("prompt.name"), seen.reading.metadata.get("prompt.version"))
    return None if named == (None, None) else named


def _metadata(seen: Seen) -> dict[str, Any]:
    return {key: value for key, value in seen.reading.metadata.items() if key == "team"}


CONCEPTS: dict[str, Callable[[Seen], Any]] = {
    "span kind": lambda seen: seen.span.type,
    "provider": lambda seen: seen.reading.provider,
    "request model": lambda seen: seen.reading.model,
    "response model": lambda seen: seen.reading.response_model,
    "input tokens": lambda seen: seen.of_request("prompt_tokens"),
    "output tokens": lambda seen: seen.of_request("completion_tokens"),
    "cache read": lambda seen: seen.of_request("cache_read_tokens"),
    "cache write": lambda seen: seen.of_request("cache_write_tokens"),
    "reasoning": lambda seen: seen.of_request("reasoning_tokens"),
    "audio": lambda seen: {k: v for k, v in (seen.of_request("usage_details") or {}).items() if "audio" in k},
    "input messages": lambda seen: _said(seen, "input_messages"),
    "output messages": lambda seen: _said(seen, "output_messages"),
    "tool calls": lambda seen: seen.parts("output_messages", "tool_call"),
    "tool span": _tool,
    "tool definitions": lambda seen: seen.content("tool_definitions"),
    "finish reason": lambda seen: seen.of_request("finish_reason"),
    "parameters": lambda seen: seen.of_request("parameters"),
    "stream": lambda seen: seen.of_request("streaming"),
    "time to first token": lambda seen: seen.of_request("time_to_first_token"),
    "session": lambda seen: seen.span.session_id,
    "user": lambda seen: seen.span.user_id,
    "tags": lambda seen: seen.of_request("tags"),
    "metadata": _metadata,
    "cost": lambda seen: seen.reading.metadata.get("reported_cost"),
    "error": _error,
    "prompt template": _prompt,
    "documents": lambda seen: seen.content("documents"),
    "evaluation": _scores,
}
QUESTION = [("system", "Be brief."), ("user", "Weather in Paris?")]
ANSWER = [("assistant", "It is sunny in Paris.")]
CALL = [{"type": "tool_call", "id": "call_1", "name": "get_weather", "arguments": {"city": "Paris"}}]
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def recorded(dialect: str, situation: str) -> list[Span]:
    """The spans of one file, parents first."""
    body = (SPANS / dialect / f"{situation}.json").read_bytes()
    decoded = decode(OtlpBatch(signal="spans", body=body, encoding="json"))
    assert not decoded.refused
    assert decoded.spans
    return decoded.spans


def logged(dialect: str, situation: str) -> list[LogRecord]:
    """The log events of one situation."""
    body = (SPANS.parent / "logs" / dialect / f"{situation}.json").read_bytes()
    return decode(OtlpBatch(signal="log_records", body=body, encoding="json")).log_records


def situations(dialect: str) -> list[str]:
    return sorted(path.stem for path in (SPANS / dialect).glob("*.json"))


def see(dialect: Dialect, span: Span) -> Seen:
    assert dialect.detect(span.scope_name, span.attributes)
    before = deepcopy(span)
    reading = dialect.read(span)
    assert span == before, "reading changes nothing"
    assert set(reading.bodies) <= set(span.attributes)
    request, payload = normalise(span, (dialect,))
    kept = {name: value for name, value in before.attributes.items() if name not in reading.bodies}
    assert {name: span.attributes.get(name) for name in kept} == kept, "what is not taken over stays"
    return Seen(span, reading, request, payload)


def check(dialect: Dialect, name: str, rows: Mapping[str, Row | str], concept: str) -> None:
    """Hold one row of a dialect's table."""
    row, get = rows[concept], CONCEPTS[concept]
    if isinstance(row, Row):
        assert get(see(dialect, recorded(name, row.situation)[row.number])) == row.expected
        return
    assert len(row) > 20, "say why"
    for situation in situations(name):
        for span in recorded(name, situation):
            assert not get(see(dialect, span)), situation


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(), st.text(max_size=12),
    st.sampled_from(["{", "[]", "{}", '{"a": [', "[[[", "null", '"x"', "1", "{'a': 1}", "{'a': {}}", "data:image/png;base64,xx"]),
)  # fmt: skip
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
