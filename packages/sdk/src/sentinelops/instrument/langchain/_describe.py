"""What the spans say of models, chains, tools and retrievers; all but `held` runs in the export thread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ... import semconv as s
from .._wire.attributes import request_attributes, tokens
from ._messages import message, messages

if TYPE_CHECKING:
    from ..._call import CallRecord

_PARAMETERS = {
    "temperature": s.REQUEST_TEMPERATURE,
    "top_p": s.REQUEST_TOP_P,
    "top_k": s.REQUEST_TOP_K,
    "max_tokens": s.REQUEST_MAX_TOKENS,
    "max_completion_tokens": s.REQUEST_MAX_TOKENS,
    "max_output_tokens": s.REQUEST_MAX_TOKENS,
    "frequency_penalty": s.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": s.REQUEST_PRESENCE_PENALTY,
    "seed": s.REQUEST_SEED,
    "stop": s.REQUEST_STOP_SEQUENCES,
    "stop_sequences": s.REQUEST_STOP_SEQUENCES,
    "reasoning_effort": s.REQUEST_REASONING_LEVEL,
}
_DEPTH = 12


def held(value: Any) -> Any:
    """Keep a list or dict as it is now; the things in it are read later. On the caller's thread."""
    kind = type(value)
    if kind is dict or kind is list:
        return value.copy()
    return value


def plain(value: Any, depth: int = 0) -> Any:
    """A chain's input or output: messages, documents and prompts as what they say, the rest as it is."""
    kind = type(value)
    if kind in (str, int, float, bool) or value is None or depth > _DEPTH:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    if callable(getattr(value, "to_messages", None)) and not isinstance(value, type):
        return messages(value.to_messages())
    if hasattr(value, "additional_kwargs") and hasattr(value, "content"):
        return message(value)
    if hasattr(value, "page_content"):
        return _document(value)
    return value


def model(record: CallRecord) -> dict[str, Any]:
    """The call of a model."""
    request = record.request
    out: dict[str, Any] = dict(request["facts"])
    cover = getattr(record, "cover", None)
    if cover is not None and cover.covered:
        return out  # all else is said below
    params = request["params"]
    out.update(request_attributes(params, _PARAMETERS))
    out[s.ATTEMPTS] = request.get("attempts")
    count = params.get("n")
    if type(count) is int and count != 1:
        out[s.REQUEST_CHOICE_COUNT] = count
    if params.get("tools"):
        out[s.TOOL_DEFINITIONS] = params["tools"]
    out[s.INPUT_MESSAGES] = messages(request["input"])
    if record.response is not None:
        out.update(_answer(record.response))
    return out


def _answer(response: Any) -> dict[str, Any]:
    generated = _first(response)
    spoken = [item.message for item in generated if getattr(item, "message", None) is not None]
    said = response.llm_output if isinstance(response.llm_output, Mapping) else {}
    about: dict[str, Any] = {**said}
    for item in generated:
        about.update(item.generation_info or {})
    for one in spoken:
        about.update(one.response_metadata)
    reasons = [reason for reason in map(_reason, generated) if reason]
    return {
        s.RESPONSE_ID: _id(about, spoken),
        s.RESPONSE_MODEL: _word(about, "model_name", "model", "model_id", "modelId"),
        s.RESPONSE_FINISH_REASONS: reasons or None,
        s.OPENAI_SYSTEM_FINGERPRINT: _word(about, "system_fingerprint"),
        s.OPENAI_RESPONSE_SERVICE_TIER: _word(about, "service_tier"),
        s.OUTPUT_MESSAGES: _said(generated) or None,
        **_usage(spoken, about),
    }


def _first(response: Any) -> list[Any]:
    groups = getattr(response, "generations", None) or [[]]
    return list(groups[0])


def _said(generated: Iterable[Any]) -> list[dict[str, Any]]:
    out = []
    for item in generated:
        if getattr(item, "message", None) is not None:
            out.append(message(item.message, _reason(item)))
        elif item.text:
            out.append(message(item.text, _reason(item), role="assistant"))
    return out


def generations(response: Any) -> Any:
    """What a cache had."""
    return _said(_first(response))


def was_cached(response: Any) -> bool:
    """Whether LangChain's cache answered: it sets the cost of what it kept to nothing. On the caller's thread."""
    for item in _first(response):
        usage = getattr(getattr(item, "message", None), "usage_metadata", None)
        if isinstance(usage, Mapping) and usage.get("total_cost") == 0:
            return True
    return False


