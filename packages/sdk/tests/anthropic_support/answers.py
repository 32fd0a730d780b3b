"""What the models of the fake provider answer, whole; `pieces` tells the same as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

USAGE: dict[str, Any] = {
    "input_tokens": 10, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30,
    "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
    "output_tokens": 20, "service_tier": "standard",
}  # fmt: skip
HELLO = [{"type": "text", "text": "Hello there"}]
PAGE = {"type": "web_search_result", "url": "https://a.example", "title": "A", "encrypted_content": "S" * 90,
        "page_age": None}  # fmt: skip
CITED = {"type": "web_search_result_location", "cited_text": "cold", "url": "https://a.example", "title": "A",
         "encrypted_index": "S" * 90}  # fmt: skip
CHAR = {"type": "char_location", "cited_text": "Oslo", "document_index": 0, "document_title": "D",
        "start_char_index": 0, "end_char_index": 4}  # fmt: skip
# model -> what its answer says otherwise than the plain one
ANSWERS: dict[str, dict[str, Any]] = {
    "json": {"content": [{"type": "text", "text": '{"city": "Oslo"}'}]},
    "thinks": {
        "content": [
            {"type": "thinking", "thinking": "Let me see", "signature": "S" * 200},
            {"type": "redacted_thinking", "data": "S" * 200},
            {"type": "thinking", "thinking": "", "signature": "S" * 200},
            *HELLO,
        ],
        "usage": {**USAGE, "output_tokens_details": {"thinking_tokens": 12}},
    },
    "calls": {
        "content": [
            {"type": "text", "text": "I look."},
            {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Oslo", "days": 3}},
            {"type": "tool_use", "id": "t2", "name": "now", "input": {}},
        ],
        "stop_reason": "tool_use",
    },
    "searches": {
        "content": [
            {"type": "server_tool_use", "id": "s1", "name": "web_search", "input": {"query": "oslo"}},
            {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [PAGE]},
            {"type": "server_tool_use", "id": "s2", "name": "web_fetch", "input": {"url": "https://a.example"}},
            {"type": "web_fetch_tool_result", "tool_use_id": "s2",
             "content": {"type": "web_fetch_tool_error", "error_code": "url_not_accessible"}},
            {"type": "text", "text": "It is cold", "citations": [CITED, CHAR]},
        ],
        "usage": {**USAGE, "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1}},
    },
    "mcp": {
        "content": [
            {"type": "mcp_tool_use", "id": "m1", "name": "lookup", "server_name": "crm", "input": {"id": 7}},
            {"type": "mcp_tool_result", "tool_use_id": "m1", "is_error": True,
             "content": [{"type": "text", "text": "gone"}]},
        ],
    },
    "runs": {
        "content": [
            {"type": "server_tool_use", "id": "c1", "name": "code_execution", "input": {"code": "1+1"}},
            {"type": "code_execution_tool_result", "tool_use_id": "c1",
             "content": {"type": "code_execution_result", "stdout": "2", "stderr": "", "return_code": 0, "content": []}},
        ],
        "container": {"id": "container_1", "expires_at": "2026-12-01T00:00:00Z"},
        "usage": {**USAGE, "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0}},
    },
    "refuses": {
        "content": [],
        "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "Not this."},
    },
    "stops": {"stop_reason": "stop_sequence", "stop_sequence": "END"},
    "priority": {"usage": {**USAGE, "service_tier": "priority"}},
    "fast": {"usage": {**USAGE, "speed": "fast"}},
    "uncached": {"usage": {"input_tokens": 10, "output_tokens": 20}},
    "compacts": {"usage": {**USAGE, "iterations": [
        {"type": "compaction", "input_tokens": 500, "output_tokens": 40},
        {"type": "advisor_message", "model": "claude-x", "input_tokens": 5, "cache_read_input_tokens": 2,
         "output_tokens": 4},
        {"type": "message", "input_tokens": 10, "output_tokens": 20},
    ]}},
}  # fmt: skip


def message(model: str) -> dict[str, Any]:
    """The whole answer of a model."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": HELLO,
        "stop_reason": "end_turn", "stop_sequence": None, "usage": USAGE, **ANSWERS.get(model, {}),
    }  # fmt: skip


# kind of block -> (its field that comes in pieces, type of the piece, name of the piece)
_GROWS = {
    "text": ("text", "text_delta", "text"),
    "thinking": ("thinking", "thinking_delta", "thinking"),
    "tool_use": ("input", "input_json_delta", "partial_json"),
    "server_tool_use": ("input", "input_json_delta", "partial_json"),
    "mcp_tool_use": ("input", "input_json_delta", "partial_json"),
}


def pieces(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The events of one block."""
    field, kind, name = _GROWS.get(block["type"], ("", "", ""))
    start = dict(block)
    whole = start.pop(field, None)
    cited = start.pop("citations", ())
    signature = start.pop("signature", None)
    if field:
        start[field] = {} if field == "input" else ""
    deltas: list[dict[str, Any]] = []
    if field:
        text = json.dumps(whole) if isinstance(whole, dict) else whole or ""
        deltas += [{"type": kind, name: piece} for piece in (text[:5], text[5:]) if piece]
    deltas += [{"type": "citations_delta", "citation": citation} for citation in cited]
    if signature:
        deltas.append({"type": "signature_delta", "signature": signature})
    yield {"type": "content_block_start", "index": index, "content_block": start}
    yield {"type": "ping"}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


RESULTS: list[dict[str, Any]] = [
    {"custom_id": "a", "result": {"type": "succeeded", "message": message("plain")}},
    {"custom_id": "b", "result": {"type": "succeeded", "message": message("thinks")}},
    {"custom_id": "c", "result": {"type": "errored", "error": {
        "type": "error", "error": {"type": "invalid_request_error", "message": "no"}}}},
    {"custom_id": "d", "result": {"type": "expired"}},
    {"custom_id": "e", "result": {"type": "canceled"}},
]  # fmt: skip
