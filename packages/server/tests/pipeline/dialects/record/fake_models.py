"""A local server that speaks the wire formats of OpenAI and Anthropic, for recording what instrumentations make of them."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

OPENAI_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "total_tokens": 150,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 10},
    "completion_tokens_details": {
        "reasoning_tokens": 12,
        "audio_tokens": 5,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
ANTHROPIC_USAGE = {
    "input_tokens": 20,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 40,
    "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 10},
    "output_tokens": 25,
    "service_tier": "standard",
}
TEXT = "It is sunny in Paris."
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
}
HEADERS = {"request-id": "req_1", "x-request-id": "req_1", "anthropic-organization-id": "org-1"}


def chat(body: dict[str, Any]) -> dict[str, Any]:
    """The answer of /v1/chat/completions: a tool call when a tool is offered and has not answered yet."""
    wants_tool = body.get("tools") and not any(message["role"] == "tool" for message in body["messages"])
    message: dict[str, Any] = {"role": "assistant", "content": None if wants_tool else TEXT, "refusal": None}
    if wants_tool:
        message["tool_calls"] = [CALL]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": f"{body['model']}-2024-07-18",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "message": message, "finish_reason": "tool_calls" if wants_tool else "stop", "logprobs": None}
        ],
        "usage": OPENAI_USAGE,
    }


def chat_chunks(body: dict[str, Any]) -> list[dict[str, Any]]:
    whole = chat(body)
    base = {key: whole[key] for key in ("id", "created", "model", "service_tier", "system_fingerprint")}
    base["object"] = "chat.completion.chunk"
    deltas = [{"role": "assistant", "content": ""}, {"content": TEXT[:10]}, {"content": TEXT[10:]}]
    chunks = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    chunks.append({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**base, "choices": [], "usage": OPENAI_USAGE})
    return chunks


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    return {
        "object": "list",
        "model": body["model"],
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.25, 0.5, -0.25]} for index in range(len(texts))
        ],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


def messages(body: dict[str, Any]) -> dict[str, Any]:
    """The answer of /v1/messages."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    answered = any(
        isinstance(message["content"], list) and any(part["type"] == "tool_result" for part in message["content"])
        for message in body["messages"]
    )
    wants_tool = body.get("tools") and not answered
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": f"{body['model']}-20250929",
        "content": [use] if wants_tool else [{"type": "text", "text": TEXT}],
        "stop_reason": "tool_use" if wants_tool else "end_turn",
        "stop_sequence": None,
        "usage": ANTHROPIC_USAGE,
    }


def message_events(body: dict[str, Any]) -> list[dict[str, Any]]:
    whole = messages(body)
    begin = {**whole, "content": [], "stop_reason": None, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}
    return [
        {"type": "message_start", "message": begin},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT[:10]}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT[10:]}},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 25}},
        {"type": "message_stop"},
    ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "fake", ""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("model") == "broken":
            error = {"message": "Rate limit reached", "type": "rate_limit_error", "code": "rate_limit_exceeded"}
            return self._json(429, {"type": "error", "error": error})
        if self.path.endswith("/embeddings"):
            return self._json(200, embeddings(body))
        anthropic = self.path.endswith("/messages")
        if not body.get("stream"):
            return self._json(200, messages(body) if anthropic else chat(body))
        return self._events(message_events(body) if anthropic else chat_chunks(body), anthropic)

    def _json(self, status: int, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": "application/json", "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _events(self, events: list[dict[str, Any]], named: bool) -> None:
        self.send_response(200)
        for name, value in {**HEADERS, "Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        for event in events:
            head = f"event: {event['type']}\n" if named else ""
            self.wfile.write(f"{head}data: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            time.sleep(0.01)
        if not named:
            self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


def serve() -> str:
    """Start the server for the life of the process and return its address, without a path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"
