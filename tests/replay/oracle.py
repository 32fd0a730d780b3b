"""What an answer says of itself, read from its bytes in the plainest way: the truth that spans are compared with.

Shares no code with the SDK. Sources: the providers' API references of the usage objects.
"""

from __future__ import annotations

import base64
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cassettes import Exchange, parsed


@dataclass(frozen=True)
class Truth:
    """None: the answer does not say. input includes cache reads and writes."""

    model: str | None = None
    id: str | None = None
    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    reasoning: int | None = None
    finish: tuple[str, ...] | None = None
    status: int = 200


def events(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events."""
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        data = b"".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        if data.startswith(b"{"):
            yield parsed(data)


def frames(body: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    """The messages of application/vnd.amazon.eventstream: headers of type string, and the payload."""
    position = 0
    while position + 12 <= len(body):
        total, length = struct.unpack(">II", body[position : position + 8])
        headers, cursor = {}, position + 12
        while cursor < position + 12 + length:
            size = body[cursor]
            name = body[cursor + 1 : cursor + 1 + size].decode()
            cursor += 1 + size + 1  # and the type, 7: string
            (value_size,) = struct.unpack(">H", body[cursor : cursor + 2])
            headers[name] = body[cursor + 2 : cursor + 2 + value_size].decode()
            cursor += 2 + value_size
        yield headers, body[position + 12 + length : position + total - 4]
        position += total


def openai_chat(exchange: Exchange) -> Truth:
    """POST .../chat/completions, /completions, /embeddings."""
    last: dict[str, Any] = {}
    usage: dict[str, Any] = {}
    reasons: dict[int, str] = {}
    objects = list(events(exchange.body)) if exchange.streamed else [parsed(exchange.body)]
    for item in objects:
        last.update({name: item[name] for name in ("id", "model") if item.get(name)})
        extra = item.get("x_groq") or {}
        usage = item.get("usage") or extra.get("usage") or usage
        for choice in item.get("choices") or ():
            usage = choice.get("usage") or usage
            if choice.get("finish_reason"):
                reasons[choice.get("index") or 0] = choice["finish_reason"]
    details_in, details_out = usage.get("prompt_tokens_details") or {}, usage.get("completion_tokens_details") or {}
    finish = tuple(reason for _, reason in sorted(reasons.items())) or None
    return Truth(
        last.get("model"), last.get("id"), usage.get("prompt_tokens"), usage.get("completion_tokens"),
        details_in.get("cached_tokens"), None, details_out.get("reasoning_tokens"), finish, exchange.status,
    )  # fmt: skip


def openai_responses(exchange: Exchange) -> Truth:
    """POST /responses."""
    body = parsed(exchange.body)
    if exchange.streamed:
        body = {}
        for item in events(exchange.body):
            if isinstance(item.get("response"), dict):
                body = item["response"]
    usage = body.get("usage") or {}
    return Truth(
        body.get("model"), body.get("id"), usage.get("input_tokens"), usage.get("output_tokens"),
        (usage.get("input_tokens_details") or {}).get("cached_tokens"), None,
        (usage.get("output_tokens_details") or {}).get("reasoning_tokens"), _ended(body), exchange.status,
    )  # fmt: skip


# what the host is asked to do before the model goes on
_ASKS = ("function_call", "custom_tool_call", "computer_call", "local_shell_call", "shell_call", "apply_patch_call")


def _ended(response: dict[str, Any]) -> tuple[str, ...] | None:
    """The Responses API has a status and no finish reason: in the words of chat completions."""
    if response.get("status") == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        return ("length" if reason == "max_output_tokens" else reason,)
    if response.get("status") != "completed":
        return None
    kinds = [item.get("type") for item in response.get("output") or ()]
    return ("tool_calls" if any(kind in (*_ASKS, "mcp_approval_request") for kind in kinds) else "stop",)


def anthropic_usage(objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Message, or message_start and the message_delta that replaces what it repeats."""
    usage: dict[str, Any] = {}
    for item in objects:
        more = item.get("usage") or (item.get("message") or {}).get("usage") or {}
        usage.update({name: value for name, value in more.items() if value is not None})
    return usage


def anthropic(objects: list[dict[str, Any]], status: int) -> Truth:
    """POST /v1/messages, plain or streamed; the same bodies inside Bedrock."""
    head: dict[str, Any] = {}
    reason = None
    for item in objects:
        message = item.get("message") if isinstance(item.get("message"), dict) else item
        if item.get("type") in ("message", "message_start") or "content" in item:
            head.update({name: message[name] for name in ("id", "model") if message.get(name)})  # type: ignore[index]
            reason = message.get("stop_reason") or reason  # type: ignore[union-attr]
        reason = (item.get("delta") or {}).get("stop_reason") or reason
    usage = anthropic_usage(objects)
    plain, read, write = (
        usage.get(name) for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    )
    total = None if plain is None else plain + (read or 0) + (write or 0)
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens")
    return Truth(
        head.get("model"), head.get("id"), total, usage.get("output_tokens"), read, write, thought,
        (reason,) if reason else None, status,
    )  # fmt: skip


def anthropic_messages(exchange: Exchange) -> Truth:
    """As anthropic()."""
    objects = list(events(exchange.body)) if exchange.streamed else [parsed(exchange.body)]
    return anthropic(objects, exchange.status)


def gemini(exchange: Exchange) -> Truth:
    """POST ...:generateContent and :streamGenerateContent: thoughts are billed as output, cached content is inside."""
    objects = _gemini_objects(exchange)
    usage: dict[str, Any] = {}
    model = identity = reason = None
    for item in objects:
        usage = item.get("usageMetadata") or usage
        model = item.get("modelVersion") or model
        identity = item.get("responseId") or identity
        for candidate in (item.get("candidates") or ())[:1]:
            reason = candidate.get("finishReason") or reason
    prompt, tools = usage.get("promptTokenCount"), usage.get("toolUsePromptTokenCount")
    answer, thoughts = usage.get("candidatesTokenCount"), usage.get("thoughtsTokenCount")
    return Truth(
        model, identity, None if prompt is None else prompt + (tools or 0),
        None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0),
        usage.get("cachedContentTokenCount"), None, thoughts, (reason,) if reason else None, exchange.status,
    )  # fmt: skip


