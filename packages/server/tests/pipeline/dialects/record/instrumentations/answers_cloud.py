"""What a Bedrock and a Gemini that are not there answer: the same tokens as in `answers.py`."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any
from urllib.parse import unquote

from answers import TEXT, Answer

# cached tokens stand beside Bedrock's input: 100 + 16 + 14 = 130
BEDROCK_USAGE = {"inputTokens": 100, "outputTokens": 20, "totalTokens": 150}
BEDROCK_USAGE |= {"cacheReadInputTokens": 16, "cacheWriteInputTokens": 14}
GEMINI_USAGE = {"promptTokenCount": 40, "candidatesTokenCount": 12, "thoughtsTokenCount": 8, "totalTokenCount": 60}
GEMINI_USAGE |= {"cachedContentTokenCount": 16}


def answer(path: str, asked: dict[str, Any]) -> Answer | None:
    """Return status, content type and body; None for a path of neither."""
    if "/model/" in path:
        return _bedrock(*unquote(path).rsplit("/", 2)[-2:])
    if "/models/" in path and ":" in path:
        return _gemini(path.partition("/models/")[2], asked)
    return None


def _bedrock(model: str, operation: str) -> Answer:
    said = {"message": {"role": "assistant", "content": [{"text": TEXT}]}}
    if operation == "converse":
        return _json({"output": said, "stopReason": "end_turn", "usage": BEDROCK_USAGE, "metrics": {"latencyMs": 5}})
    if operation == "invoke" and "embed" in model:
        return _json({"embedding": [0.5, 0.25], "inputTextTokenCount": 8})
    events = [
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": TEXT}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": BEDROCK_USAGE, "metrics": {"latencyMs": 5}}),
    ]
    return 200, "application/vnd.amazon.eventstream", b"".join(_event(*event) for event in events)


def _event(name: str, payload: dict[str, Any]) -> bytes:
    """One message of AWS's event stream."""
    headers = b""
    for key, value in ((":event-type", name), (":content-type", "application/json"), (":message-type", "event")):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    start = struct.pack(">II", len(headers) + len(body) + 16, len(headers))
    message = start + struct.pack(">I", zlib.crc32(start)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def _gemini(path: str, asked: dict[str, Any]) -> Answer:
    model, _, operation = path.partition(":")
    part: dict[str, Any] = {"text": TEXT}
    if asked.get("tools") and "functionResponse" not in json.dumps(asked):
        part = {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}}
    candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
    body = {
        "candidates": [candidate],
        "usageMetadata": GEMINI_USAGE,
        "modelVersion": f"{model}-001",
        "responseId": "g_1",
    }
    if operation.startswith("stream"):
        return 200, "text/event-stream", f"data: {json.dumps(body)}\r\n\r\n".encode()
    return _json(body)


def _json(body: Any) -> Answer:
    return 200, "application/json", json.dumps(body).encode()
