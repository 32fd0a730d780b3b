"""Part of the dialects: a provider's request and answer that a writer put on its span whole, as JSON or as a repr."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from ...analysis.json_text import load_json
from ...analysis.messages import canonical_messages, instructions
from .base import Reading, as_text
from .usage_counts import usage_counts

__all__ = ["literal", "load", "put_messages", "read_answer", "read_request", "take_usage"]

MAX_LITERAL = 65_536  # characters of a Python repr that are looked at
MESSAGES = ("messages", "input", "prompt", "contents")
TOOLS = ("tools", "functions")
PARAMETERS = frozenset(
    (
        "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "max_output_tokens", "n", "seed",
        "stop", "stop_sequences", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs", "logit_bias",
        "response_format", "tool_choice", "parallel_tool_calls", "reasoning", "reasoning_effort", "thinking",
        "service_tier", "stream_options", "dimensions", "encoding_format", "modalities", "verbosity", "truncation",
        "store", "previous_response_id", "background", "prompt_cache_key", "generation_kwargs",
    )
)  # fmt: skip
# of an answer: what is read, and what nobody asks for
READ = frozenset(
    (
        "choices", "output", "content", "role", "model", "id", "usage", "usage_metadata", "service_tier",
        "stop_reason", "finish_reason", "tool_calls", "type", "created", "object", "generations", "llm_output",
        "run", "additional_kwargs", "system_fingerprint", "name",
    )
)  # fmt: skip
MESSAGE_KEYS = frozenset(("content", "tool_calls", "reasoning_content"))
ITEM_ROLES = {"function_call": "assistant", "function_call_output": "tool", "reasoning": "assistant"}
LANGCHAIN_ROLES = {
    "human": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "HumanMessage": "user",
    "AIMessage": "assistant",
    "SystemMessage": "system",
    "ToolMessage": "tool",
}


def load(value: Any) -> Any:
    """Return what a JSON text says, numbers and words of JSON too; other text and other types as they are."""
    if not isinstance(value, str):
        return value
    try:
        return load_json(value)
    except orjson.JSONDecodeError:
        return value


def literal(value: Any) -> Any:
    """Return the dict or list that a Python repr shows, as JSON has it; None for anything else and for the too long."""
    if not isinstance(value, str):
        return value if isinstance(value, (dict, list)) else None
    if value[:1] not in ("{", "[") or len(value) > MAX_LITERAL:
        return None
    try:
        # sets, bytes, keys that are numbers: what JSON has not is brought to text here, not where it is stored
        return orjson.loads(orjson.dumps(ast.literal_eval(value), default=str, option=orjson.OPT_NON_STR_KEYS))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def read_request(reading: Reading, request: Any) -> None:
    """Take a provider's request apart: messages, system, tools, parameters, model, stream.

    What is none of these stays together in content["input"]; what is no request at all is the message.
    """
    body = next((name for name in MESSAGES if request.get(name)), None) if isinstance(request, Mapping) else None
    if body is None:
        put_messages(reading, "input_messages", request, "user")
        return
    put_messages(reading, "input_messages", request[body], "user")
    system = request.get("system", request.get("instructions"))
    if system and (parts := instructions(system)):
        reading.content.setdefault("system_instructions", parts)
    if tools := request.get("tools") or request.get("functions"):
        reading.content.setdefault("tool_definitions", tools)
    if reading.model is None:
        reading.model = as_text(request.get("model"))
    if request.get("stream") is True:
        reading.streaming = True
    taken = {body, "system", "instructions", "model", "stream", *TOOLS}
    rest: dict[str, Any] = {}
    for name, value in request.items():
        if name in PARAMETERS and value is not None:
            reading.parameters.setdefault(name, value)
        elif name not in taken and value is not None:
            rest[name] = value
    if rest:
        reading.content.setdefault("input", rest)


def read_answer(reading: Reading, answer: Any) -> None:
    """Take a provider's answer apart: messages, why it ended, ids, model, usage. What is known already stays."""
    if not isinstance(answer, Mapping):
        put_messages(reading, "output_messages", answer, "assistant")
        return
    if isinstance(answer.get("generations"), list):
        _langchain_answer(reading, answer)
        return
    put_messages(reading, "output_messages", _answered(answer), "assistant")
    if isinstance(answer.get("model"), str):
        reading.response_model = reading.response_model or as_text(answer["model"])
        reading.response_id = reading.response_id or as_text(answer.get("id"))
    reading.service_tier = reading.service_tier or as_text(answer.get("service_tier"))
    if word := as_text(answer.get("system_fingerprint")):
        reading.metadata["system_fingerprint"] = word
    reason = answer.get("stop_reason") or answer.get("finish_reason") or _first_reason(answer.get("choices"))
    reading.finish_reason = reading.finish_reason or as_text(reason)
    take_usage(reading, answer.get("usage_metadata") or answer.get("usage"))
    if not READ.isdisjoint(answer) and (rest := {k: v for k, v in answer.items() if k not in READ and v is not None}):
        reading.content.setdefault("output", rest)