def interactions(exchange: Exchange) -> Truth:
    """POST .../interactions: the last event has the whole usage; thoughts and what tools brought stand beside."""
    body = parsed(exchange.body)
    if exchange.streamed:
        body = [item["interaction"] for item in events(exchange.body) if "interaction" in item][-1]
    usage = body.get("usage") or {}
    given, brought, made, thought = (usage.get(f"total_{name}_tokens") for name in _INTERACTED)
    finish = {"completed": "stop", "requires_action": "tool_calls"}.get(str(body.get("status")))
    return Truth(
        body.get("model"), body.get("id"), None if given is None else given + (brought or 0),
        None if made is None else made + (thought or 0), usage.get("total_cached_tokens"), None, thought,
        (finish,) if finish else None, exchange.status,
    )  # fmt: skip


_INTERACTED = ("input", "tool_use", "output", "thought")


def tgi(exchange: Exchange) -> Truth:
    """POST to an endpoint of Text Generation Inference, not streamed: details where they were asked for, and headers."""
    body = json.loads(exchange.body)
    details = (body[0] if isinstance(body, list) else body).get("details") or {}
    counted = {name: _whole(exchange.headers.get(f"x-{name}-tokens")) for name in ("prompt", "generated")}
    reason = details.get("finish_reason")
    return Truth(
        None, None, counted["prompt"], details.get("generated_tokens", counted["generated"]),
        finish=(reason,) if reason else None, status=exchange.status,
    )  # fmt: skip


