"""What the fake provider says: real shapes of the OpenAI API, keyed by path and model."""

from __future__ import annotations

import json
from typing import Any

CHAT, RESPONSES, EMBEDDINGS, COMPLETIONS = "/chat/completions", "/responses", "/embeddings", "/completions"

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 5},
    "completion_tokens_details": {
        "reasoning_tokens": 12,
        "audio_tokens": 3,
        "accepted_prediction_tokens": 4,
        "rejected_prediction_tokens": 1,
    },
}


def chat(model: str, *messages: dict[str, Any], reasons: tuple[str, ...] = ("stop",), **top: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1790000000,
        "model": f"{model}-2026-01-01",
        "choices": [
            {"index": i, "message": {"role": "assistant", **message}, "finish_reason": reason, "logprobs": None}
            for i, (message, reason) in enumerate(zip(messages, reasons, strict=True))
        ],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        **top,
    }


TOOL_CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CUSTOM_CALL = {"id": "call_2", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}

RESPONSE_USAGE = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 8},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 12},
    "total_tokens": 120,
}


def response(model: str, *output: dict[str, Any], status: str = "completed", **top: Any) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1790000000,
        "model": f"{model}-2026-01-01",
        "status": status,
        "output": list(output),
        "usage": RESPONSE_USAGE,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "instructions": "Be brief.",
        "text": {"format": {"type": "text"}},
        "service_tier": "flex",
        "error": None,
        "incomplete_details": None,
        "metadata": {},
        **top,
    }


def message_item(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": content}


REASONING = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Think."}]}
CALL_ITEM = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city": "Oslo"}',
    "status": "completed",
}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "oslo"}}

ANSWERS: dict[tuple[str, str], Any] = {
    (CHAT, "plain"): chat("plain", {"content": "Hello there"}),
    (CHAT, "two"): chat("two", {"content": "One"}, {"content": "Two"}, reasons=("stop", "length")),
    (CHAT, "tools"): chat("tools", {"content": None, "tool_calls": [TOOL_CALL, CUSTOM_CALL]}, reasons=("tool_calls",)),
    (CHAT, "refuses"): chat("refuses", {"content": None, "refusal": "I cannot."}),
    (CHAT, "json"): chat("json", {"content": '{"city": "Oslo"}'}),
    (CHAT, "cut-json"): chat("cut-json", {"content": '{"city"'}, reasons=("length",)),
    (CHAT, "speaks"): chat(
        "speaks",
        {"content": None, "audio": {"id": "a1", "data": "UklGRgAA" * 64, "transcript": "Hi", "expires_at": 1}},
    ),
    (CHAT, "no-usage"): {**chat("no-usage", {"content": "Hi"}), "usage": None},
    (CHAT, "llama"): chat(
        "llama",
        {"content": "Hi"},
        system_fingerprint="b6900-1a2b3c4d",
        timings={"prompt_n": 4, "prompt_ms": 30.0, "predicted_n": 2, "predicted_ms": 20.0},
    ),
    (CHAT, "groq"): {
        **chat("groq", {"content": "Hi"}),
        "usage": {**USAGE, "queue_time": 0.1, "prompt_time": 0.02, "completion_time": 0.03, "total_time": 0.05},
    },
    (RESPONSES, "plain"): response("plain", REASONING, message_item("Hello there")),
    (RESPONSES, "tools"): response("tools", CALL_ITEM, SEARCH),
    (RESPONSES, "json"): response("json", message_item('{"city": "Oslo"}')),
    (RESPONSES, "cut"): response(
        "cut", message_item("Hel"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    ),
    (RESPONSES, "fails"): response(
        "fails", status="failed", error={"code": "server_error", "message": "The model failed"}, usage=None
    ),
    (RESPONSES, "later"): response("later", status="queued", background=True, usage=None),
    ("/responses/*", ""): response("later", message_item("At last"), background=True),
    ("/responses/compact", ""): {
        "id": "resp_c",
        "object": "response.compaction",
        "created_at": 1,
        "output": [{"type": "compaction", "id": "cmp_1", "encrypted_content": "secret"}],
        "usage": RESPONSE_USAGE,
    },
    ("/responses/input_tokens", ""): {"object": "response.input_tokens", "input_tokens": 7},
    (EMBEDDINGS, "embed"): {
        "object": "list",
        "model": "embed-v1",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.25, 0.5]}],
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    },
    (EMBEDDINGS, "big-embed"): {
        "object": "list",
        "data": [{"object": "embedding", "index": i, "embedding": [0.125] * 1536} for i in range(40)],
        "model": "embed-v1",
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    },
    (COMPLETIONS, "old"): {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1,
        "model": "old-1",
        "choices": [{"index": 0, "text": " there", "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    },
}

ERRORS: dict[str, tuple[int, Any, dict[str, str]]] = {
    "limited": (
        429,
        {"error": {"message": "Slow down", "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
        {"retry-after-ms": "1"},
    ),
    "too-long": (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 8 tokens.",
                "type": "invalid_request_error",
                "param": "messages",
                "code": "context_length_exceeded",
            }
        },
        {},
    ),
    "bad-key": (
        401,
        {
            "error": {
                "message": "Incorrect API key provided: sk-proj-********************WXYZ. You can find your API "
                "key at https://platform.openai.com/account/api-keys.",
                "type": "invalid_request_error",
                "param": None,
                "code": "invalid_api_key",
            }
        },
        {},
    ),
}


def sse(value: Any, event: str | None = None) -> str:
    data = value if isinstance(value, str) else json.dumps(value)
    return f"event: {event}\ndata: {data}\n\n" if event else f"data: {data}\n\n"


def chunk(model: str, delta: dict[str, Any] | None, *, index: int = 0, reason: str | None = None, **top: Any) -> str:
    choices = [] if delta is None else [{"index": index, "delta": delta, "finish_reason": reason, "logprobs": None}]
    return sse(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1790000000,
            "model": f"{model}-2026-01-01",
            "service_tier": "default",
            "system_fingerprint": "fp_1",
            "choices": choices,
            **top,
        }
    )


def words(model: str, *texts: str, usage: bool = True, done: bool = True, **last: Any) -> list[str]:
    events = [chunk(model, {"role": "assistant", "content": "", "refusal": None}, usage=None)]
    events += [chunk(model, {"content": text}, usage=None) for text in texts]
    events.append(chunk(model, {}, reason="stop", **last))
    if usage:
        events.append(chunk(model, None, usage=USAGE))
    return [*events, sse("[DONE]")] if done else events


def tool_chunks(model: str) -> list[str]:
    head = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"ci', 'ty": "Oslo"}')]
    calls = [chunk(model, {"tool_calls": [call]}) for call in (head, *rest)]
    ends = [chunk(model, {}, reason="tool_calls"), chunk(model, None, usage=USAGE), sse("[DONE]")]
    return [chunk(model, {"role": "assistant", "content": None}), *calls, *ends]