def _reason(item: Any) -> str | None:
    told = getattr(getattr(item, "message", None), "response_metadata", None) or {}
    for source in (told, item.generation_info or {}):
        reason = _word(source, "finish_reason", "stop_reason", "done_reason", "stopReason")
        if reason:
            return reason
    return None


def _word(source: Mapping[str, Any], *names: str) -> str | None:
    for name in names:
        value = source.get(name)
        if isinstance(value, str) and value:
            return value
    return None


def _id(about: Mapping[str, Any], spoken: list[Any]) -> str | None:
    for value in (about.get("id"), *(one.id for one in spoken)):
        if isinstance(value, str) and value and not value.startswith(("run-", "run--", "lc_run-")):
            return value
    return None


def _usage(spoken: Iterable[Any], about: Mapping[str, Any]) -> dict[str, Any]:
    """Counts: of the message (the same in every choice, never added), else of the whole answer."""
    for one in spoken:
        usage = getattr(one, "usage_metadata", None)
        if isinstance(usage, Mapping) and (usage.get("input_tokens") or usage.get("output_tokens")):
            return _usage_metadata(usage)
    told = about.get("token_usage") or about.get("usage")
    if not isinstance(told, Mapping):
        return {}
    return {
        s.USAGE_INPUT_TOKENS: tokens(told.get("prompt_tokens", told.get("input_tokens"))),
        s.USAGE_OUTPUT_TOKENS: tokens(told.get("completion_tokens", told.get("output_tokens"))),
    }


def _usage_metadata(usage: Mapping[str, Any]) -> dict[str, Any]:
    given = usage.get("input_token_details") or {}
    made = usage.get("output_token_details") or {}
    written = [given.get(name) for name in ("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens")]
    by_life = sum(count for count in written if type(count) is int)
    return {
        # no prompt is empty: LangChain says 0 where it was told nothing
        s.USAGE_INPUT_TOKENS: tokens(usage.get("input_tokens") or None),
        s.USAGE_OUTPUT_TOKENS: tokens(usage.get("output_tokens")),
        s.USAGE_CACHE_READ_TOKENS: tokens(given.get("cache_read")),
        # langchain-anthropic counts the writes under their lifetimes, and then none here
        s.USAGE_CACHE_WRITE_TOKENS: tokens(given.get("cache_creation") or by_life or given.get("cache_creation")),
        s.ANTHROPIC_CACHE_WRITE_5M_TOKENS: tokens(written[0]),
        s.ANTHROPIC_CACHE_WRITE_1H_TOKENS: tokens(written[1]),
        s.USAGE_AUDIO_INPUT_TOKENS: tokens(given.get("audio")),
        s.USAGE_AUDIO_OUTPUT_TOKENS: tokens(made.get("audio")),
        s.USAGE_REASONING_TOKENS: tokens(made.get("reasoning")),
    }


def arguments(value: Any) -> dict[str, Any]:
    """What a tool was given."""
    return {s.TOOL_CALL_ARGUMENTS: plain(value)}


def result(value: Any) -> dict[str, Any]:
    """What a tool answered; a failure that the tool handled itself has its type, and is no error of the span."""
    out: dict[str, Any] = {}
    if type(value).__name__ == "ToolMessage":
        if value.tool_call_id:
            out[s.TOOL_CALL_ID] = value.tool_call_id
        if getattr(value, "status", None) == "error":
            out[s.ERROR_TYPE] = "tool_error"
        value = value.content
    out[s.TOOL_CALL_RESULT] = plain(value)
    return out


def documents(found: Any) -> dict[str, Any]:
    """What a retriever found."""
    return {s.RETRIEVAL_DOCUMENTS: [_document(one) for one in found]}


def _document(one: Any) -> dict[str, Any]:
    about = getattr(one, "metadata", None) or {}
    out: dict[str, Any] = {"id": getattr(one, "id", None) or about.get("id")}
    score = next((about[name] for name in ("score", "relevance_score", "_score") if name in about), None)
    if score is not None:
        out["score"] = score
    out["content"] = getattr(one, "page_content", None)
    rest = {key: plain(value) for key, value in about.items()}
    return {**out, "metadata": rest} if rest else out