def _gemini_objects(exchange: Exchange) -> list[dict[str, Any]]:
    if exchange.streamed:
        return list(events(exchange.body))
    try:
        value = json.loads(exchange.body)
    except ValueError:
        return []
    return value if isinstance(value, list) else [value]


def converse(exchange: Exchange) -> Truth:
    """POST /model/{id}/converse and /converse-stream: the total tells whether the cache is inside the input."""
    usage: dict[str, Any] = {}
    reason = None
    bodies = [parsed(exchange.body)]
    if exchange.streamed:
        bodies = [parsed(payload) for _, payload in frames(exchange.body)]
    for item in bodies:
        usage = item.get("usage") or usage
        reason = item.get("stopReason") or reason
    plain, output = usage.get("inputTokens"), usage.get("outputTokens")
    read, write = usage.get("cacheReadInputTokens"), usage.get("cacheWriteInputTokens")
    total = plain
    if plain is not None and (read or write):
        apart = plain + (read or 0) + (write or 0)
        total = plain if usage.get("totalTokens") == plain + (output or 0) else apart
    return Truth(None, None, total, output, read, write, None, (reason,) if reason else None, exchange.status)


def invoke(exchange: Exchange) -> Truth:
    """POST /model/{id}/invoke and /invoke-with-response-stream: the body of the model's own format, else the headers."""
    objects = list(_invoked(exchange))
    if exchange.status >= 400:
        return Truth(status=exchange.status)
    if any(item.get("type") in ("message", "message_start") for item in objects):
        return anthropic(objects, exchange.status)
    counts = [_own_counts(item) for item in objects]
    metrics = next((item["amazon-bedrock-invocationMetrics"] for item in objects[::-1] if _METRICS in item), {})
    header = {name: exchange.headers.get(f"x-amzn-bedrock-{name}-token-count") for name in ("input", "output")}
    known = [count for count in counts if count != (None, None)]
    given, made = known[-1] if known else (None, None)
    given = metrics.get("inputTokenCount", given if given is not None else _whole(header["input"]))
    made = metrics.get("outputTokenCount", made if made is not None else _whole(header["output"]))
    reasons = [reason for item in objects for reason in _own_reasons(item)]
    return Truth(None, None, given, made, finish=tuple(reasons) or None, status=exchange.status)


_METRICS = "amazon-bedrock-invocationMetrics"


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _invoked(exchange: Exchange) -> Iterator[dict[str, Any]]:
    if not exchange.streamed:
        yield parsed(exchange.body)
        return
    for _, payload in frames(exchange.body):
        inner = parsed(payload).get("bytes")
        if isinstance(inner, str):
            yield parsed(base64.b64decode(inner))


def _own_counts(item: dict[str, Any]) -> tuple[int | None, int | None]:
    """Titan, Llama, Nova, and whoever speaks as OpenAI does."""
    if "inputTextTokenCount" in item:
        results = item.get("results")
        made = sum(result["tokenCount"] for result in results) if results else item.get("totalOutputTextTokenCount")
        return item["inputTextTokenCount"], made
    if item.get("prompt_token_count") is not None:
        return item["prompt_token_count"], item.get("generation_token_count")
    usage = item.get("usage") or (item.get("metadata") or {}).get("usage") or {}
    return usage.get("inputTokens", usage.get("prompt_tokens")), usage.get(
        "outputTokens", usage.get("completion_tokens")
    )


_REASONS = ("stop_reason", "stopReason", "completionReason", "finish_reason", "finishReason")


def _own_reasons(item: Any) -> Iterator[str]:
    """Every family's word for it, at the top or in a list of answers (AI21: an object)."""
    for name in _REASONS:
        value = item.get(name)
        if value:
            yield value["reason"] if isinstance(value, dict) else value
            return
    if isinstance(item.get("messageStop"), dict):
        yield from _own_reasons(item["messageStop"])
    for name in ("results", "outputs", "generations", "choices", "completions"):
        for one in item.get(name) or ():
            yield from _own_reasons(one)