def response_events(
    model: str, *, end: str = "response.completed", pieces: tuple[str, str] = ("Hello", " there"), **top: Any
) -> list[str]:
    early = response(model, status="in_progress", usage=None)
    item = {**message_item(""), "content": [], "status": "in_progress"}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    body = [
        {"type": "response.created", "response": early},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_text.delta", **place, "delta": pieces[0], "logprobs": []},
        {"type": "response.output_text.delta", **place, "delta": pieces[1], "logprobs": []},
        {"type": "response.output_text.done", **place, "text": "".join(pieces), "logprobs": []},
        {"type": "response.output_item.done", "output_index": 0, "item": message_item("".join(pieces))},
        {"type": end, "response": response(model, message_item("".join(pieces)), **top)},
    ]
    body.insert(
        2,
        {
            "type": "response.content_part.added",
            **place,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    )
    return [sse({**event, "sequence_number": n}, event["type"]) for n, event in enumerate(body)]


def text_events() -> list[str]:
    def one(text: str, reason: str | None = None, **top: Any) -> str:
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": None}
        return sse(
            {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "old-1", "choices": [choice], **top}
        )

    usage = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "old-1", "choices": []}
    usage["usage"] = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return [one(" the"), one("re", "stop"), sse(usage), sse("[DONE]")]


STREAMS: dict[tuple[str, str], Any] = {
    (CHAT, "plain"): words("plain", "Hello", " there"),
    (CHAT, "held"): words("held", *"abcdefgh"),
    (CHAT, "no-usage"): words("no-usage", "Hello", " there", usage=False),
    (CHAT, "no-done"): words("no-done", "Hello", " there", done=False),
    (CHAT, "tools"): tool_chunks("tools"),
    (CHAT, "json"): words("json", '{"city": ', '"Oslo"}'),
    (CHAT, "two"): [
        chunk("two", {"role": "assistant", "content": "One"}),
        chunk("two", {"role": "assistant", "content": "Two"}, index=1),
        chunk("two", {}, reason="stop"),
        chunk("two", {}, index=1, reason="length"),
        chunk("two", None, usage=USAGE),
        sse("[DONE]"),
    ],
    (CHAT, "llama"): words("llama", "Hello", timings={"prompt_ms": 30.0, "predicted_ms": 20.0}),
    (CHAT, "fails"): [
        *words("fails", "Hel", usage=False, done=False)[:2],
        sse({"error": {"message": "boom", "code": "overloaded"}}),
    ],
    (CHAT, "dies"): [*words("dies", "Hel", usage=False, done=False)[:2], None],
    (CHAT, "garbled"): [*words("garbled", "Hel", usage=False, done=False)[:2], sse("{not json")],
    (CHAT, "long"): lambda: iter(words("long", *["word "] * 6_000)),
    (RESPONSES, "plain"): response_events("plain"),
    (RESPONSES, "cut"): response_events(
        "cut", end="response.incomplete", status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    ),
    (RESPONSES, "fails"): response_events(
        "fails", end="response.failed", status="failed", error={"code": "server_error", "message": "The model failed"}
    ),
    (RESPONSES, ""): response_events("plain", background=True),
    (RESPONSES, "json"): response_events("json", pieces=('{"city": ', '"Oslo"}')),
    (COMPLETIONS, "old"): text_events(),
}
