"""What the bodies of InvokeModel say, family by family, known by their own shape: an ARN need not name its model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ... import semconv as s
from ..._content import blob
from .._wire import anthropic_content, openai_chat
from .._wire.parts import MAPPINGS, text_part
from . import _converse

# where a request keeps its settings: at its top, or in one of these
_NESTS = ("inferenceConfig", "textGenerationConfig", "embeddingConfig", "imageGenerationConfig", "output_config")
_NUMBERS: dict[str, tuple[str, type]] = {
    "temperature": (s.REQUEST_TEMPERATURE, float),
    "top_p": (s.REQUEST_TOP_P, float), "topP": (s.REQUEST_TOP_P, float), "p": (s.REQUEST_TOP_P, float),
    "top_k": (s.REQUEST_TOP_K, int), "topK": (s.REQUEST_TOP_K, int), "k": (s.REQUEST_TOP_K, int),
    "seed": (s.REQUEST_SEED, int),
    "frequency_penalty": (s.REQUEST_FREQUENCY_PENALTY, float),
    "presence_penalty": (s.REQUEST_PRESENCE_PENALTY, float),
    "dimensions": (s.EMBEDDINGS_DIMENSIONS, int), "output_dimension": (s.EMBEDDINGS_DIMENSIONS, int),
    "outputEmbeddingLength": (s.EMBEDDINGS_DIMENSIONS, int),
    "max_tokens": (s.REQUEST_MAX_TOKENS, int), "maxTokens": (s.REQUEST_MAX_TOKENS, int),
    "max_completion_tokens": (s.REQUEST_MAX_TOKENS, int), "max_new_tokens": (s.REQUEST_MAX_TOKENS, int),
    "max_gen_len": (s.REQUEST_MAX_TOKENS, int), "max_tokens_to_sample": (s.REQUEST_MAX_TOKENS, int),
    "maxTokenCount": (s.REQUEST_MAX_TOKENS, int),
    "n": (s.REQUEST_CHOICE_COUNT, int), "num_generations": (s.REQUEST_CHOICE_COUNT, int),
    "numResults": (s.REQUEST_CHOICE_COUNT, int), "numberOfImages": (s.REQUEST_CHOICE_COUNT, int),
}  # fmt: skip
_STOPS = ("stop_sequences", "stopSequences", "stop")


def parameters(request: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a request, of whatever family."""
    out: dict[str, Any] = {}
    for place in (request, *(request.get(name) for name in _NESTS)):
        if isinstance(place, MAPPINGS):
            for name, value in place.items():
                _parameter(name, value, out)
    if out.get(s.REQUEST_CHOICE_COUNT) == 1:
        del out[s.REQUEST_CHOICE_COUNT]
    effort = request.get("reasoning_effort")
    nested = request.get("output_config")
    effort = effort or (nested.get("effort") if isinstance(nested, MAPPINGS) else None)
    if isinstance(effort, str):
        out[s.REQUEST_REASONING_LEVEL] = effort
    form = request.get("response_format")
    if isinstance(form, MAPPINGS) and str(form.get("type")).startswith("json"):
        out[s.OUTPUT_TYPE] = "json"
    return out


def _parameter(name: str, value: Any, out: dict[str, Any]) -> None:
    if name in _NUMBERS:
        attribute, kind = _NUMBERS[name]
        if isinstance(value, int | float) and not isinstance(value, bool):
            out[attribute] = kind(value)
    elif name in _STOPS and value:
        out[s.REQUEST_STOP_SEQUENCES] = [value] if isinstance(value, str) else [str(item) for item in value]


def request_content(request: Mapping[str, Any]) -> dict[str, Any]:
    """What went in."""
    if "messages" in request:
        return _messages(request)
    for name in ("prompt", "inputText"):
        if name in request:
            return {s.INPUT_MESSAGES: _prompts(request)}
    if "message" in request:
        return _cohere_chat(request)
    if "query" in request:
        parts = [text_part(str(request["query"]))]
        return {s.INPUT_MESSAGES: [{"role": "user", "parts": parts}]}
    parts = list(_embedded(request)) or list(_pictures(request))
    return {s.INPUT_MESSAGES: [{"role": "user", "parts": [part]} for part in parts] or None}


def _messages(request: Mapping[str, Any]) -> dict[str, Any]:
    if "anthropic_version" in request:
        return anthropic_content.request_content(request)
    if "schemaVersion" in request or "inferenceConfig" in request or _blocks_are_untyped(request["messages"]):
        return _converse.request_content(request)
    return openai_chat.content("chat_completions", request, {})


def _blocks_are_untyped(messages: Any) -> bool:
    first = messages[0] if isinstance(messages, list) and messages else None
    content = first.get("content") if isinstance(first, MAPPINGS) else None
    block = content[0] if isinstance(content, list) and content else None
    return isinstance(block, MAPPINGS) and "type" not in block