def take_usage(reading: Reading, usage: Any) -> None:
    """Add the counts that are not known yet; the totals decide whether the input leaves the cache out."""
    counts, exclusive = usage_counts(usage)
    if "input" not in reading.usage:
        reading.exclusive_input = exclusive
    for name, count in counts.items():
        reading.usage.setdefault(name, count)


def _first_reason(choices: Any) -> Any:
    if isinstance(choices, list):
        for choice in choices:
            if isinstance(choice, Mapping) and choice.get("finish_reason"):
                return choice["finish_reason"]
    return None


def _answered(answer: Mapping[str, Any]) -> Any:
    """The messages of an answer of OpenAI (chat, completions, Responses), Anthropic, or a message by itself."""
    choices = answer.get("choices")
    if isinstance(choices, list):
        found = []
        for choice in choices:
            if not isinstance(choice, Mapping):
                continue
            message = choice.get("message")
            if isinstance(message, Mapping):
                found.append({**message, "finish_reason": choice.get("finish_reason")})
            elif isinstance(choice.get("text"), str):
                found.append({"role": "assistant", "content": choice["text"]})
        return found
    if isinstance(answer.get("output"), list) and ("usage" in answer or answer.get("object") == "response"):
        return [_responses(answer["output"])]
    if answer.get("object") == "list" or "data" in answer:
        return None  # vectors are no message
    if set(answer) == {"output"}:
        return answer["output"]
    return [answer]


def _responses(items: Iterable[Any]) -> dict[str, Any]:
    content: list[Any] = []
    for item in items:
        inner = item.get("content") if isinstance(item, Mapping) else None
        if isinstance(inner, list) and item.get("type") == "message":
            content += inner
        else:
            content.append(item)
    return {"role": "assistant", "content": content}


def _langchain_answer(reading: Reading, answer: Mapping[str, Any]) -> None:
    messages = []
    for batch in answer["generations"]:
        for one in batch if isinstance(batch, list) else [batch]:
            if not isinstance(one, Mapping):
                continue
            message = one.get("message")
            messages.append(message if isinstance(message, Mapping) else {"content": one.get("text")})
            _langchain_details(reading, one, message)
    put_messages(reading, "output_messages", messages, "assistant")


def _langchain_details(reading: Reading, generation: Mapping[str, Any], message: Any) -> None:
    fields = _fields(message)
    about = fields.get("response_metadata")
    info = generation.get("generation_info")
    for known in (about, info):
        if isinstance(known, Mapping):
            reading.finish_reason = reading.finish_reason or as_text(
                known.get("finish_reason") or known.get("stop_reason")
            )
            reading.response_model = reading.response_model or as_text(known.get("model_name") or known.get("model"))
            reading.response_id = reading.response_id or as_text(known.get("id"))
            reading.service_tier = reading.service_tier or as_text(known.get("service_tier"))
    take_usage(reading, fields.get("usage_metadata"))
    if isinstance(about, Mapping):
        take_usage(reading, about.get("token_usage"))


def _fields(message: Any) -> Mapping[str, Any]:
    """The fields of a LangChain message, which may be packed as {lc, id, kwargs}."""
    if not isinstance(message, Mapping):
        return {}
    inner = message.get("kwargs")
    return inner if "lc" in message and isinstance(inner, Mapping) else message


def put_messages(reading: Reading, key: str, value: Any, role: str) -> None:
    """Set content[key] to the messages that `value` is, in the shape of Payload.content; nothing when it has none."""
    if isinstance(value, Mapping) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], list):
            value = value[0]  # LangChain's list of lists
        value = [_unpacked(item) for item in value]
    elif isinstance(value, Mapping):
        value = [_unpacked(value)]
    if messages := canonical_messages(value, role):
        reading.content.setdefault(key, messages)


def _item(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    call_id = fields.get("call_id", fields.get("id"))
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": call_id, "content": fields.get("output")}
    return {"role": ITEM_ROLES[kind], "content": [{**fields, "id": call_id}]}


def _unpacked(item: Any) -> Any:
    """One message as {role, content, ...}: out of LangChain's packing, or out of an item of OpenAI's Responses."""
    fields = _fields(item)
    if not fields:
        return item
    kind = fields.get("type")
    if fields is item and ("role" in fields or isinstance(fields.get("parts"), list)):
        return item
    if isinstance(kind, str) and kind in ITEM_ROLES:
        return _item(kind, fields)
    if not MESSAGE_KEYS.isdisjoint(fields):
        role = LANGCHAIN_ROLES.get(kind, kind) if isinstance(kind, str) else None
        return {**{name: value for name, value in fields.items() if name not in ("type", "id")}, "role": role}
    try:
        return orjson.dumps(fields, default=str).decode()
    except orjson.JSONEncodeError:  # it reads deeper than it writes
        return "[left out: too deep]"
