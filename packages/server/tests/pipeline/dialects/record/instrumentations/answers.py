"""What the provider that is not there answers, in OpenAI's and Anthropic's wire format."""

from __future__ import annotations

import json
from typing import Any

OPENAI_USAGE = {
    "prompt_tokens": 40,
    "completion_tokens": 20,
    "total_tokens": 60,
    "prompt_tokens_details": {"cached_tokens": 16, "audio_tokens": 3},
    "completion_tokens_details": {
        "reasoning_tokens": 8,
        "audio_tokens": 2,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
RESPONSES_USAGE = {
    "input_tokens": 40,
    "input_tokens_details": {"cached_tokens": 16, "cache_write_tokens": 0},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 8},
    "total_tokens": 60,
}
# cached tokens stand beside the input here, not in it: 10 + 16 + 14 = 40
ANTHROPIC_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 14,
    "cache_read_input_tokens": 16,
    "cache_creation": {"ephemeral_5m_input_tokens": 14, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 20,
    "service_tier": "standard",
}
TEXT = "It is mild."
CALL = {"name": "weather", "arguments": '{"city":"Oslo"}'}
Answer = tuple[int, str, bytes]


def answer(path: str, asked: dict[str, Any]) -> Answer:
    """Return status, content type and body; the model `broken` is always over its limit."""
    if asked.get("model") == "broken":
        error = {"type": "rate_limit_error", "message": "slow down", "code": "rate_limit_exceeded"}
        return _json({"type": "error", "error": error}, 429)
    if path.endswith("/embeddings"):
        return _embeddings(asked)
    if path.endswith("/chat/completions"):
        return _chat(asked)
    if path.endswith("/responses"):
        return _responses(asked)
    if path.endswith("/messages"):
        return _messages(asked)
    return _json({"error": {"message": f"no such path: {path}"}}, 404)


def _json(body: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(body).encode()


def _events(events: list[tuple[str | None, Any]]) -> Answer:
    lines = []
    for name, data in events:
        lines.append(f"event: {name}\n" if name else "")
        lines.append(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")
    return 200, "text/event-stream", "".join(lines).encode()


def _wants_tool(asked: dict[str, Any], told: str) -> bool:
    """Whether to call the tool: there is one, and it has not answered yet."""
    return bool(asked.get("tools")) and told not in json.dumps(asked.get("messages", asked.get("input")))


def _embeddings(asked: dict[str, Any]) -> Answer:
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    vector: Any = [0.5, 0.25]
    if asked.get("encoding_format") == "base64":
        vector = "AAAAPwAAgD4="
    data = [{"object": "embedding", "index": index, "embedding": vector} for index in range(len(texts))]
    usage = {"prompt_tokens": 8, "total_tokens": 8}
    return _json({"object": "list", "data": data, "model": asked["model"], "usage": usage})


def _chat(asked: dict[str, Any]) -> Answer:
    common = {"id": "chatcmpl-1", "created": 1_795_000_000, "model": asked["model"] + "-2024-08-06"}
    common |= {"service_tier": "default", "system_fingerprint": "fp_1"}
    calls = None
    if _wants_tool(asked, '"role": "tool"'):
        calls = [{"index": 0, "id": "call_1", "type": "function", "function": CALL}]
    reason = "tool_calls" if calls else "stop"
    if not asked.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": None if calls else TEXT}
        if calls:
            message["tool_calls"] = [{key: value for key, value in calls[0].items() if key != "index"}]
        choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
        return _json({**common, "object": "chat.completion", "choices": [choice], "usage": OPENAI_USAGE})
    common["object"] = "chat.completion.chunk"
    deltas: list[Any] = [{"role": "assistant", "content": None if calls else ""}]
    deltas += [{"tool_calls": calls}] if calls else [{"content": "It is "}, {"content": "mild."}]
    chunks: list[Any] = [
        {**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks.append({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        chunks.append({**common, "choices": [], "usage": OPENAI_USAGE})
    return _events([(None, chunk) for chunk in [*chunks, "[DONE]"]])


def _responses(asked: dict[str, Any]) -> Answer:
    thought = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Oslo in May."}]}
    said = {"type": "output_text", "text": TEXT, "annotations": [], "logprobs": []}
    item: dict[str, Any] = {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant"}
    item["content"] = [said]
    if _wants_tool(asked, '"function_call_output"'):
        item = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "status": "completed", **CALL}
    response = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "completed",
        "model": asked["model"] + "-2024-08-06",
        "output": [thought, item],
        "usage": RESPONSES_USAGE,
        "error": None,
        "incomplete_details": None,
        "instructions": asked.get("instructions"),
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": asked.get("temperature", 1.0),
        "tool_choice": "auto",
        "tools": asked.get("tools", []),
        "top_p": 1.0,
        "service_tier": "default",
    }
    if not asked.get("stream"):
        return _json(response)
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    where = {"item_id": "msg_1", "output_index": 1, "content_index": 0}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 1, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **where, "part": {**said, "text": ""}},
        {"type": "response.output_text.delta", **where, "delta": TEXT, "logprobs": []},
        {"type": "response.output_text.done", **where, "text": TEXT, "logprobs": []},
        {"type": "response.content_part.done", **where, "part": said},
        {"type": "response.output_item.done", "output_index": 1, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return _events([(event["type"], {**event, "sequence_number": n}) for n, event in enumerate(events)])


def _messages(asked: dict[str, Any]) -> Answer:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": TEXT}]
    if asked.get("thinking", {}).get("type") == "enabled":
        blocks.insert(0, {"type": "thinking", "thinking": "Oslo in May.", "signature": "c2ln"})
    reason = "end_turn"
    if _wants_tool(asked, '"tool_result"'):
        blocks[-1] = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Oslo"}}
        reason = "tool_use"
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"] + "-20250929"}
    message |= {"content": blocks, "stop_reason": reason, "stop_sequence": None, "usage": ANTHROPIC_USAGE}
    if not asked.get("stream"):
        return _json(message)
    begun = {**message, "content": [], "stop_reason": None, "usage": {**ANTHROPIC_USAGE, "output_tokens": 1}}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(blocks):
        events += _block_events(index, block)
    delta = {"stop_reason": reason, "stop_sequence": None}
    events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 20}})
    events.append({"type": "message_stop"})
    return _events([(event["type"], event) for event in events])


def _block_events(index: int, block: dict[str, Any]) -> list[dict[str, Any]]:
    empty, delta = {
        "text": ({"type": "text", "text": ""}, {"type": "text_delta", "text": TEXT}),
        "thinking": (
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "Oslo in May."},
        ),
        "tool_use": ({**block, "input": {}}, {"type": "input_json_delta", "partial_json": CALL["arguments"]}),
    }[block["type"]]
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]