def _prompts(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = [text_part(str(request.get("prompt") or request.get("inputText") or ""))]
    for name in ("inputImage", "image"):
        if isinstance(request.get(name), str):
            parts.append(blob(request[name], "image/png", "image"))
    return [{"role": "user", "parts": parts}]


def _cohere_chat(request: Mapping[str, Any]) -> dict[str, Any]:
    roles = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}
    messages = [
        {"role": roles.get(str(turn.get("role")), "user"), "parts": [text_part(turn.get("message"))]}
        for turn in request.get("chat_history") or ()
        if isinstance(turn, MAPPINGS)
    ]
    messages.append({"role": "user", "parts": [text_part(request.get("message"))]})
    results = request.get("tool_results")
    for result in results if isinstance(results, list) else ():
        call = result.get("call") if isinstance(result, MAPPINGS) else None
        if isinstance(call, MAPPINGS):
            part = {"type": "tool_call_response", "name": call.get("name"), "response": result.get("outputs")}
            messages.append({"role": "tool", "parts": [part]})
    preamble = request.get("preamble")
    return {
        s.SYSTEM_INSTRUCTIONS: [text_part(preamble)] if preamble else None,
        s.INPUT_MESSAGES: messages,
        s.TOOL_DEFINITIONS: [
            {
                "type": "function", "name": tool.get("name"), "description": tool.get("description"),
                "parameters": tool.get("parameter_definitions"),
            }
            for tool in request.get("tools") or ()
        ] or None,
    }  # fmt: skip


def _embedded(request: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """What an embedding is asked of: texts, images, or mixed inputs (Cohere); an image alone (Titan)."""
    for text in request.get("texts") or ():
        yield text_part(str(text))
    for image in request.get("images") or ():
        yield blob(str(image), "image/png", "image")
    for entry in request.get("inputs") or ():
        for item in (entry.get("content") if isinstance(entry, MAPPINGS) else None) or ():
            if item.get("type") == "text":
                yield text_part(item.get("text"))
            elif isinstance(item.get("image_url"), MAPPINGS):
                yield blob(str(item["image_url"].get("url")), "image/png", "image")
    if isinstance(request.get("inputImage"), str):
        yield blob(request["inputImage"], "image/png", "image")


def _pictures(request: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """What a picture is asked of: Titan and Nova name the parameters after the task; Stability weighs texts."""
    for name, value in request.items():
        if name.endswith("Params") and isinstance(value, MAPPINGS):
            text = value.get("text") or value.get("prompt")
            if text:
                yield text_part(str(text))
            if isinstance(value.get("image"), str):
                yield blob(value["image"], "image/png", "image")
    for item in request.get("text_prompts") or ():
        yield text_part(str(item.get("text") if isinstance(item, MAPPINGS) else item))


def response_content(body: Mapping[str, Any]) -> dict[str, Any]:
    """What came out."""
    if isinstance(body.get("content"), list):
        return anthropic_content.response_content(body)
    if isinstance(body.get("output"), MAPPINGS):
        return _converse.response_content(body)
    if isinstance(body.get("choices"), list):
        return openai_chat.content("chat_completions", {}, {"choices": [_choice(item) for item in body["choices"]]})
    found = [(text, calls, reason) for text, calls, reason in _written(body)]
    reasons = [str(reason) for _, _, reason in found if reason]
    messages = [
        {
            "role": "assistant",
            "parts": ([text_part(text)] if text else []) + [_cohere_call(call) for call in calls],
            "finish_reason": reason,
        }
        for text, calls, reason in found
    ]
    pictures = list(_drawn(body))
    if pictures:
        messages.append({"role": "assistant", "parts": pictures})
    return {s.RESPONSE_FINISH_REASONS: reasons or None, s.OUTPUT_MESSAGES: messages or None}


def _choice(choice: Any) -> Any:
    """Chat completions as Mistral and DeepSeek write them on Bedrock: stop_reason, and texts without a message."""
    if not isinstance(choice, MAPPINGS):
        return {}
    reason = choice.get("finish_reason") or choice.get("stop_reason")
    message = choice.get("message") or {"role": "assistant", "content": choice.get("text")}
    return {"index": choice.get("index"), "finish_reason": reason, "message": message}


def _written(body: Mapping[str, Any]) -> Iterable[tuple[Any, Any, Any]]:
    """(text, tool calls, reason) of every completion."""
    if "completion" in body:
        yield body["completion"], (), body.get("stop_reason")
    elif "outputText" in body:
        yield body["outputText"], (), body.get("completionReason")
    elif "generation" in body:
        yield body["generation"], (), body.get("stop_reason")
    elif isinstance(body.get("text"), str):
        yield body["text"], body.get("tool_calls") or (), body.get("finish_reason")
    else:
        for name, text, reason in _LISTS:
            for item in body.get(name) or ():
                if isinstance(item, MAPPINGS) and text in item:
                    yield item.get(text), (), item.get(reason)
        for item in body.get("completions") or ():  # AI21 Jurassic
            finish, data = item.get("finishReason"), item.get("data")
            yield (
                data.get("text") if isinstance(data, MAPPINGS) else None, (),
                finish.get("reason") if isinstance(finish, MAPPINGS) else finish,
            )  # fmt: skip


_LISTS = (
    ("results", "outputText", "completionReason"),
    ("outputs", "text", "stop_reason"),
    ("generations", "text", "finish_reason"),
)


def _cohere_call(call: Any) -> dict[str, Any]:
    return {"type": "tool_call", "id": None, "name": call.get("name"), "arguments": call.get("parameters")}


def _drawn(body: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for image in body.get("images") or ():
        if isinstance(image, str):
            yield blob(image, "image/png", "image")
    for item in body.get("artifacts") or ():
        if isinstance(item, MAPPINGS) and isinstance(item.get("base64"), str):
            yield blob(item["base64"], "image/png", "image")


def dimensions(body: Mapping[str, Any]) -> int | None:
    """How long the vectors are."""
    for name in ("embedding", "embeddings", "embeddingsByType"):
        value = body.get(name)
        if isinstance(value, MAPPINGS):
            value = next(iter(value.values()), None)
        if isinstance(value, list) and value:
            first = value[0]
            return len(first) if isinstance(first, list) else len(value)
    return None
