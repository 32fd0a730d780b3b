"""A model call as LlamaIndex sees it: chat, completion, embedding, ranking; it gives way to the provider's client."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from ..._layer import Layer, start_layer
from .._wire.attributes import request_attributes
from .._wire.parts import MAPPINGS
from .._wire.parts import plain as mapping
from . import _models, _usage, _values

if TYPE_CHECKING:
    from opentelemetry.context import Context

    from ..._call import CallRecord
    from ._spans import Entry

_OPERATIONS = {"llm": "text_completion", "embedding": "embeddings", "rerank": "rerank"}
_PARAMETERS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "max_completion_tokens": s.REQUEST_MAX_TOKENS,
    "max_output_tokens": s.REQUEST_MAX_TOKENS,
    "num_output": s.REQUEST_MAX_TOKENS,
    "seed": s.REQUEST_SEED,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
    "reasoning_effort": s.REQUEST_REASONING_LEVEL,
}


def start(entry: Entry, arguments: Mapping[str, Any], context: Context, *, streaming: bool = False) -> Layer | None:
    """Begin the call that this method of a model makes."""
    instance = entry.instance
    operation = "chat" if entry.method in ("chat", "achat", "stream_chat", "astream_chat") else ""
    options = arguments.get("kwargs")
    model = options.get("model") if isinstance(options, Mapping) else None
    request = {"instance": instance, "arguments": dict(arguments)}
    first = arguments.get("args")  # methods that a decorator of LlamaIndex made nameless
    given = arguments.get("messages") or arguments.get("prompt") or (first[0] if first else None)
    if isinstance(given, list | tuple):
        request["messages"] = list(given)
    else:
        request["prompt"] = given
    return start_layer(
        operation or _OPERATIONS[entry.family],
        _models.provider(instance),
        model if isinstance(model, str) else _models.model(instance),
        request=request,
        describe=_DESCRIBE[entry.family],
        streaming=streaming,
        context=context,
        step=f"{type(instance).__name__}.{entry.method}",
    )


def end(layer: Layer, result: Any, error: BaseException | None) -> None:
    """End it with what came, or with what stopped it."""
    cancelled = isinstance(error, asyncio.CancelledError | GeneratorExit)
    layer.end(result, error=None if cancelled else error, cancelled=cancelled)


class Streamed:
    """What is kept of a stream: its last answers, of which each says all that came before."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last: list[Any] = []

    def take(self, item: Any) -> None:
        """Keep it; the reason for the end and the usage come in the last events, not in the last alone."""
        self.last.append(item)
        if len(self.last) > 3:
            del self.last[0]


def _llm(record: CallRecord) -> dict[str, Any]:
    given = record.response
    last = given.last if isinstance(given, Streamed) else [given] if given is not None else []
    raws = [_body(getattr(one, "raw", None)) for one in last]
    out: dict[str, Any] = _parameters(record)
    if record.model is None:
        out[s.REQUEST_MODEL] = _declared_model(record.request["instance"])
    for raw in raws:  # what the last says counts most
        out.update({name: value for name, value in _usage.facts(raw).items() if value is not None})
    answer = last[-1] if last else None
    said = getattr(answer, "message", None)
    beside = [getattr(answer, "additional_kwargs", None), getattr(said, "additional_kwargs", None)]
    for extra in beside:
        if isinstance(extra, Mapping) and s.RESPONSE_FINISH_REASONS not in out and extra.get("stop_reason"):
            out[s.RESPONSE_FINISH_REASONS] = [str(extra["stop_reason"])]
    out.update(_usage.usage(None, *reversed(raws), *beside))
    if any(isinstance(raw, MAPPINGS) and raw.get("object") in _CHATS for raw in raws):
        out[s.OPERATION] = "chat"  # complete() of a chat model
    out.update(_content(record, answer, said, out.get(s.RESPONSE_FINISH_REASONS)))
    return out


_CHATS = ("chat.completion", "chat.completion.chunk", "response")


def _body(raw: Any) -> Any:
    """Open the provider's answer: a model of pydantic, a mapping of them, or nothing we can read."""
    body = mapping(raw)
    return body if isinstance(body, MAPPINGS) else None


def _declared_model(instance: Any) -> str | None:
    """Ask the model's own description, which takes too long on the caller's thread."""
    name = getattr(getattr(instance, "metadata", None), "model_name", None)
    return name if isinstance(name, str) and name != "unknown" else None


def _parameters(record: CallRecord) -> dict[str, Any]:
    instance = record.request["instance"]
    options = record.request["arguments"].get("kwargs")
    fields = {name: getattr(instance, name, None) for name in _PARAMETERS}
    more = getattr(instance, "additional_kwargs", None)
    for given in (more, options):
        if isinstance(given, Mapping):
            fields.update({name: given[name] for name in _PARAMETERS if given.get(name) is not None})
    return request_attributes(fields, _PARAMETERS)


def _content(record: CallRecord, answer: Any, said: Any, reasons: Any) -> dict[str, Any]:
    request = record.request
    arguments = request["arguments"]
    options = arguments.get("kwargs")
    prompt = request.get("prompt")
    asked = request.get("messages")
    out: dict[str, Any] = {
        s.INPUT_MESSAGES: _values.messages(asked) if asked is not None else None,
        s.TOOL_DEFINITIONS: _values.tools(options.get("tools")) if isinstance(options, Mapping) else None,
    }
    if isinstance(prompt, str):
        out[s.INPUT_MESSAGES] = [{"role": "user", "parts": [{"type": "text", "content": prompt}]}]
    reason = reasons[0] if reasons else None
    if said is not None:
        out[s.OUTPUT_MESSAGES] = [_values.message(said, reason)]
    elif isinstance(text := getattr(answer, "text", None), str):
        out[s.OUTPUT_MESSAGES] = [
            {"role": "assistant", "parts": [{"type": "text", "content": text}], "finish_reason": reason}
        ]
    return out


def _embedding(record: CallRecord) -> dict[str, Any]:
    """Describe what was embedded, never the vectors; LlamaIndex does not hand on the usage."""
    arguments = record.request["arguments"]
    given = next((arguments[name] for name in ("texts", "text", "query", "queries") if name in arguments), None)
    listed = given if isinstance(given, list | tuple) else [given]
    texts = [text for text in listed if isinstance(text, str)]
    vector = record.response
    if isinstance(vector, list) and vector and isinstance(vector[0], list):
        vector = vector[0]
    return {
        s.INPUT_MESSAGES: [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts] or None,
        s.EMBEDDINGS_DIMENSIONS: len(vector) if isinstance(vector, list) and vector else None,
    }


def _rerank(record: CallRecord) -> dict[str, Any]:
    arguments = record.request["arguments"]
    query = arguments.get("query_str") or getattr(arguments.get("query_bundle"), "query_str", None)
    return {s.INPUT: query, s.RETRIEVAL_DOCUMENTS: _values.documents(record.response)}


_DESCRIBE = {"llm": _llm, "embedding": _embedding, "rerank": _rerank}
